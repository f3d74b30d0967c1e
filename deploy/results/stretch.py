"""A stretch of blocks back to back, laid out in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deploy.results.records import Block
from deploy.statistics.block import Floats

_NS = 1e9


@dataclass(frozen=True, eq=False, kw_only=True)
class PlacedBlock:
    """A block that answered, in seconds since its stretch began. `begin` is before its process was
    started, `timed` its first timed inference, `end` after its last; `work` is the time that it
    spent in inferences, the untimed ones taken to be like the others."""

    block: Block
    begin: float
    timed: float
    end: float
    work: float

    @property
    def at(self) -> Floats:
        """When each timed inference ended, float64 (n,)."""
        assert self.block.answer is not None
        at: Floats = self.timed + np.cumsum(np.array(self.block.answer.iterations_ns)) / _NS
        return at


def lay_out(blocks: Sequence[Block], *, warmup: int) -> list[PlacedBlock]:
    """The blocks of a stretch that answered, in time.

    A block begins when the harness looked at the device before it, or where the one before it
    ended, if that is later: the clock of a virtual phone runs ahead of ours by what blocks take.
    """
    placed: list[PlacedBlock] = []
    origin = blocks[0].before.at_s if blocks else 0.0
    for block in blocks:
        answer = block.answer
        if answer is None or answer.status != "ok":
            continue
        begin = max(block.before.at_s - origin, placed[-1].end if placed else 0.0)
        timed_s = sum(answer.iterations_ns) / _NS
        untimed_s = (answer.first_ns or 0) / _NS + warmup * timed_s / len(answer.iterations_ns)
        timed = begin + (answer.load_ns or 0) / _NS + untimed_s
        placed.append(
            PlacedBlock(
                block=block,
                begin=begin,
                timed=timed,
                end=timed + timed_s,
                work=untimed_s + timed_s,
            )
        )
    return placed


def at_work(placed: Sequence[PlacedBlock]) -> float:
    """The share of a stretch that was spent in inferences; the rest were pauses between blocks."""
    return min(1.0, sum(one.work for one in placed) / placed[-1].end)
