"""A Core ML package's ML Program as small typed records; `load` makes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch

Constant: TypeAlias = torch.Tensor | float | int | bool | str | tuple[Any, ...]
"""Scalars are Python's, vectors of int32, bool or str are tuples, all else are tensors.

float16 tensors are held as float32, which represents each of their values.
"""


@dataclass(frozen=True)
class Output:
    """A named value. `dtype` is MIL's: "float16", "float32", "int8", "uint8", "string", ..."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Operation:
    """`inputs`: parameter -> name of a value, or names where the parameter is variadic."""

    name: str
    op_type: str
    inputs: Mapping[str, str | tuple[str, ...]]
    outputs: tuple[Output, ...]


@dataclass(frozen=True)
class MilProgram:
    """One function of straight-line code; `operations` are in the order of execution."""

    inputs: tuple[Output, ...]
    operations: tuple[Operation, ...]
    constants: Mapping[str, Constant]
    outputs: tuple[str, ...]
    image_inputs: frozenset[str]


def input_names(operation: Operation) -> Iterable[str]:
    """Names of all the values that the operation reads, constants among them."""
    for names in operation.inputs.values():
        yield from (names,) if isinstance(names, str) else names
