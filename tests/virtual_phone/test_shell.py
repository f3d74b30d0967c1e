"""The virtual phone's shell and commands, without adb: what it understands, refuses and shows."""

from __future__ import annotations

import asyncio
import hashlib
import random
import re

import pytest

from deploy.support.errors import UserError
from deploy.virtual_phone.commands.content import AUTHORITY
from deploy.virtual_phone.faults import Faults
from deploy.virtual_phone.profiles import PROFILES, profile_named
from deploy.virtual_phone.shell import ShellProcess
from deploy.virtual_phone.state import ACTIVITY, APP_DATA, PACKAGE, State
from deploy.virtual_phone.streams import Buffer, Streams

FILES = f"content://{AUTHORITY}"
SHA256_OF_X = hashlib.sha256(b"x\n").hexdigest()


def typed(
    line: str, *, profile: str = "pixel", faults: tuple[str, ...] = ()
) -> tuple[int, str, str]:
    """Exit status and both outputs of a command line, without adb."""
    state = State(profile_named(profile), seed=0, faults=faults, speed=6000)
    out, err = Buffer(), Buffer()
    status = asyncio.run(ShellProcess(state).run(line, Streams(Buffer(), out, err)))
    return status, out.data.decode(), err.data.decode()


@pytest.mark.parametrize(
    ("line", "output"),
    [
        ("echo a  'b  c' \"d  e\" f\\ g", "a b  c d  e f g\n"),
        ("test -f none && echo no; test -d / && echo yes", "yes\n"),
        ("test -f none; echo $? \"$?\" '$?' \\$?", "1 1 $? $?\n"),
        ("cd /data/local/tmp && echo 1 > f && cat f; echo $?", "1\n0\n"),
        ("cd /data/local/tmp; echo x > b; echo x > a; echo * '*' z*", "a b * z*\n"),
        ("sh -c 'cd /data; test -f none'; echo $? && ls system", "1\nbin\n"),
        ("echo A | cat | grep -i a; echo b | grep -v b; echo $", "A\n$\n"),
        ("echo one\necho two", "one\ntwo\n"),
        ('export ANDROID_LOG_TAGS=""; exec echo as adb logcat does', "as adb logcat does\n"),
        ("test -f /proc/stat && test -s /proc/uptime && echo file", "file\n"),
        (
            "cd /data/local/tmp; mkdir -p a/b; echo x > a/b/c; cp a/b/c d; cat d; rm -rf a; ls",
            "x\nd\n",
        ),
        (f"echo x | content write --uri {FILES}/f; content read --uri {FILES}/f", "x\n"),
        (f"content read --uri {FILES}/none 2>/dev/null; echo x", "x\n"),
        (f"content query --uri {FILES}; content delete --uri {FILES}", "No result found.\n"),
        (
            f"echo x | content write --uri {FILES}/f; content query --uri {FILES}",
            f"Row: 0 name=f, bytes=2, sha256={SHA256_OF_X}\n",
        ),
        ("settings put global x 1; settings get global x; settings get global y", "1\nnull\n"),
        ("pm list packages | grep mobiledeploy", f"package:{PACKAGE}\n"),
        ("date '+%S.000' | grep -v '[0-5][0-9][.]000'; sleep 1; echo slept", "slept\n"),
    ],
)
def test_the_shell_understands(line: str, output: str) -> None:
    status, out, err = typed(line)
    assert (out, err, status) == (output, "", 0)


@pytest.mark.parametrize(
    ("line", "output"),
    [
        (
            "cd /data/local/tmp; echo x > f; ls -l",
            r"-rw-r--r-- 1 shell shell +2 \d{4}-\d\d-\d\d \d\d:\d\d f\n",
        ),
        ("ls /proc/sys /system", r"/proc/sys:\nkernel\n/system:\nbin\n"),
        ("ps", r"USER .* NAME\nroot +1 .* init\n"),
        ("getprop", r"(\[[a-z._]+\]: \[.*\]\n){15,}"),
        ("date", r"\w{3} \w{3} +\d+ \d\d:\d\d:\d\d UTC 20\d\d\n"),
        ("pm path dev.mobiledeploy.demo", r"package:/data/app/.*/base.apk\n"),
        ("dumpsys power", r"(.*\n)+  mWakefulness=Awake\n(.*\n)+"),
    ],
)
def test_what_a_person_sees(line: str, output: str) -> None:
    status, out, err = typed(line)
    assert re.fullmatch(output, out), out
    assert (err, status) == ("", 0)


