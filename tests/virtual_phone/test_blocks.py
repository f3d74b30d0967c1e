"""Blocks on a virtual phone through the real adb: the app, the native runner, and their faults."""

from __future__ import annotations

import asyncio
import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from external_weights import onnx_that_reads
from phone_blocks import (
    BENCH,
    RUN,
    SHAPE,
    answer_of,
    golden,
    pte_request,
    put,
    put_runner,
    request,
    runners_answer,
    start_block,
)
from places import FIXTURES
from virtual_phone_fixture import RUNNER, MakePhone, until

from deploy.protocol.messages import PROTOCOL_VERSION, Answer, GoldenInput
from deploy.runtimes import onnx_session
from deploy.runtimes.onnx_session import open_session
from deploy.virtual_phone.benchmark import run_app
from deploy.virtual_phone.commands.content import AUTHORITY
from deploy.virtual_phone.filesystem import APP, SHELL_FOLDER, UserFiles
from deploy.virtual_phone.profiles import profile_named
from deploy.virtual_phone.runtimes import SHARED, RuntimeFailureError
from deploy.virtual_phone.state import ACTIVITY, PACKAGE, State


def test_the_apps_files_are_the_apps_alone(phone: MakePhone) -> None:
    on = phone()
    put(on, "x", b"kept\x00\xff")
    read = f"content read --uri content://{AUTHORITY}/x"
    assert on.adb("exec-out", read).stdout == b"kept\x00\xff"
    assert on.phone.files[f"{BENCH}/x"] == b"kept\x00\xff"
    assert b"Permission denied" in on.shell(f"cat {BENCH}/x").stderr
    assert b"not debuggable" in on.shell(f"run-as {PACKAGE} cat files/bench/x").stderr
    entered = phone(faults=["app-debuggable"], seed=1)
    entered.shell(f"run-as {PACKAGE} sh -c 'mkdir files/bench; cat > files/bench/x'", b"\x00y")
    read = f"run-as {PACKAGE} cat files/bench/x"
    assert entered.adb("exec-out", read).stdout == b"\x00y"


def test_the_app_answers_with_real_logits(phone: MakePhone, tiny_onnx: bytes) -> None:
    on = phone()
    text = answer_of(on, tiny_onnx)
    assert text is not None
    answer = Answer.model_validate_json(text)
    assert (answer.status, answer.id) == ("ok", "block-1")
    assert len(answer.iterations_ns) == 10
    assert answer.first_ns is not None
    assert answer.first_ns > min(answer.iterations_ns)
    session = open_session(tiny_onnx)
    for golden_answer in answer.logits:
        values = np.frombuffer(golden(golden_answer.index), "<f4").reshape(SHAPE)
        (expected,) = session.run(None, {"input": values})
        np.testing.assert_allclose(golden_answer.values(), expected[0], rtol=1e-5)
    assert answer.runner is not None
    assert answer.runner.runtime == "ONNX Runtime"
    assert not any(path.endswith(".part") for path in on.phone.files)


@pytest.mark.parametrize("location", [".ssh/id", "../home/.ssh/id"])
def test_a_model_from_the_wire_reads_no_file_of_this_computer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, location: str
) -> None:
    (tmp_path / "home" / ".ssh").mkdir(parents=True)
    (tmp_path / "home" / ".ssh" / "id").write_bytes(b"a private key and more")
    monkeypatch.chdir(tmp_path / "home")
    model = onnx_that_reads(location)
    with pytest.raises(RuntimeFailureError, match="another file"):
        SHARED.logits("onnx", model, golden(0), SHAPE)
    # Nor would onnxruntime find it, were it asked.
    monkeypatch.setattr(onnx_session, "check_self_contained", lambda data: None)
    with pytest.raises(RuntimeFailureError, match="External data path"):
        SHARED.logits("onnx", model, golden(0), SHAPE)


