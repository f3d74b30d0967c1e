"""What an artifact computes with: operators by place and precision, in one vocabulary."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.bundle.manifest import heavy_in_float


@dataclass(frozen=True, kw_only=True)
class Work:
    """What one call outside the fast path does: multiply-accumulates, and elements it writes."""

    operator: str
    macs: int
    elements: int


@dataclass(frozen=True, kw_only=True)
class OperatorCount:
    """`name.precision` -> how many, inside the runtime's fast path (delegate) and outside it.

    Names of the heavy operators are ours (`conv`, `linear`); others are the runtime's own.
    `outside_work` says what each call outside does, where that is slower.
    """

    inside: dict[str, int]
    outside: dict[str, int]
    outside_work: tuple[Work, ...] = ()

    def heavy_in_float(self) -> dict[str, int]:
        """Convolutions and fully connected layers that run in float, by name."""
        return heavy_in_float(self.inside, self.outside)
