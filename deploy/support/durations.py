"""About how long things take here, said beforehand: all that is measured of it stands in this file.

Of two calm cores of an AMD EPYC (AVX2, no VNNI), on networks from 3 M to 300 M multiply-adds;
another computer takes half or twice as long. A model of cost, not a promise: what is said of it is
said as "about".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

# Less is not worth a line.
WORTH_TELLING_S = 5.0

# Multiply-adds of MobileNetV2 at 224 pixels, whose figures these are. Smaller networks take more
# for each: what they cost grows like MACs to this power.
_MACS, _GROWTH = 300e6, 0.75

# Importing torch and the toolkits, reading the weights and the photos, capturing the network.
_BEFORE_S = 7.0
# Calibrating and choosing int8, of that network; and the trials that `sensitivity` adds.
_INT8_S, _PRICING_S = 33.0, 12.0
# What more photos, learned gains and learned biases add to that, with `--int8-effort high`.
_HIGH_S = 280.0
# An artifact of `Backend.effort` 1, of that network, and how much more an int8 one takes; this
# share of it does not shrink with the network.
_EFFORT_S, _QUANTIZED_TAKES, _FIXED_SHARE = 3.5, 1.4, 0.4

# Importing a runtime and loading an artifact.
_LOADING_S: Mapping[str, float] = {"executorch": 4.0, "coreml": 3.0}
_LOADING_OTHER_S = 0.5
# An answer to a photo, of that network: Core ML's package is interpreted, on Linux.
_ANSWER_S: Mapping[str, float] = {"executorch": 0.013, "onnx": 0.011, "coreml": 0.036}
_ANSWER_OTHER_S = 0.02
# Of a photo: cropping it, and decoding it by the bytes of its file.
_CROP_S, _DECODE_S = 0.002, 40e-9
# A block of a measurement, before its inferences: a process that loads one runtime.
_BLOCK_S = 0.8


@dataclass(frozen=True)
class Artifacts:
    """What a build makes: the sums of `Backend.effort` of those in float and those quantized."""

    in_float: float
    quantized: float


def quantize_seconds(macs: float = _MACS, *, high: bool = False) -> float:
    """`high`: of the effort of that name, with a hundred photos and more."""
    return (_INT8_S + _HIGH_S * high) * _size(macs)


def price_seconds(macs: float = _MACS, *, high: bool = False) -> float:
    return quantize_seconds(macs, high=high) + _PRICING_S * _size(macs)


def build_seconds(
    made: Artifacts, macs: float = _MACS, *, at_once: int = 2, high: bool = False
) -> float:
    """In `at_once` processes, where float artifacts are made while the photos calibrate.

    >>> made = Artifacts(in_float=4.0, quantized=4.0)
    >>> round(build_seconds(made)), round(build_seconds(made, high=True))
    (50, 330)
    """
    int8 = quantize_seconds(macs, high=high) if made.quantized else 0.0
    share = _FIXED_SHARE + (1 - _FIXED_SHARE) * _size(macs)
    in_float = made.in_float * _EFFORT_S * share
    quantized = made.quantized * _EFFORT_S * _QUANTIZED_TAKES * share
    spread = (int8 + in_float + quantized) / at_once
    return _BEFORE_S + max(spread, int8 + quantized / at_once)


def answer_seconds(
    formats: Sequence[str], macs: float, *, photos: int, photo_bytes: float, at_once: int = 1
) -> float:
    """Of artifacts in these formats, to so many photos of that mean size, in `at_once` processes
    that each load all of them."""
    loading = sum(_LOADING_S.get(name, 0.0) for name in set(formats))
    loading += _LOADING_OTHER_S * len(formats)
    answers = sum(_ANSWER_S.get(name, _ANSWER_OTHER_S) for name in formats) * _size(macs)
    photo = answers + _CROP_S + photo_bytes * _DECODE_S
    return loading + photos * photo / at_once


def measure_seconds(arms: Iterable[tuple[str, float]], *, rounds: int, inferences: int) -> float:
    """Of a session of `arms`, each a format and its network's MACs, with `inferences` a block."""
    return rounds * sum(
        _BLOCK_S
        + _LOADING_S.get(name, 0.0) / 4  # Of what is loaded, the runtime alone.
        + inferences * _ANSWER_S.get(name, _ANSWER_OTHER_S) * _size(macs)
        for name, macs in arms
    )


def _size(macs: float) -> float:
    return math.pow(macs / _MACS, _GROWTH)


def about(seconds: float) -> str:
    """In words, no more exact than it is known.

    >>> about(7.4), about(52), about(130), about(9000)
    ('7 s', '50 s', '2 min', '2.5 h')
    """
    if seconds < 10:
        return f"{seconds:.0f} s"
    if seconds < 100:
        return f"{5 * round(seconds / 5)} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
