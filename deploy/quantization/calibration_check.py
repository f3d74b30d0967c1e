"""Whether the calibration photos cover what the network will see: warnings that name the trouble.

The thresholds come from MobileNetV2, calibrated with good sets and bad ones and compared with its
float answers on photos of none of them. Every set that cost 3 dB and more is warned of; sets of
ordinary photos, a dozen and more, are not. Nor are photos of one kind (only landscapes, only
animals): they cost less than 2 dB. Black photos are named as they are read, in `deploy.photos`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torch.export import ExportedProgram

from deploy.backends import InputForm
from deploy.capture.program import graph_module
from deploy.photos.images import feed
from deploy.photos.load import PhotoSet
from deploy.photos.read import Sample
from deploy.quantization.activations import HARDSWISH_ZERO
from deploy.quantization.calibrate import Observer, run_photos
from deploy.quantization.kernels import only_read_by_hardswish
from deploy.quantization.ptq import Decisions
from deploy.quantization.ranges import INT8_MAX, INT8_MIN, QParams
from models.preprocessing import Preprocessing

# Of either side: the first ones come from different photos, and more tell nothing new.
PHOTOS = 16

# A range is too narrow where it cuts off so many times more of the values than it does, on purpose,
# of the calibration photos', and at least this share of them: so few cost nothing.
TOO_NARROW = 4
LEAST_CLIPPED = 0.0005
# Of all ranges. Ordinary sets: at most 0.02; three photos: 0.11, 2 dB lost; one: 0.27, 6 dB.
NARROW_RANGES = 0.1
LEAST_RANGES = 2

# A channel is dead where its mean varies so little, compared with the photos held back.
DEAD = 0.01
# Of all channels. Ordinary sets and even one photo's crops: below 0.01; a black photo: 1.
DEAD_CHANNELS = 0.05

THUMBNAIL = 8
# Two photos are copies where their thumbnails differ by less than this share of their contrast.
# Saved anew: 0.02; a burst of one scene: 0.06; different photos: 0.34; handwritten digits: 0.2.
COPY = 0.15
# Of 255. Where there is no contrast, what is less than noise makes no difference either.
NOISE = 6.0
# Of all photos. Copies cost answers only where few others are left, but they are held back too,
# and flatter the agreement.
COPIES = 0.25

# Of 255, the levels from the darkest to the brightest, but for 0.5 % at either end: of all photos
# together, and of the middle one. Ordinary sets: at least 223 and 210; a fifth darker, which does
# no harm: 204; two fifths darker, 11 dB lost: 153; hazy, 5 dB lost: 93 each.
SPAN_TOGETHER, SPAN_EACH = 180, 120

_BETTER = "a hundred different photos of what your users will photograph"


@dataclass(frozen=True)
class _Seen:
    """Of one tensor and several photos: how many of a photo's values its range cuts off, (photos,),
    of how many, and its channels' means, (photos, channels)."""

    clipped: Tensor
    values: int
    means: Tensor

    @property
    def share_clipped(self) -> float:
        """Of the middle photo: a single odd one would raise the mean in every tensor."""
        return float(self.clipped.quantile(0.5)) / self.values


def check_calibration(
    program: ExportedProgram,
    decisions: Decisions,
    photos: PhotoSet,
    preprocessing: Preprocessing,
    form: InputForm = "tensor",
) -> list[str]:
    """Warnings about the photos that `decisions` were taken on, one line each; none is well.

    `program` is the float program of `form` that `decisions` belong to. Runs 16 photos of either
    side.
    """
    calibration, held_back = (
        _observe(program, decisions, _inputs(samples[:PHOTOS], preprocessing, form))
        for samples in (photos.calibration, photos.held_back)
    )
    return [
        *_faint(photos.calibration),
        *_copies(photos.calibration),
        *_dead(calibration, held_back),
        *_saturated(calibration, held_back),
    ]


def _saturated(calibration: Mapping[str, _Seen], held_back: Mapping[str, _Seen]) -> list[str]:
    """Ranges are compared by what they cut off, since each cuts off a little on purpose."""
    narrow = {
        name: seen.share_clipped
        for name, seen in held_back.items()
        # One value a photo is no share to go by where a photo has few: the best class's logit.
        if seen.share_clipped > max(LEAST_CLIPPED, 1 / seen.values)
        and seen.share_clipped > TOO_NARROW * calibration[name].share_clipped
    }
    if len(narrow) < max(LEAST_RANGES, NARROW_RANGES * len(held_back)):
        return []
    worst = max(narrow, key=lambda name: narrow[name])
    return [
        f"{len(narrow)} of {len(held_back)} int8 ranges are too narrow for the photos held back: "
        f"{worst} loses {100 * narrow[worst]:.2f} % of a photo's values, and "
        f"{100 * calibration[worst].share_clipped:.2f} % of a calibration photo's; calibrate "
        f"with {_BETTER}"
    ]


