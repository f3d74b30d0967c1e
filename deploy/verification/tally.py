"""Counting answers: hits, agreement with the reference, by class, and what differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deploy.statistics.accuracy import Share, share
from deploy.verification.answers import KEPT, Answers


@dataclass(frozen=True, kw_only=True)
class ArtifactScore:
    """What one artifact did with `photos` photos.

    `top1` and `top5` are None without labels, `top5` also for five classes or fewer, of which
    every answer is among the first five. `agreement` is how often its first answer is the
    reference's, None without one and for the reference itself. Photos for which it gave a NaN
    (`not_numbers`) are misses everywhere.
    """

    name: str
    photos: int
    not_numbers: int
    top1: Share | None
    top5: Share | None
    agreement: Share | None


@dataclass(frozen=True, kw_only=True)
class ClassScore:
    """The photos of one class, and on how many of them each artifact's first answer is right."""

    index: int
    photos: int
    hits: dict[str, int]

    @property
    def worst(self) -> float:
        """The lowest share of hits of any artifact."""
        return min(self.hits.values()) / self.photos


@dataclass(frozen=True, kw_only=True)
class Changed:
    """A photo to which artifacts give another class than the reference: theirs, by name. `label`
    is the true class, None where the folder has none; -1 stands for a NaN."""

    path: Path
    label: int | None
    reference: int
    answers: dict[str, int]


class Tally:
    """The counts of several artifacts so far."""

    def __init__(self, names: Collection[str], reference: str | None, labelled: bool) -> None:
        self.photos = 0
        self.not_numbers = Counter[str]()
        self.changed: list[Changed] = []
        self._names, self._reference, self._labelled = names, reference, labelled
        self._top1, self._top5, self._agreeing = Counter[str](), Counter[str](), Counter[str]()
        self._of_class = Counter[int]()
        self._hits_of_class = Counter[tuple[int, str]]()
        self._has_top5 = False

    def add(self, answers: Answers) -> None:
        if not answers.photos:
            return
        self.photos += len(answers.photos)
        self._has_top5 = answers.class_count > KEPT
        labels = np.array([photo.label for photo in answers.photos]) if self._labelled else None
        if labels is not None:
            self._of_class.update(labels.tolist())
        for name in self._names:
            ranked = answers.classes[name]
            self.not_numbers[name] += int((ranked[:, 0] < 0).sum())
            if labels is not None:
                hits = ranked[:, 0] == labels
                self._top1[name] += int(hits.sum())
                self._top5[name] += int((ranked == labels[:, None]).any(axis=1).sum())
                self._hits_of_class.update((label, name) for label in labels[hits].tolist())
        if self._reference is not None:
            self._compare(answers, self._reference)

    def _compare(self, answers: Answers, reference: str) -> None:
        expected = answers.classes[reference][:, 0]
        others = {name: answers.classes[name][:, 0] for name in self._names if name != reference}
        for name, first in others.items():
            self._agreeing[name] += int(((first == expected) & (expected >= 0)).sum())
        for row, photo in enumerate(answers.photos):
            differing = {
                name: int(first[row])
                for name, first in others.items()
                if first[row] != expected[row]
            }
            if differing:
                self.changed.append(
                    Changed(
                        path=photo.path,
                        label=photo.label,
                        reference=int(expected[row]),
                        answers=differing,
                    )
                )

    def scores(self) -> tuple[ArtifactScore, ...]:
        """In the order of the names. There must have been photos."""

        def of_all(hits: int, known: bool) -> Share | None:
            return share(hits, self.photos) if known else None

        compared = self._reference is not None
        return tuple(
            ArtifactScore(
                name=name,
                photos=self.photos,
                not_numbers=self.not_numbers[name],
                top1=of_all(self._top1[name], self._labelled),
                top5=of_all(self._top5[name], self._labelled and self._has_top5),
                agreement=of_all(self._agreeing[name], compared and name != self._reference),
            )
            for name in self._names
        )

    def by_class(self) -> tuple[ClassScore, ...]:
        """The worst first, of equally bad ones the more frequent; none without labels."""
        scores = [
            ClassScore(
                index=index,
                photos=photos,
                hits={name: self._hits_of_class[index, name] for name in self._names},
            )
            for index, photos in self._of_class.items()
        ]
        return tuple(sorted(scores, key=lambda one: (one.worst, -one.photos, one.index)))
