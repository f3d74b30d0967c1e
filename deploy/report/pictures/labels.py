"""Where names of points can stand without covering anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

# Points of print from the middle of a marker to the text, the nearest places first.
_NEAR, _FAR = 7.0, 15.0
# Of a line, where texts are to keep away from it.
_SAMPLES = 40

Place = tuple[float, float]
Segment = tuple[Place, Place]


@dataclass(frozen=True, kw_only=True)
class Label:
    """A text for the point at (x, y) in the data's coordinates."""

    x: float
    y: float
    text: str
    bold: bool


def place_labels(
    axes: Axes,
    labels: Sequence[Label],
    points: Sequence[Place],
    lines: Sequence[Segment],
    color: str,
) -> None:
    """Write those labels that have room beside their point, the first ones first: over no other
    text and no point, and over as little of the lines as can be.

    What has no room is left out: the page names every point when it is asked.
    """
    figure = axes.figure
    figure.canvas.draw()
    inside = axes.get_window_extent()
    markers = [_around(axes, x, y) for x, y in points]
    texts = [text.get_window_extent() for text in axes.texts]
    drawn = _along(axes, lines)
    for label in labels:
        placed = _place(axes, label, inside, [*texts, *markers], drawn, color)
        # The one that is recommended is named, if need be over a marker.
        if placed is None and label.bold:
            placed = _place(axes, label, inside, texts, drawn, color)
        if placed is not None:
            texts.append(placed.padded(2))


def _place(
    axes: Axes,
    label: Label,
    inside: Bbox,
    taken: Sequence[Bbox],
    drawn: npt.NDArray[np.float64],
    color: str,
) -> Bbox | None:
    """Write it where it covers nothing that is `taken` and the least of what is `drawn`, and give
    its place; None, and nothing written, where it cannot stand."""
    best: tuple[int, Annotation, Bbox] | None = None
    for offset, sides in _places(8 if label.bold else 0):
        text = axes.annotate(
            label.text,
            (label.x, label.y),
            xytext=offset,
            textcoords="offset points",
            ha=sides[0],
            va=sides[1],
            color=color,
            weight="bold" if label.bold else "normal",
            fontsize=9.5,
            annotation_clip=False,
        )
        box = text.get_window_extent()
        free = _within(box, inside) and not any(box.overlaps(other) for other in taken)
        crossed = int(box.padded(1).count_contains(drawn)) if free and len(drawn) else 0
        if free and (best is None or crossed < best[0]):
            if best is not None:
                best[1].remove()
            best = crossed, text, box
        else:
            text.remove()
        if best is not None and not best[0]:
            break
    return best[2] if best else None


def _places(ring: float) -> Iterator[tuple[tuple[float, float], tuple[str, str]]]:
    for away in (_NEAR + ring, _FAR + ring):
        yield (away, 0), ("left", "center")
        yield (-away, 0), ("right", "center")
        yield (0, away), ("center", "bottom")
        yield (0, -away), ("center", "top")
        yield (away, away * 0.7), ("left", "bottom")
        yield (away, -away * 0.7), ("left", "top")
        yield (-away, away * 0.7), ("right", "bottom")
        yield (-away, -away * 0.7), ("right", "top")


def _along(axes: Axes, lines: Sequence[Segment]) -> npt.NDArray[np.float64]:
    """Places on the lines, as they are drawn: (n, 2)."""
    import numpy as np

    if not lines:
        return np.empty((0, 2))
    ends = axes.transData.transform(np.array(lines).reshape(-1, 2)).reshape(-1, 2, 2)
    share = np.linspace(0, 1, _SAMPLES)[:, None, None]
    along: npt.NDArray[np.float64] = (1 - share) * ends[:, 0] + share * ends[:, 1]
    return along.reshape(-1, 2)


def _around(axes: Axes, x: float, y: float) -> Bbox:
    from matplotlib.transforms import Bbox

    middle = axes.transData.transform((x, y))
    radius = 4.5 * axes.figure.dpi / 72
    return Bbox([middle - radius, middle + radius])


def _within(box: Bbox, inside: Bbox) -> bool:
    return bool(
        box.x0 >= inside.x0 and box.x1 <= inside.x1 and box.y0 >= inside.y0 and box.y1 <= inside.y1
    )
