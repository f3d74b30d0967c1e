"""From the bytes that a runner wrote to an Answer that fits the request, or one clear error."""

from __future__ import annotations

from typing import NoReturn

from deploy.bundle.parse import NewerSchemaError, strict_record
from deploy.protocol.faults import fault
from deploy.protocol.messages import PROTOCOL_VERSION, Answer, Request

# Far more than ten thousand samples and the logits of a hundred photos take.
MAX_ANSWER_BYTES = 64 * 2**20


def parse_answer(data: bytes, request: Request, where: str) -> Answer:
    """The answer that `data` holds; `where` names the phone in messages.

    Raises PhoneError, bad-answer, for what is cut off, is not JSON, answers another request, has
    other counts than were asked, or holds a time that no clock gives; app-old is left to the
    caller, who knows the runner.
    """
    try:
        answer = strict_record(Answer, data, MAX_ANSWER_BYTES, PROTOCOL_VERSION)
    except NewerSchemaError as newer:
        speaks = f"protocol {newer}, this mobile-deploy speaks {PROTOCOL_VERSION}"
        _refuse(where, f"is of a newer app ({speaks})")
    except ValueError as error:
        _refuse(where, str(error))
    if answer.id != request.id:
        _refuse(where, f"is of another request ({answer.id})")
    if answer.status == "ok":
        _check_counts(answer, request, where)
    return answer


def _check_counts(answer: Answer, request: Request, where: str) -> None:
    if len(answer.iterations_ns) != request.iterations:
        timed = len(answer.iterations_ns)
        _refuse(where, f"has {timed} times, {request.iterations} were asked")
    _check_preparation(answer, request, where)
    given = sorted(golden.index for golden in answer.logits)
    if given != sorted(golden.index for golden in request.golden):
        _refuse(where, "has logits of other golden photos than were asked")
    for golden in answer.logits:
        try:
            golden.values()
        except ValueError as error:
            _refuse(where, str(error))


def _check_preparation(answer: Answer, request: Request, where: str) -> None:
    asked, given = request.preparation, answer.preparation
    if asked is None or given is None:
        if asked is not None:
            _refuse(where, "has no times before the network, which were asked")
        if given is not None:
            _refuse(where, "has times before the network, which nobody asked for")
    else:
        if given.picture != asked.picture:
            _refuse(where, "has times before the network of another picture than was asked")
        for times in (given.crop_ns, given.input_ns):
            if len(times) != asked.iterations:
                what = f"{len(times)} times before the network, {asked.iterations} were asked"
                _refuse(where, f"has {what}")


def _refuse(where: str, what: str) -> NoReturn:
    raise fault("bad-answer", f"the answer of {where} {what}")
