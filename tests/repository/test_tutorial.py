"""The tutorial's commands, run as they are written, one after another."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import torch
from command_line import run_installed
from places import ROOT
from small_photos import write_photos
from virtual_phone_fixture import AdbServer

from deploy.choosing.file import read_choice
from deploy.cli import commands
from models.registry import create

PAGE = (ROOT / "docs/tutorial.md").read_text(encoding="utf-8")
COMMANDS = [
    line.strip()
    for block in re.findall(r"^```bash\n(.*?)^```$", PAGE, flags=re.M | re.S)
    for line in block.replace("\\\n", "").splitlines()
]
CLASSES = ("cat", "cup", "rocket")


def test_every_command_has_the_options_that_the_page_gives_it() -> None:
    assert len(COMMANDS) >= 6
    for line in COMMANDS:
        program, name, *arguments = line.split()
        assert program == "mobile-deploy"
        commands.commands[name].make_context(name, arguments)


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """What the page calls `my_...`, in small."""
    write_photos(tmp_path / "my_photos", 16, size=(160, 120))
    write_photos(tmp_path / "by_number", 9, size=(160, 120), classes=len(CLASSES))
    for number, label in enumerate(CLASSES):
        shutil.move(tmp_path / "by_number" / str(number), tmp_path / "my_labelled_photos" / label)
    (tmp_path / "my_labels.txt").write_text("\n".join(CLASSES))
    torch.manual_seed(0)
    network = create("mobilenet_v3_small", width=0.5, classes=len(CLASSES))
    torch.save(network.state_dict(), tmp_path / "my_weights.pth")
    shutil.copytree(ROOT / "android_demo", tmp_path / "android_demo")
    return tmp_path


@pytest.fixture(autouse=True)
def _own_adb_server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The virtual phone is no guest of the user's own server."""
    if "workplace" in request.fixturenames:
        server: AdbServer = request.getfixturevalue("adb_server")
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)


@pytest.mark.nightly
def test_the_way_leads_from_photos_to_an_app(workplace: Path) -> None:
    for line in COMMANDS:
        done = run_installed(line, workplace)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    choice = read_choice(workplace / "sweep")
    assert choice.recommended is not None
    assert choice.recommended.latency_ms is not None
    assert (workplace / "android_demo/app/src/main/assets/bundles/chosen").is_dir()
