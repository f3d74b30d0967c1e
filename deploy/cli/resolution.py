"""The options by which a command learns the input's resolution."""

from __future__ import annotations

import functools
import math
from typing import Any

import click

from deploy.cli.options import Command, height_and_width
from deploy.support.errors import UserError

# The resolution multiplier of MobileNetV1's paper is of this many pixels (section 3.4).
FULL_RESOLUTION = 224
LARGEST_RHO = 1000.0


def resolution_options(command: Command) -> Command:
    """Add --resolution and --rho, which reach `command` as one `resolution`: (height, width)."""

    @click.option(
        "--resolution",
        type=height_and_width,
        metavar="R|HxW",
        help="Height and width of the input in pixels.  [default: the weights' or the network's "
        "own]",
    )
    @click.option(
        "--rho",
        type=resolution_multiplier,
        metavar="R",
        help=f"Resolution multiplier of the MobileNet paper: {FULL_RESOLUTION} * R pixels.",
    )
    @functools.wraps(command)
    def with_resolution(
        *, resolution: tuple[int, int] | None, rho: tuple[int, int] | None, **others: Any
    ) -> None:
        if resolution is not None and rho is not None:
            raise UserError("--rho contradicts --resolution: give one of them")
        command(resolution=resolution or rho, **others)

    return with_resolution


def resolution_multiplier(value: str) -> tuple[int, int]:
    """The resolution in pixels at this share of 224.

    >>> resolution_multiplier("1"), resolution_multiplier("0.857")
    ((224, 224), (192, 192))
    """
    try:
        rho = float(value)
    except ValueError:
        rho = math.nan
    if not 0 < rho <= LARGEST_RHO:
        raise click.BadParameter(f"{value!r} is no multiplier: give one such as 0.5")
    side = round(FULL_RESOLUTION * rho)
    return side, side
