"""The virtual phone through the real adb: files, commands, both runners, and every fault."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from adbutils import AdbClient
from onnx import TensorProto, helper, numpy_helper
from virtual_phone_fixture import ConnectedPhone, MakePhone, adb_server, phone

from deploy.protocol.messages import (
    PROTOCOL_VERSION,
    Answer,
    GoldenInput,
    Request,
    RequestedArtifact,
    TimedInput,
)
from deploy.runtimes.onnx_session import open_session
from deploy.support.errors import RunError, UserError
from deploy.virtual_phone.clock import PhoneClock
from deploy.virtual_phone.device_model import DeviceModel, Work, work_of
from deploy.virtual_phone.faults import FAULTS, Faults
from deploy.virtual_phone.phone import VirtualPhone
from deploy.virtual_phone.profiles import PROFILES, profile_named
from deploy.virtual_phone.runtimes import SHARED
from deploy.virtual_phone.shell import Shell
from deploy.virtual_phone.state import ACTIVITY, APP_DATA, PACKAGE, State
from deploy.virtual_phone.streams import Buffer, Streams

__all__ = ["adb_server", "phone"]

SHAPE = (1, 3, 4, 4)
BENCH = f"{APP_DATA}/files/bench"
TEMPORARY = "/data/local/tmp"
RUNNER = b"\x7fELF\x02\x01\x01" + bytes(11) + (183).to_bytes(2, "little") + bytes(44)
RUN = "./runner-64 --model_path=a.pte --inputs=in.f32 --print_output=none --output_file=out"


@pytest.fixture(scope="module")
def tiny_onnx() -> bytes:
    """A network of one layer: 48 numbers to 5 logits."""
    weights = np.random.default_rng(1).normal(size=(48, 5)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["input"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, SHAPE)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, (1, 5))],
        [numpy_helper.from_array(weights, "weights")],
    )
    opset = helper.make_opsetid("", 20)
    return helper.make_model(graph, opset_imports=[opset], ir_version=10).SerializeToString()


@pytest.fixture(scope="module")
def tiny_pte() -> bytes:
    import torch
    from executorch.exir import to_edge

    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48, 5))
    exported = torch.export.export(network.eval(), (torch.zeros(SHAPE),))
    return bytes(to_edge(exported).to_executorch().buffer)


def golden(seed: int = 0) -> bytes:
    return np.random.default_rng(seed).normal(size=SHAPE).astype("<f4").tobytes()


def request(artifact: bytes, **changes: Any) -> Request:
    photos = (golden(0), golden(1))
    fields: dict[str, Any] = {
        "schema_version": PROTOCOL_VERSION,
        "id": "block-1",
        "artifact": RequestedArtifact(
            file="a.onnx",
            sha256=hashlib.sha256(artifact).hexdigest(),
            format="onnx",
            backend="onnxruntime-cpu",
            input="input",
            output="logits",
        ),
        "threads": 2,
        "warmup": 2,
        "iterations": 10,
        "shape": SHAPE,
        "input": TimedInput(golden=0, seed=None),
        "golden": tuple(
            GoldenInput(index=i, file=f"golden-{i}.f32", sha256=hashlib.sha256(data).hexdigest())
            for i, data in enumerate(photos)
        ),
        "sustained": False,
    }
    return Request(**{**fields, **changes})


def put(on: ConnectedPhone, name: str, data: bytes) -> None:
    """Into the app's folder, as the harness does it."""
    done = on.shell(
        f"run-as {PACKAGE} sh -c 'mkdir -p files/bench && cat > files/bench/{name}'", data
    )
    assert done.returncode == 0, done.stderr


def start_block(on: ConnectedPhone, artifact: bytes, wanted: Request | None = None) -> None:
    wanted = wanted or request(artifact)
    for index in range(2):
        put(on, f"golden-{index}.f32", golden(index))
    put(on, "a.onnx", artifact)
    put(on, f"{wanted.id}.request.json", wanted.to_json().encode())
    done = on.shell(f"am start -W -S -n {ACTIVITY} --es id {wanted.id}")
    assert b"Status: ok" in done.stdout


def until(condition: Callable[[], bool]) -> bool:
    """Whether it comes true before patience ends."""
    for _ in range(400):
        if condition():
            return True
        time.sleep(0.01)
    return False


