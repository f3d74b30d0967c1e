"""Where names of points can stand without covering anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Bbox

# Points of print from the middle of a marker to the text, the nearest places first.
_NEAR, _FAR = 6.0, 13.0


@dataclass(frozen=True, kw_only=True)
class Label:
    """A text for the point at (x, y) in the data's coordinates."""

    x: float
    y: float
    text: str
    bold: bool


def place_labels(
    axes: Axes, labels: Sequence[Label], points: Sequence[tuple[float, float]], color: str
) -> None:
    """Write those labels that have room beside their point, the first ones first.

    What has none is left out: the page names every point when it is asked.
    """
    figure = axes.figure
    figure.canvas.draw()
    inside = axes.get_window_extent()
    taken = [_around(axes, x, y) for x, y in points]
    for label in labels:
        for offset, sides in _places():
            text = axes.annotate(
                label.text,
                (label.x, label.y),
                xytext=offset,
                textcoords="offset points",
                ha=sides[0],
                va=sides[1],
                color=color,
                weight="bold" if label.bold else "normal",
                fontsize=8.5,
                annotation_clip=False,
            )
            box = text.get_window_extent()
            if _within(box, inside) and not any(box.overlaps(other) for other in taken):
                taken.append(box.padded(2))
                break
            text.remove()


def _places() -> Iterator[tuple[tuple[float, float], tuple[str, str]]]:
    for away in (_NEAR, _FAR):
        yield (away, 0), ("left", "center")
        yield (-away, 0), ("right", "center")
        yield (0, away), ("center", "bottom")
        yield (0, -away), ("center", "top")
        yield (away, away * 0.7), ("left", "bottom")
        yield (away, -away * 0.7), ("left", "top")
        yield (-away, away * 0.7), ("right", "bottom")
        yield (-away, -away * 0.7), ("right", "top")


def _around(axes: Axes, x: float, y: float) -> Bbox:
    from matplotlib.transforms import Bbox

    middle = axes.transData.transform((x, y))
    radius = 4.5 * axes.figure.dpi / 72
    return Bbox([middle - radius, middle + radius])


def _within(box: Bbox, inside: Bbox) -> bool:
    return bool(
        box.x0 >= inside.x0 and box.x1 <= inside.x1 and box.y0 >= inside.y0 and box.y1 <= inside.y1
    )
