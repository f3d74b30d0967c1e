"""profile --per-op: where the time of an artifact goes, here and on a virtual phone."""

from __future__ import annotations

import json
from pathlib import Path

from compilers import needs_compiler
from phone_commands import Command
from phone_commands import command as command
from phone_commands import environment as environment
from virtual_phone_fixture import RUNNER, MakePhone


def test_per_op_shows_where_the_time_goes(command: Command, phone_bundle: Path) -> None:
    done = command("profile", str(phone_bundle), "--per-op", "--json")
    assert done.returncode == 0, done.stderr
    profiles = json.loads(done.stdout)["profiles"]
    assert [profile["artifact"] for profile in profiles] == ["onnx-fp32", "onnx-int8"]
    times = [operator["total_ns"] for operator in profiles[1]["operators"]]
    assert times == sorted(times, reverse=True)
    assert "QLinearConv" in {operator["operator"] for operator in profiles[1]["operators"]}


@needs_compiler("linux-x86_64")
def test_per_op_of_a_pte_here_is_the_native_runners_etdump(
    command: Command, phone_bundle: Path
) -> None:
    asked = ("--per-op", "--artifact", "executorch-int8", "--json")
    done = command("profile", str(phone_bundle), *asked)
    assert done.returncode == 0, done.stderr
    (profile,) = json.loads(done.stdout)["profiles"]
    assert profile["operators"][0]["calls"] == profile["runs"]


def test_per_op_of_a_phone_is_its_runners_etdump(
    phone: MakePhone, command: Command, phone_bundle: Path, tmp_path: Path
) -> None:
    connected = phone()
    binary = tmp_path / "mobile-deploy-runner"
    binary.write_bytes(RUNNER)
    done = command(
        *("profile", str(phone_bundle), "--per-op", "--artifact", "executorch-int8"),
        *("--device", connected.serial, "--runner", "native", "--json"),
        *("--runner-binary", str(binary)),
    )
    assert done.returncode == 0, done.stderr
    (profile,) = json.loads(done.stdout)["profiles"]
    assert profile["where"] == "Virtual Pixel"
    assert profile["operators"][0]["operator"] == "delegate"
    assert not [path for path in connected.phone.files if path.startswith("/data/local/tmp/")]
