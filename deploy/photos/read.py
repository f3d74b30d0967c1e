"""Reading photos: copies counted once, in the order of their hashes, cropped as they come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from deploy.photos.crops import Rectangle, crops_each, rectangles
from deploy.photos.folder import name_some, none_readable, skipped
from deploy.photos.images import crop, decode
from deploy.support.errors import PhotosError
from deploy.support.hashing import sha256_file
from deploy.support.printable import printable
from deploy.support.reporter import Progress
from models.preprocessing import Preprocessing

# More would cost minutes and add nothing to ranges or to the agreement's interval.
MAX_PHOTOS = 256

# Of 255. A frame darker or flatter than this shows a lens cap or a wall.
_DARK = 10
_FLAT = 3


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A photo, or a part of one, as the network sees it.

    `rectangle` is (left, top, right, bottom) in the decoded photo's pixels; `crop` is uint8
    (H, W, 3).
    """

    photo: str
    photo_sha256: str
    rectangle: Rectangle
    crop: npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Photo:
    """A photo that was read, and its samples, the whole photo first."""

    path: Path
    samples: tuple[Sample, ...]


def read_photos(
    paths: Sequence[Path], preprocessing: Preprocessing, progress: Progress
) -> tuple[list[Photo], list[str]]:
    """Up to MAX_PHOTOS readable photos in the order of their SHA-256, and warnings.

    Each has `crops_each` samples. Raises PhotosError when none can be read.
    """
    unreadable: dict[Path, str] = {}
    hashed = _hash(paths, unreadable, progress)
    unique = dict(reversed(hashed))  # of copies, the first
    photos: list[Photo] = []
    for sha256 in sorted(unique):
        if len(photos) == MAX_PHOTOS:
            break
        path = unique[sha256]
        try:
            image = decode(path, path.name)
        except PhotosError as error:
            unreadable[path] = str(error)
            continue
        photos.append(_cropped(path, sha256, image, len(photos) + 1, preprocessing))
        progress("photos", len(photos), min(len(unique), MAX_PHOTOS))
    if not photos:
        raise PhotosError(none_readable(unreadable))
    crops = crops_each(len(photos))
    photos = [Photo(path=photo.path, samples=photo.samples[:crops]) for photo in photos]
    return photos, [
        *skipped(unreadable),
        *_copies(hashed, unique),
        *_left_out(len(unique), len(photos)),
        *_blank(photos),
    ]


def _hash(
    paths: Sequence[Path], unreadable: dict[Path, str], progress: Progress
) -> list[tuple[str, Path]]:
    hashed = []
    for done, path in enumerate(paths, start=1):
        try:
            hashed.append((sha256_file(path), path))
        except OSError as error:
            reason = f"cannot be read ({error.strerror}): check its permissions"
            unreadable[path] = f"{printable(path.name)} {reason}"
        progress("photo hashes", done, len(paths))
    return hashed


def _cropped(
    path: Path, sha256: str, image: Image.Image, count: int, preprocessing: Preprocessing
) -> Photo:
    """With as many samples as are due if this is the last photo; what is too much goes later."""
    samples = [
        Sample(
            photo=printable(path.name),
            photo_sha256=sha256,
            rectangle=rectangle,
            crop=crop(image.crop(rectangle), preprocessing),
        )
        for rectangle in rectangles(image.size)[: crops_each(count)]
    ]
    return Photo(path=path, samples=tuple(samples))


def _copies(hashed: list[tuple[str, Path]], unique: dict[str, Path]) -> list[str]:
    copies = [path.name for sha256, path in hashed if unique[sha256] != path]
    if not copies:
        return []
    return [
        f"left out, copies of other photos ({len(copies)}): {name_some(copies)}; "
        "add different photos"
    ]


def _left_out(found: int, used: int) -> list[str]:
    if used < MAX_PHOTOS or found == used:
        return []
    return [f"used {used} of {found} photos, the first in the order of their SHA-256"]


def _blank(photos: list[Photo]) -> list[str]:
    blank = [photo.samples[0].photo for photo in photos if _is_blank(photo.samples[0].crop)]
    if not blank:
        return []
    return [
        f"nearly black or of one colour ({len(blank)}): {name_some(blank)}; "
        "replace them with what your users will photograph"
    ]


def _is_blank(crop: npt.NDArray[np.uint8]) -> bool:
    return bool(crop.mean() < _DARK or np.max(crop.std(axis=(0, 1))) < _FLAT)
