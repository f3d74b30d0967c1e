"""Exact rewrites that one format needs, each proved where it is made."""
