"""Run a MIL program with torch."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Self, TypeAlias

import torch
from torch import Tensor

from deploy.runtimes.mil.ops import OPERATORS
from deploy.runtimes.mil.ops.types import UnclearError
from deploy.runtimes.mil.program import MilProgram, Operation, input_names
from deploy.support.errors import CannotRunError, GateError
from deploy.support.threads import one_thread

Values: TypeAlias = Mapping[str, Any]
AfterOperation: TypeAlias = Callable[[Operation, Values, tuple[Any, ...]], Sequence[Any]]
"""Called with an operation, every value so far by name, and its results; returns what is to stand
in their place, so that a caller may watch, or replace."""


class UnknownOperatorError(CannotRunError):
    """An operator, a parameter of one, or a form of one of which nobody says what it computes."""

    def __init__(
        self, operation: Operation, parameter: str | None = None, unclear: str | None = None
    ) -> None:
        what = operation.op_type if parameter is None else f"{operation.op_type}({parameter}=)"
        why = f"is unclear ({unclear})" if unclear else "is unknown to the evaluator"
        super().__init__(
            f"cannot prove the Core ML package: its operator {what!r}, named {operation.name!r}, "
            f"{why}; ship it unproved with --allow-unverified coreml"
        )
        self.op_type = operation.op_type
        self.name = operation.name
        self._made_of = (operation, parameter, unclear)

    def __reduce__(self) -> tuple[type[Self], tuple[Operation, str | None, str | None]]:
        # The default would call this class with the message.
        return type(self), self._made_of


def check_operators(program: MilProgram) -> None:
    """Raise UnknownOperatorError for the first operator, or parameter, outside the table."""
    for operation in program.operations:
        if operation.op_type not in OPERATORS:
            raise UnknownOperatorError(operation)
        for parameter in operation.inputs:
            if parameter not in _parameters(operation.op_type):
                raise UnknownOperatorError(operation, parameter)


@cache
def _parameters(op_type: str) -> frozenset[str]:
    return frozenset(inspect.signature(OPERATORS[op_type]).parameters)


def fold_mil(program: MilProgram) -> MilProgram:
    """The program with its `constexpr_*` operators, which expand weights, already run.

    Worth it where a program runs more than once.
    """
    constants = dict(program.constants)
    rest = []
    for operation in program.operations:
        if operation.op_type.startswith("constexpr_") and operation.op_type in OPERATORS:
            constants[operation.outputs[0].name] = _run(operation, constants)[0]
        else:
            rest.append(operation)
    return replace(program, constants=constants, operations=tuple(rest))


@torch.inference_mode()
@one_thread()  # Two are five times slower on two cores that have other work, and round otherwise.
def run_mil(
    program: MilProgram,
    inputs: Mapping[str, Tensor],
    *,
    outputs: Sequence[str] | None = None,
    after: AfterOperation | None = None,
) -> dict[str, Any]:
    """Evaluate `program` on float32 `inputs` of the declared shapes.

    An image input takes its pixels as numbers, (1, 3, H, W) RGB from 0 to 255. Returns the values
    named in `outputs` (any value of the program; by default its own outputs): tensors, and a str
    for a classifier's label. float16 values come as float32 tensors.

    Raises:
        UnknownOperatorError: the program holds one.
        GateError: the inputs are not the program's, or an operator's result has another shape than
            the program declares.
    """
    check_operators(program)
    wanted = program.outputs if outputs is None else outputs
    values: dict[str, Any] = dict(program.constants)
    for declared in program.inputs:
        value = inputs.get(declared.name)
        if value is None or tuple(value.shape) != declared.shape:
            given = "nothing" if value is None else tuple(value.shape)
            raise GateError(f"input {declared.name!r} takes {declared.shape}, not {given}")
        values[declared.name] = _rounded(value, declared.dtype)
    # A watcher may look at every value; else memory is used again as soon as it may be.
    over = _over_after(program, wanted) if after is None else {}
    for index, operation in enumerate(program.operations):
        results: Sequence[Any] = _run(operation, values)
        if after is not None:
            results = after(operation, values, tuple(results))
        for output, result in zip(operation.outputs, results, strict=True):
            values[output.name] = result
        for name in over.get(index, ()):
            del values[name]
    return {name: values[name] for name in wanted}


def _over_after(program: MilProgram, wanted: Sequence[str]) -> dict[int, list[str]]:
    """By the index of an operation, the values that nobody reads after it."""
    last: dict[str, int] = {}
    for index, operation in enumerate(program.operations):
        for name in (*input_names(operation), *(output.name for output in operation.outputs)):
            last[name] = index
    over: dict[int, list[str]] = {}
    for name, index in last.items():
        if name not in wanted and name not in program.constants:
            over.setdefault(index, []).append(name)
    return over


def _run(operation: Operation, values: Values) -> tuple[Any, ...]:
    arguments = {
        parameter: values[names] if isinstance(names, str) else [values[n] for n in names]
        for parameter, names in operation.inputs.items()
    }
    try:
        result = OPERATORS[operation.op_type](**arguments)
    except UnclearError as error:
        raise UnknownOperatorError(operation, unclear=str(error)) from error
    except (RuntimeError, TypeError, ValueError, IndexError, ArithmeticError) as error:
        reason = str(error).splitlines()[0]
        raise GateError(
            f"Core ML operator {operation.op_type} ({operation.name}) cannot be run: {reason}"
        ) from error
    results = result if isinstance(result, tuple) else (result,)
    for output, value in zip(operation.outputs, results, strict=True):
        declares_shape = isinstance(value, Tensor) and output.dtype != "dictionary"
        if declares_shape and tuple(value.shape) != output.shape:
            raise GateError(
                f"Core ML operator {operation.op_type} ({operation.name}) gives "
                f"{tuple(value.shape)} where the program declares {output.shape}"
            )
    return tuple(
        _rounded(value, output.dtype) if isinstance(value, Tensor) else value
        for output, value in zip(operation.outputs, results, strict=True)
    )


def _rounded(value: Tensor, dtype: str) -> Tensor:
    """float16 as a storage type: the nearest float16 value, held as float32."""
    return value.half().float() if dtype == "float16" else value