def app_is_gone(on: ConnectedPhone) -> bool:
    return not on.phone.state.processes.named(PACKAGE)


def answer_of(on: ConnectedPhone, artifact: bytes, wanted: Request | None = None) -> str | None:
    """What the app left once its process has ended, None for nothing."""
    start_block(on, artifact, wanted)
    assert until(lambda: app_is_gone(on))
    data = on.phone.files.get(f"{BENCH}/block-1.answer.json")
    return None if data is None else data.decode()


def put_runner(on: ConnectedPhone, tmp_path: Path, model: bytes) -> None:
    for name, data in (("runner-64", RUNNER), ("a.pte", model), ("in.f32", golden())):
        (tmp_path / name).write_bytes(data)
        assert on.adb("push", str(tmp_path / name), f"{TEMPORARY}/{name}").returncode == 0
    assert on.shell(f"chmod 755 {TEMPORARY}/runner-64").returncode == 0


# --- adb ----------------------------------------------------------------------------------


def test_adb_lists_it_as_a_virtual_device(phone: MakePhone) -> None:
    on = phone()
    assert on.adb("get-state").stdout == b"device\n"
    (line,) = (
        line
        for line in on.server.run("devices", "-l").stdout.decode().splitlines()
        if line.startswith(on.serial)
    )
    assert "model:Virtual_Pixel" in line


def test_exit_status_and_both_outputs_come_apart(phone: MakePhone) -> None:
    done = phone().shell("echo out; cat missing; exit 7")
    assert (done.returncode, done.stdout) == (7, b"out\n")
    assert done.stderr == b"cat: missing: No such file or directory\n"


def test_an_unknown_command_fails_as_on_android(phone: MakePhone) -> None:
    done = phone().shell("apt-get moo")
    assert done.returncode == 127
    assert done.stderr == b"/system/bin/sh: apt-get: inaccessible or not found\n"


def test_what_is_pushed_is_pulled_and_read(phone: MakePhone, tmp_path: Path) -> None:
    on = phone()
    data = random.Random(0).randbytes(3_000_000)
    (tmp_path / "sent").write_bytes(data)
    where = f"{TEMPORARY}/new folder/sent"
    assert on.adb("push", str(tmp_path / "sent"), where).returncode == 0
    assert on.adb("pull", where, str(tmp_path / "back")).returncode == 0
    assert (tmp_path / "back").read_bytes() == data
    assert on.adb("exec-out", f"cat '{where}'").stdout == data
    digest = on.shell(f"sha256sum '{where}'").stdout.split()[0].decode()
    assert digest == hashlib.sha256(data).hexdigest()
    copied = on.shell(f"cat > {TEMPORARY}/copy && wc -c < {TEMPORARY}/copy", data)
    assert copied.stdout == b"3000000\n"


def test_pulling_what_is_missing_fails(phone: MakePhone, tmp_path: Path) -> None:
    done = phone().adb("pull", f"{TEMPORARY}/none", str(tmp_path / "x"))
    assert done.returncode == 1
    assert b"No such file or directory" in done.stderr


def test_a_folder_is_pushed_and_pulled(phone: MakePhone, tmp_path: Path) -> None:
    on = phone()
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/c.txt").write_text("deep")
    assert on.adb("push", str(tmp_path / "a"), TEMPORARY).returncode == 0
    assert on.adb("pull", f"{TEMPORARY}/a", str(tmp_path / "back")).returncode == 0
    assert (tmp_path / "back/b/c.txt").read_text() == "deep"


def test_the_first_version_of_file_transfer(phone: MakePhone, tmp_path: Path) -> None:
    """adbutils speaks it; adb itself has long had a second."""
    on = phone()
    device = AdbClient(port=on.server.port).device(on.serial)
    data = random.Random(1).randbytes(200_000)
    device.sync.push(data, f"{TEMPORARY}/v1", mode=0o700)
    assert device.sync.read_bytes(f"{TEMPORARY}/v1") == data
    assert device.sync.stat(f"{TEMPORARY}/v1").size == len(data)
    assert [each.path for each in device.sync.list(TEMPORARY)] == ["v1"]
    assert on.shell(f"stat -c %a {TEMPORARY}/v1").stdout == b"700\n"
    assert device.shell2("echo a; exit 5", v2=True).returncode == 5


