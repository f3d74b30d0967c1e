"""What is counted as what: a program of known instructions, run on an emulated processor."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from compilers import needs_emulator
from places import ROOT

from deploy.emulation.emulator import find_emulator
from deploy.emulation.instructions import SOURCE, build_plugin
from deploy.emulation.processors import PROCESSORS
from deploy.native_runner.build import SOURCES
from deploy.native_runner.targets import TARGETS
from deploy.native_runner.toolchain import find_compiler
from deploy.support.errors import RunError, UserError

PROGRAM = ROOT / "tests" / "emulation" / "kinds.s"
TURNS = 100
# Before the loop and behind it.
OTHERS_AROUND = 5


@needs_emulator()
def test_every_instruction_is_counted_as_its_kind(tmp_path: Path) -> None:
    find_compiler(TARGETS["linux-arm64"]).run("-nostdlib", "-static", PROGRAM, "-o", tmp_path / "p")
    find_emulator().run(
        PROCESSORS["max"],
        (tmp_path / "p",),
        folder=tmp_path,
        timeout=60,
        options=("-plugin", f"{build_plugin()},out=counts"),
    )
    lines = (tmp_path / "counts").read_text().splitlines()
    counts = {kind: int(number) for kind, number in map(str.split, lines)}
    loop = PROGRAM.read_text().partition("loop:")[2].partition("mov x8")[0]
    each = Counter(re.findall(r"// (\w+)$", loop, flags=re.M))
    expected = {kind: TURNS * number for kind, number in each.items()}
    expected["other"] += OTHERS_AROUND
    assert counts == expected


def test_a_plugin_needs_a_compiler_and_a_source_that_compiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", str(tmp_path))
    with monkeypatch.context() as patch:
        patch.setenv("PATH", "/nowhere")
        with pytest.raises(UserError, match=r"no C compiler .*: apt install gcc"):
            build_plugin()
    broken = tmp_path / "broken.c"
    broken.write_text("int x = ;")
    monkeypatch.setattr("deploy.emulation.instructions.SOURCE", broken)
    with pytest.raises(RunError, match=r"cannot compile broken\.c"):
        build_plugin()
    assert not list((tmp_path / "emulation").iterdir())


def test_its_source_is_formatted() -> None:
    if shutil.which("clang-format") is None:
        pytest.skip("apt install clang-format")
    style = f"--style=file:{SOURCES / '.clang-format'}"
    done = subprocess.run(
        ["clang-format", style, "--dry-run", "-Werror", SOURCE], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
