"""Which photos calibrate, which are held back to judge, and which travel with the bundle."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from deploy.assets import fetch_all
from deploy.photos.folder import find_photos
from deploy.photos.images import crop, decode, encode_png, shrink_to
from deploy.photos.read import Photo, Sample, read_photos
from deploy.photos.samples import SAMPLES, credits_by_hash
from deploy.support.reporter import Progress, silent
from models.preprocessing import Preprocessing

GOLDEN = 8
GOLDEN_PIXELS = 640

# Below this a folder is all used to calibrate, and the bundled samples judge.
_MIN_TO_SPLIT = 8
# Below this the ranges that calibration finds still move with each photo.
_ENOUGH = 32
# Of each bundled sample, where they judge: as many pictures as their own held-back side has.
_STAND_IN_CROPS = 3

Source = Literal["bundled samples", "folder"]


@dataclass(frozen=True, kw_only=True)
class GoldenPicture:
    """A held-back picture that travels with the bundle.

    `png` is the decoded picture, at most GOLDEN_PIXELS on its longer side; `crop`, uint8
    (H, W, 3), is made from that PNG, so that an app can repeat it. `credit` is None for the
    user's own photos.
    """

    photo: str
    photo_sha256: str
    credit: str | None
    png: bytes
    crop: npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class PhotoSet:
    """The two sides of the split, and how they came about.

    No photo is on both sides. Samples stand in the order in which photos take turns, so that the
    first few of either side come from different photos. `digest` is the SHA-256 of one line a
    sample, sorted: its photo's SHA-256, its side, its rectangle.
    """

    source: Source
    held_back_source: Source
    calibration: tuple[Sample, ...]
    held_back: tuple[Sample, ...]
    golden: tuple[GoldenPicture, ...]
    calibration_photos: int
    held_back_photos: int
    digest: str
    warnings: tuple[str, ...]


def load_photos(
    folder: Path | None, preprocessing: Preprocessing, *, progress: Progress = silent
) -> PhotoSet:
    """Read a folder of photos, or the bundled samples where it is None, and split them.

    Sorted by the SHA-256 of the file, every fourth photo is held back. Fewer than eight photos
    all calibrate, and the bundled samples are held back in their place. At most 256 photos are
    used; few photos give several crops each. `progress` gets what is read, how many are done and
    how many there are. Raises PhotosError for a folder without a readable photo, FetchError or
    StorageError where the samples are needed and cannot be had.
    """
    source: Source = "bundled samples" if folder is None else "folder"
    paths = _fetch_samples(progress) if folder is None else find_photos(folder)
    photos, warnings = read_photos(paths, preprocessing, progress)
    if len(photos) < _MIN_TO_SPLIT:
        held_back_source: Source = "bundled samples"
        calibration, held_back = photos, _stand_ins(photos, preprocessing, progress)
    else:
        held_back_source = source
        calibration = [photo for index, photo in enumerate(photos) if index % 4 != 3]
        held_back = photos[3::4]
    calibration_samples, held_back_samples = _in_turns(calibration), _in_turns(held_back)
    paths_by_hash = {photo.samples[0].photo_sha256: photo.path for photo in held_back}
    return PhotoSet(
        source=source,
        held_back_source=held_back_source,
        calibration=calibration_samples,
        held_back=held_back_samples,
        golden=tuple(
            _golden(sample, paths_by_hash[sample.photo_sha256], preprocessing)
            for sample in held_back_samples[:GOLDEN]
        ),
        calibration_photos=len(calibration),
        held_back_photos=len(held_back),
        digest=_digest(calibration_samples, held_back_samples),
        warnings=(*warnings, *_judge(source, len(photos))),
    )


def sides(photos: int) -> tuple[int, int]:
    """How many of a folder's photos calibrate and how many judge; of very few all calibrate.

    >>> sides(100), sides(7)
    ((75, 25), (7, 0))
    """
    judging = photos // 4 if photos >= _MIN_TO_SPLIT else 0
    return photos - judging, judging


def _fetch_samples(progress: Progress) -> list[Path]:
    return fetch_all(
        [sample.file for sample in SAMPLES],
        remedy="check the network, or name a folder of your own photos with --photos",
        progress=progress,
    )


def _stand_ins(
    photos: Sequence[Photo], preprocessing: Preprocessing, progress: Progress
) -> list[Photo]:
    """The bundled samples, less those that the user's folder happens to hold."""
    taken = {photo.samples[0].photo_sha256 for photo in photos}
    samples, _ = read_photos(_fetch_samples(progress), preprocessing, progress)
    return [
        Photo(path=photo.path, samples=photo.samples[:_STAND_IN_CROPS])
        for photo in samples
        if photo.samples[0].photo_sha256 not in taken
    ]


def _in_turns(photos: Sequence[Photo]) -> tuple[Sample, ...]:
    turns = zip_longest(*(photo.samples for photo in photos))
    return tuple(sample for sample in chain.from_iterable(turns) if sample is not None)


def _golden(sample: Sample, path: Path, preprocessing: Preprocessing) -> GoldenPicture:
    picture = decode(path, sample.photo).crop(sample.rectangle)
    png = encode_png(shrink_to(picture, GOLDEN_PIXELS))
    return GoldenPicture(
        photo=sample.photo,
        photo_sha256=sample.photo_sha256,
        credit=credits_by_hash().get(sample.photo_sha256),
        png=png,
        crop=crop(decode(png, sample.photo), preprocessing),
    )


def _digest(calibration: Sequence[Sample], held_back: Sequence[Sample]) -> str:
    lines = sorted(
        f"{sample.photo_sha256} {side} {' '.join(map(str, sample.rectangle))}\n"
        for side, samples in (("calibration", calibration), ("held-back", held_back))
        for sample in samples
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _judge(source: Source, photos: int) -> list[str]:
    if source == "bundled samples":
        return [
            "calibrated with the bundled samples: a hundred photos of what your users will "
            "photograph (--photos DIR) are better"
        ]
    if photos < _MIN_TO_SPLIT:
        return [
            f"a folder of {photos} is too small to hold photos back: all calibrate and the bundled "
            f"samples judge; give at least {_ENOUGH} photos"
        ]
    if photos < _ENOUGH:
        return [f"a folder of {photos} is small to calibrate with: give at least {_ENOUGH} photos"]
    return []