def test_an_apk_is_installed_and_uninstalled(phone: MakePhone, tmp_path: Path) -> None:
    on = phone(faults=["app-missing"])
    assert on.shell(f"pm path {PACKAGE}").returncode == 1
    with zipfile.ZipFile(tmp_path / "app.apk", "w") as apk:
        apk.writestr("AndroidManifest.xml", PACKAGE.encode("utf-16-le"))
    assert b"Success" in on.adb("install", "-r", str(tmp_path / "app.apk")).stdout
    assert on.shell(f"pm path {PACKAGE}").stdout.startswith(b"package:/data/app/")
    assert b"Success" in on.adb("uninstall", PACKAGE).stdout
    (tmp_path / "not.apk").write_bytes(b"no zip")
    refused = on.adb("install", str(tmp_path / "not.apk"))
    assert refused.returncode == 1
    assert b"INSTALL_PARSE_FAILED_NOT_APK" in refused.stdout + refused.stderr


def test_logcat_has_what_was_said(phone: MakePhone) -> None:
    on = phone()
    on.phone.state.say(7, "I", "ExecuTorch", "one line")
    on.phone.state.say(7, "I", "Other", "another")
    log = on.adb("logcat", "-d", "-s", "ExecuTorch:I").stdout
    assert b"I ExecuTorch: one line" in log
    assert b"another" not in log
    on.adb("logcat", "-c")
    assert b"one line" not in on.adb("logcat", "-d").stdout


def test_it_restarts(phone: MakePhone) -> None:
    on = phone()
    read = "cat /proc/sys/kernel/random/boot_id"
    before = on.shell(read).stdout
    on.adb("reboot")
    assert until(lambda: on.phone.state.screen.locked)
    on.adb("wait-for-device")
    after = on.shell(read).stdout
    assert len(after) == len(before) == 37
    assert after != before


def test_a_phone_that_is_gone_stays_gone(phone: MakePhone) -> None:
    on = phone()
    on.phone.stop()
    assert until(lambda: on.adb("get-state").returncode == 1)
    on.phone.stop()


def test_what_does_not_speak_adb_does_no_harm(phone: MakePhone) -> None:
    on = phone()
    for garbage in (b"GET / HTTP/1.1\r\n\r\n" * 9, random.Random(0).randbytes(5000), b"CNXN"):
        with socket.create_connection(("127.0.0.1", on.phone.port)) as stranger:
            stranger.sendall(garbage)
    assert on.shell("echo well").stdout == b"well\n"


# --- nothing reaches this computer ------------------------------------------------------


@pytest.mark.parametrize(
    "hostile",
    [
        "$(touch {})",
        "`touch {}`",
        "; touch {}",
        "&& touch {}",
        "| touch {}",
        "> {}",
        "'; touch {} '",
    ],
)
def test_no_command_reaches_this_computer(phone: MakePhone, tmp_path: Path, hostile: str) -> None:
    on = phone()
    target = tmp_path / "pwned"
    for command in (f"echo {hostile}", f'echo "{hostile}"', f"run-as {PACKAGE} echo {hostile}"):
        on.shell(command.format(target))
        on.adb("exec-out", command.format(target))
    assert not target.exists()
    assert not any("pwned" in path for path in on.phone.files)


def test_no_file_of_this_computer_can_be_named(phone: MakePhone, tmp_path: Path) -> None:
    on = phone()
    secret = tmp_path / "secret"
    secret.write_text("mine")
    for path in (str(secret), f"{TEMPORARY}/../../..{secret}", f"//{secret}"):
        assert b"No such file" in on.shell(f"cat '{path}'").stderr
        assert on.adb("pull", path, str(tmp_path / "stolen")).returncode == 1
        assert on.adb("push", str(secret), f"{path}/x").returncode == 1


# --- the shell ----------------------------------------------------------------------------


