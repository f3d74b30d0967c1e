"""The native runner: its answers, and that whatever it is given ends in an answer or in a line."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compilers import needs_compiler
from places import FIXTURES
from runner_folder import Folder

from deploy.benchmark.parsers.etdump import parse_etdump
from deploy.benchmark.parsers.process import parse_status
from deploy.native_runner.build import (
    SOURCES,
    command,
)
from deploy.native_runner.targets import EXECUTORCH
from deploy.virtual_phone.runtimes import SHARED

pytestmark = [needs_compiler("linux-x86_64"), pytest.mark.builds]

Words = tuple[str, ...]


def check_logits(folder: Folder) -> None:
    """See that they are what Python's runtime gives for the same file and photos."""
    shape = tuple(folder.fields["shape"])
    answer = folder.answer()
    assert [golden.index for golden in answer.logits] == list(range(8))
    for golden, photo in zip(answer.logits, folder.fields["golden"], strict=True):
        data = (folder.path / photo["file"]).read_bytes()
        right = SHARED.logits("executorch", artifact_bytes(folder), data, shape)
        np.testing.assert_allclose(golden.values(), right, atol=1e-4)


def refused(folder: Folder, done: subprocess.CompletedProcess[str]) -> str:
    """The kind of the answer, of a run that crashed nowhere."""
    assert done.returncode == 0, done.stderr
    error = folder.answer().error
    assert error is not None
    return error.kind


def write_artifact(folder: Folder, data: bytes) -> None:
    """Another .pte, with the hash that it has."""
    artifact = dict(folder.fields["artifact"])
    (folder.path / artifact["file"]).write_bytes(data)
    artifact["sha256"] = hashlib.sha256(data).hexdigest()
    folder.ask(artifact=artifact)


def artifact_bytes(folder: Folder) -> bytes:
    return (folder.path / folder.fields["artifact"]["file"]).read_bytes()


# --- what it gives ---------------------------------------------------------------------------


def test_its_answer_is_the_protocols_and_its_logits_are_pythons(
    native: Words, folder: Folder
) -> None:
    done = folder.run(native, "--cores", "0")
    assert (done.returncode, done.stderr) == (0, "")
    answer = folder.answer()
    assert (answer.status, answer.id, len(answer.iterations_ns)) == ("ok", "block", 3)
    assert answer.runner is not None
    assert (answer.runner.name, answer.runner.runtime_version) == ("native", EXECUTORCH)
    assert answer.memory_before_bytes is not None
    assert answer.memory_peak_bytes is not None
    assert answer.memory_peak_bytes >= answer.memory_before_bytes
    check_logits(folder)
    seen = parse_status(done.stdout)
    assert seen is not None
    assert (seen.threads, seen.cores_allowed) == (2, "0")
    assert not list(folder.path.glob("*.part"))


def test_numbers_made_from_a_seed_are_timed_too(native: Words, folder: Folder) -> None:
    folder.ask(input={"golden": None, "seed": 7}, golden=[], threads=0, sustained=True)
    assert folder.run(native).returncode == 0
    assert len(folder.answer().iterations_ns) == 3
    assert folder.answer().logits == ()


def test_its_etdump_has_the_operators_of_every_inference(native: Words, folder: Folder) -> None:
    folder.ask(golden=folder.fields["golden"][:1])
    assert folder.run(native, "--etdump", "times").returncode == 0
    operators = parse_etdump((folder.path / "times").read_bytes(), "here")
    # The first inference, one to warm up, three that are timed, one for the answer.
    assert {operator.calls for operator in operators} == {6}


@needs_compiler("linux-arm64")
@pytest.mark.skipif(shutil.which("qemu-aarch64") is None, reason="apt install qemu-user")
def test_the_one_for_phones_gives_the_same_with_its_own_loader_and_libraries(
    arm64: Path, folder: Folder
) -> None:
    words = ("qemu-aarch64", "-cpu", "cortex-a76", *command("linux-arm64", arm64))
    done = folder.run(words)
    assert done.returncode == 0, done.stderr
    check_logits(folder)


