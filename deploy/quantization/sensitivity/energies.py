"""What int8 costs a network's answers, part by part, and what any mix of int8 and float would."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deploy.quantization.kernels import Kernel


@dataclass(frozen=True, kw_only=True)
class TensorError:
    """What the quantization of one tensor adds to the logits' energy.

    `gram` (readers, readers) holds at [i, j] the mean product of what reaches the logits by way of
    reader i and of reader j, so that its sum is the energy where all of them read the integers,
    and the sum over a few rows and their columns where only those do.
    """

    readers: tuple[str, ...]
    gram: npt.NDArray[np.float64]

    def energy(self, reading: Iterable[str] | None = None) -> float:
        """Added where the nodes of `reading` (None: all) read the integers."""
        if reading is None:
            return float(self.gram.sum())
        chosen = set(reading)
        rows = [i for i, reader in enumerate(self.readers) if reader in chosen]
        return float(self.gram[np.ix_(rows, rows)].sum())


@dataclass(frozen=True, kw_only=True)
class Sensitivity:
    """Energies (sums of squares) that int8 adds to the logits: of each tensor by its name, of
    each weight with its bias by the node that reads it.

    `logits` is their own energy on the same photos. To first order, and as errors hardly
    correlate, the parts' energies add up to the whole's. `moved` says of a tensor that holds
    another's values, flattened or pooled, whose and by which of its readers.
    """

    logits: float
    tensors: Mapping[str, TensorError]
    weights: Mapping[str, float]
    moved: Mapping[str, tuple[str, str]]

    def energy(self, kernels: Iterable[Kernel]) -> float:
        """Of a program in which `kernels` are in int8 and the rest in float."""
        return sum(self.parts(kernels).values())

    def parts(self, kernels: Iterable[Kernel]) -> dict[str, float]:
        """The same by tensor and by node, greatest first.

        What an int8 kernel made exists in no other form; what a float operator made is read as it
        is by whoever computes in float.
        """
        kernels = list(kernels)
        made = {kernel.output for kernel in kernels if kernel.kind != "pass"}
        reading: dict[str, set[str]] = {}
        for kernel in kernels:
            for name in kernel.inputs:
                source, reader = self.moved.get(name, (name, kernel.reader))
                reading.setdefault(source, set()).add(reader)
        energies = {
            name: error.energy(None if name in made else reading[name])
            for name, error in self.tensors.items()
            if name in made or name in reading
        }
        weights = {
            kernel.node: self.weights[kernel.node]
            for kernel in kernels
            if kernel.node in self.weights
        }
        parts = {
            name: energies.get(name, 0.0) + weights.get(name, 0.0) for name in energies | weights
        }
        return dict(sorted(parts.items(), key=lambda part: -part[1]))