def typed(
    line: str, *, stdin: bytes = b"", profile: str = "pixel", faults: tuple[str, ...] = ()
) -> tuple[int, str, str]:
    """Exit status and both outputs of a command line, without adb."""
    state = State(profile_named(profile), seed=0, faults=faults, speed=60)
    out, err = Buffer(), Buffer()
    status = asyncio.run(Shell(state).run(line, Streams(Buffer(stdin), out, err)))
    return status, out.data.decode(), err.data.decode()


@pytest.mark.parametrize(
    ("line", "output"),
    [
        ("echo a  'b  c' \"d  e\" f\\ g", "a b  c d  e f g\n"),
        ("false && echo no; true && echo yes", "yes\n"),
        ("false || echo saved; echo $?", "saved\n0\n"),
        ("false; echo $?", "1\n"),
        ("nothing-such 2>/dev/null; echo $?", "127\n"),
        ("cat missing 2>&1; true", "cat: missing: No such file or directory\n"),
        ("echo '$HOME' \"$HOME\" \\$HOME", "$HOME / $HOME\n"),
        ("export X='a b'; echo \"$X\" $X", "a b a b\n"),
        ("echo $(echo inner `echo deep`)", "inner deep\n"),
        ("cd /data/local/tmp && echo 1 > f && echo 2 >> f && cat < f", "1\n2\n"),
        ("cd /data/local/tmp; echo x > b; echo x > a; echo * '*' z*", "a b * z*\n"),
        ("sh -c 'cd /data; exit 3'; echo $? && pwd", "3\n/\n"),
        ("exec echo once; echo twice", "once\n"),
        ("echo a | cat; printf '%s-%s' x y | wc -c", "a\n3\n"),
        ("# a comment\necho after", "after\n"),
        ("test -f /proc/stat && test ! -d /proc/stat && echo file", "file\n"),
        (
            "cd /data/local/tmp; mkdir -p a/b; echo x > a/b/c; mv a z; cat z/b/c; rm -rf z; ls",
            "x\n",
        ),
        ("id -u; run-as dev.mobiledeploy.demo id -u", "2000\n10234\n"),
        ("taskset f0 nproc; nproc", "4\n8\n"),
        ("settings put global x 1; settings get global x; settings get global y", "1\nnull\n"),
    ],
)
def test_the_shell_understands(line: str, output: str) -> None:
    status, out, err = typed(line)
    assert (out, err, status) == (output, "", 0)


@pytest.mark.parametrize(
    ("line", "status", "error"),
    [
        ("echo 'open", 2, "no closing quote"),
        ("echo $(open", 2, "no closing quote"),
        ("a && && b", 2, "unexpected '&&'"),
        ("for x in y; do echo z; done", 2, "unexpected 'for'"),
        ("echo x > /system/x", 1, "can't create /system/x: Read-only file system"),
        ("echo x > /sys/x", 1, "can't create /sys/x: "),
        ("cat < none", 1, "can't open none: No such file or directory"),
        ("./none", 127, "./none: inaccessible or not found"),
        ("taskset 0xf0 nproc", 1, "bad mask '0xf0'"),
        ("taskset f00 nproc", 1, "Invalid argument"),
        ("run-as com.example id", 1, "run-as: unknown package: com.example"),
        (f"ls {APP_DATA}", 1, "Permission denied"),
        ("taskset f " * 500 + "nproc", 2, "too deeply nested"),
        ("exec " * 500 + "nproc", 2, "too deeply nested"),
        ("$(" * 40 + "x" + ")" * 40, 0, "too deeply nested"),
    ],
)
def test_the_shell_refuses(line: str, status: int, error: str) -> None:
    got, _, err = typed(line)
    assert got == status
    assert error in err


def test_a_line_of_garbage_never_ends_the_shell() -> None:
    rng = random.Random(0)
    alphabet = "ab '\"\\$`(){}|&;<>*?[]#\n=0!-/\x00\u5c0f"
    for _ in range(500):
        line = "".join(rng.choices(alphabet, k=rng.randint(1, 30)))
        typed(line)


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_says_that_it_is_virtual(profile: str) -> None:
    assert typed("getprop ro.product.model", profile=profile)[1].startswith("Virtual ")
    assert typed("getprop ro.product.manufacturer", profile=profile)[1] == "mobile-deploy\n"
    assert typed("getprop ro.serialno", profile=profile)[1] == f"virtual-{profile}-0\n"
    related = "grep -s -H '' /sys/devices/system/cpu/cpufreq/policy*/related_cpus"
    lines = typed(related, profile=profile)[1].splitlines()
    assert len(lines) == len(PROFILES[profile].clusters)
    cores = [core for line in lines for core in line.partition(":")[2].split()]
    assert cores == [str(core) for core in range(8)]