def test_its_sources_are_formatted() -> None:
    if shutil.which("clang-format") is None:
        pytest.skip("apt install clang-format")
    sources = sorted([*SOURCES.glob("*.cpp"), *SOURCES.glob("*.h")])
    done = subprocess.run(["clang-format", "--dry-run", "-Werror", *sources], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


# --- what it refuses -------------------------------------------------------------------------

CASES = json.loads((FIXTURES / "protocol/refused_requests.json").read_text(encoding="utf-8"))


def test_it_refuses_what_the_app_refuses(sanitized: Words, folder: Folder) -> None:
    """With the same kind, every request of the fixtures that the Kotlin tests read."""
    kinds = {}
    for case in CASES:
        (folder.path / "block.request.json").write_text(case["text"], encoding="utf-8")
        kinds[case["name"]] = refused(folder, folder.run(sanitized))
    assert kinds == {case["name"]: case["kind"] for case in CASES}


def artifact_with(**changes: Any) -> Any:
    return lambda fields: {"artifact": fields["artifact"] | changes}


def golden_with(**changes: Any) -> Any:
    return lambda fields: {"golden": [fields["golden"][0] | changes], "input": fields["input"]}


REFUSED: dict[str, tuple[Any, str]] = {
    "another id": (lambda fields: {"id": "another"}, "bad-request"),
    "a name as a list": (artifact_with(file=["a"]), "bad-request"),
    "a name with a line break": (artifact_with(file="a\nb"), "bad-request"),
    "a shape of NaN": (lambda fields: {"shape": [1, 3, float("nan"), 8]}, "bad-request"),
    "an infinite shape": (lambda fields: {"shape": [1, 3, float("inf"), 8]}, "bad-request"),
    "a huge shape": (lambda fields: {"shape": [2**26, 2**26, 2**26]}, "bad-request"),
    "sides beyond any": (lambda fields: {"shape": [10**30]}, "bad-request"),
    "too many iterations": (lambda fields: {"iterations": 10**7}, "bad-request"),
    "an .onnx": (artifact_with(format="onnx", backend="onnxruntime-cpu"), "runtime-missing"),
    "no artifact": (artifact_with(file="none.pte"), "file-missing"),
    "another artifact": (artifact_with(sha256="0" * 64), "file-differs"),
    "no golden photo": (golden_with(file="none.f32"), "file-missing"),
    "another golden photo": (golden_with(sha256="0" * 64), "file-differs"),
    "another shape": (lambda fields: {"shape": [1, 3, 5, 5]}, "wrong-shape"),
    "a shape of as many numbers": (
        lambda fields: {"shape": [1, 3, 1, fields["shape"][2] * fields["shape"][3]]},
        "wrong-shape",
    ),
}


@pytest.mark.parametrize(("change", "kind"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_refused_by_its_kind(
    sanitized: Words, folder: Folder, change: Any, kind: str
) -> None:
    folder.ask(**change(folder.fields))
    assert refused(folder, folder.run(sanitized)) == kind


def test_fields_that_it_does_not_know_are_no_matter(native: Words, folder: Folder) -> None:
    folder.ask(novelty={"deep": [1.5e3, None, "\u00e9\ud83d\ude00"]})
    assert folder.run(native).returncode == 0
    assert folder.answer().status == "ok"


def test_a_pipe_in_a_files_place_is_not_waited_for(sanitized: Words, folder: Folder) -> None:
    os.mkfifo(folder.path / "pipe")
    for change in (artifact_with(file="pipe"), golden_with(file="pipe")):
        folder.ask(**change(folder.fields))
        assert refused(folder, folder.run(sanitized)) == "file-missing"


def test_a_hundred_thousand_names_are_read_at_once(native: Words, folder: Folder) -> None:
    text = "{" + ",".join(f'"{number:x}":1' for number in range(100_000)) + "}"
    (folder.path / "block.request.json").write_text(text, encoding="utf-8")
    assert refused(folder, folder.run(native, timeout=10)) == "bad-request"


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        '{"a":' * 100_000,
        '{"a": "' + "x" * 900_000,
        " " * 2_000_000,
        '{"schema_version": 1, "schema_version": 1}',
        '{"schema_version": 01}',
        '{"schema_version": "\\ud800"}',
        '{"schema_version": -}',
        "\x00",
        "nul",
    ],
    ids=[
        "lists",
        "objects",
        "no end",
        "huge",
        "twice",
        "octal",
        "half",
        "no number",
        "zero",
        "cut",
    ],
)
def test_hostile_json_is_a_bad_request(sanitized: Words, folder: Folder, text: str) -> None:
    (folder.path / "block.request.json").write_text(text, encoding="utf-8")
    assert refused(folder, folder.run(sanitized)) == "bad-request"


def test_a_damaged_program_ends_in_an_answer(sanitized: Words, folder: Folder) -> None:
    """Cut anywhere, with bytes changed anywhere: a crash of the runtime's is answered for."""
    whole = artifact_bytes(folder)
    cuts = [whole[: len(whole) * part // 8] for part in range(8)]
    random = np.random.default_rng(0)
    for count in range(16):
        data = bytearray(whole)
        for place in random.integers(0, min(len(data), 4000), 1 + count):
            data[place] ^= int(random.integers(1, 256))
        cuts.append(bytes(data))
    kinds = set()
    for data in cuts:
        write_artifact(folder, data)
        done = folder.run(sanitized)
        assert done.returncode == 0, done.stderr
        error = folder.answer().error
        kinds.add(error.kind if error else "ok")
        (folder.path / "block.answer.json").unlink()
    assert "load-failed" in kinds


def test_a_delegate_that_it_lacks_is_named(native: Words, folder: Folder) -> None:
    write_artifact(folder, artifact_bytes(folder).replace(b"XnnpackBackend", b"YnnpackBackend"))
    assert refused(folder, folder.run(native)) == "operator-missing"
    error = folder.answer().error
    assert error is not None
    assert "YnnpackBackend is not registered" in error.text


def test_a_crash_is_answered_for_with_a_line(native: Words, folder: Folder) -> None:
    """By a signal from outside, as the kernel sends it for a fault inside."""
    folder.ask(iterations=1_000_000)
    process = subprocess.Popen(
        [*native, "block.request.json"], cwd=folder.path, stderr=subprocess.PIPE, text=True
    )
    while "VmHWM" not in Path(f"/proc/{process.pid}/status").read_text() or (
        Path(f"/proc/{process.pid}/stat").read_text().split()[13] < "20"
    ):
        assert process.poll() is None
    os.kill(process.pid, signal.SIGSEGV)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert err.count("\n") == 1
    assert "crashed while it ran network-" in err
    assert "SIGSEGV" in err
    error = folder.answer().error
    assert error is not None
    assert error.kind == "run-failed"


# --- what it cannot answer -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "there is no request"),
        (["request.json"], "not named ID.request.json"),
        (["../block.request.json"], "not named ID.request.json"),
        (["/block.request.json"], "not named ID.request.json"),
        (["Block.request.json"], "not named ID.request.json"),
        (["a.request.json", "b.request.json"], "more than one request"),
        (["--cores"], "needs a value"),
        (["--cores", "x", "a.request.json"], "no core is named 'x'"),
        (["--cores", "-1", "a.request.json"], "no core is named ''"),
        (["--cores", "1023", "a.request.json"], "cannot be held to those cores"),
        (["--model_path=a.pte"], "no option --model_path=a.pte"),
    ],
)
def test_wrong_arguments_are_one_line(
    sanitized: Words, tmp_path: Path, words: list[str], said: str
) -> None:
    done = subprocess.run([*sanitized, *words], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("mobile-deploy-runner: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's limits")
def test_a_full_disk_is_one_line_and_no_half_answer(native: Words, folder: Folder) -> None:
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    done = folder.run(native, preexec_fn=limit)
    assert done.returncode == 1
    assert done.stderr == "mobile-deploy-runner: cannot write block.answer.json: File too large\n"
    assert not list(folder.path.glob("block.answer*"))


def test_without_memory_the_answer_says_so(native: Words, folder: Folder) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (2 * 10**8, 2 * 10**8))

    folder.ask(shape=[1, 3, 4096, 5000], golden=[], input={"golden": None, "seed": 1}, threads=1)
    assert refused(folder, folder.run(native, preexec_fn=limit)) == "out-of-memory"
