"""A tree of files in memory, with Android's ideas of who may touch what.

Paths never leave the tree: this computer's own files cannot be named from a virtual phone. Refusals
are OSErrors whose texts are those that Android's tools print.
"""

from __future__ import annotations

import errno
import fnmatch
import os
import posixpath
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass

SHELL, APP = 2000, 10234
USERS = {SHELL: "shell", APP: "u0_a234"}

SHELL_FOLDER = "/data/local/tmp"
SDCARD = "/sdcard"
APPS_FOLDER = "/data/data"

_FOLDERS = ("/data/local/tmp", "/data/data", "/sdcard", "/system/bin", "/proc", "/sys")
_CAPACITY = 8 * 2**30

# Contents by path, None for a file that may not be read.
Generated = Callable[[], Mapping[str, bytes | None]]


@dataclass
class Node:
    """A file, or a folder where `data` is None. `mode` has the bits of its kind too."""

    data: bytes | None
    mode: int
    mtime: int

    @property
    def is_folder(self) -> bool:
        return self.data is None

    @property
    def size(self) -> int:
        return 4096 if self.data is None else len(self.data)


def refusal(number: int, path: str) -> OSError:
    return OSError(number, os.strerror(number), path)


class FileSystem:
    """What all users share. `is_full` says whether the disk takes nothing more."""

    def __init__(
        self, generated: Generated, seconds: Callable[[], int], is_full: Callable[[], bool]
    ) -> None:
        self.generated = generated
        self.seconds = seconds
        self.is_full = is_full
        self.nodes: dict[str, Node] = {}
        self.add_folder("/")
        for folder in _FOLDERS:
            self.add_folder(folder)

    def add_folder(self, path: str) -> None:
        """Make the folder and those above it."""
        while path not in self.nodes:
            self.nodes[path] = Node(None, stat.S_IFDIR | 0o771, self.seconds())
            path = posixpath.dirname(path)

    def remove_tree(self, path: str) -> None:
        for known in list(self.nodes):
            if f"{known}/".startswith(f"{path}/"):
                del self.nodes[known]

    def files(self) -> dict[str, bytes]:
        """All that was written, by path; for any thread, since `list` takes a copy in one step."""
        return {path: node.data for path, node in list(self.nodes.items()) if node.data is not None}

    def used(self) -> int:
        """Bytes."""
        return sum(node.size for node in self.nodes.values())

    def free(self) -> int:
        """Bytes."""
        return 0 if self.is_full() else _CAPACITY - self.used()


