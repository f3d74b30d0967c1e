"""The answers to each photo, written as they come: CSV for a spreadsheet, or JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from deploy.support.choices import one_of
from deploy.support.json_text import finite
from deploy.support.output_file import check_output, streamed_output
from deploy.support.spreadsheet import inert
from deploy.verification.answers import Answers

Each = Callable[[Answers], None]


def check_answers_file(path: Path) -> None:
    """Raise UserError where nothing can be written there, or what its name ends with is unknown."""
    one_of("-o", "kind of file", path.suffix.lower(), (".csv", ".json"))
    check_output(path)


@contextmanager
def answers_file(path: Path, labels: Sequence[str]) -> Iterator[Each]:
    """What writes answers to `path`; the file is there once all of them are in it.

    CSV has a row a photo: its path, its class, each artifact's first answer and what it gave it
    (a logit, or a probability where the network ends in them); text that a spreadsheet would take
    for a formula has a ' before it. JSON is a list with an object a photo, and has the best five.
    Raises StorageError.
    """
    with streamed_output(path) as stream:
        if path.suffix.lower() == ".csv":
            yield _Table(stream, labels).add
        else:
            objects = _Objects(stream, labels)
            yield objects.add
            objects.end()


class _Table:
    def __init__(self, stream: TextIO, labels: Sequence[str]) -> None:
        self._rows, self._labels = csv.writer(stream), labels
        self._begun = False

    def add(self, answers: Answers) -> None:
        if not self._begun and answers.classes:
            names = map(inert, answers.classes)
            titles = [title for name in names for title in (name, f"{name} value")]
            self._rows.writerow(["photo", "class", *titles])
            self._begun = True
        for row, photo in enumerate(answers.photos):
            label = "" if photo.label is None else self._labels[photo.label]
            cells = [inert(str(photo.path)), inert(label)]
            for name, classes in answers.classes.items():
                best = classes[row, 0]
                value = f"{answers.logits[name][row, 0]:.6g}"
                cells += ["NaN", ""] if best < 0 else [inert(self._labels[best]), value]
            self._rows.writerow(cells)


class _Objects:
    def __init__(self, stream: TextIO, labels: Sequence[str]) -> None:
        self._stream, self._labels = stream, labels
        self._before = "[\n"

    def add(self, answers: Answers) -> None:
        for row, photo in enumerate(answers.photos):
            facts = {
                "photo": str(photo.path),
                "class": None if photo.label is None else self._labels[photo.label],
                "answers": {
                    name: [
                        {"class": self._labels[index], "value": finite(float(value))}
                        for index, value in zip(
                            classes[row], answers.logits[name][row], strict=True
                        )
                        if index >= 0
                    ]
                    for name, classes in answers.classes.items()
                },
            }
            self._stream.write(self._before + json.dumps(facts))
            self._before = ",\n"

    def end(self) -> None:
        self._stream.write("[]\n" if self._before == "[\n" else "\n]\n")