def test_the_app_is_seen_while_it_runs(phone: MakePhone, tiny_onnx: bytes) -> None:
    on = phone(faults=["app-hangs", "app-debuggable"])
    start_block(on, tiny_onnx)
    pid = on.shell(f"pidof {PACKAGE}").stdout.decode().strip()
    status = on.shell(f"run-as {PACKAGE} grep -s -H '' /proc/{pid}/status").stdout.decode()
    assert f"/proc/{pid}/status:VmRSS:" in status
    on.shell(f"am force-stop {PACKAGE}")
    assert on.shell(f"pidof {PACKAGE}").returncode == 1
    exits = on.shell(f"dumpsys activity exit-info {PACKAGE}").stdout.decode()
    assert f"pid={pid} " in exits
    assert "reason=10 (USER REQUESTED)" in exits


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("file-missing", {"golden": (GoldenInput(index=0, file="none", sha256="0" * 64),)}),
        ("file-differs", {"golden": (GoldenInput(index=0, file="a.onnx", sha256="0" * 64),)}),
        ("newer-protocol", {"schema_version": PROTOCOL_VERSION + 1}),
        ("wrong-shape", {"shape": (1, 3, 2, 8)}),
    ],
)
def test_the_app_says_what_is_wrong_with_a_request(
    phone: MakePhone, tiny_onnx: bytes, kind: str, changes: dict[str, Any]
) -> None:
    text = answer_of(phone(), tiny_onnx, request(tiny_onnx, **changes))
    assert text is not None
    error = Answer.model_validate_json(text).error
    assert error is not None
    assert error.kind == kind


def test_what_is_no_network_does_not_load(phone: MakePhone) -> None:
    text = answer_of(phone(), b"no network")
    assert text is not None
    error = Answer.model_validate_json(text).error
    assert error is not None
    assert error.kind == "load-failed"


def test_what_is_no_request_is_refused(phone: MakePhone) -> None:
    on = phone()
    put(on, "block-1.request.json", b'{"schema_version": [')
    on.shell(f"am start -W -n {ACTIVITY} --es id block-1")
    assert until(lambda: f"{BENCH}/block-1.answer.json" in on.phone.files)
    answer = Answer.model_validate_json(on.phone.files[f"{BENCH}/block-1.answer.json"])
    assert answer.error is not None
    assert answer.error.kind == "bad-request"


def test_the_app_refuses_what_the_kotlin_app_refuses() -> None:
    """With the same kind, every request of the fixtures that the Kotlin tests read."""
    fixtures = FIXTURES / "protocol/refused_requests.json"
    cases = json.loads(fixtures.read_text(encoding="utf-8"))
    state = State(profile_named("pixel"), seed=0, faults=(), speed=60)
    state.filesystem.add_folder(BENCH)
    files = UserFiles(state.filesystem, APP, BENCH)
    for index, case in enumerate(cases):
        files.write(f"case-{index}.request.json", case["text"].encode("utf-8"))

    async def run_all() -> None:
        await asyncio.gather(*(run_app(state, f"case-{index}") for index in range(len(cases))))

    asyncio.run(run_all())
    for index, case in enumerate(cases):
        answer = Answer.model_validate_json(files.read(f"case-{index}.answer.json"))
        assert answer.error is not None
        assert answer.error.kind == case["kind"], case["name"]


def test_times_are_the_seeds(phone: MakePhone, tiny_onnx: bytes) -> None:
    texts = [answer_of(phone(seed=seed), tiny_onnx) for seed in (3, 3, 4)]
    times = [json.loads(text or "")["iterations_ns"] for text in texts]
    assert times[0] == times[1]
    assert times[0] != times[2]


def test_the_runner_answers_with_real_logits_and_tells_of_its_process(
    phone: MakePhone, tmp_path: Path, tiny_pte: bytes
) -> None:
    on = phone()
    put_runner(on, tmp_path, tiny_pte)
    pinned = RUN.replace("block-1.", "--cores 4-7 --etdump times block-1.")
    done = on.shell(f"cd {SHELL_FOLDER} && {pinned}")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"Threads:\t2\nCpus_allowed_list:\t4,5,6,7\n" in done.stdout
    answer = runners_answer(on)
    assert answer.runner is not None
    assert answer.runner.name == "native"
    assert len(answer.iterations_ns) == 10
    for given in answer.logits:
        right = SHARED.logits("executorch", tiny_pte, golden(given.index), SHAPE)
        np.testing.assert_array_equal(given.values(), right)
    assert f"{SHELL_FOLDER}/times" in on.phone.files


