"""Types that the operators share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import torch
from torch import Tensor

Operand: TypeAlias = Tensor | float
Axes: TypeAlias = Sequence[int]
Operator: TypeAlias = Callable[..., Any]

DTYPES: Final[Mapping[str, torch.dtype]] = {
    "fp16": torch.float32,  # the caller rounds to float16
    "fp32": torch.float32,
    "int8": torch.int8,
    "uint8": torch.uint8,
    "int16": torch.int16,
    "uint16": torch.int32,  # torch hardly computes in uint16
    "int32": torch.int32,
    "bool": torch.bool,
}


class UnclearError(ValueError):
    """Core ML's meaning of an operator, in the form that a program has it, is written nowhere."""
