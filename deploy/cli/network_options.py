"""The options by which a command learns which network it is about."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from deploy.cli.options import PATH, Command, height_and_width
from deploy.support.errors import UserError

# The resolution multiplier of MobileNetV1's paper is of this many pixels (section 3.4).
FULL_RESOLUTION = 224
LARGEST_RHO = 1000.0


# What is said of these options: of a network with weights, and of untrained variants to compare.
OF_A_NETWORK = {
    "width": "Multiplies all channels.",
    "padding": "PyTorch's or TensorFlow's. Layers of timm's tf_ networks, which have the latter, "
    "are named as in its others: say which yours is.  [default: the weights' own, else symmetric]",
    "classes": "Number of classes, with --weights none or to check a file's.  [default: the "
    "weights' own, else 1000]",
}
OF_VARIANTS = {
    "width": "Multiplies all channels, where NETWORK does not say it.",
    "padding": "PyTorch's or TensorFlow's, which takes more memory.  [default: symmetric]",
    "classes": "Number of classes.  [default: 1000]",
}


def variant_options(command: Command, texts: Mapping[str, str] = OF_VARIANTS) -> Command:
    """Add --width, --padding, --resolution or --rho, and --classes.

    They reach `command` as `width`, `padding`, `resolution` (height, width) and `classes`.
    """

    @_options(
        click.option("--width", default=1.0, show_default=True, metavar="A", help=texts["width"]),
        click.option("--padding", metavar="symmetric|same", help=texts["padding"]),
        click.option(
            "--resolution",
            type=height_and_width,
            metavar="R|HxW",
            help="Height and width of the input in pixels.  [default: the weights' or the "
            "network's own]",
        ),
        click.option(
            "--rho",
            type=resolution_multiplier,
            metavar="R",
            help=f"Resolution multiplier of the MobileNet paper: {FULL_RESOLUTION} * R pixels.",
        ),
        click.option("--classes", type=int, metavar="N", help=texts["classes"]),
    )
    @functools.wraps(command)
    def with_variant(
        *, resolution: tuple[int, int] | None, rho: tuple[int, int] | None, **others: Any
    ) -> None:
        if resolution is not None and rho is not None:
            raise UserError("--rho contradicts --resolution: give one of them")
        command(resolution=resolution or rho, **others)

    return with_variant


def network_options(command: Command) -> Command:
    """Add NETWORK and all that says which one: `command` gets one `spec`, a NetworkSpec."""

    @click.argument("network", metavar="NETWORK")
    @_options(
        click.option(
            "--weights",
            metavar="imagenet|none|FILE",
            help="Published weights, untrained ones, or a file of your own.  [default: imagenet; "
            "for a network of your own what it is made with]",
        ),
        click.option(
            "--weights-prefix",
            metavar="NAME",
            help="Which network of the file, by what stands before its tensors' names, such as "
            "teacher.",
        ),
    )
    @functools.partial(variant_options, texts=OF_A_NETWORK)
    @_options(
        click.option(
            "--logits",
            metavar="NAME",
            help="Which output the logits are, of a network of your own that has several: a key or "
            "field, or a number from 0.",
        ),
        click.option(
            "--labels",
            type=PATH,
            metavar="FILE",
            help="Names of the classes, one a line.  [default: ImageNet's for 1000 classes]",
        ),
        click.option(
            "--preprocessing",
            "preprocessing_file",
            type=PATH,
            metavar="FILE.toml",
            help="How a photo becomes the input: resize, crop, scale, mean, std. The options below "
            "go before it.  [default: the weights' own; for nets.py nets.toml beside it, else "
            "ImageNet's]",
        ),
        click.option(
            "--resize",
            metavar="R|HxW",
            help="Size that the photo is scaled to just cover, before the crop to --resolution.",
        ),
        click.option("--scale", metavar="X", help="Factor for each 8-bit value, such as 1/255."),
        click.option(
            "--mean", metavar="X|R,G,B", help="What is then subtracted from each channel."
        ),
        click.option("--std", metavar="X|R,G,B", help="What each channel is then divided by."),
        click.option(
            "--seed",
            type=click.IntRange(0, 2**32 - 1),
            default=0,
            show_default=True,
            metavar="N",
            help="Of untrained weights.",
        ),
    )
    @functools.wraps(command)
    def with_spec(
        *,
        network: str,
        weights: str | None,
        weights_prefix: str | None,
        width: float,
        padding: str | None,
        resolution: tuple[int, int] | None,
        classes: int | None,
        logits: str | None,
        labels: Path | None,
        preprocessing_file: Path | None,
        resize: str | None,
        scale: str | None,
        mean: str | None,
        std: str | None,
        seed: int,
        **others: Any,
    ) -> None:
        from deploy.capture.spec import NetworkSpec
        from deploy.photos.preprocessing import parse_preprocessing

        said = {"resize": resize, "scale": scale, "mean": mean, "std": std}
        spec = NetworkSpec(
            network,
            weights=weights,
            weights_prefix=weights_prefix,
            width=width,
            padding=padding,
            resolution=resolution,
            classes=classes,
            logits=logits,
            labels=labels,
            preprocessing=parse_preprocessing(said, "--"),
            preprocessing_file=preprocessing_file,
            seed=seed,
        )
        command(spec=spec, **others)

    return with_spec


def _options(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """One decorator of several, which the help shows in this order."""
    return lambda command: functools.reduce(lambda so_far, add: add(so_far), options[::-1], command)


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
