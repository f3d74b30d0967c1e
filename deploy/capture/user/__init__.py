"""The user's own network: named by `module:factory` or `file.py:factory`, run in its own process.

Its code runs with the user's rights, as `python nets.py` would; it is kept apart so that its
modules and ours cannot get in each other's way, and so that what it breaks is not us.
"""
