"""Exact rewrites that every format needs: each takes a graph module and changes it in place."""
