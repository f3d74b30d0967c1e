"""What a value is made of: each element has a number, and a moved value is known by its numbers.

A chunk, a view, a channel shuffle or a concat computes nothing: it says where elements go. Programs
name such values as they like, split one move into two or make two one; the numbers of the elements
are the same however it is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from math import prod
from typing import TypeAlias

import torch
from torch import Tensor

Elements: TypeAlias = Tensor
"""int64, of the value's shape: the number of each element."""


@dataclass(frozen=True)
class Fresh:
    """A value that was computed, and so is made of nothing that was there: numbers in a row.

    Most values are never moved. Their numbers, eight bytes each, are made where they are read.
    """

    first: int
    shape: tuple[int, ...]

    def elements(self) -> Elements:
        return torch.arange(self.first, self.first + prod(self.shape)).reshape(self.shape)


class Numbering:
    """Gives out numbers, none twice."""

    def __init__(self) -> None:
        self._next = 0

    def fresh(self, shape: tuple[int, ...]) -> Fresh:
        """Numbers for a value of that shape."""
        first, self._next = self._next, self._next + prod(shape)
        return Fresh(first, shape)


def as_fresh(elements: Elements) -> Fresh | None:
    """The fresh value that is made of just these, if there can be one."""
    if elements.numel() == 0:
        return None
    fresh = Fresh(int(elements.flatten()[0]), tuple(elements.shape))
    return fresh if torch.equal(elements, fresh.elements()) else None


def fingerprint(elements: Elements) -> bytes:
    """Equal for values of one shape that are made of the same elements in the same places."""
    digest = sha256(repr(tuple(elements.shape)).encode())
    digest.update(elements.contiguous().numpy().data)
    return digest.digest()
