"""What the user says of a network's preprocessing: by options, or in a small TOML file.

resize = 256                    # or "256x320", height x width
crop = 224                      # the resolution, likewise
scale = "1/255"
mean = [0.485, 0.456, 0.406]    # or one number for all channels
std = [0.229, 0.224, 0.225]
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deploy.support.errors import UserError
from models.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing, resize_for

SMALLEST_SIDE, LARGEST_SIDE = 32, 1024
LARGEST_RESIZE = 4096
_LARGEST_FILE = 10_000

Size = tuple[int, int]
Channels = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class PreprocessingOptions:
    """Fields as of Preprocessing; None where the user said nothing."""

    resize: Size | None = None
    crop: Size | None = None
    scale: float | None = None
    mean: Channels | None = None
    std: Channels | None = None

    def over(self, other: PreprocessingOptions) -> PreprocessingOptions:
        """These, and those of `other` where these say nothing."""
        said = {key: value for key, value in asdict(self).items() if value is not None}
        return PreprocessingOptions(**{**asdict(other), **said})

    def applied_to(self, base: Preprocessing) -> Preprocessing:
        """`base` with what is said here. A crop alone is resized for as ImageNet's weights are.

        Raises UserError where the crop is larger than what the photo is resized to.
        """
        crop = self.crop or base.crop
        resize = self.resize or (base.resize if crop == base.crop else resize_for(crop))
        if crop[0] > resize[0] or crop[1] > resize[1]:
            raise UserError(
                f"a photo resized to {_text(resize)} has no crop of {_text(crop)}: "
                "give a larger --resize or a smaller --resolution"
            )
        return Preprocessing(
            resize=resize,
            crop=crop,
            scale=self.scale or base.scale,
            mean=self.mean or base.mean,
            std=self.std or base.std,
        )


def default_preprocessing(crop: Size) -> Preprocessing:
    """ImageNet's at another resolution."""
    return Preprocessing(resize=resize_for(crop), crop=crop, mean=IMAGENET_MEAN, std=IMAGENET_STD)


def choose_preprocessing(
    base: Preprocessing, said: PreprocessingOptions, file: Path | None
) -> Preprocessing:
    """What the user said, else what the TOML file says, else `base`. Raises UserError."""
    return said.over(read_preprocessing(file) if file else PreprocessingOptions()).applied_to(base)


def parse_preprocessing(values: Mapping[str, object], source: str) -> PreprocessingOptions:
    """The options that `values` hold by name, as text or as TOML has them; None is left out.

    `source` stands before each name in an error: "--", or a file's name. Raises UserError.

    >>> parse_preprocessing({"mean": "127", "scale": "1/255", "resize": 256}, "--").scale
    0.00392156862745098
    """
    given = {name: value for name, value in values.items() if value is not None}
    for name in given:
        if name not in PARSERS:
            raise UserError(f"{source}unknown key {name!r}: known are {', '.join(PARSERS)}")
    parsed = {}
    for name, value in given.items():
        parse, meaning = PARSERS[name]
        try:
            parsed[name] = parse(value)
        except ValueError as error:
            raise UserError(f"{source}{name}: {value!r} will not do: give {meaning}") from error
    return PreprocessingOptions(**parsed)


def read_preprocessing(path: Path) -> PreprocessingOptions:
    """The options in a TOML file. Raises UserError."""
    try:
        with path.open("rb") as file:
            content = tomllib.loads(file.read(_LARGEST_FILE).decode())
    except FileNotFoundError as error:
        raise UserError(f"--preprocessing {path} does not exist: check the path") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): give a TOML file") from error
    except ValueError as error:
        raise UserError(f"{path} is not TOML ({error}): write lines such as crop = 224") from error
    return parse_preprocessing(content, f"{path.name}: ")


def parse_size(text: str) -> Size:
    """Height and width in pixels, of a square or height x width. Raises ValueError.

    >>> parse_size("224"), parse_size("160x224")
    ((224, 224), (160, 224))
    """
    sides = re.fullmatch("([0-9]{1,6})(?:x([0-9]{1,6}))?", text.lower())
    if sides is None:
        raise ValueError(f"{text!r} is no size")
    return int(sides[1]), int(sides[2] or sides[1])


def _text(size: Size) -> str:
    return f"{size[0]}x{size[1]}"


def _side(value: object, smallest: int, largest: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not smallest <= value <= largest:
        raise ValueError
    return value


def _size(largest: int) -> Callable[[object], Size]:
    def parse(value: object) -> Size:
        if isinstance(value, str):
            value = parse_size(value)
        height, width = value if isinstance(value, (list, tuple)) else (value, value)
        return _side(height, SMALLEST_SIDE, largest), _side(width, SMALLEST_SIDE, largest)

    return parse


def _number(value: object) -> float:
    """A finite number, also as text and as a fraction."""
    if isinstance(value, str):
        top, slash, bottom = value.partition("/")
        value = float(top) / (float(bottom) or math.nan) if slash else float(top)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError
    return float(value)


def _positive(value: object) -> float:
    if (number := _number(value)) <= 0:
        raise ValueError
    return number


def _channels(parse: Callable[[object], float]) -> Callable[[object], Channels]:
    def parse_channels(value: object) -> Channels:
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, list):
            parts = [parts]
        red, green, blue = parts * 3 if len(parts) == 1 else parts
        return parse(red), parse(green), parse(blue)

    return parse_channels


PARSERS: dict[str, tuple[Callable[[object], Any], str]] = {
    "resize": (
        _size(LARGEST_RESIZE),
        f"{SMALLEST_SIDE} to {LARGEST_RESIZE} pixels such as 256, or height x width such as "
        "256x320",
    ),
    "crop": (
        _size(LARGEST_SIDE),
        f"{SMALLEST_SIDE} to {LARGEST_SIDE} pixels such as 224, or height x width such as 224x288",
    ),
    "scale": (_positive, "a factor above 0 such as 1/255"),
    "mean": (_channels(_number), "a number, or three of them for red, green, blue"),
    "std": (_channels(_positive), "a number above 0, or three of them for red, green, blue"),
}