def test_an_old_phone_has_no_thermal_service() -> None:
    assert typed("dumpsys thermalservice", profile="budget")[2] == (
        "Can't find service: thermalservice\n"
    )
    assert "temperature: 290" in typed("dumpsys battery", profile="budget")[1]


# --- the app ------------------------------------------------------------------------------


def test_the_apps_files_are_the_apps_alone(phone: MakePhone) -> None:
    on = phone()
    put(on, "x", b"kept\x00\xff")
    assert on.adb("exec-out", f"run-as {PACKAGE} cat files/bench/x").stdout == b"kept\x00\xff"
    assert on.phone.files[f"{BENCH}/x"] == b"kept\x00\xff"
    assert b"Permission denied" in on.shell(f"cat {BENCH}/x").stderr


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
    for each in answer.logits:
        values = np.frombuffer(golden(each.index), "<f4").reshape(SHAPE)
        (expected,) = session.run(None, {"input": values})
        np.testing.assert_allclose(each.values(), expected[0], rtol=1e-5)
    assert answer.runner is not None
    assert answer.runner.runtime == "ONNX Runtime"
    assert not any(path.endswith(".part") for path in on.phone.files)


def test_the_app_is_seen_while_it_runs(phone: MakePhone, tiny_onnx: bytes) -> None:
    on = phone(faults=["app-hangs"])
    start_block(on, tiny_onnx)
    pid = on.shell(f"pidof {PACKAGE}").stdout.decode().strip()
    status = on.shell(f"run-as {PACKAGE} grep -s -H '' /proc/{pid}/status").stdout.decode()
    assert f"/proc/{pid}/status:VmRSS:" in status
    assert "TOTAL RSS: " in on.shell(f"dumpsys meminfo {PACKAGE}").stdout.decode()
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


# --- the native runner ----------------------------------------------------------------------


def test_the_runner_logs_times_and_writes_logits(
    phone: MakePhone, tmp_path: Path, tiny_pte: bytes
) -> None:
    on = phone()
    put_runner(on, tmp_path, tiny_pte)
    done = on.shell(f"cd {TEMPORARY} && taskset F0 {RUN} --num_executions=5 --cpu_threads=4")
    assert (done.returncode, done.stdout) == (0, b"")
    lines = done.stderr.decode().splitlines()
    assert all(" executorch:executor_runner.cpp:" in line for line in lines)
    messages = [line.partition("] ")[2] for line in lines]
    assert sum(text.startswith("Model loaded in ") for text in messages) == 1
    timed = [float(text.split()[-2]) for text in messages if text.startswith("Iteration ")]
    (total,) = (text for text in messages if text.startswith("Model executed successfully 5 time"))
    assert float(total.split()[-2]) == pytest.approx(sum(timed), abs=1e-4)
    written = np.frombuffer(on.phone.files[f"{TEMPORARY}/out-0.bin"], "<f4")
    np.testing.assert_array_equal(written, SHARED.logits("executorch", tiny_pte, golden()))


def test_the_runner_is_seen_with_its_cores(
    phone: MakePhone, tmp_path: Path, tiny_pte: bytes
) -> None:
    on = phone()
    put_runner(on, tmp_path, tiny_pte)
    command = f"cd {TEMPORARY} && taskset F0 {RUN} --num_executions=400 --cpu_threads=3"
    with ThreadPoolExecutor() as pool:
        running = pool.submit(on.shell, command)
        assert until(lambda: bool(on.phone.state.processes.named("runner-64")))
        status = on.shell("grep -s -H '' /proc/$(pidof runner-64)/status").stdout.decode()
        assert running.result().returncode == 0
    assert "VmHWM:" in status
    assert "Threads:\t3\n" in status
    assert "Cpus_allowed_list:\t4-7\n" in status
    assert on.shell("pidof runner-64").returncode == 1


