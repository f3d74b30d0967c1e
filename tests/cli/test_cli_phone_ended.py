"""profile, ended from outside or started twice: what was measured is kept, the phone left clean."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from phone_commands import Command, start
from phone_commands import command as command
from phone_commands import environment as environment
from virtual_phone_fixture import MakePhone

from deploy.results.file import read_results


def test_ctrl_c_keeps_what_there_is_and_leaves_the_phone_clean(
    phone: MakePhone, environment: dict[str, str], phone_bundle: Path, tmp_path: Path
) -> None:
    connected, file = phone(), tmp_path / "partial.json"
    process = start(
        environment,
        *("profile", str(phone_bundle), "--device", connected.serial, "--rounds", "500"),
        *("--artifact", "onnx-int8", "--threads", "1", "-o", str(file)),
    )
    deadline = time.monotonic() + 60
    while not any("block-2-" in said for said in connected.phone.commands):
        assert time.monotonic() < deadline, process.stderr
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "interrupted"
    assert "interrupted: these figures are of a part of the session" in out
    (device,) = read_results(file).devices
    assert device.interrupted
    assert len(device.arms[0].blocks) >= 2
    assert not [path for path in connected.phone.files if "/bench/" in path]


def test_a_second_session_on_one_phone_is_refused(
    phone: MakePhone, environment: dict[str, str], command: Command, phone_bundle: Path
) -> None:
    connected = phone()
    arguments = ["profile", str(phone_bundle), "--device", connected.serial, "--threads", "1"]
    first = start(environment, *arguments, "--rounds", "500", "--artifact", "onnx-int8")
    deadline = time.monotonic() + 60
    while not any("block-0-" in said for said in connected.phone.commands):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    second = command(*arguments)
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=60)
    assert second.returncode == 1
    assert f"another session measures on {connected.serial}" in second.stderr


def test_being_told_to_terminate_keeps_what_there_is_too(
    phone: MakePhone, environment: dict[str, str], phone_bundle: Path, tmp_path: Path
) -> None:
    connected, file = phone(seed=5), tmp_path / "partial.json"
    process = start(
        environment,
        *("profile", str(phone_bundle), "--device", connected.serial, "--rounds", "500"),
        *("--artifact", "onnx-int8", "--threads", "1", "-o", str(file)),
    )
    deadline = time.monotonic() + 60
    while not any("block-1-" in said for said in connected.phone.commands):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert read_results(file).devices[0].interrupted
    assert not [path for path in connected.phone.files if "/bench/" in path]
