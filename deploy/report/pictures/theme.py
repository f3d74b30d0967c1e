"""Roles of colours in a chart, and SVG in which a page's style sheet says what they are.

matplotlib writes colours into every element. Here each role is drawn in a colour of its own that
nothing else has, and found again in the text: for a page it becomes a variable of its style sheet,
so that one chart is right in light, in dark and on paper; for a file it becomes a colour.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from deploy.support.printable import shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"

# The placeholder that is drawn with, and the colour on white paper.
INK, MUTED, GRID, SURFACE, LIMIT, ACCENT, BAD = (f"#0{n}0{n}0{n}" for n in range(1, 8))
ROLES: dict[str, tuple[str, str]] = {
    INK: ("ink", "#1b1f24"),
    MUTED: ("muted", "#59636e"),
    GRID: ("grid", "#e3e6ea"),
    SURFACE: ("surface", "#ffffff"),
    LIMIT: ("limit", "#8f1d2c"),
    ACCENT: ("accent", "#0b5cad"),
    BAD: ("bad", "#8f1d2c"),
}
# M. Okabe and K. Ito, "Color Universal Design", 2008: told apart by the colour-blind. The yellow is
# left out, being too light on white; a marker of its own goes with each.
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
SERIES_INKS = tuple(f"#0a0b{n:02x}" for n in range(len(SERIES)))
ROLES |= {
    ink: (f"series-{n + 1}", colour)
    for n, (ink, colour) in enumerate(zip(SERIES_INKS, SERIES, strict=True))
}
MARKERS = ("o", "s", "^", "D", "v", "P")
# The same for a legend, around (0, 0).
SHAPES = (
    '<circle r="4"/>',
    '<path d="M-4-4h8v8h-8z"/>',
    '<path d="M0-4 4.5 4h-9z"/>',
    '<path d="M0-5 5 0 0 5-5 0z"/>',
    '<path d="M0 4-4.5-4h9z"/>',
    '<path d="M-1.7-5h3.4v3.3H5v3.4H1.7V5h-3.4V1.7H-5v-3.4h3.3z"/>',
)

FONT_SIZE = 10.0
# What a name may hold, and XML may not.
_NOT_XML = re.compile("[\x1b\ufffe\uffff]")
# Of texts, so that lines below them do not cut them; the page has its own.
_HALO = "text{paint-order:stroke;stroke:#fff;stroke-width:2.5px;stroke-linejoin:round}"


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What a point of a chart leads to and says: `link` is an id of the page."""

    link: str
    row: str
    text: str


@contextmanager
def drawing() -> Iterator[None]:
    """Settings under which a chart is to be made, drawn and saved: the same bytes every time."""
    import matplotlib

    with matplotlib.rc_context(
        {
            "font.family": "DejaVu Sans",  # Comes with matplotlib: sizes of texts are its.
            "font.size": FONT_SIZE,
            "text.parse_math": False,  # A $ in a name is a $.
            "svg.fonttype": "none",  # Text stays text, to be read, found and copied.
            "svg.hashsalt": "mobile-deploy",
            "path.simplify": False,
            "savefig.facecolor": SURFACE,
            "axes.facecolor": "none",
            "axes.edgecolor": GRID,
            "axes.labelcolor": MUTED,
            "axes.axisbelow": True,
            "text.color": INK,
            "xtick.color": MUTED,
            "ytick.color": MUTED,
            "xtick.labelsize": FONT_SIZE,
            "ytick.labelsize": FONT_SIZE,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.spines.left": False,
            "grid.color": GRID,
            "grid.linewidth": 0.8,
        }
    ):
        yield


def raw_svg(figure: Figure) -> str:
    """As matplotlib writes it, in placeholders, without what turns text around or is not XML."""
    text = StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return _NOT_XML.sub("?", shown(text.getvalue()))


def standing_alone(raw: str) -> str:
    """A file, in the colours of white paper."""
    for placeholder, (_, colour) in ROLES.items():
        raw = raw.replace(placeholder, colour)
    return raw.replace("</style>", f"{_HALO}</style>", 1)