def test_a_runner_that_nobody_waits_for_any_more_ends(
    phone: MakePhone, tmp_path: Path, tiny_pte: bytes
) -> None:
    on = phone(faults=["stall"])
    put_runner(on, tmp_path, tiny_pte)
    with pytest.raises(subprocess.TimeoutExpired):
        on.shell(f"cd {TEMPORARY} && {RUN}", timeout=0.5)
    on.server.run("disconnect", on.serial)
    assert until(lambda: not on.phone.state.processes.named("runner-64"))


def test_a_runner_of_another_processor_is_not_executed(phone: MakePhone, tmp_path: Path) -> None:
    on = phone()
    (tmp_path / "runner-x86").write_bytes(RUNNER.replace((183).to_bytes(2, "little"), b"\x3e\0"))
    on.adb("push", str(tmp_path / "runner-x86"), TEMPORARY)
    where = f"{TEMPORARY}/runner-x86"
    assert on.shell(f"chmod 644 {where}; {where}").stderr.endswith(
        b"can't execute: Permission denied\n"
    )
    done = on.shell(f"chmod 755 {where}; {where}")
    assert done.returncode == 126
    assert done.stderr.endswith(b"not executable: 64-bit ELF file\n")


def test_the_runner_gives_up_as_the_real_one_does(
    phone: MakePhone, tmp_path: Path, tiny_pte: bytes
) -> None:
    on = phone()
    put_runner(on, tmp_path, tiny_pte)
    folder = f"cd {TEMPORARY} && ./runner-64"
    assert on.shell(f"{folder} --modle_path=a.pte").returncode == 1
    assert on.shell(f"{folder} --model_path=none.pte").returncode == 134
    assert on.shell(f"{folder} --model_path=a.pte --inputs=none.f32").returncode == 134
    assert on.shell(f"{folder} --model_path=a.pte --inputs=a.pte").returncode == 134
    assert on.shell(f"{folder} --model_path=in.f32").returncode == 1


# --- faults ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "state"),
    [("unauthorized", "unauthorized"), ("offline", "offline"), ("recovery", "recovery")],
)
def test_states_that_are_no_device(phone: MakePhone, fault: str, state: str) -> None:
    on = phone(faults=[fault])
    assert until(lambda: f"{on.serial}\t{state}" in on.server.run("devices").stdout.decode())


def test_a_full_disk_refuses_files(phone: MakePhone, tmp_path: Path) -> None:
    on = phone(faults=["no-space"])
    (tmp_path / "big").write_bytes(bytes(300_000))
    done = on.adb("push", str(tmp_path / "big"), TEMPORARY)
    assert done.returncode == 1
    assert b"No space left on device" in done.stderr
    assert b" 0 100% /data" in on.shell("df -k /data/local/tmp").stdout
    assert on.shell(f"cat > {TEMPORARY}/x", b"y").returncode == 1


def test_a_push_that_breaks_can_be_repeated(phone: MakePhone, tmp_path: Path) -> None:
    on = phone(faults=["drop-mid-push:1"])
    (tmp_path / "big").write_bytes(bytes(300_000))
    assert on.adb("push", str(tmp_path / "big"), TEMPORARY).returncode == 1
    assert f"{TEMPORARY}/big" not in on.phone.files
    on.adb("wait-for-device")
    assert on.adb("push", str(tmp_path / "big"), TEMPORARY).returncode == 0


def test_a_break_while_the_runner_runs(phone: MakePhone, tmp_path: Path, tiny_pte: bytes) -> None:
    on = phone(faults=["drop-mid-run:1"])
    put_runner(on, tmp_path, tiny_pte)
    command = f"cd {TEMPORARY} && {RUN}"
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
        on.shell("true", timeout=0.5)
    assert on.adb("get-state").stdout == b"device\n"


def test_a_restart_ends_the_app(phone: MakePhone, tiny_onnx: bytes) -> None:
    on = phone(faults=["reboot-mid-run:1"])
    before = on.phone.state.boot_id
    assert answer_of(on, tiny_onnx) is None
    on.adb("wait-for-device")
    assert on.shell("cat /proc/sys/kernel/random/boot_id").stdout.decode().strip() != before


