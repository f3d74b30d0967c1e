"""Counts of instructions, compared: they repeat to half a per cent, so no statistics are needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deploy.results.records import CountedArm, EmulatedProcessor, Results
from deploy.results.words import artifact_label


@dataclass(frozen=True, kw_only=True)
class CountComparison:
    """Artifact `b` with artifact `a`: the same network in the same precision, with the same input,
    on the same processor; `a_on` and `b_on` say how each was emulated."""

    a: CountedArm
    b: CountedArm
    a_on: EmulatedProcessor
    b_on: EmulatedProcessor

    @property
    def ratio(self) -> float:
        """Of all instructions: 1.05 says that b executes 5 % more."""
        return self.b.instructions.total / max(self.a.instructions.total, 1)

    @property
    def label(self) -> str:
        return f"{artifact_label(self.b)} on {self.b_on.processor}"

    def more_beyond(self, percent: float) -> bool:
        """Whether b executes more by over `percent`."""
        return self.ratio > 1 + percent / 100

    def problems(self) -> Iterator[str]:
        """Why the two should not be compared."""
        for what, a, b in (
            ("runtimes", self.a_on.runtime, self.b_on.runtime),
            ("emulators", self.a_on.emulator, self.b_on.emulator),
        ):
            if a != b:
                yield f"{self.label}: counted with different {what}, {a} and {b}"


def shared_counts(before: Results, after: Results) -> list[CountComparison]:
    """What both have counted."""
    first, second = _by_key(before), _by_key(after)
    return [
        CountComparison(a=arm, b=second[key][1], a_on=on, b_on=second[key][0])
        for key, (on, arm) in first.items()
        if key in second
    ]


_Key = tuple[str, str, str, str, str | None]


def _by_key(results: Results) -> dict[_Key, tuple[EmulatedProcessor, CountedArm]]:
    """One bundle in each file is taken to be the same one at two times, as of measured arms."""
    labels = {bundle.id: bundle.label for bundle in results.bundles}
    several = len({arm.bundle for on in results.emulated for arm in on.arms}) > 1
    return {
        (
            on.processor,
            arm.network,
            arm.precision,
            arm.input,
            labels[arm.bundle] if several else None,
        ): (on, arm)
        for on in results.emulated
        for arm in on.arms
    }
