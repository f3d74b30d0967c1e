"""What each MIL operator computes, in torch: one small function each, in tables by name.

Parameters are named and defaulted as MIL's (coremltools `converters/mil/mil/ops/defs`, iOS 17; a
program leaves out what has its default). float16 values come as float32 tensors that hold float16
values, and the caller rounds each result to the operator's output type: so float16 is modelled as a
storage type, with arithmetic and accumulation in float32.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from deploy.runtimes.mil.ops import elementwise, layers, quantization, shapes, spatial
from deploy.runtimes.mil.ops.shapes import MOVES
from deploy.runtimes.mil.ops.types import Operator

__all__ = ["MOVES", "OPERATORS"]

OPERATORS: Final[Mapping[str, Operator]] = {
    **spatial.OPERATORS,
    **layers.OPERATORS,
    **elementwise.OPERATORS,
    **shapes.OPERATORS,
    **quantization.OPERATORS,
}
