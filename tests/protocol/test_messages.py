"""The protocol's records and what reads them, and the stored schemas: strict, no traceback."""

from __future__ import annotations

import json

import numpy as np
import pytest
from app_fixtures import PREPARATION
from places import FIXTURES, ROOT

from deploy.bundle.fields import Record
from deploy.protocol.answers import parse_answer
from deploy.protocol.faults import REMEDIES, fault
from deploy.protocol.messages import (
    PIXELS_VERSION,
    PLAIN_VERSION,
    PREPARATION_VERSION,
    PROTOCOL_VERSION,
    Answer,
    GoldenAnswer,
    GoldenInput,
    Request,
    RequestedArtifact,
    TimedInput,
    request_version,
)
from deploy.results.records import Results
from deploy.support.errors import PhoneError
from deploy.support.json_text import json_text

SCHEMAS = ROOT / "docs/schema"

REQUEST = Request(
    schema_version=PROTOCOL_VERSION,
    id="block-0-1a2b",
    artifact=RequestedArtifact(
        file="network-0a.onnx",
        sha256="a" * 64,
        format="onnx",
        backend="onnxruntime-cpu",
        input="image",
        output="logits",
    ),
    threads=2,
    warmup=1,
    iterations=3,
    shape=(1, 3, 4, 4),
    input=TimedInput(golden=0, seed=None),
    golden=(GoldenInput(index=0, file="golden-0.f32", sha256="b" * 64),),
    sustained=False,
)


def answer(**changes: object) -> dict[str, object]:
    good = {
        "schema_version": PROTOCOL_VERSION,
        "id": REQUEST.id,
        "status": "ok",
        "error": None,
        "runner": {"name": "app", "version": "0.1.0", "runtime": "X", "runtime_version": None},
        "load_ns": 5,
        "first_ns": 4,
        "iterations_ns": [3, 2, 1],
        "thermal_before": {"status": 0, "headroom": 0.5},
        "thermal_after": None,
        "memory_before_bytes": 1,
        "memory_peak_bytes": 2,
        "logits": [{"index": 0, "logits": "AACAPwAAAEA="}],
    }
    return {**good, **changes}


def parse(content: object) -> Answer:
    text = content if isinstance(content, str) else json.dumps(content)
    return parse_answer(text.encode(), REQUEST, "phone")


@pytest.mark.parametrize(
    ("file", "record"),
    [("benchmark-request", Request), ("benchmark-answer", Answer), ("results", Results)],
)
def test_the_stored_schema_is_the_codes(file: str, record: type[Record]) -> None:
    stored = (SCHEMAS / f"{file}.schema.json").read_text()
    assert stored == json_text(record.json_schema())


@pytest.mark.parametrize("name", ["benchmark-request", "benchmark-answer", "results"])
def test_every_field_is_described_in_the_schema(name: str) -> None:
    content = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    for record in (content, *content["$defs"].values()):
        for field, about in record.get("properties", {}).items():
            assert about.get("description"), f"{record['title']}.{field}"


def test_a_good_answer_is_read() -> None:
    assert parse(answer()).logits[0].values().tolist() == [1.0, 2.0]


BAD_ANSWERS = {
    "cut off": json.dumps(answer())[:-9],
    "not JSON": "hello",
    "not an object": "[]",
    "NaN": json.dumps(answer(load_ns=float("nan"))),
    "a name twice": '{"id": "a", "id": "b"}',
    "another request": answer(id="block-0-ffff"),
    "newer": answer(schema_version=PROTOCOL_VERSION + 1),
    "no time": answer(iterations_ns=[3, 0, 1]),
    "negative": answer(iterations_ns=[3, -2, 1]),
    "a day long": answer(first_ns=86_400 * 10**9),
    "too few": answer(iterations_ns=[3, 2]),
    "ok without times": answer(load_ns=None),
    "ok with an error": answer(error={"kind": "internal", "text": "x"}),
    "an error without a reason": answer(status="error"),
    "unknown kind": answer(status="error", error={"kind": "tired", "text": "x"}),
    "logits of another photo": answer(logits=[{"index": 3, "logits": ""}]),
    "logits that are no base64": answer(logits=[{"index": 0, "logits": "?"}]),
    "logits cut off": answer(logits=[{"index": 0, "logits": "AACA"}]),
    "an unknown field": answer(extra=1),
    "text for a number": answer(load_ns="5"),
    "times that nobody asked for": answer(
        preparation={"picture": [640, 480], "crop_ns": [1], "input_ns": [1]}
    ),
}