class Styles:
    """The declarations that the charts of one page have in common, a class each.

    A strict Content-Security-Policy takes no style of a single element's.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def name_of(self, declarations: str) -> str:
        return self._names.setdefault(declarations, f"c{len(self._names)}")

    def sheet(self) -> str:
        return "\n".join(f".{name}{{{text}}}" for text, name in self._names.items())


def for_page(
    raw: str, styles: Styles, *, name: str, title: str, marks: dict[str, Mark] | None = None
) -> str:
    """An <svg> for a page: without ids of its own but those that begin with `name`, without styles.

    `title` is what is read out of the whole; the group with an id of `marks` becomes a link.
    """
    ElementTree.register_namespace("", SVG)
    root = ElementTree.fromstring(raw)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{{{SVG}}}metadata", f"{{{SVG}}}style"):
                parent.remove(child)
    kept = _referenced(root)
    for element in list(root.iter()):
        _restyle(element, styles)
        _rename(element, name, kept, marks or {})
    _drop_empty(root)
    for attribute in ("width", "height", "version"):
        root.attrib.pop(attribute, None)
    root.attrib |= {"class": "chart", "role": "group" if marks else "img", "aria-label": title}
    text = ElementTree.tostring(root, encoding="unicode")
    text = text.replace(f' xmlns="{SVG}"', "").replace(f' xmlns:xlink="{XLINK}"', "")
    return re.sub(r">\s+<", "><", text)


def _referenced(root: ElementTree.Element) -> set[str]:
    """Ids that something in the picture points to."""
    found = set()
    for element in root.iter():
        for attribute, value in element.attrib.items():
            if attribute == f"{{{XLINK}}}href":
                found.add(value.removeprefix("#"))
            elif match := re.fullmatch(r"url\(#(.+)\)", value):
                found.add(match[1])
    return found


def _restyle(element: ElementTree.Element, styles: Styles) -> None:
    declared = element.attrib.pop("style", None)
    if declared is None:
        return
    parts = [part.strip() for part in declared.split(";") if part.strip()]
    declared = ";".join(filter(None, map(_shorter, parts)))
    for placeholder, (role, _) in ROLES.items():
        declared = declared.replace(placeholder, f"var(--{role})")
    if declared:
        element.set("class", styles.name_of(declared))


def _shorter(declaration: str) -> str:
    name, _, value = (part.strip() for part in declaration.partition(":"))
    # The page has a font of its own; texts were placed with room to spare.
    return "" if name == "font-family" else f"{name}:{value}"


def _rename(
    element: ElementTree.Element, name: str, kept: set[str], marks: dict[str, Mark]
) -> None:
    id = element.attrib.pop("id", None)
    if id in marks:
        mark = marks[id]
        element.tag = f"{{{SVG}}}a"
        element.set("href", f"#{mark.link}")
        element.set("class", "point")
        element.set("data-row", mark.row)
        element.set("aria-label", mark.text)
        title = ElementTree.Element(f"{{{SVG}}}title")
        title.text = mark.text
        element.insert(0, title)
    elif id in kept:
        element.set("id", f"{name}-{id}")
    if (href := element.attrib.pop(f"{{{XLINK}}}href", None)) is not None:
        element.set("href", f"#{name}-{href.removeprefix('#')}")
    if re.match(r"rotate\(-?0 ", element.get("transform", "")):
        del element.attrib["transform"]
    for attribute, value in element.attrib.items():
        if attribute == "clip-path":
            element.set(attribute, value.replace("url(#", f"url(#{name}-"))
        elif attribute in ("d", "x", "y", "transform", "points", "width", "height"):
            element.set(attribute, _rounded(value))


def _rounded(numbers: str) -> str:
    """A tenth of a point is finer than any screen; a dot is a line of no length.

    >>> _rounded("M 1.0 2.25 L 1.0 2.25 M 3 4 L 5.55 4")
    'M1 2.2h0M3 4L5.5 4'
    """
    text = re.sub(
        r"-?\d+\.\d+", lambda found: f"{float(found[0]):.1f}".rstrip("0").rstrip("."), numbers
    )
    text = text.replace("-0 ", "0 ")
    text = re.sub(r"M (\S+ \S+) L \1(?= M|$)", r"M \1h0", " ".join(text.split()))
    return re.sub(r" ?([MLCQZz]) ?", r"\1", text)


def _drop_empty(root: ElementTree.Element) -> None:
    """Groups in which nothing is drawn."""
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag == f"{{{SVG}}}g" and not len(child) and not child.text:
                parent.remove(child)
