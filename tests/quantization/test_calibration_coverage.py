"""Calibration photos that do not cover what the network will see: each trouble has its warning."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from small_network import PREPROCESSING, SIDE, Small, SmallV3, crops, small_program
from torch import nn

from deploy.photos import PhotoSet, Sample
from deploy.photos.images import normalize
from deploy.quantization.calibration_check import check_calibration
from deploy.quantization.ptq import decide

Crops = npt.NDArray[np.uint8]


def samples(pictures: Crops, *, each: int = 1) -> tuple[Sample, ...]:
    """One after the other of so many pictures is a part of the same photo."""
    return tuple(
        Sample(
            photo=f"{index // each}.jpg",
            photo_sha256=f"{index // each:064}",
            rectangle=(0, 0, SIDE, SIDE),
            crop=picture,
        )
        for index, picture in enumerate(pictures)
    )


def judge(
    calibration: Sequence[Sample], held_back: Crops, network: type[nn.Module] = Small
) -> list[str]:
    program = small_program(network)
    pictures = np.stack([sample.crop for sample in calibration])
    photos = PhotoSet(
        source="folder",
        held_back_source="folder",
        calibration=tuple(calibration),
        held_back=samples(held_back),
        golden=(),
        calibration_photos=len(calibration),
        held_back_photos=len(held_back),
        digest="",
        warnings=(),
    )
    decisions = decide(program, torch.from_numpy(normalize(pictures, PREPROCESSING)))
    return check_calibration(program, decisions, photos, PREPROCESSING)


def saved_anew(picture: Crops, quality: int, brightness: float = 1.0) -> Crops:
    file = BytesIO()
    changed = np.clip(picture * brightness, 0, 255).astype(np.uint8)
    Image.fromarray(changed).resize((SIDE + quality, SIDE)).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file).resize((SIDE, SIDE)))


@pytest.mark.parametrize("network", [Small, SmallV3])
@pytest.mark.parametrize("count", [12, 40])
def test_ordinary_photos_bring_no_warning(network: type[nn.Module], count: int) -> None:
    assert judge(samples(crops(count)), crops(20, seed=1), network) == []


def test_ranges_too_narrow_for_other_photos_are_counted_and_the_worst_is_named() -> None:
    red = crops(24) * np.array([1, 0, 0], np.uint8)
    (warning,) = judge(samples(red), crops(20, seed=1))
    assert "int8 ranges are too narrow" in warning
    assert "held back: x loses" in warning


def test_channels_that_a_single_picture_leaves_unseen_are_counted() -> None:
    grey = np.full((1, SIDE, SIDE, 3), 90, np.uint8)
    warnings = judge(samples(grey.repeat(10, axis=0), each=10), crops(20, seed=1))
    assert any("channels stay the same on all calibration photos" in each for each in warnings)


@pytest.mark.parametrize("brightness", [1.0, 0.9])
def test_copies_are_found_though_saved_anew_or_in_other_light(brightness: float) -> None:
    different = crops(8)
    pictures = [
        saved_anew(picture, quality, brightness if quality == 60 else 1.0)
        for quality in (90, 60)
        for picture in different
    ]
    (warning,) = judge(samples(np.stack(pictures)), crops(20, seed=1))
    assert "only 8 of 16 calibration photos differ" in warning
    assert "as 8.jpg does 0.jpg" in warning


def test_parts_of_one_photo_are_no_copies_of_it() -> None:
    pictures = crops(8).repeat(4, axis=0)
    assert judge(samples(pictures, each=4), crops(20, seed=1)) == []


def test_a_few_copies_among_many_photos_bring_no_warning() -> None:
    pictures = crops(24)
    pictures[20:] = pictures[:4]
    assert judge(samples(pictures), crops(20, seed=1)) == []


@pytest.mark.parametrize("pictures", [crops(24) // 2, crops(24) // 6 + 100])
def test_dark_or_hazy_photos_are_named_though_those_held_back_are_no_better(
    pictures: Crops,
) -> None:
    (warning,) = judge(samples(pictures[:16]), pictures[16:])
    assert "dark or hazy: all together span" in warning


def test_dark_photos_among_others_bring_no_warning() -> None:
    pictures = crops(24)
    pictures[::3] //= 6
    assert judge(samples(pictures), crops(20, seed=1)) == []


@pytest.mark.parametrize("pictures", [crops(24) // 8, crops(1).repeat(10, axis=0)])
def test_each_warning_is_one_line_and_says_what_to_do(pictures: Crops) -> None:
    warnings = judge(samples(pictures), crops(20, seed=1))
    assert len(warnings) >= 2
    for warning in warnings:
        assert warning.isprintable()
        assert "; calibrate with a hundred different photos" in warning
