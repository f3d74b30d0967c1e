"""The ETDump that a runner with the event tracer leaves: times by operator, made up."""

from __future__ import annotations

from collections.abc import Sequence

# Share of an inference, for a convolution in the delegate and a kernel of the runtime's own.
_IN_DELEGATE, _OUTSIDE = 0.7, 0.2


def etdump_of(executions_ns: Sequence[int]) -> bytes:
    """A flatbuffer with its size before it, as the runtime writes it."""
    from executorch.devtools.etdump.schema_flatcc import ETDumpFlatCC, Event, ProfileEvent, RunData
    from executorch.devtools.etdump.serialize import serialize_to_etdump_flatcc

    def event(name: str, ns: float, delegate: str | None = None) -> Event:
        return Event(
            profile_event=ProfileEvent(
                name=name,
                chain_index=0,
                instruction_id=0,
                delegate_debug_id_int=-1,
                delegate_debug_id_str=delegate,
                delegate_debug_metadata=None,
                start_time=0,
                end_time=int(ns),
            ),
            allocation_event=None,
            debug_event=None,
        )

    events = []
    for ns in executions_ns:
        events += [
            event("", _IN_DELEGATE * ns, "Convolution (NHWC, QC8) IGEMM #1"),
            event("DELEGATE_CALL", _IN_DELEGATE * ns),
            event("native_call_dim_order_ops::_to_dim_order_copy.out", _OUTSIDE * ns),
            event("OPERATOR_CALL", _OUTSIDE * ns),
            event("Method::execute", ns),
        ]
    run = RunData(name="Forward", bundled_input_index=-1, allocators=None, events=events)
    data: bytes = serialize_to_etdump_flatcc(ETDumpFlatCC(version=0, run_data=[run]))
    return len(data).to_bytes(4, "little") + data
