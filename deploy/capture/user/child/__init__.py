"""What runs in the user's network's own process: nothing here imports anything else of ours.

Nor can the user's code import ours: a package `models` or `deploy` is theirs.
"""