def test_an_old_adbd_has_crlf_noise_and_no_exit_status(phone: MakePhone) -> None:
    on = phone(faults=["crlf"])
    done = on.shell("echo a; cat missing; exit 9")
    assert done.returncode == 0
    assert done.stdout.startswith(b"* daemon not running")
    assert done.stdout.endswith(b"\r\na\r\ncat: missing: No such file or directory\r\n")
    assert b"shell_v2" not in on.adb("features").stdout


@pytest.mark.parametrize(
    ("fault", "line", "shown"),
    [
        ("screen-locked", "input keyevent 224; wm dismiss-keyguard; dumpsys window", "LockScreen"),
        ("app-missing", f"am start -W -n {ACTIVITY} --es id x", "does not exist"),
        ("app-missing", f"run-as {PACKAGE} ls", "unknown package"),
        ("app-missing", f"dumpsys package {PACKAGE}", "Unable to find package"),
        ("app-old", f"dumpsys package {PACKAGE}", "+protocol.0.executorch.1.0.0."),
        ("low-battery", "dumpsys battery", "  level: 4\n"),
        ("charging", "dumpsys battery", "  USB powered: true\n"),
        ("thermal-unknown", "dumpsys thermalservice", "Can't find service: thermalservice"),
        ("forced-thermal", "dumpsys thermalservice", "IsStatusOverride: true"),
        ("never-cools", "dumpsys thermalservice", "Thermal Status: 1"),
        ("never-cools", "sleep 30; dumpsys battery", "  temperature: 450\n"),
        ("odd-names", "getprop ro.product.model", "$(touch /tmp/pwned)"),
        (
            "unreadable-cpufreq",
            "cat /sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq",
            "policy0/scaling_cur_freq: Permission denied",
        ),
    ],
)
def test_what_a_fault_shows(fault: str, line: str, shown: str) -> None:
    _, out, err = typed(line, faults=(fault,))
    shown = shown.replace("LockScreen", "mDreamingLockscreen=true")
    assert shown in out + err
    _, out, err = typed(line)
    assert shown not in out + err


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
    right = SHARED.logits("onnx", tiny_onnx, golden(0))
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
    done = on.shell(f"cd {TEMPORARY} && {RUN}")
    assert done.returncode == 134
    assert b"Missing operator: " in done.stderr


@pytest.mark.parametrize(("fault", "status"), [("runner-crashes", 139), ("runner-other-abi", 126)])
def test_a_runner_that_fails(
    phone: MakePhone, tmp_path: Path, tiny_pte: bytes, fault: str, status: int
) -> None:
    on = phone(faults=[fault])
    put_runner(on, tmp_path, tiny_pte)
    assert on.shell(f"cd {TEMPORARY} && {RUN}").returncode == status


def test_the_date_jumps_back_after_a_block(phone: MakePhone, tiny_onnx: bytes) -> None:
    on = phone(faults=["clock-jumps"])
    before = int(on.shell("date +%s").stdout)
    answer_of(on, tiny_onnx)
    assert int(on.shell("date +%s").stdout) < before - 1800


def test_a_fault_may_strike_so_many_times() -> None:
    faults = Faults(["stall:2"])
    assert [faults.strike("stall") for _ in range(3)] == [True, True, False]
    assert not faults.strike("crlf")


@pytest.mark.parametrize("text", ["nonsense", "stall:0", "stall:x", "stall:", "stall:-1"])
def test_a_fault_that_there_is_not(text: str) -> None:
    with pytest.raises(UserError, match="fault"):
        Faults([text])


# --- times ----------------------------------------------------------------------------------


