"""Measuring a bundle on phones: what talks to them, what they answer, and what is kept of it."""
