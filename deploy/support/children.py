"""What the Python processes that we start inherit."""

from __future__ import annotations

import os
import sys


def child_environment() -> dict[str, str]:
    """The environment of a Python process of ours.

    Without PYTHONWARNINGS: where it makes warnings errors, a toolkit's import fails there, which
    would be taken for a fault of the network's, the phone's or the user's. In UTF-8: toolkits read
    their own files in the locale's encoding, which may be ASCII. Not so where the names of files
    are in another encoding: the child would not find what we name.
    """
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    if sys.getfilesystemencoding() != "utf-8":
        return inherited
    return inherited | {"PYTHONUTF8": "1"}