class UserFiles:
    """The files as the user `uid` sees them from the folder `cwd`. Everything raises OSError."""

    def __init__(self, system: FileSystem, uid: int, cwd: str = "/") -> None:
        self.system = system
        self.uid = uid
        self.cwd = cwd

    def resolve(self, path: str) -> str:
        """Absolute, without dots."""
        # normpath leaves two slashes at the beginning.
        return "/" + posixpath.normpath(posixpath.join(self.cwd, path)).lstrip("/")

    def change_folder(self, path: str) -> None:
        node = self.stat(path)
        if not node.is_folder:
            raise refusal(errno.ENOTDIR, path)
        self.cwd = self.resolve(path)

    def stat(self, path: str) -> Node:
        where = self._passable(path)
        if where in self.system.nodes:
            return self.system.nodes[where]
        if not where.startswith(("/proc/", "/sys/")):
            raise refusal(errno.ENOENT, path)
        generated = self.system.generated()
        if where in generated:
            return Node(generated[where] or b"", stat.S_IFREG | 0o444, self.system.seconds())
        if any(file.startswith(f"{where}/") for file in generated):
            return Node(None, stat.S_IFDIR | 0o555, self.system.seconds())
        raise refusal(errno.ENOENT, path)

    def exists(self, path: str) -> bool:
        try:
            self.stat(path)
        except OSError:
            return False
        return True

    def read(self, path: str) -> bytes:
        node = self.stat(path)
        if node.data is None:
            raise refusal(errno.EISDIR, path)
        where = self.resolve(path)
        if where.startswith(("/proc/", "/sys/")) and self.system.generated()[where] is None:
            raise refusal(errno.EACCES, path)
        return node.data

    def write(self, path: str, data: bytes, *, mode: int = 0o644, mtime: int | None = None) -> None:
        """Replace what is there; a file that is there keeps its mode unless it is given anew."""
        where = self._writable(path)
        node = self.system.nodes.get(where)
        if node is not None and node.is_folder:
            raise refusal(errno.EISDIR, path)
        if data and len(data) > self.system.free():
            raise refusal(errno.ENOSPC, path)
        kept = mode if node is None else stat.S_IMODE(node.mode)
        self.system.nodes[where] = Node(
            data, stat.S_IFREG | kept, self.system.seconds() if mtime is None else mtime
        )

    def set_mode(self, path: str, mode: int) -> None:
        node = self.system.nodes.get(self._writable(path))
        if node is None:
            raise refusal(errno.ENOENT, path)
        node.mode = stat.S_IFMT(node.mode) | mode

    def make_folder(self, path: str, *, parents: bool = False) -> None:
        if parents:
            parent = posixpath.dirname(self.resolve(path))
            if not self.exists(parent):
                self.make_folder(parent, parents=True)
        where = self._writable(path)
        node = self.system.nodes.get(where)
        if node is not None and not (parents and node.is_folder):
            raise refusal(errno.EEXIST, path)
        self.system.add_folder(where)

    def remove(self, path: str, *, recursive: bool = False) -> None:
        where = self._writable(path)
        if where not in self.system.nodes:
            raise refusal(errno.ENOENT, path)
        if self.system.nodes[where].is_folder and not recursive:
            raise refusal(errno.EISDIR, path)
        self.system.remove_tree(where)

    def rename(self, source: str, target: str) -> None:
        """A file's name; replaces a file that is there, in one step."""
        old, new = self._writable(source), self._writable(target)
        if old not in self.system.nodes:
            raise refusal(errno.ENOENT, source)
        self.system.nodes[new] = self.system.nodes.pop(old)

    def children(self, path: str) -> list[str]:
        """Names within a folder, sorted."""
        if not self.stat(path).is_folder:
            raise refusal(errno.ENOTDIR, path)
        where = self.resolve(path)
        if self.uid != APP and where in ("/data", APPS_FOLDER):
            raise refusal(errno.EACCES, path)
        prefix = where.rstrip("/") + "/"
        within = [*self.system.nodes]
        if prefix.startswith(("/proc/", "/sys/")):
            within += self.system.generated()
        names = {inner[len(prefix) :].split("/")[0] for inner in within if inner.startswith(prefix)}
        return sorted(names - {""})

    def glob(self, pattern: str) -> list[str]:
        """Paths that exist, sorted; written as `pattern` is, absolute or not."""
        found = ["/"] if pattern.startswith("/") else [""]
        for part in pattern.strip("/").split("/"):
            found = [
                posixpath.join(folder, name)
                for folder in found
                for name in self._matching(folder or ".", part)
            ]
        return sorted(found)

    def _matching(self, folder: str, part: str) -> list[str]:
        if not any(sign in part for sign in "*?["):
            return [part] if self.exists(posixpath.join(folder, part)) else []
        try:
            names = self.children(folder)
        except OSError:
            return []
        hidden = part.startswith(".")
        return [
            name
            for name in names
            if fnmatch.fnmatchcase(name, part) and (hidden or not name.startswith("."))
        ]

    def _passable(self, path: str) -> str:
        where = self.resolve(path)
        if where.startswith(f"{APPS_FOLDER}/") and self.uid == SHELL:
            raise refusal(errno.EACCES, path)
        return where

    def _writable(self, path: str) -> str:
        where = self._passable(path)
        if where.startswith(("/proc/", "/sys/")):
            raise refusal(errno.EACCES, path)
        parent = self.system.nodes.get(posixpath.dirname(where))
        if parent is None:
            raise refusal(errno.ENOENT, path)
        if not parent.is_folder:
            raise refusal(errno.ENOTDIR, path)
        own = (f"{APPS_FOLDER}/",) if self.uid == APP else (f"{SHELL_FOLDER}/", f"{SDCARD}/")
        if not where.startswith(own):
            in_data = where.startswith(("/data/", "/sdcard"))
            raise refusal(errno.EACCES if in_data else errno.EROFS, path)
        return where
