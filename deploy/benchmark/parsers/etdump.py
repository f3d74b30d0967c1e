"""ExecuTorch's ETDump: where the time went, by operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.benchmark.parsers.per_op import OperatorTime, hottest_first
from deploy.benchmark.parsers.text import words
from deploy.protocol.faults import fault

if TYPE_CHECKING:
    from executorch.devtools.etdump.schema_flatcc import ProfileEvent

# The runtime's own kernels are wrapped in events of this name; what a delegate did has an
# identifier of the delegate's. All other events contain these.
_KERNEL = "native_call_"
_NO_IDENTIFIER = -1


def parse_etdump(data: bytes, where: str) -> tuple[OperatorTime, ...]:
    """The operators in an ETDump, hottest first; an operator of a delegate bears its name.

    Times are taken to be nanoseconds, which the runtime's clock counts on Android. Raises
    PhoneError (bad-answer) for what is no ETDump.
    """
    from executorch.devtools.etdump.serialize import deserialize_from_etdump_flatcc

    try:
        dump = deserialize_from_etdump_flatcc(data)
    except Exception as error:  # A decoder of files in a process of its own: it fails as it likes.
        raise fault("bad-answer", f"the ETDump of {where} cannot be read") from error
    events = (
        event.profile_event
        for run in dump.run_data
        for event in run.events or ()
        if event.profile_event
    )
    return hottest_first(
        (*named, max(0, event.end_time - event.start_time))
        for event in events
        if (named := _operator(event))
    )


def _operator(event: ProfileEvent) -> tuple[str, str] | None:
    """Name and operator; None for an event that only contains others."""
    name = event.name or ""
    number = event.delegate_debug_id_int
    if event.delegate_debug_id_str or (number is not None and number != _NO_IDENTIFIER):
        named = event.delegate_debug_id_str or f"{name or 'operator'} {number}"
        return words(named) or "unnamed", "delegate"
    if name.startswith(_KERNEL):
        operator = words(name.removeprefix(_KERNEL)) or "unknown"
        return f"{operator} {event.instruction_id}", operator
    return None
