"""Compiling the native runner: once, whole, and what a broken compiler ends in."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from compilers import needs_compiler

from deploy.assets import fetch
from deploy.native_runner.build import FACTS_FILE, PROGRAM, build, copy_to, files_of
from deploy.native_runner.targets import TARGETS
from deploy.support.errors import RunError, StorageError, UserError
from deploy.support.hashing import sha256_file

pytestmark = [needs_compiler("linux-x86_64"), pytest.mark.builds]

Words = tuple[str, ...]


def test_what_was_compiled_is_there_at_once_and_made_anew_where_it_is_damaged(
    native: Words, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Path(native[0]).parent
    own = tmp_path / "native-runner" / made.name
    shutil.copytree(made, own)
    wheel = fetch(TARGETS["linux-x86_64"].wheel)
    (tmp_path / wheel.relative_to(cache)).parent.mkdir()
    (tmp_path / wheel.relative_to(cache)).symlink_to(wheel)
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", str(tmp_path))
    compiled = (own / PROGRAM).stat().st_mtime_ns
    assert build("linux-x86_64") == own
    assert (own / PROGRAM).stat().st_mtime_ns == compiled
    (own / PROGRAM).write_bytes(b"damaged")
    assert build("linux-x86_64") == own
    assert files_of(own) == files_of(made)
    assert sha256_file(own / PROGRAM) == files_of(own)[PROGRAM]
    (own / FACTS_FILE).write_text('{"files": {}}')
    killed = own.parent / ".building-killed"
    killed.mkdir()
    older = [own.parent / f"linux-x86_64-{number}" for number in range(5)]
    for number, folder in enumerate(older):
        folder.mkdir()
        os.utime(folder, (number, number))
    assert build("linux-x86_64") == own
    assert files_of(own) == files_of(made)
    kept = sorted([own.name, *(folder.name for folder in older[2:])])
    assert sorted(path.name for path in own.parent.iterdir()) == [".lock", *kept]


def test_without_a_compiler_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UserError, match=r"^no C\+\+ compiler for linux-x86_64: apt install g\+\+"):
        build("linux-x86_64")
    with pytest.raises(UserError, match=r": apt install g\+\+-aarch64-linux-gnu$"):
        build("linux-arm64")


BROKEN_COMPILERS = {
    "exit 0": "does not tell its version: install it again$",
    "echo no; exit 1": "cannot compile the runner",
    "echo g++ 1": "ended without a program: install it again$",
    "[ $1 = --version ] && echo g++ 2 || exec sleep 60": "did not end in 1 s",
}


@pytest.mark.parametrize(("script", "said"), BROKEN_COMPILERS.items())
def test_a_broken_compiler_is_one_line(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str
) -> None:
    wheel = fetch(TARGETS["linux-x86_64"].wheel)
    own = tmp_path / "cache" / wheel.relative_to(cache)
    own.parent.mkdir(parents=True)
    own.symlink_to(wheel)
    compiler = tmp_path / "x86_64-linux-gnu-g++"
    compiler.write_text(f"#!/bin/sh\n{script}\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("deploy.native_runner.toolchain._SECONDS", 1.0)
    for _ in range(2):  # What it left is not taken for a runner either.
        with pytest.raises(RunError, match=said):
            build("linux-x86_64")


@pytest.mark.parametrize("text", ["garbage", "#!/nowhere/sh"])
def test_a_compiler_that_cannot_start_or_has_no_room_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    compiler = tmp_path / "x86_64-linux-gnu-g++"
    compiler.write_text(text)
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(RunError, match=r"^cannot start .*: install it again$"):
        build("linux-x86_64")
    compiler.write_text("#!/bin/sh\necho 'error: x: No space left on device' >&2; exit 1\n")
    with pytest.raises(StorageError, match="finds no room"):
        build("linux-x86_64")


def test_a_name_too_long_for_the_copy_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"File name too long"):
        copy_to(tmp_path, tmp_path / ("a" * 300))
