"""What a network does with one input: every operator that runs, with what it reads and writes.

Taken at torch's dispatcher, so that functional calls are seen like modules and a user's own
network like ours; on real tensors, so that whatever runs can be traced.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import OpOverload, OpOverloadPacket
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only
from torch.utils.flop_counter import flop_registry


@dataclass(eq=False, kw_only=True)
class Value:
    """What one operator wrote, or the input; a view of it is the same value.

    A constant is made of nothing but `parameters` (names) and other constants.
    """

    elements: int
    constant: bool = False
    parameters: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Operand:
    """A tensor in an operator's arguments or its result."""

    value: Value
    shape: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class OperatorCall:
    """A call of `func` that computed something: views are left out, constants too.

    Tensors in `args` are operands. A call in place writes a new value, like any other.
    """

    func: OpOverload[..., Any]
    args: tuple[Any, ...]
    reads: tuple[Operand, ...]
    writes: tuple[Operand, ...]
    macs: int

    @property
    def operator(self) -> OpOverloadPacket[..., Any]:
        packet: OpOverloadPacket[..., Any] = self.func.overloadpacket
        return packet

    @property
    def name(self) -> str:
        """Such as `add` or `layer_norm`."""
        return self.operator.__name__.removeprefix("native_").strip("_")

    @property
    def values(self) -> frozenset[Value]:
        """Those read, without constants."""
        return frozenset(operand.value for operand in self.reads if not operand.value.constant)

    @property
    def parameters(self) -> frozenset[str]:
        """Names of those read, also where an operator has reshaped or combined them before."""
        return frozenset(name for operand in self.reads for name in operand.value.parameters)


@dataclass(frozen=True, kw_only=True)
class Trace:
    start: Value
    calls: tuple[OperatorCall, ...]
    results: frozenset[Value]


def trace(network: nn.Module, input_shape: tuple[int, ...]) -> Trace:
    """Run `network`, which is in eval mode, on a float32 input of `input_shape` (N, C, H, W)."""
    x = torch.zeros(input_shape)
    tracer = _Tracer(network, x)
    with torch.no_grad(), _plain_and_quiet(), tracer:
        results = network(x)
    return Trace(
        start=tracer.operand(x).value,
        calls=tuple(tracer.calls),
        results=frozenset(tracer.operand(tensor).value for tensor in _tensors(results)),
    )


@contextmanager
def _plain_and_quiet() -> Iterator[None]:
    """Attention by matrix products, which can be seen, rather than by one fused operator.

    In one thread: so short a run gains nothing from more, and on a busy machine waits for them.
    """
    fast, threads = torch.backends.mha.get_fastpath_enabled(), torch.get_num_threads()
    torch.backends.mha.set_fastpath_enabled(False)
    torch.set_num_threads(1)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.set_num_threads(threads)
        torch.backends.mha.set_fastpath_enabled(fast)


class _Tracer(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __init__(self, network: nn.Module, x: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[OperatorCall] = []
        # By address. Memory that was freed may be used again, but then an operator writes to it,
        # and its value stands here instead.
        self._values = {
            _address(p): Value(elements=p.numel(), constant=True, parameters=frozenset({name}))
            for name, p in network.named_parameters()
        }
        self._values[_address(x)] = Value(elements=x.numel())

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing is compiled here, and only to tell torch.compile so takes a second to import."""
        return False

    def operand(self, tensor: Tensor) -> Operand:
        unknown = Value(elements=tensor.numel(), constant=True)
        return Operand(value=self._values.get(_address(tensor), unknown), shape=tuple(tensor.shape))

    def __torch_dispatch__(
        self,
        func: OpOverload[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        # Before the call: an operator in place changes what the memory of its argument holds.
        addresses = {_address(tensor) for tensor in _tensors((args, kwargs))}
        reads = tuple(map(self.operand, _tensors((args, kwargs))))
        args_read = tree_map_only(Tensor, self.operand, args)
        result = func(*args, **kwargs)
        written = [
            tensor
            for tensor in _tensors(result)
            if func._schema.is_mutable or _address(tensor) not in addresses
        ]
        constant = all(operand.value.constant for operand in reads)
        parameters = frozenset(name for operand in reads for name in operand.value.parameters)
        for tensor in written:
            self._values[_address(tensor)] = Value(
                elements=tensor.untyped_storage().nbytes() // tensor.element_size(),
                constant=constant,
                parameters=parameters if constant else frozenset(),
            )
        if written and not constant:
            count_flops = flop_registry.get(func.overloadpacket)
            flops = count_flops(*args, **kwargs, out_val=result) if count_flops else 0
            self.calls.append(
                OperatorCall(
                    func=func,
                    args=args_read,
                    reads=reads,
                    writes=tuple(map(self.operand, written)),
                    macs=flops // 2,
                )
            )
        return result


def _tensors(tree: object) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _address(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)
