"""A picture of a sensitivity report: a bar for each part, worst on top."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.support.errors import UserError
from deploy.support.output_file import check_output, write_output
from deploy.support.printable import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from deploy.quantization.sensitivity.parts import PricedPart
    from deploy.quantization.sensitivity.report import SensitivityReport

# Nothing of when, and with what, it was drawn.
METADATA: dict[str, dict[str, str | None]] = {"png": {"Software": None}, "svg": {"Date": None}}

# Told apart by the colour-blind too, and in grey.
INT8, FLOAT = "#9db4c9", "#d95f02"
INK, FAINT = "#222222", "#666666"

# Inches; at 100 dots each, 20 parts are 800 x 600.
WIDTH, BAR, AROUND, BELOW = 8.0, 0.24, 1.2, 0.12
DOTS = 100
FEWEST_ROWS = 3
LONGEST_NAME = 30


def check_picture(path: Path) -> None:
    """Raise UserError where no picture can be written to `path`, before any work is done."""
    if path.suffix.lower().removeprefix(".") not in METADATA:
        raise UserError(
            f"{printable(str(path))} is no picture we can draw: name one that ends with .png or "
            ".svg"
        )
    check_output(path)


def draw_sensitivity(report: SensitivityReport, parts: Sequence[PricedPart], path: Path) -> None:
    """Draw `parts` of `report`, worst first, and write them to `path`, .png or .svg.

    The same report gives the same bytes. Raises UserError for a path that `check_picture` refuses,
    StorageError where it cannot be written.
    """
    check_picture(path)
    import matplotlib
    from matplotlib.figure import Figure

    rows = max(len(parts), FEWEST_ROWS)
    height = AROUND + BAR * rows
    picture_format = path.suffix.lower().removeprefix(".")
    picture = BytesIO()
    with matplotlib.rc_context(
        {
            "font.family": "DejaVu Sans",  # Comes with matplotlib.
            "text.parse_math": False,  # A $ in a name is a $.
            "svg.hashsalt": "mobile-deploy",  # Identifiers are drawn by chance without.
        }
    ):
        figure = Figure(figsize=(WIDTH, height), dpi=DOTS)
        axes = figure.add_axes((0.37, BELOW / height, 0.55, BAR * rows / height))
        axes.set_ylim(rows - 0.5, -0.5)
        _draw_bars(axes, parts)
        _write_heading(figure, height, report, parts)
        figure.savefig(picture, format=picture_format, metadata=METADATA[picture_format])
    write_output(path, picture.getvalue())


def _draw_bars(axes: Axes, parts: Sequence[PricedPart]) -> None:
    shares = [100 * part.share for part in parts]
    rows = range(len(parts))
    colors = [FLOAT if part.left_in_float else INT8 for part in parts]
    bars = axes.barh(rows, shares, height=0.72, color=colors)
    axes.bar_label(bars, fmt="%.1f", padding=4, fontsize=8, color=FAINT)
    axes.set_xlim(0, 1.12 * max(shares, default=0) or 1)
    axes.set_xticks([])
    axes.set_yticks(rows, [_label(part) for part in parts], fontsize=9, color=INK)
    axes.tick_params(length=0)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.spines["left"].set_color(FAINT)


def _write_heading(
    figure: Figure, height: float, report: SensitivityReport, parts: Sequence[PricedPart]
) -> None:
    from matplotlib.patches import Patch

    network = shortened(report.network, LONGEST_NAME)
    lines = (
        (0.14, f"{network}: what int8 costs, part by part", 13, INK, "bold"),
        (0.46, _summary(report), 9.5, FAINT, "normal"),
        (0.70, "Bars: share of the error that int8 adds to the logits, %", 9.5, FAINT, "normal"),
    )
    for inches, text, size, color, weight in lines:
        top = 1 - inches / height
        figure.text(0.02, top, text, fontsize=size, color=color, weight=weight, va="top")
    if any(part.left_in_float for part in parts):
        figure.legend(
            handles=[
                Patch(color=INT8, label="stays in int8"),
                Patch(color=FLOAT, label="auto leaves in float"),
            ],
            loc="upper right",
            bbox_to_anchor=(0.99, 1 - 0.57 / height),
            ncols=2,
            frameon=False,
            fontsize=9.5,
            labelcolor=FAINT,
        )


def shortened(name: str, longest: int) -> str:
    """The end of a layer's name says more than its start.

    >>> shortened("features.1.block.1.fc1", 22)
    'features.1.block.1.fc1'
    >>> shortened("encoder.layers.0.blocks.1.conv", 22)
    '...ers.0.blocks.1.conv'
    """
    return name if len(name) <= longest else "..." + name[3 - longest :]


def _label(part: PricedPart) -> str:
    what = "weights" if part.kind == "weight" else part.operator
    return f"{shortened(part.layer, LONGEST_NAME)}  {what}"


def _summary(report: SensitivityReport) -> str:
    pure, auto = (
        f"{outcome.measured.sqnr_db:.1f} dB, {100 * outcome.measured.agreement:.1f} %"
        for outcome in (report.pure, report.auto)
    )
    return f"Against float, in dB and in top classes kept: {pure} for int8 pure; {auto} for auto"
