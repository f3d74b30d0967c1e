"""profile, doctor and virtual-phone from the command line, on virtual phones and this computer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import command as mobile_deploy
from compilers import needs_compiler
from phone_commands import Command, start
from phone_commands import command as command
from phone_commands import environment as environment
from virtual_phone_fixture import AdbServer, MakePhone

from deploy.results.file import read_results


def test_profile_shows_a_table_with_a_verdict_and_writes_the_facts(
    phone: MakePhone, command: Command, phone_bundle: Path, tmp_path: Path
) -> None:
    connected = phone()
    files = tmp_path / "results.json", tmp_path / "samples.csv"
    done = command(
        *("profile", str(phone_bundle), "--device", connected.serial),
        *("--artifact", "onnx-int8", "--artifact", "executorch-int8"),
        *("--threads", "1,4", "--rounds", "6", "--iterations", "8"),
        *("-o", str(files[0]), "--csv", str(files[1])),
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Virtual Pixel (")
    assert lines[1].split()[:3] == ["artifact", "threads", "p50"]
    verdicts = [line.split()[-1] for line in lines[2:6]]
    assert verdicts == ["VALID"] * 4
    assert any(line.startswith("recommended: onnx-int8 with 4 threads") for line in lines)
    assert max(map(len, lines[1:])) <= 120
    assert "it is a virtual phone" in done.stderr
    assert "about 15 s: 4 arms x 6 rounds" in done.stderr
    results = read_results(files[0])
    assert [len(arm.blocks) for arm in results.devices[0].arms] == [6] * 4
    assert len(files[1].read_text().splitlines()) == 1 + 4 * 6 * 8


@pytest.mark.parametrize("stdout", ["latin-1", "closed", "full"])
def test_the_facts_are_saved_whatever_stdout_takes(
    stdout: str, environment: dict[str, str], phone_bundle: Path, tmp_path: Path
) -> None:
    files = tmp_path / "results.json", tmp_path / "samples.csv"
    to = {"latin-1": f"> '{tmp_path}/shown'", "closed": ">&-", "full": "> /dev/full"}[stdout]
    line = [
        *("profile", str(phone_bundle), "--device", "host", "--artifact", "onnx-int8"),
        *("--threads", "1", "--rounds", "2", "--anyway", "--iterations", "2", "--warmup", "0"),
        *("-o", str(files[0]), "--csv", str(files[1])),
    ]
    done = subprocess.run(
        ["bash", "-c", f'exec "$@" {to}', "bash", *mobile_deploy(*line)],
        env={**environment, "PYTHONIOENCODING": "latin-1"},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 1  # INVALID: too few rounds.
    assert "internal error" not in done.stderr
    assert [len(arm.blocks) for arm in read_results(files[0]).devices[0].arms] == [2]
    assert len(files[1].read_text().splitlines()) == 1 + 2 * 2
    if stdout == "latin-1":
        assert "INVALID" in (tmp_path / "shown").read_text("latin-1")
    else:
        assert "error: cannot write to stdout (" in done.stderr


@pytest.mark.nightly
def test_a_stretch_without_pauses_shows_when_the_phone_slows_down(
    phone: MakePhone, command: Command, phone_bundle: Path, tmp_path: Path
) -> None:
    # At our own pace, else every pause of half a second is one of half a minute.
    connected, file = phone(speed=1), tmp_path / "results.json"
    done = command(
        *("profile", str(phone_bundle), "--device", connected.serial, "--sustained", "1.5"),
        *("--artifact", "onnx-int8", "--threads", "4", "--json", "-o", str(file)),
    )
    assert done.returncode == 0, done.stderr
    assert "about 90 s: 1 arm x 1.5 min without pauses" in done.stderr
    (arm,) = json.loads(done.stdout)["devices"][0]["arms"]
    found = arm["stretch"]
    assert found["at_work"] > 0.9
    assert found["stretch"]["turn"]["by"] == pytest.approx(0.2, abs=0.08)
    assert found["moments"][-1]["clock"] == pytest.approx(0.8, abs=0.01)
    assert read_results(file).settings.sustained is not None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--sustained", "1", "--rounds", "8"), "--rounds has no effect with --sustained"),
        (("--sustained", "1", "--per-op"), "--sustained has no effect with --per-op"),
        (
            ("--sustained", "1", "--device", "arm64"),
            "--sustained has no effect with --device arm64",
        ),
        (("--sustained-mode", "--device", "host"), "--sustained-mode is for --sustained"),
        (("--sustained", "0"), "0.5<=x<=240"),
    ],
)
def test_what_has_no_meaning_with_stretches_is_refused(
    options: tuple[str, ...], said: str, command: Command, phone_bundle: Path
) -> None:
    done = command("profile", str(phone_bundle), *options)
    assert done.returncode == 2
    assert said in done.stderr


def test_this_computer_cannot_ask_for_sustained_performance_mode(
    command: Command, phone_bundle: Path
) -> None:
    asked = ("--sustained", "1", "--sustained-mode", "--device", "host")
    done = command("profile", str(phone_bundle), *asked, "--artifact", "onnx-int8")
    assert done.returncode == 2
    assert "--sustained-mode: only an Android app can ask for it, not the host" in done.stderr


def test_two_bundles_are_compared_in_one_session(
    phone: MakePhone,
    command: Command,
    phone_bundle: Path,
    tmp_path: Path,
) -> None:
    other = tmp_path / "same"
    subprocess.run(["cp", "-r", phone_bundle, other], check=True)
    manifest = other / "manifest.json"
    # The same network in another bundle: any byte of its manifest makes it one.
    manifest.write_text(manifest.read_text() + "\n")
    done = command(
        *("profile", str(phone_bundle), str(other), "--device", phone().serial),
        *("--artifact", "onnx-int8", "--threads", "2", "--rounds", "6", "--json"),
    )
    assert done.returncode == 0, done.stderr
    (compared,) = json.loads(done.stdout)["comparisons"]
    assert compared["together"] is True
    assert compared["verdict"] in ("no difference", "cannot tell")
    assert compared["ratio"] == pytest.approx(1, abs=0.05)


def test_the_host_gives_a_real_figure_marked_as_its_own(
    command: Command, phone_bundle: Path
) -> None:
    done = command(
        *("profile", str(phone_bundle), "--device", "host", "--threads", "1", "--json"),
        *("--rounds", "1", "--anyway", "--artifact", "onnx-fp32", "--artifact", "executorch-int8"),
    )
    # One round is too few to be believed.
    assert done.returncode == 1
    assert "INVALID" in done.stderr
    (device,) = json.loads(done.stdout)["devices"]
    assert device["device"]["kind"] == "host"
    for arm in device["arms"]:
        assert arm["summary"]["samples"] == 20
        assert 0 < arm["summary"]["p50"]["value"] < 1e9
        assert arm["memory_peak_bytes"] >= arm["memory_before_bytes"]
        assert arm["reasons"] == ["too few rounds, 1; give --rounds 6 or more"]
    assert "says nothing of how fast a phone is" in done.stderr


@needs_compiler("linux-arm64")
def test_a_phone_without_the_app_is_measured_by_the_native_runner(
    phone: MakePhone, command: Command, phone_bundle: Path, tmp_path: Path
) -> None:
    """With no more words than the bundle: compiled, copied with its loader, started, swept."""
    connected, file = phone(faults=["app-missing"]), tmp_path / "results.json"
    done = command(
        *(
            "profile",
            str(phone_bundle),
            "--rounds",
            "1",
            "--anyway",
            "--iterations",
            "5",
            "-o",
            str(file),
        )
    )
    assert "too few rounds" in done.stderr
    assert "measured by the native runner, without onnx-fp32, onnx-int8" in done.stderr
    (device,) = read_results(file).devices
    assert device.failure is None
    assert {arm.key.runner for arm in device.arms} == {"native"}
    assert {arm.artifact for arm in device.arms} == {"executorch-fp32", "executorch-int8"}
    for arm in device.arms:
        assert [block.threads_seen for block in arm.blocks] == [arm.key.threads]
    assert not [path for path in connected.phone.files if path.startswith("/data/local/tmp/")]


def test_without_app_and_compiler_it_says_what_to_install(
    phone: MakePhone, command: Command, phone_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone(faults=["app-missing"])
    monkeypatch.setenv("PATH", "/nowhere")
    done = command("profile", str(phone_bundle))
    assert done.returncode == 1
    assert "apt install g++-aarch64-linux-gnu: install that, or the app" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("recovery", "is in the state recovery"),
        # A mistake of the user's, were it the only phone.
        ("app-missing", "the native runner runs none of these artifacts"),
    ],
)
def test_of_all_phones_one_that_fails_makes_a_run_that_failed(
    phone: MakePhone, command: Command, phone_bundle: Path, fault: str, why: str
) -> None:
    healthy, dead = phone(seed=1), phone(seed=2, faults=[fault])
    done = command(
        *("profile", str(phone_bundle), "--device", "all", "--artifact", "onnx-int8"),
        *("--threads", "1", "--rounds", "1", "--anyway", "--iterations", "2"),
    )
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"error: {dead.serial}")
    assert why in last
    assert healthy.serial in done.stdout


WRONG = {
    "no bundle": (["profile", "nowhere"], "there is no bundle nowhere"),
    "no bundles": (["profile"], "BUNDLE... is missing"),
    "threads": (["profile", "B", "--threads", "1,x"], "no number of threads"),
    "address": (["profile", "B", "--connect", "phone"], "no address"),
    "artifact": (["profile", "B", "--artifact", "onnx-int4"], "no such artifact"),
    "twice": (["profile", "B", "B"], "named twice"),
    "output": (["profile", "B", "-o", "/nowhere/r.json", "--device", "host"], "is no folder"),
    "runner": (
        ["profile", "B", "--runner", "native", "--runner-binary", "/nowhere/runner"],
        "is no file",
    ),
    "cores": (
        ["profile", "B", "--cores", "big", "--device", "host", "--rounds", "1", "--anyway"],
        "--cores needs --runner native",
    ),
    "threads of the host": (
        ["profile", "B", "--threads", "64", "--device", "host"],
        "more threads",
    ),
    "fault": (["virtual-phone", "--fault", "rain"], "no such fault"),
}


@pytest.mark.parametrize(("arguments", "said"), WRONG.values(), ids=WRONG)
def test_mistakes_get_one_line_and_2(
    command: Command, phone_bundle: Path, arguments: list[str], said: str
) -> None:
    named = [str(phone_bundle) if argument == "B" else argument for argument in arguments]
    done = command(*named)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_without_a_phone_it_says_what_to_do(command: Command, phone_bundle: Path) -> None:
    done = command("profile", str(phone_bundle))
    assert done.returncode == 1
    assert "adb sees no phone: plug one in" in done.stderr
    doctor = command("doctor")
    assert doctor.returncode == 1
    assert "BLOCKS  phones: none attached" in doctor.stdout


def test_doctor_passes_a_healthy_phone_and_names_what_ails_another(
    phone: MakePhone, command: Command
) -> None:
    phone(seed=1)
    healthy = command("doctor")
    assert healthy.returncode == 0, healthy.stdout
    assert "app: 0.1.0, ExecuTorch" in healthy.stdout
    phone(seed=2, faults=["unauthorized"])
    phone(seed=3, faults=["app-missing", "low-battery", "screen-locked"])
    time.sleep(1)
    ailing = command("doctor", "--json")
    assert ailing.returncode == 1
    found = [
        (finding["state"], finding["what"]) for finding in json.loads(ailing.stdout)["findings"]
    ]
    for state, words in [
        ("blocks", "accept this computer's key"),
        ("warning", "is not installed"),
        ("warning", "low, charge it"),
        ("warning", "locked"),
    ]:
        assert any(seen == state and words in what for seen, what in found), words


@pytest.fixture
def virtual(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = start(environment, "virtual-phone", "--json", "--profile", "budget")
    yield process
    process.kill()
    process.communicate()


def test_a_virtual_phone_of_the_command_line_is_measured(
    virtual: subprocess.Popen[str],
    command: Command,
    adb_server: AdbServer,
    phone_bundle: Path,
) -> None:
    assert virtual.stdout is not None
    serial = json.loads(virtual.stdout.readline())["serial"]
    done = command(
        *("profile", str(phone_bundle), "--connect", serial, "--rounds", "6"),
        *("--artifact", "onnx-int8", "--threads", "1"),
    )
    adb_server.disconnect(serial)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Virtual Budget (")
    assert "its heat is unknown" in done.stdout
    virtual.send_signal(signal.SIGINT)
    assert virtual.wait(20) == 130


def test_a_target_that_cannot_do_what_is_asked_loses_nothing_of_the_others(
    phone: MakePhone, command: Command, phone_bundle: Path, tmp_path: Path
) -> None:
    file = tmp_path / "r.json"
    done = command(
        *("profile", str(phone_bundle), "--device", "host", "--device", phone(seed=6).serial),
        *("--artifact", "onnx-int8", "--threads", "7", "--rounds", "6", "-o", str(file)),
    )
    many_cores = (os.cpu_count() or 1) >= 7
    assert done.returncode == 2 or many_cores
    assert "VALID" in done.stdout
    assert len(read_results(file).devices) == (2 if many_cores else 1)


def test_a_phone_that_is_there_and_cannot_be_used_is_told_among_all(
    phone: MakePhone, command: Command, phone_bundle: Path
) -> None:
    phone(seed=7)
    phone(seed=8, faults=["unauthorized"])
    time.sleep(1)
    done = command(
        *("profile", str(phone_bundle), "--device", "all", "--artifact", "onnx-int8"),
        *("--threads", "1", "--rounds", "6"),
    )
    assert done.returncode == 1
    assert "accept this computer's key" in done.stderr
    assert "VALID" in done.stdout