def _dead(calibration: Mapping[str, _Seen], held_back: Mapping[str, _Seen]) -> list[str]:
    dead = channels = 0
    for name, seen in held_back.items():
        varied, varies = (
            statistics.means.std(0, correction=0) for statistics in (calibration[name], seen)
        )
        dead += int(((varied <= DEAD * varies) & (varies > 0)).sum())
        channels += len(varies)
    if dead < DEAD_CHANNELS * channels or not dead:
        return []
    return [
        f"{dead} of {channels} channels stay the same on all calibration photos and vary on those "
        f"held back, so that their ranges are guesses; calibrate with {_BETTER}"
    ]


def _faint(samples: Sequence[Sample]) -> list[str]:
    """Bright pixels are cut off where calibration saw none, and so are those held back."""
    crops = np.stack([sample.crop for sample in samples])
    together = _span(crops)
    each = float(np.median([_span(crop) for crop in crops]))
    if together >= SPAN_TOGETHER and each >= SPAN_EACH:
        return []
    return [
        f"the calibration photos are dark or hazy: all together span {together:.0f} of 255 levels "
        f"and half of them at most {each:.0f}; calibrate with {_BETTER}"
    ]


def _span(levels: npt.NDArray[np.uint8]) -> float:
    low, high = np.percentile(levels, [0.5, 99.5])
    return float(high - low)


def _copies(samples: Sequence[Sample]) -> list[str]:
    """Of each photo the first sample counts, the whole photo: its parts are no copies."""
    first: dict[str, Sample] = {}
    for sample in samples:
        first.setdefault(sample.photo_sha256, sample)
    names = [sample.photo for sample in first.values()]
    thumbnails = np.stack([_thumbnail(sample.crop) for sample in first.values()])
    contrast = np.maximum(np.sqrt((thumbnails**2).mean(1)), NOISE)
    copies = {}
    for i in range(1, len(names)):
        apart = np.sqrt(((thumbnails[:i] - thumbnails[i]) ** 2).mean(1))
        alike = apart / np.maximum(contrast[:i], contrast[i])
        if alike.min() < COPY:
            copies[names[i]] = names[int(alike.argmin())]
    if len(copies) <= COPIES * len(names):
        return []
    copy, original = next(iter(copies.items()))
    return [
        f"only {len(names) - len(copies)} of {len(names)} calibration photos differ, the others "
        f"nearly repeat them, as {copy} does {original}; calibrate with {_BETTER}"
    ]


def _thumbnail(crop: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Flat and without its brightness, in which photos of a burst differ."""
    small = Image.fromarray(crop).resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    pixels: npt.NDArray[np.float32] = np.asarray(small, np.float32).ravel()
    pixels -= pixels.mean()
    return pixels


def _inputs(samples: Sequence[Sample], preprocessing: Preprocessing, form: InputForm) -> Tensor:
    crops = np.stack([sample.crop for sample in samples])
    return torch.from_numpy(feed(crops, preprocessing, form))


def _observe(program: ExportedProgram, decisions: Decisions, inputs: Tensor) -> dict[str, _Seen]:
    module = graph_module(program)
    before_hardswish = only_read_by_hardswish(module)
    clipped: dict[str, list[Tensor]] = defaultdict(list)
    means: dict[str, list[Tensor]] = defaultdict(list)
    values: dict[str, int] = {}

    def observe(name: str, value: Tensor) -> None:
        if (q := decisions.activations.get(name)) is None:
            return
        if name in before_hardswish:
            value = value.clamp_min(HARDSWISH_ZERO)
        clipped[name].append((value != value.clamp(*_bounds(q))).sum())
        means[name].append((value.flatten(2).mean(2) if value.dim() > 2 else value).flatten())
        values[name] = value.numel()

    run_photos(Observer(module, observe), inputs)
    return {
        name: _Seen(torch.stack(clipped[name]).float(), values[name], torch.stack(means[name]))
        for name in clipped
    }


def _bounds(q: QParams) -> tuple[float, float]:
    """Half a step beyond the last codes: up to there a value is rounded, not cut off."""
    low, high = INT8_MIN - q.zero_point - 0.5, INT8_MAX - q.zero_point + 0.5
    return low * q.scale, high * q.scale
