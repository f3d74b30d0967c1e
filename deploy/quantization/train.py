"""Gradient descent on what int8 adds to the logits, stopped by photos held out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

# Photos a step.
BATCH = 4
# Of Adam.
BETAS = (0.9, 0.99)
WARM_STEPS = 5
# As often the photos held out tell whether it is the best moment so far.
MOMENTS = 8
# Every fourth photo is held out.
HELD_OUT = 4

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class Student(Protocol[T_co]):
    """An int8 program with something to learn."""

    def groups(self) -> list[dict[str, Any]]:
        """What is learned, as an optimizer takes it: "params" and their rate "lr"."""

    def add_gradients(self, photos: Tensor) -> None:
        """Add those of the difference from float on `photos` (N, C, H, W) to the parameters."""

    def float_logits(self, photo: Tensor) -> Tensor:
        """Logits (1, classes) of the float program for one `photo` (1, C, H, W)."""

    def int8_logits(self, photo: Tensor) -> Tensor:
        """The same of the int8 program as it is."""

    def keep_exact(self) -> None:
        """Bring the parameters back to where they may be."""

    def learned(self) -> T_co:
        """What is learned so far."""


def hold_out(photos: Sequence[str]) -> Tensor:
    """Which inputs teach nothing, (N,) bool: all crops of every fourth photo.

    `photos` says of each input of which photo it is a crop.
    """
    number = {photo: i for i, photo in enumerate(dict.fromkeys(photos))}
    return torch.tensor([number[photo] % HELD_OUT == HELD_OUT - 1 for photo in photos])


def train(
    student: Student[T],
    photos: Tensor,
    *,
    apart: Tensor,
    steps: int,
    progress: Callable[[int, int], None] | None = None,
) -> T:
    """What `student` has learned from `photos` (N, C, H, W) by the best of a few moments.

    The photos `apart` (N,), bool, teach nothing and tell which that is; where nothing is gained on
    those, it is the start. The same photos give the same.
    """
    learning, held_out = photos[~apart], photos[apart]
    optimizer = torch.optim.Adam(student.groups(), betas=BETAS)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, partial(_rate, steps))
    draw = torch.Generator().manual_seed(0)

    with torch.no_grad():
        wanted = torch.cat([student.float_logits(photo[None]) for photo in held_out])

    def error() -> float:
        with torch.no_grad():
            logits = torch.cat([student.int8_logits(photo[None]) for photo in held_out])
        return float((logits - wanted).square().sum())

    best, kept = error(), student.learned()
    waiting: list[int] = []
    for step in range(1, steps + 1):
        while len(waiting) < BATCH:
            waiting += torch.randperm(len(learning), generator=draw).tolist()
        batch, waiting = _mirrored(learning[waiting[:BATCH]], draw), waiting[BATCH:]
        optimizer.zero_grad()
        student.add_gradients(batch)
        optimizer.step()
        schedule.step()
        student.keep_exact()
        if step % max(steps // MOMENTS, 1) == 0 and (now := error()) < best:
            best, kept = now, student.learned()
        if progress:
            progress(step, steps)
    return kept


def _rate(steps: int, step: int) -> float:
    """Warm up, then a cosine down to nothing."""
    return min(1.0, (step + 1) / WARM_STEPS) * (1 + math.cos(math.pi * step / steps)) / 2


def _mirrored(photos: Tensor, draw: torch.Generator) -> Tensor:
    """Half of `photos` (N, C, H, W), as `draw` has it, the other way round."""
    flipped = torch.rand(len(photos), 1, 1, 1, generator=draw) < 0.5
    return torch.where(flipped, photos.flip(-1), photos)
