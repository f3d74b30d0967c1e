"""The names of classes: ImageNet's, a user's own, or numbers.

`imagenet.tsv` holds ImageNet's 1000 classes (ILSVRC 2012) in the order of a network's outputs:
the WordNet id, a tab, the first of the class's names. Five names are made more precise, since the
first name alone would stand for two classes ("crane" is a bird and a machine, a "cardigan" a
jacket and a corgi).
"""

from __future__ import annotations

import unicodedata
from importlib.resources import files
from pathlib import Path

from deploy.support.errors import UserError


def imagenet_labels() -> list[str]:
    """The 1000 English names, distinct even without regard to case, in the outputs' order."""
    return [label for _, label in _imagenet()]


def imagenet_wordnet_ids() -> list[str]:
    """The 1000 WordNet ids (`n01440764`, ...) in the outputs' order."""
    return [wordnet_id for wordnet_id, _ in _imagenet()]


def default_labels(classes: int) -> list[str]:
    """Names for classes that nobody has named.

    >>> default_labels(3)
    ['class 0', 'class 1', 'class 2']
    """
    return [f"class {i}" for i in range(classes)]


def read_labels(path: Path, classes: int | None) -> list[str]:
    """Read a user's labels: UTF-8, one a line, in the order of the network's outputs.

    White space around a label is dropped, as is one blank line at the end. Raises UserError, naming
    the lines, unless there are exactly `classes` labels (None: at least 2), all distinct, none
    empty and none with control characters.
    """
    labels = _lines(path)
    seen: dict[str, int] = {}
    for number, label in enumerate(labels, start=1):
        if not label:
            raise UserError(f"{path}, line {number} is empty: write one label a line")
        if any(unicodedata.category(letter) in {"Cc", "Zl", "Zp"} for letter in label):
            raise UserError(f"{path}, line {number} holds a control character: remove it")
        if label in seen:
            raise UserError(
                f"{path}: lines {seen[label]} and {number} are both {label!r}: "
                "make the labels distinct"
            )
        seen[label] = number
    if classes is None and len(labels) < 2:
        raise UserError(
            f"{path} holds {len(labels)} labels, and a network has at least 2 classes: write one "
            "label a line, in the order of the network's outputs"
        )
    if classes is not None and len(labels) != classes:
        raise UserError(
            f"{path} holds {len(labels)} labels but the network has {classes} classes: "
            "write one label a line, in the order of the network's outputs"
        )
    return labels


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"labels file {path} is not UTF-8 text: save it as UTF-8") from error
    except OSError as error:
        raise UserError(
            f"labels file {path} cannot be read ({error.strerror}): check the path"
        ) from error
    # Not str.splitlines, which would also split at form feeds and Unicode separators.
    lines = [line.strip(" \t\r") for line in text.split("\n")]
    # What ends the last line, and one blank line, which editors and spreadsheets leave.
    for _ in range(2):
        if lines and lines[-1] == "":
            lines.pop()
    return lines


def _imagenet() -> list[tuple[str, str]]:
    text = files(__name__).joinpath("imagenet.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines()]
    return [(wordnet_id, label) for wordnet_id, label in rows]