def test_the_runner_is_seen_with_its_cores_and_killed(
    phone: MakePhone, tmp_path: Path, tiny_pte: bytes
) -> None:
    on = phone()
    put_runner(on, tmp_path, tiny_pte, pte_request(tiny_pte, iterations=400, threads=3))
    command = f"cd {SHELL_FOLDER} && taskset F0 {RUN}"
    with ThreadPoolExecutor() as pool:
        running = pool.submit(on.shell, command)
        assert until(lambda: bool(on.phone.state.processes.named("runner-64")))
        pid = on.shell("pidof runner-64").stdout.decode().strip()
        status = on.shell(f"grep -s -H '' /proc/{pid}/status; ps | grep {pid}").stdout.decode()
        assert on.shell(f"kill -9 {pid}").returncode == 0
        assert running.result().returncode == 137
    assert "VmHWM:" in status
    assert "Threads:\t3\n" in status
    assert "Cpus_allowed_list:\t4-7\n" in status
    assert status.endswith("R runner-64\n")
    assert on.shell("pidof runner-64").returncode == 1


def test_a_runner_that_nobody_waits_for_any_more_ends(
    phone: MakePhone, tmp_path: Path, tiny_pte: bytes
) -> None:
    on = phone(faults=["stall"])
    put_runner(on, tmp_path, tiny_pte)
    with pytest.raises(subprocess.TimeoutExpired):
        on.shell(f"cd {SHELL_FOLDER} && {RUN}", timeout=0.5)
    on.server.disconnect(on.serial)
    assert until(lambda: not on.phone.state.processes.named("runner-64"))


def test_a_runner_of_another_processor_is_not_executed(phone: MakePhone, tmp_path: Path) -> None:
    on = phone()
    (tmp_path / "runner-x86").write_bytes(RUNNER.replace((183).to_bytes(2, "little"), b"\x3e\0"))
    on.adb("push", str(tmp_path / "runner-x86"), SHELL_FOLDER)
    where = f"{SHELL_FOLDER}/runner-x86"
    assert on.shell(f"chmod 644 {where}; {where}").stderr.endswith(
        b"can't execute: Permission denied\n"
    )
    done = on.shell(f"chmod 755 {where}; {where}")
    assert done.returncode == 126
    assert done.stderr.endswith(b"not executable: 64-bit ELF file\n")


def test_the_runner_refuses_as_the_real_one_does(
    phone: MakePhone, tmp_path: Path, tiny_pte: bytes
) -> None:
    on = phone()
    other = pte_request(tiny_pte, shape=(1, 48))
    put_runner(on, tmp_path, tiny_pte, other)
    folder = f"cd {SHELL_FOLDER} && ./runner-64 --library-path ."
    assert on.shell(f"{folder} ./nothing block-1.request.json").returncode == 2
    for words in ("", "--model block-1.request.json", "block-1.json", "--cores x a.request.json"):
        assert on.shell(f"{folder} ./mobile-deploy-runner {words}").returncode == 2
    assert on.shell(f"cd {SHELL_FOLDER} && {RUN}").returncode == 0
    error = runners_answer(on).error
    assert error is not None
    assert error.kind == "wrong-shape"


def test_a_break_while_the_runner_runs(phone: MakePhone, tmp_path: Path, tiny_pte: bytes) -> None:
    on = phone(faults=["drop-mid-run:1"])
    put_runner(on, tmp_path, tiny_pte)
    command = f"cd {SHELL_FOLDER} && {RUN}"
    assert on.shell(command).returncode == 255
    on.adb("wait-for-device")
    assert on.shell("pidof runner-64").returncode == 1
    assert on.shell(command).returncode == 0


def test_a_break_while_the_app_runs_leaves_it_running(phone: MakePhone, tiny_onnx: bytes) -> None:
    on = phone(faults=["drop-mid-run:1"])
    assert answer_of(on, tiny_onnx) is not None
    on.adb("wait-for-device")
    assert on.adb("get-state").stdout == b"device\n"