@pytest.mark.parametrize(
    ("line", "status", "error"),
    [
        ("echo 'open", 2, "no closing quote"),
        ('echo "open $?', 2, "no closing quote"),
        ("a && && b", 2, "unexpected '&&'"),
        ("a |", 2, "unexpected 'newline'"),
        ("a || b", 2, "unexpected '||'"),
        ("a & b", 2, "unexpected '&'"),
        ("(a)", 2, "unexpected '('"),
        ("echo $(a)", 2, "unexpected '$('"),
        ('echo "`a`"', 2, "unexpected '`'"),
        ('echo "$HOME"', 2, "unexpected '$H'"),
        ("a 2> b", 2, "unexpected '2>'"),
        ("a >> b", 2, "unexpected '>>'"),
        ("a > b > c", 2, "unexpected '>'"),
        ("a < b", 2, "unexpected '<'"),
        ("for x in y", 127, "for: inaccessible or not found"),
        ("echo x > /system/x", 1, "can't create /system/x: Read-only file system"),
        ("echo x > /sys/x", 1, "can't create /sys/x: "),
        ("./none", 127, "./none: inaccessible or not found"),
        ("taskset 0xf0 ps", 1, "bad mask '0xf0'"),
        ("taskset f00 ps", 1, "Invalid argument"),
        (f"run-as {PACKAGE}", 1, "usage: run-as"),
        ("run-as com.example ls", 1, "run-as: unknown package: com.example"),
        (f"run-as {PACKAGE} ls", 1, f"run-as: package not debuggable: {PACKAGE}"),
        # It ends with 0 whatever happens.
        (f"content read --uri {FILES}/none", 0, "No such file or directory"),
        (f"echo x | content write --uri {FILES}/../x", 0, "IllegalArgumentException"),
        ("content query --uri content://com.example", 0, "Could not find provider: com.example"),
        (f"ls {APP_DATA}", 1, "Permission denied"),
        ("kill 1", 1, "No such process"),
        ("rm /data/local/tmp/none", 1, "No such file or directory"),
        ("rm /data/local/tmp", 1, "Permission denied"),
        ("taskset f " * 500 + "ps", 2, "too deeply nested"),
        ("exec " * 500 + "ps", 2, "too deeply nested"),
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


@pytest.mark.parametrize(
    ("fault", "line", "shown"),
    [
        ("screen-locked", "input keyevent 224; wm dismiss-keyguard; dumpsys window", "LockScreen"),
        ("app-missing", f"am start -W -n {ACTIVITY} --es id x", "does not exist"),
        ("app-missing", f"run-as {PACKAGE} ls", "unknown package"),
        ("app-missing", f"dumpsys package {PACKAGE}", "Unable to find package"),
        (
            "app-debuggable",
            f"run-as {PACKAGE} sh -c 'cd files; echo x > f; chmod 640 f; test -s f && ls'",
            "f\n",
        ),
        ("app-debuggable", f"run-as {PACKAGE} " * 500 + "ps", "too deeply nested"),
        ("app-debuggable", f"run-as {PACKAGE} content query --uri {FILES}", "Permission Denial"),
        ("app-release", f"content query --uri {FILES}", "Could not find provider"),
        ("app-old", f"dumpsys package {PACKAGE}", "+protocol.0.executorch.1.0.0."),
        ("low-battery", "dumpsys battery", "  level: 4\n"),
        ("charging", "dumpsys battery", "  USB powered: true\n"),
        ("thermal-unknown", "dumpsys thermalservice", "Can't find service: thermalservice"),
        ("heat-not-ready", "dumpsys thermalservice", "HAL Ready: false"),
        ("forced-thermal", "dumpsys thermalservice", "IsStatusOverride: true"),
        ("never-cools", "dumpsys thermalservice", "Thermal Status: 1"),
        ("never-cools", "sleep 30; dumpsys battery", "  temperature: 450\n"),
        ("odd-names", "getprop ro.product.model", "$(touch /tmp/pwned)"),
        (
            "unreadable-caps",
            "cat /sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq",
            "policy0/scaling_max_freq: Permission denied",
        ),
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


def test_a_fault_may_strike_so_many_times() -> None:
    faults = Faults(["stall:2"])
    assert [faults.strike("stall") for _ in range(3)] == [True, True, False]
    assert not faults.strike("crlf")


@pytest.mark.parametrize("text", ["nonsense", "stall:0", "stall:x", "stall:", "stall:-1"])
def test_a_fault_that_there_is_not(text: str) -> None:
    with pytest.raises(UserError, match="fault"):
        Faults([text])
