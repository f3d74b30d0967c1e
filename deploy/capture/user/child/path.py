"""The path: as `python file.py` and `python -m module` have it, less ours."""

from __future__ import annotations

import os
import sys
import sysconfig
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

OURS = ("deploy", "models")


def set_path(location: Path | None, our_root: str) -> None:
    """Put the folder of the file `location`, or for None the current one, first on sys.path.

    `our_root` is the folder that our packages are in: a source tree, or site-packages.
    """
    first = str(location.resolve().parent) if location else os.getcwd()
    ours = os.path.realpath(our_root)
    if os.path.realpath(first) != ours:
        if ours != os.path.realpath(sysconfig.get_path("purelib")):
            sys.path[:] = [path for path in sys.path if os.path.realpath(path or ".") != ours]
        sys.meta_path.insert(0, _TheirsAlone(ours))
    sys.path.insert(0, first)


class _TheirsAlone:
    """Finds the top-level packages named like ours anywhere but where ours are.

    The order of the path is not enough: a folder without __init__.py yields to a package with
    one anywhere behind it, and an editable install may find ours without the path.
    """

    def __init__(self, our_root: str) -> None:
        self._our_root = our_root

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name not in OURS:
            return None
        theirs = [p for p in sys.path if os.path.realpath(p or ".") != self._our_root]
        spec = PathFinder.find_spec(name, theirs)
        if spec is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return spec
