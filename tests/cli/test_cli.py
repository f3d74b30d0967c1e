"""The command line: parsing, errors and exit codes, signals, and what is kept quiet."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import click
import pytest
from bundle_factory import make_bundle
from command_line import command, environment, modules_loaded

import deploy
from deploy.capture.spec import NetworkSpec
from deploy.cli import commands, run
from deploy.cli.build import default_output
from deploy.cli.options import height_and_width, name_list
from deploy.support.errors import GateError
from deploy.support.quiet import hidden_output

HEAVY = {
    *("torch", "numpy", "onnx", "onnxruntime", "coremltools", "executorch"),
    *("PIL", "matplotlib"),
}
COMMANDS = ["build", "sensitivity", "verify", "evaluate", "choose"]

Captured = pytest.CaptureFixture[str]


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in COMMANDS)])
def test_help_imports_no_toolkit_and_nothing_that_draws(arguments: list[str]) -> None:
    loaded = modules_loaded(*arguments)
    assert "deploy.cli.build" in loaded
    assert loaded & (HEAVY | {"rich", "pydantic"}) == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_each_command_ends_with_an_example(name: str, capfd: Captured) -> None:
    assert run.run(commands, [name, "--help"]) == 0
    last = capfd.readouterr().out.rstrip().splitlines()[-1]
    assert last.strip().startswith(f"Example: mobile-deploy {name} ")


def test_the_version_is_the_package_s(capfd: Captured) -> None:
    assert run.run(commands, ["--version"]) == 0
    assert capfd.readouterr().out == f"mobile-deploy {deploy.__version__}\n"


MISTAKES = {
    "buidl": "no such command: buidl (did you mean build?)",
    "xyz": "no such command: xyz: try mobile-deploy --help",
    "build": "NETWORK is missing: try mobile-deploy build --help",
    "choose": "-o DIR is missing: try mobile-deploy choose --help",
    "build net.pth": (
        "unknown network 'net.pth': a file of weights goes with its network, as in mobilenet_v2 "
        "--weights net.pth"
    ),
    "evaluate b p --jobs 1025": "--jobs: 1025 is not in the range 1<=x<=1024",
    "build mobilenet_v2 --photo x": "no such option: --photo (did you mean --photos or --rho?)",
    "build mobilenet_v2 x": ("got unexpected extra argument (x): try mobile-deploy build --help"),
    "build mobilenet_v2 --photos": (
        "option '--photos' requires an argument: try mobile-deploy --help"
    ),
    "build mobilenet_v2 --width wide": "--width: 'wide' is not a valid float",
    "build mobilenet_v2 --width nan": ("--width nan is out of range: give 0.1 to 4, such as 0.5"),
    "build mobilenet_v2 --padding valid": (
        "--padding: unknown padding 'valid': known are same, symmetric"
    ),
    "build nets.py:make_net --padding same": (
        "--padding is for our own networks: nets.py:make_net is built as it makes it, "
        "leave --padding out"
    ),
    "build mobilenet_v2 --resolution 12y": (
        "--resolution: '12y' is no size: give pixels such as 224, or height x width such as 160x224"
    ),
    "build mobilenet_v2 --resolution 16": "--resolution 16 is out of range: give 32 to 1024",
    "build mobilenet_v2 --classes 1 --weights none": (
        "--classes 1 is out of range: give 2 to 100000 (a network that says yes or no has 2)"
    ),
    "build mobilenet_v2 --formats onnx,,coreml": (
        "--formats: 'onnx,,coreml' has an empty name: put one comma between names"
    ),
    "build mobilenet_v2 --formats tflite": (
        "--formats: unknown format 'tflite': known are coreml, executorch, onnx"
    ),
    "build mobilenet_v2 --formats onnx --precisions fp16": (
        "--precisions: onnx has no fp16 artifact: fp16 is for coreml"
    ),
    "build mobilenet_v2 --formats onnx,coreml --precisions fp16": (
        "--formats: onnx has none of the precisions fp16: it has fp32, int8"
    ),
    "build mobilenet_v2 --allow-unverified tflite": (
        "--allow-unverified: unknown format 'tflite': known are coreml, executorch, onnx"
    ),
    "profile b --device host --connect 10.0.0.7:5555": (
        "--connect has no effect on this computer: leave it out"
    ),
    "profile b --device arm64 --rounds 3": (
        "--rounds has no effect with --device arm64, which counts instructions: leave it out"
    ),
    "profile b --per-op --cores big": "--cores has no effect with --per-op: leave it out",
    "profile b --per-op -o f.json": "-o has no effect with --per-op: leave it out",
    "profile b --rounds 3": (
        "--rounds 3: every figure of fewer than 6 is INVALID: give --rounds 6 or more, or --anyway"
    ),
    "profile b --cool-below nan": "--cool-below: 'nan' is not a finite number",
    "diff a b --min-db nan": "--min-db: 'nan' is not a finite number",
    "diff a b --max-db-loss inf": "--max-db-loss: 'inf' is not a finite number",
    "runner build -o /": "/ is there already: name a folder that is not",
    "verify nowhere": "there is no bundle nowhere: build it, or check the path",
    "evaluate nowhere photos": "there is no bundle nowhere: build it, or check the path",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_one_line_that_names_it_and_exit_code_2(line: str, capfd: Captured) -> None:
    assert run.run(commands, line.split()) == 2
    assert capfd.readouterr() == ("", f"error: {MISTAKES[line]}\n")


def test_an_unknown_network_brings_near_names(capfd: Captured) -> None:
    assert run.run(commands, ["build", "mobilnet_v2"]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("error: unknown network 'mobilnet_v2': did you mean mobilenet_v2")
    assert err.count("\n") == 1


def test_without_a_command_the_help_is_shown(capfd: Captured) -> None:
    assert run.run(commands, []) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("Usage: mobile-deploy ")


def raise_gate() -> None:
    raise GateError("onnx-int8 fails: build it again")


def raise_interrupt() -> None:
    raise KeyboardInterrupt


def raise_full() -> None:
    raise OSError(errno.ENOSPC, "No space left on device", "/disk/file")


def raise_bug() -> None:
    raise LookupError("first line\nsecond line")


@pytest.mark.parametrize(
    ("fault", "code", "line"),
    [
        (raise_gate, 1, "error: onnx-int8 fails: build it again"),
        (raise_interrupt, 130, "interrupted"),
        (
            raise_full,
            1,
            "error: cannot write /disk/file (No space left on device): free space on its disk",
        ),
        (
            raise_bug,
            1,
            "internal error: LookupError: first line: run again with --debug and report it",
        ),
    ],
)
def test_whatever_goes_wrong_is_one_line_and_with_debug_a_traceback_too(
    fault: Callable[[], None], code: int, line: str, capfd: Captured
) -> None:
    @click.group()
    def group() -> None: ...

    @group.command()
    @click.option("--debug", is_flag=True)
    def fail(debug: bool) -> None:
        fault()

    assert run.run(group, ["fail"]) == code
    out, err = capfd.readouterr()
    # click ends the terminal's line of ^C first.
    assert (out, err.removeprefix("\n")) == ("", f"{line}\n")

    assert run.run(group, ["fail", "--debug"]) == code
    err = capfd.readouterr().err
    assert "Traceback" in err
    assert fault.__name__ in err


@pytest.mark.parametrize(
    ("how", "code", "last_words"),
    [(signal.SIGINT, 130, "\ninterrupted\n"), (signal.SIGTERM, 143, "")],
)
def test_a_signal_ends_a_build_and_leaves_nothing(
    how: signal.Signals, code: int, last_words: str, tmp_path: Path
) -> None:
    labels = tmp_path / "labels"
    os.mkfifo(labels)
    workplace, scratch = tmp_path / "work", tmp_path / "scratch"
    workplace.mkdir()
    scratch.mkdir()
    line = ["build", "mobilenet_v2", "--weights", "none", "--labels", str(labels)]
    child = subprocess.Popen(
        command(*line),
        cwd=workplace,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(TMPDIR=str(scratch)),
    )
    # The build, which has made its folders by then, waits for the labels.
    with open_for_reader(labels, child):
        assert list(workplace.rglob(".mobilenet_v2.build-*"))
        # It has only just opened them, and Python drops an interrupt amid a destructor.
        time.sleep(0.5)
        child.send_signal(how)
        out, err = child.communicate(timeout=60)
    assert (child.returncode, out, err) == (code, "", last_words)
    assert list(workplace.iterdir()) == []
    assert [path for path in scratch.iterdir() if path.name.startswith("mobile-deploy")] == []


def test_an_interrupt_amid_the_imports_is_one_word(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt")
    path = os.pathsep.join([str(tmp_path), environment()["PYTHONPATH"]])
    done = subprocess.run(
        command("--help"),
        capture_output=True,
        text=True,
        check=False,
        env=environment(PYTHONPATH=path),
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


def open_for_reader(fifo: Path, reader: subprocess.Popen[str]) -> IO[bytes]:
    """Open a FIFO for writing as soon as `reader` has it open."""
    while reader.poll() is None:
        with suppress(OSError):
            return os.fdopen(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK), "wb")
        time.sleep(0.02)
    raise AssertionError(reader.communicate())


def test_a_reader_that_is_gone_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        command("--version"), stdout=write, stderr=subprocess.PIPE, check=False, env=environment()
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")


def test_lists_and_sizes_are_parsed() -> None:
    assert name_list("onnx, coreml") == ("onnx", "coreml")
    assert height_and_width("192") == (192, 192)
    assert height_and_width("160X224") == (160, 224)
    for wrong in ["", "160x", "0x1F", "-5", "1e3", "224x224x3", "٣"]:
        with pytest.raises(click.BadParameter):
            height_and_width(wrong)


def test_the_default_folder_names_what_is_not_as_published() -> None:
    def name(**options: Any) -> str:
        return str(default_output(NetworkSpec("mobilenet_v2", **options)))

    assert name() == name(resolution=(224, 224)) == "bundles/mobilenet_v2"
    assert name(width=0.5, resolution=(160, 160)) == "bundles/mobilenet_v2_0.5_160"
    assert name(resolution=(160, 224)) == "bundles/mobilenet_v2_160x224"


NOISE = """
import ctypes, os, sys
from deploy.support.quiet import hidden_output
print("before")
with hidden_output() as stderr:
    print("a toolkit's print")
    print("a toolkit's warning", file=sys.stderr)
    ctypes.CDLL(None).puts(b"a toolkit's puts")
    os.write(2, b"a toolkit's log from C++")
    print("ours", file=stderr)
print("after")
"""


def test_hidden_output_hides_python_and_c_and_yields_the_old_stderr() -> None:
    done = subprocess.run(
        [sys.executable, "-c", NOISE],
        capture_output=True,
        text=True,
        check=True,
        env=environment(),
    )
    assert (done.stdout, done.stderr) == ("before\nafter\n", "ours\n")


def test_output_is_back_after_an_exception(capfd: Captured) -> None:
    with pytest.raises(ValueError, match="inside"), hidden_output():
        raise ValueError("inside")
    os.write(1, b"after\n")
    assert capfd.readouterr() == ("after\n", "")


def test_a_tampered_bundle_fails_by_name(tmp_path: Path, capfd: Captured) -> None:
    make_bundle(tmp_path / "tiny")
    with (tmp_path / "tiny/tiny_int8.pte").open("r+b") as file:
        file.write(b"another beginning")
    assert run.run(commands, ["verify", str(tmp_path / "tiny")]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("error: tiny_int8.pte in ")
    assert err.count("\n") == 1