@pytest.mark.parametrize("bad", BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_a_bad_answer_is_refused_in_one_line(bad: object) -> None:
    with pytest.raises(PhoneError) as refused:
        parse(bad)
    assert refused.value.kind == "bad-answer"
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "what"),
    [
        (None, "has no times before the network"),
        ({"input_ns": [1] * 19}, "19 times before the network, 20 were asked"),
        ({"picture": [480, 640]}, "of another picture"),
        ({"crop_ns": [0] * 20}, "preparation.crop_ns.0"),
    ],
)
def test_times_before_the_network_are_those_that_were_asked(
    given: dict[str, object] | None, what: str
) -> None:
    asked = REQUEST.model_copy(update={"preparation": PREPARATION})
    good = {"picture": [640, 480], "crop_ns": [2] * 20, "input_ns": [1] * 20}
    data = json.dumps(answer(preparation=good)).encode()
    assert parse_answer(data, asked, "phone").preparation is not None
    changes = {} if given is None else {"preparation": good | given}
    with pytest.raises(PhoneError, match=what):
        parse_answer(json.dumps(answer(**changes)).encode(), asked, "phone")


def test_what_is_older_is_written_as_it_was() -> None:
    plain = REQUEST.model_copy(update={"schema_version": PLAIN_VERSION})
    newer = REQUEST.model_copy(update={"preparation": PREPARATION})
    assert newer.without_preparation() == plain
    assert "preparation" not in plain.to_json()
    with pytest.raises(ValueError, match="of version 3"):
        Request.model_validate(newer.model_dump() | {"schema_version": PIXELS_VERSION})


def test_what_is_stored_is_read_when_the_protocol_has_grown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    version = PROTOCOL_VERSION
    monkeypatch.setattr("deploy.protocol.messages.PROTOCOL_VERSION", version + 1)
    times = {"picture": [640, 480], "crop_ns": [5], "input_ns": [7]}
    stored = answer(schema_version=version, preparation=times)
    assert Answer.model_validate_json(json.dumps(stored)).preparation is not None
    assert request_version(None, PREPARATION) == PREPARATION_VERSION


def test_the_answers_that_the_kotlin_tests_write_are_read() -> None:
    fixtures = FIXTURES / "protocol"
    for name in ("answer_ok", "answer_error"):
        data = (fixtures / f"{name}.json").read_bytes()
        given = Answer.model_validate_json(data)
        asked = REQUEST.model_copy(
            update={
                "id": given.id,
                "iterations": len(given.iterations_ns) or 1,
                "golden": tuple(
                    GoldenInput(
                        index=golden.index, file=f"golden-{golden.index}.f32", sha256="b" * 64
                    )
                    for golden in given.logits
                ),
            }
        )
        assert parse_answer(data, asked, "phone") == given
    for name in ("request_golden", "request_seed"):
        assert Request.model_validate_json((fixtures / f"{name}.json").read_bytes())


def test_logits_survive_the_way_bit_by_bit() -> None:
    values = np.array([1e-40, -0.0, np.inf, np.nan, 3.1], np.float32)
    assert GoldenAnswer.of(0, values).values().tobytes() == values.tobytes()


def test_a_request_is_consistent() -> None:
    with pytest.raises(ValueError, match="not among"):
        REQUEST.model_copy(update={"golden": ()}).model_validate(
            {**REQUEST.model_dump(), "golden": ()}
        )
    with pytest.raises(ValueError, match="one of golden and seed"):
        TimedInput(golden=0, seed=1)


def test_every_kind_ends_its_line_with_a_remedy() -> None:
    for kind, remedy in REMEDIES.items():
        error = fault(kind, "what\nis\x1b[31m wrong")  # type: ignore[arg-type]
        assert str(error).endswith(remedy.text)
        assert "\n" not in str(error)
        assert "\x1b" not in str(error)
