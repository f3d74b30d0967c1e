"""The virtual phone's wire, through the real adb: transfer, installing, restarts, states."""

from __future__ import annotations

import hashlib
import json
import random
import signal
import socket
import subprocess
import zipfile
from pathlib import Path

import pytest
from adbutils._utils import adb_path
from command_line import command as mobile_deploy
from command_line import environment
from virtual_phone_fixture import AdbServer, MakePhone, until

from deploy.cli import commands
from deploy.cli.run import run
from deploy.support.errors import RunError
from deploy.virtual_phone.faults import FAULTS
from deploy.virtual_phone.filesystem import SHELL_FOLDER
from deploy.virtual_phone.phone import VirtualPhone
from deploy.virtual_phone.state import PACKAGE


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
    done = phone().shell("echo out; cat missing; ./none")
    assert (done.returncode, done.stdout) == (127, b"out\n")
    assert done.stderr.startswith(
        b"cat: missing: No such file or directory\n/system/bin/sh: ./none"
    )


def test_an_unknown_command_fails_as_on_android(phone: MakePhone) -> None:
    done = phone().shell("apt-get moo")
    assert done.returncode == 127
    assert done.stderr == b"/system/bin/sh: apt-get: inaccessible or not found\n"


def test_what_is_pushed_is_pulled_and_read(phone: MakePhone, tmp_path: Path) -> None:
    on = phone()
    data = random.Random(0).randbytes(3_000_000)
    (tmp_path / "sent").write_bytes(data)
    where = f"{SHELL_FOLDER}/new folder/sent"
    assert on.adb("push", str(tmp_path / "sent"), where).returncode == 0
    assert on.adb("pull", where, str(tmp_path / "back")).returncode == 0
    assert (tmp_path / "back").read_bytes() == data
    assert on.adb("exec-out", f"cat '{where}'").stdout == data
    digest = on.shell(f"sha256sum '{where}'").stdout.split()[0].decode()
    assert digest == hashlib.sha256(data).hexdigest()
    copied = on.shell(f"cat > {SHELL_FOLDER}/copy && sha256sum {SHELL_FOLDER}/copy", data)
    assert copied.stdout.split()[0].decode() == digest


def test_pulling_what_is_missing_fails(phone: MakePhone, tmp_path: Path) -> None:
    done = phone().adb("pull", f"{SHELL_FOLDER}/none", str(tmp_path / "x"))
    assert done.returncode == 1
    assert b"does not exist" in done.stderr


def test_a_folder_is_pushed_and_pulled(phone: MakePhone, tmp_path: Path) -> None:
    on = phone()
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/c.txt").write_text("deep")
    assert on.adb("push", str(tmp_path / "a"), SHELL_FOLDER).returncode == 0
    assert on.adb("pull", f"{SHELL_FOLDER}/a", str(tmp_path / "back")).returncode == 0
    assert (tmp_path / "back/b/c.txt").read_text() == "deep"


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


def test_logcat_follows(phone: MakePhone) -> None:
    on = phone()
    command = [adb_path(), "-s", on.serial, "logcat", "-s", "ExecuTorch:I"]
    with subprocess.Popen(command, env=on.server.environment, stdout=subprocess.PIPE) as following:
        assert following.stdout is not None
        assert following.stdout.readline() == b"--------- beginning of main\n"
        on.phone.state.say(7, "I", "ExecuTorch", "later")
        assert following.stdout.readline().endswith(b"I ExecuTorch: later\n")
        following.kill()


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
    on = phone(faults=["app-debuggable"])
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
    for path in (str(secret), f"{SHELL_FOLDER}/../../..{secret}", f"//{secret}"):
        assert b"No such file" in on.shell(f"cat '{path}'").stderr
        assert on.adb("pull", path, str(tmp_path / "stolen")).returncode == 1
        assert on.adb("push", str(secret), f"{path}/x").returncode == 1


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
    done = on.adb("push", str(tmp_path / "big"), SHELL_FOLDER)
    assert done.returncode == 1
    assert b"No space left on device" in done.stderr
    assert b" 0 100% /data" in on.shell("df -k /data/local/tmp").stdout
    assert on.shell(f"cat > {SHELL_FOLDER}/x", b"y").returncode == 1


def test_a_push_that_breaks_can_be_repeated(phone: MakePhone, tmp_path: Path) -> None:
    on = phone(faults=["drop-mid-push:1"])
    (tmp_path / "big").write_bytes(bytes(300_000))
    assert on.adb("push", str(tmp_path / "big"), SHELL_FOLDER).returncode == 1
    assert f"{SHELL_FOLDER}/big" not in on.phone.files
    on.adb("wait-for-device")
    assert on.adb("push", str(tmp_path / "big"), SHELL_FOLDER).returncode == 0


def test_an_old_adbd_has_crlf_noise_and_no_exit_status(phone: MakePhone) -> None:
    on = phone(faults=["crlf"])
    done = on.shell("echo a; cat missing")
    assert done.returncode == 0
    assert done.stdout.startswith(b"* daemon not running")
    assert done.stdout.endswith(b"\r\na\r\ncat: missing: No such file or directory\r\n")
    assert b"shell_v2" not in on.adb("features").stdout


def test_the_command_is_a_phone_until_ctrl_c(adb_server: AdbServer) -> None:
    arguments = ["virtual-phone", "--json", "--fault", "low-battery", "--seed", "9"]
    with subprocess.Popen(
        mobile_deploy(*arguments),
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as running:
        assert running.stdout is not None
        where = json.loads(running.stdout.readline())
        assert where["serial"] == f"127.0.0.1:{where['port']}"
        adb_server.run("connect", where["serial"])
        said = adb_server.run("-s", where["serial"], "shell", "getprop ro.serialno").stdout
        adb_server.disconnect(where["serial"])
        running.send_signal(signal.SIGINT)
        assert running.wait(10) == 130
    assert said == b"virtual-pixel-9\n"


def test_the_command_lists_faults_and_refuses_others(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(commands, ["virtual-phone", "--list-faults"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in FAULTS)
    assert run(commands, ["virtual-phone", "--fault", "nonsense"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_port_that_is_taken_is_told() -> None:
    with VirtualPhone() as first, pytest.raises(RunError, match="give another port"):
        VirtualPhone(port=first.port).__enter__()
