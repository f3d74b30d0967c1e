"""Finding the photos in a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from deploy.support.errors import PhotosError
from deploy.support.printable import printable

_READABLE = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
# Photos all the same: decoding refuses them by name, which tells more than passing them over.
_UNSUPPORTED = (".heic", ".heif", ".avif")


def find_photos(folder: Path) -> list[Path]:
    """Every photo below the folder, by its name's ending, sorted by path; at least one.

    Hidden files and folders are passed over. Links are followed, each real folder is entered
    once. Raises PhotosError where there is no such folder, no photo in it, or no permission.
    """
    check_folder(folder)
    photos = photos_below(folder)
    if not photos:
        endings = ", ".join(_READABLE[:5])
        raise PhotosError(
            f"{printable(str(folder))} holds no photos: name a folder with {endings} ... files"
        )
    return photos


def photos_below(folder: Path) -> list[Path]:
    """As `find_photos`, but an empty list is an answer."""
    return sorted(_walk(folder), key=lambda path: path.relative_to(folder).parts)


def check_folder(folder: Path) -> None:
    """Raise PhotosError unless this is a folder."""
    if not folder.is_dir():
        reason = "is not a folder" if folder.exists() else "does not exist"
        raise PhotosError(f"{printable(str(folder))} {reason}: name a folder with photos")


def name_some(names: Sequence[str]) -> str:
    """Up to three names and the number of the rest, for a message.

    >>> name_some(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    shown = ", ".join(printable(name) for name in names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown


def skipped(unreadable: Mapping[Path, str]) -> list[str]:
    """The warning about photos that were left out, each with its reason, if there are any."""
    if not unreadable:
        return []
    names = name_some([path.name for path in unreadable])
    first = next(iter(unreadable.values()))
    return [f"left out, unreadable ({len(unreadable)}): {names}; the first: {first}"]


def none_readable(unreadable: Mapping[Path, str]) -> str:
    """The message when no photo is left. There is at least one, and its reason."""
    first = next(iter(unreadable.values()))
    if len(unreadable) == 1:
        return first
    return f"none of the {len(unreadable)} photos can be read; the first: {first}"


def _walk(folder: Path) -> Iterator[Path]:
    entered: set[tuple[int, int]] = set()
    for here, folders, names in os.walk(folder, followlinks=True, onerror=_refuse):
        status = os.stat(here)
        if (status.st_dev, status.st_ino) in entered:
            folders.clear()
            continue
        entered.add((status.st_dev, status.st_ino))
        # Sorted, so that of two ways into a folder it is always the same one that is taken.
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            path = Path(here, name)
            if _is_photo(name) and path.is_file():
                yield path


def _is_photo(name: str) -> bool:
    return not name.startswith(".") and name.lower().endswith((*_READABLE, *_UNSUPPORTED))


def _refuse(error: OSError) -> NoReturn:
    name = printable(str(error.filename))
    raise PhotosError(f"{name} cannot be read ({error.strerror}): check its permissions") from error