class Still:
    """Our own time, which a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def model(profile: str = "pixel", seed: int = 0, **faults: bool) -> tuple[DeviceModel, Still]:
    still = Still()
    return DeviceModel(profile_named(profile), seed, PhoneClock(60.0, still), **faults), still


WORK = Work(milliseconds=25.0, bytes=14_000_000)


def median_ms(device: DeviceModel, threads: int, cores: tuple[int, ...] = tuple(range(8))) -> float:
    times = device.block(WORK, threads=threads, cores=cores, executions=26).executions_ns
    return float(np.median(times[1:])) / 1e6


def test_times_are_the_seeds(phone: MakePhone, tiny_onnx: bytes) -> None:
    texts = [answer_of(phone(seed=seed), tiny_onnx) for seed in (3, 3, 4)]
    times = [json.loads(text or "")["iterations_ns"] for text in texts]
    assert times[0] == times[1]
    assert times[0] != times[2]


def test_threads_help_as_far_as_big_cores_go() -> None:
    device, _ = model()
    one, two, four, eight = (median_ms(device, threads) for threads in (1, 2, 4, 8))
    assert one > two > four
    assert eight > four


def test_little_cores_are_slower() -> None:
    device, _ = model()
    assert median_ms(device, 4, (0, 1, 2, 3)) > 2 * median_ms(device, 4, (4, 5, 6, 7))


def test_a_float_network_costs_more_than_its_int8() -> None:
    weights = np.random.default_rng(0).normal(0, 0.1, 100_000)
    float_work = work_of(weights.astype("<f4").tobytes())
    int8_work = work_of((weights * 100).astype(np.int8).tobytes())
    assert 0.4 < int8_work.milliseconds / float_work.milliseconds < 0.9


def test_a_hot_phone_throttles_and_cools() -> None:
    device, still = model(heats_fast=True)
    times = device.block(WORK, threads=4, cores=tuple(range(8)), executions=40).executions_ns
    assert np.median(times[-5:]) > 1.4 * np.median(times[1:10])
    assert device.thermal_status() == 2
    assert device.allowed_khz(2) < profile_named("pixel").clusters[2].max_khz
    still.now += 10
    assert device.thermal_status() == 0
    assert device.battery_celsius() < 30


def test_a_calm_phone_does_not_throttle() -> None:
    device, _ = model()
    for _ in range(20):
        median_ms(device, 4)
    assert device.thermal_status() == 0


# --- the command ------------------------------------------------------------------------------

PROGRAM = "import sys; from deploy.cli import main; sys.exit(main())"


def command(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "virtual-phone", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )


def test_the_command_is_a_phone_until_ctrl_c(adb_server: Any) -> None:
    with command("--json", "--fault", "low-battery", "--seed", "9") as running:
        assert running.stdout is not None
        where = json.loads(running.stdout.readline())
        assert where["serial"] == f"127.0.0.1:{where['port']}"
        adb_server.run("connect", where["serial"])
        said = adb_server.run("-s", where["serial"], "shell", "getprop ro.serialno").stdout
        adb_server.run("disconnect", where["serial"])
        running.send_signal(signal.SIGINT)
        assert running.wait(10) == 130
    assert said == b"virtual-pixel-9\n"


def test_the_command_lists_faults_and_refuses_others() -> None:
    with command("--list-faults") as listing:
        text, _ = listing.communicate()
    assert all(name in text for name in FAULTS)
    with command("--fault", "nonsense") as refusing:
        _, error = refusing.communicate()
    assert refusing.returncode == 2
    assert error.count("\n") == 1


def test_a_port_that_is_taken_is_told() -> None:
    with VirtualPhone() as first, pytest.raises(RunError, match="give another port"):
        VirtualPhone(port=first.port).__enter__()


def test_the_app_refuses_what_the_kotlin_app_refuses(phone: MakePhone) -> None:
    """With the same kind, each request of the fixtures that the Kotlin tests read."""
    connected = phone()
    fixtures = Path(__file__).parents[1] / "fixtures/protocol/refused_requests.json"
    connected.shell(f"run-as {PACKAGE} sh -c 'mkdir -p files/bench'")
    for number, case in enumerate(json.loads(fixtures.read_text(encoding="utf-8"))):
        block = f"case-{number}"
        write = f"run-as {PACKAGE} sh -c 'cat > files/bench/{block}.request.json'"
        connected.shell(write, input=case["text"].encode("utf-8"))
        connected.shell(f"am start -W -S -n {ACTIVITY} --es id {block}")
        deadline = time.monotonic() + 20
        while f"{BENCH}/{block}.answer.json" not in connected.phone.files:
            assert time.monotonic() < deadline, case["name"]
            time.sleep(0.02)
        answer = Answer.model_validate_json(connected.phone.files[f"{BENCH}/{block}.answer.json"])
        assert answer.error is not None
        assert answer.error.kind == case["kind"], case["name"]
