"""The README's commands, run as they are written, and what it shows of their output."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from command_line import run_here, run_installed, start_installed
from places import ROOT
from session_builds import REAL_BUILD, CommandBuild
from virtual_phone_fixture import AdbServer

from deploy.assets import fetch_all
from deploy.photos.samples import SAMPLES
from deploy.weights import fetch_weights, find_source

README = (ROOT / "README.md").read_text(encoding="utf-8")
CLASSES = 10
MY_NETS = f"""
from torch import nn


def make_net():
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, stride=4), nn.BatchNorm2d(16), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, {CLASSES}),
    )
"""


def blocks(language: str) -> list[str]:
    """The contents of the README's fenced blocks in one language ("" for none)."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.M | re.S)
    return [content for marked, content in fenced if marked == language]


COMMANDS = [
    line.strip()
    for block in blocks("bash")
    for line in block.replace("\\\n", "").splitlines()
    if line.startswith("mobile-deploy ")
]
# Run by night: of each another test runs the same command by day, on a network that takes seconds
# (test_cli_build.py, test_sensitivity.py, test_cli_benchmark.py, and below the user's own network).
LONG = (
    "sensitivity mobilenet_v2",
    "build mobilenet_v2 --photos my_photos",
    "build mobilenet_v2 --weights my_weights.pth",
    "build mobilenet_v3_small",
    "benchmark bundles/mobilenet_v2",
)
# The whole main job is run once a session, by the fixture.
OTHERS = [
    pytest.param(
        line,
        id=" ".join(line.split()),
        marks=[pytest.mark.nightly] if any(long in line for long in LONG) else [],
    )
    for line in COMMANDS
    if line != REAL_BUILD
]


@pytest.fixture(scope="module")
def workplace(real_build: CommandBuild, phone_bundle: Path) -> Path:
    """A folder with the real bundle, and with everything that the README calls `my_...`."""
    folder = real_build.workplace
    photos = folder / "my_photos"
    photos.mkdir()
    for path in fetch_all([sample.file for sample in SAMPLES]):
        shutil.copy(path, photos)
    # What the README builds of them by night; by day its later commands take a small one.
    shutil.copytree(phone_bundle, folder / "bundles/my_photos")
    for label, photo in (("espresso", "coffee.png"), ("Egyptian_cat", "chelsea.png")):
        (folder / "my_labelled_photos" / label).mkdir(parents=True)
        shutil.copy(photos / photo, folder / "my_labelled_photos" / label)
    for project in ("android_demo", "ios_demo"):
        shutil.copytree(ROOT / project, folder / project)
    published = find_source("mobilenet_v2", "imagenet", 1.0)
    weights = torch.load(fetch_weights(published), weights_only=True)
    for name in ("classifier.1.weight", "classifier.1.bias"):
        weights[name] = weights[name][:CLASSES].clone()
    torch.save(weights, folder / "my_weights.pth")
    (folder / "my_nets.py").write_text(MY_NETS, encoding="utf-8")
    (folder / "my_labels.txt").write_text("".join(f"fish {i}\n" for i in range(CLASSES)))
    return folder


def test_the_main_job_is_the_readmes_first_command() -> None:
    assert COMMANDS[0] == REAL_BUILD


def test_what_is_left_to_the_night_is_in_the_readme() -> None:
    assert [sum(long in line for line in COMMANDS) for long in LONG] == [1] * len(LONG)


@pytest.fixture(scope="module", autouse=True)
def _own_adb_server(adb_server: AdbServer) -> Iterator[None]:
    """The virtual phone of the README is no guest of the user's own server."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in adb_server.environment.items():
            patch.setenv(name, value)
        yield
    # Its phone has ended by now, and adb would go on looking for it in the tests that come next.
    adb_server.disconnect()


@pytest.fixture(scope="module")
def background() -> Iterator[list[subprocess.Popen[bytes]]]:
    """What the README leaves running, ended with the module."""
    running: list[subprocess.Popen[bytes]] = []
    yield running
    for process in running:
        process.send_signal(signal.SIGINT)
        process.wait(20)


@pytest.mark.parametrize("line", OTHERS)
def test_command_runs_as_written(
    line: str,
    workplace: Path,
    background: list[subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """In this process, where toolkits are imported already; as installed the main job is run."""
    if line.endswith(" &"):
        background.append(start_installed(line.removesuffix(" &"), workplace))
        return
    program, *arguments = shlex.split(line)
    assert program == "mobile-deploy"
    monkeypatch.chdir(workplace)
    done = run_here(capfd, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_python_runs_as_written(workplace: Path) -> None:
    (script,) = blocks("python")
    (workplace / "build.py").write_text(script, encoding="utf-8")
    done = run_installed("python build.py", workplace)
    assert done.returncode == 0, done.stderr
    assert "mobilenet_v1_int8.onnx" in done.stdout


def test_the_table_shown_is_of_this_build(real_build: CommandBuild) -> None:
    """Names and sizes to the digit, decibels and agreement within the bounds that it states."""
    (shown,) = (block for block in blocks("") if "agreement %" in block)
    rows = re.findall(r"^(\S+-\w+) +([\d.]+) +([\d.]+) +([\d.]+) ", shown, flags=re.M)
    artifacts = real_build.facts["artifacts"]
    assert [row[:2] for row in rows] == [
        (one["name"], f"{one['bytes'] / 1e6:.1f}") for one in artifacts
    ]
    stated = re.search(
        r"int8 and fp16 may differ\s+from these by (\d+) and in fp32 by (\d+).*?"
        r"\((\d+) points of agreement\)",
        README,
        flags=re.S,
    )
    assert stated is not None
    quantized, in_float, points = map(float, stated.groups())
    for one, (name, _, decibels, agreement) in zip(artifacts, rows, strict=True):
        bound = in_float if name.endswith("fp32") else quantized
        assert abs(one["sqnr_db"] - float(decibels)) <= bound, name
        assert abs(100 * one["agreement"] - float(agreement)) <= points, name
