"""Phones, and an adb, that say what cannot be: told by kind, in our words, in bounded memory."""

from __future__ import annotations

import resource
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from lying_device import PROPERTIES, lying_device

from deploy.android.adb import MOST_TEXT, Adb, find_adb
from deploy.android.phone import Phone
from deploy.benchmark.parsers.process import parse_status
from deploy.results.records import Conditions, DeviceFacts
from deploy.support.cancel import CancelledError
from deploy.support.errors import PhoneError

CPU = "/sys/devices/system/cpu"


@pytest.mark.parametrize("sdk", ["-3", "0", "9007199254740992", "9" * 5000, "34.5"])
def test_a_release_that_cannot_be_is_unknown(sdk: str) -> None:
    assert lying_device({}, {"ro.build.version.sdk": sdk}).facts().api is None


@pytest.mark.parametrize("kilobytes", ["0", "9" * 18, "9" * 5000, "-4"])
def test_memory_that_cannot_be_is_unknown(kilobytes: str) -> None:
    facts = lying_device({"cat /proc/meminfo": f"MemTotal:  {kilobytes} kB\n"}).facts()
    assert facts.ram_bytes is None


@pytest.mark.parametrize("threads", ["-1", "0", "9" * 18])
def test_threads_that_cannot_be_are_unknown(threads: str) -> None:
    assert parse_status(f"Threads:\t{threads}\nVmRSS:\t 5 kB\nVmHWM:\t{'9' * 18} kB\n") == (
        parse_status("VmRSS:\t 5 kB\n")
    )


def test_a_long_list_of_cores_is_written_as_the_kernel_does() -> None:
    every = ",".join(str(core % 8) for core in range(1000))
    status = parse_status(f"Cpus_allowed_list:\t{every}\n")
    assert status is not None
    assert status.cores_allowed == "0-7"
    alternating = ",".join(str(core) for core in range(0, 1000, 2))
    assert parse_status(f"Threads:\t2\nCpus_allowed_list:\t{alternating}\n") == parse_status(
        "Threads:\t2\n"
    )


def test_whatever_it_says_is_a_record_or_an_error_of_ours() -> None:
    """Each answer in each place."""
    lies = ["", "-1", "9" * 400, "2", "\udcff\x1b[2J" * 900, "NaN", "0-1023", "1 " * 2000]
    for lie in lies:
        answers = {
            "present": lie,
            "/proc/meminfo": f"MemTotal:  {lie} kB",
            "grep": f"{CPU}/cpufreq/policy0/related_cpus:{lie}\n"
            f"{CPU}/cpufreq/policy0/cpuinfo_max_freq:{lie}\n"
            f"{CPU}/cpufreq/policy0/scaling_max_freq:{lie}\n"
            f"{CPU}/online:{lie}\n",
            "android_id": lie,
            "boot_id": lie,
            "thermalservice": f"Thermal Status: {lie}\nCurrent temperatures from HAL:\n"
            f"\tTemperature{{mValue={lie}, mType={lie[:9]}, mName={lie}, mStatus=0}}",
            "dumpsys -t 5 battery": "Current Battery Service state:\n"
            f"  level: {lie}\n  scale: {lie}\n  temperature: {lie}\n",
            "stat": f"cpu0 {lie} {lie} {lie} {lie} {lie}",
        }
        device = lying_device(
            answers, dict.fromkeys((*PROPERTIES, "ro.serialno"), lie) | {"sys.boot_completed": "1"}
        )
        assert isinstance(device.facts(), DeviceFacts)
        assert isinstance(device.conditions(0), Conditions)


def test_what_slips_through_is_a_bad_answer_in_words_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("deploy.android.device.parse_meminfo", lambda text: -7)
    with pytest.raises(PhoneError, match="liar tells of its ram_bytes what cannot be: ") as caught:
        lying_device({}).facts()
    assert caught.value.kind == "bad-answer"


Script = Callable[[str], Adb]


@pytest.fixture
def scripted(tmp_path: Path) -> Script:
    """An adb that is a shell script; `$mark` is the mark that must end a shell's output."""

    def make(lines: str) -> Adb:
        path = tmp_path / "adb"
        path.write_text(
            "#!/bin/sh\n"
            "mark=$(echo \"$*\" | grep -o 'end-[0-9a-f]*' | tail -1)\n"
            "next=$(echo \"$*\" | grep -o 'next-[0-9a-f]*' | head -1)\n" + lines
        )
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return Adb(binary=str(path))

    return make


@pytest.mark.parametrize("stream", ["1", "2"])
def test_an_endless_answer_is_given_up_in_bounded_memory(scripted: Script, stream: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(PhoneError, match="adb shell on liar printed more than 8 MB") as caught:
        Phone(scripted(f"exec yes >&{stream}\n"), "liar", command_s=60).shell("id")
    assert caught.value.kind == "bad-answer"
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    assert grown < 8 * MOST_TEXT


def test_an_answer_of_the_greatest_size_is_read(scripted: Script) -> None:
    adb = scripted("head -c 9000000 /dev/zero\n")
    assert len(Phone(adb, "honest", command_s=60).read("cat answer")) == 9_000_000


def test_a_child_that_holds_the_pipes_is_ended_with_it(scripted: Script) -> None:
    with pytest.raises(PhoneError, match="did not end in") as caught:
        scripted("sleep 600 &\nexit 0\n").run(["version"], timeout=0.3)
    assert caught.value.kind == "timeout"


def test_an_adb_that_closes_its_streams_and_stays_is_ended(scripted: Script) -> None:
    with pytest.raises(PhoneError, match="did not end in"):
        scripted("exec sleep 600 >&- 2>&-\n").run(["version"], timeout=0.3)


def test_what_is_running_is_given_up_when_the_user_has_had_enough(scripted: Script) -> None:
    adb, cancelled = scripted("exec sleep 600\n"), threading.Event()
    cancelled.set()
    with pytest.raises(CancelledError):
        Adb(binary=adb.binary, cancelled=cancelled).run(["version"], timeout=60)


def test_an_exit_code_of_6000_digits_is_no_end_of_a_command(scripted: Script) -> None:
    nines = "head -c 6000 /dev/zero | tr '\\0' 9"
    with pytest.raises(PhoneError, match="in the middle of a command") as caught:
        Phone(scripted(f'echo "$mark:$({nines})"\n'), "liar").shell("id")
    assert caught.value.kind == "lost"


@pytest.mark.parametrize("said", ["a", "a\\n$next\\nb\\n$next\\nc\\n$next\\n"])
def test_a_separator_lost_or_doubled_is_a_bad_answer(scripted: Script, said: str) -> None:
    phone = Phone(scripted(f'printf "{said}"\necho "$mark:0"\n'), "liar")
    with pytest.raises(PhoneError, match=r"liar answers \d of 2 commands in one go") as caught:
        phone.shell_each({"one": "id", "other": "id"})
    assert caught.value.kind == "bad-answer"


def test_no_adb_is_no_matter_of_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADBUTILS_ADB_PATH", str(tmp_path / "missing"))
    with pytest.raises(PhoneError, match=r"missing .*: install it") as caught:
        Adb(binary=find_adb()).devices()
    assert caught.value.kind == "adb-missing"
    assert "kill-server" not in str(caught.value)