def test_a_stalled_phone_is_a_device_that_never_answers(phone: MakePhone, tiny_onnx: bytes) -> None:
    on = phone(faults=["stall:1"])
    answer_of(on, tiny_onnx)
    with pytest.raises(subprocess.TimeoutExpired):
        on.shell("echo", timeout=0.5)
    assert on.adb("get-state").stdout == b"device\n"


def test_a_restart_ends_the_app(phone: MakePhone, tiny_onnx: bytes) -> None:
    on = phone(faults=["reboot-mid-run:1"])
    before = on.phone.state.boot_id
    assert answer_of(on, tiny_onnx) is None
    on.adb("wait-for-device")
    assert on.shell("cat /proc/sys/kernel/random/boot_id").stdout.decode().strip() != before


@pytest.mark.parametrize(
    ("fault", "reason"), [("app-crashes", "APP CRASH(NATIVE)"), ("app-killed", "LOW_MEMORY")]
)
def test_an_app_that_dies_leaves_a_record(
    phone: MakePhone, tiny_onnx: bytes, fault: str, reason: str
) -> None:
    on = phone(faults=[fault])
    assert answer_of(on, tiny_onnx) is None
    assert reason in on.shell(f"dumpsys activity exit-info {PACKAGE}").stdout.decode()
    assert b"has died: fg  TOP" in on.adb("logcat", "-d").stdout


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        ("answer-truncated", "Invalid JSON"),
        ("answer-not-json", "Invalid JSON"),
        ("answer-newer-schema", "novelty"),
        ("answer-nan", "iterations_ns"),
        ("answer-negative", "first_ns"),
    ],
)
def test_an_answer_that_is_none(phone: MakePhone, tiny_onnx: bytes, fault: str, what: str) -> None:
    text = answer_of(phone(faults=[fault]), tiny_onnx)
    assert text is not None
    with pytest.raises(ValueError, match=what):
        Answer.model_validate_json(text)


def test_an_answer_to_another_question_and_wrong_logits(phone: MakePhone, tiny_onnx: bytes) -> None:
    on = phone(faults=["answer-other-id", "wrong-answers"])
    text = answer_of(on, tiny_onnx)
    assert text is not None
    answer = Answer.model_validate_json(text)
    assert answer.id != "block-1"
    right = SHARED.logits("onnx", tiny_onnx, golden(0), SHAPE)
    assert not np.allclose(answer.logits[0].values(), right)


def test_an_operator_that_is_missing(
    phone: MakePhone, tmp_path: Path, tiny_onnx: bytes, tiny_pte: bytes
) -> None:
    on = phone(faults=["operator-missing"])
    text = answer_of(on, tiny_onnx)
    assert text is not None
    error = Answer.model_validate_json(text).error
    assert error is not None
    assert error.kind == "operator-missing"
    put_runner(on, tmp_path, tiny_pte)
    assert on.shell(f"cd {SHELL_FOLDER} && {RUN}").returncode == 0
    error = runners_answer(on).error
    assert error is not None
    assert error.kind == "operator-missing"


@pytest.mark.parametrize(("fault", "status"), [("runner-crashes", 139), ("runner-other-abi", 126)])
def test_a_runner_that_fails(
    phone: MakePhone, tmp_path: Path, tiny_pte: bytes, fault: str, status: int
) -> None:
    on = phone(faults=[fault])
    put_runner(on, tmp_path, tiny_pte)
    assert on.shell(f"cd {SHELL_FOLDER} && {RUN}").returncode == status


def test_the_date_jumps_back_after_a_block(phone: MakePhone, tiny_onnx: bytes) -> None:
    on = phone(faults=["clock-jumps"])
    read = "date '+%Y-%m-%d %H:%M:%S'"
    before = datetime.fromisoformat(on.shell(read).stdout.decode().strip())
    answer_of(on, tiny_onnx)
    after = datetime.fromisoformat(on.shell(read).stdout.decode().strip())
    assert before - after > timedelta(minutes=30)
