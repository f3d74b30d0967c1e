"""What the computer lacks is named in one line, wherever it is met."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from command_line import MAIN, environment, run_process

from deploy.assets import cache_folder
from deploy.support.errors import ExportError, StorageError, UserError
from deploy.support.lacking import check_current_folder, full_temporary_folder, lacking
from deploy.support.telling import telling_line

LACKING = [
    (OSError(errno.EMFILE, "Too many open files"), "too many files are open at once"),
    (OSError(errno.EROFS, "Read-only file system", "/x"), "cannot use /x (Read-only file system)"),
    (OSError(errno.EACCES, "Permission denied", "/x"), "cannot use /x (Permission denied)"),
    (OSError(errno.ENOSPC, "No space left", "/x"), "cannot write /x (No space left)"),
    (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), "no more processes"),
    (RuntimeError("can't start new thread"), "no more processes or threads"),
    (MemoryError(), "there is not enough memory"),
    (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "there is not enough memory"),
    (ImportError("libtorch.so: failed to map segment from shared object"), "not enough memory"),
    (
        FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']"),
        "there is no folder for temporary files",
    ),
]


@pytest.mark.parametrize(("error", "words"), LACKING)
def test_what_is_lacking_is_named(error: Exception, words: str) -> None:
    found = lacking(error)
    assert found is not None
    assert words in str(found)
    assert "\n" not in str(found)


@pytest.mark.parametrize(
    "error", [KeyError("conv"), FileNotFoundError(errno.ENOENT, "No such file", "x"), ValueError()]
)
def test_a_bug_of_ours_stays_one(error: Exception) -> None:
    assert lacking(error) is None


@pytest.mark.parametrize("home", ["/dev/null", "/proc/nobody"])
def test_an_adb_that_has_no_home_is_told_so(home: str, tmp_path: Path, free_port: int) -> None:
    changed = {
        "HOME": home,
        "ANDROID_ADB_SERVER_PORT": str(free_port),
        "ANDROID_ADB_LOG_PATH": str(tmp_path / "adb.log"),
    }
    for more in ([], ["--connect", "127.0.0.1:9"]):
        done = run_process("doctor", *more, folder=tmp_path, **changed)
        assert done.returncode == 1
        assert f"adb cannot start its server (Cannot mkdir '{home}/.android'" in done.stdout
        assert "unplug" not in done.stdout


@pytest.fixture
def free_port() -> int:
    import socket

    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
        return port


def test_a_current_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f"rmdir '{gone}'; '{sys.executable}' -c '{MAIN}' summary mobilenet_v2"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=gone,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == (
        "error: the folder that this was started in is gone: change to one that exists\n"
    )
    check_current_folder()


def test_without_a_home_the_cache_wants_to_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", "~nobody-of-that-name/cache")
    with pytest.raises(StorageError, match="set MOBILE_DEPLOY_CACHE to a folder"):
        cache_folder()


def has_mounts() -> bool:
    able = ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"]
    return (
        shutil.which("unshare") is not None
        and not subprocess.run(able, capture_output=True, check=False).returncode
    )


@pytest.mark.skipif(not has_mounts(), reason="needs the right to mount a tmpfs")
def test_a_full_folder_for_temporary_files_is_named_not_the_output_s() -> None:
    code = (
        "from deploy.support.lacking import *; "
        "print(lacking(OSError(28, 'No space left on device')))"
    )
    mount = "mount -t tmpfs -o size=8k none /mnt"
    done = subprocess.run(
        ["unshare", "-m", "bash", "-c", f"{mount} && TMPDIR=/mnt '{sys.executable}' -c \"{code}\""],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("no space left in /mnt, the folder for temporary files"), done


def test_a_folder_with_room_is_not_blamed() -> None:
    assert shutil.disk_usage(tempfile.gettempdir()).free > 2**20
    assert full_temporary_folder() is None


def raised(error: Exception, cause: Exception | None = None) -> Exception:
    error.__cause__ = cause
    return error


TELLING = [
    (ValueError("Unsupported operators found:\n\n  aten.foo\n  aten.bar"), "found: aten.foo"),
    (ValueError("Failed:\n-----\nthe reason is here"), "Failed: the reason is here"),
    (ValueError("No function for aten.foo. Failure is:\nNone"), "aten.foo. Failure is: None"),
    (
        raised(RuntimeError("An error occurred in the 'X' pass:"), ValueError("a dim of 3 is odd")),
        "a dim of 3 is odd",
    ),
    (raised(RuntimeError("cannot lower it to XNNPACK"), ValueError()), "cannot lower it"),
    (KeyError("conv.weight"), "KeyError: 'conv.weight'"),
    (ValueError(), "ValueError"),
    (ValueError("Translation failed:"), "Translation failed:"),
    (
        RuntimeError("Traceback (most recent call last):\n  File x\n    y()\nTypeError: y is odd"),
        "TypeError: y is odd",
    ),
]


@pytest.mark.parametrize(("error", "words"), TELLING)
def test_the_telling_line_is_chosen(error: Exception, words: str) -> None:
    line = telling_line(error)
    assert words in line
    assert "\n" not in line
    assert len(line) <= 203


def test_the_errors_themselves_are_left_as_they_are() -> None:
    assert lacking(UserError("too many open files")) is None
    assert lacking(ExportError("not enough memory")) is None
