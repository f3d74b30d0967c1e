"""`mobile-deploy` on virtual phones of the tests' own adb server: in this process, or started.

A test module imports the fixtures: `from phone_commands import command, environment`.
"""

from __future__ import annotations

import subprocess
from typing import Protocol

import pytest
from command_line import command as mobile_deploy
from places import ROOT
from virtual_phone_fixture import AdbServer

from deploy.cli import commands
from deploy.cli.run import run

Run = subprocess.CompletedProcess[str]


@pytest.fixture
def environment(adb_server: AdbServer) -> dict[str, str]:
    return {**adb_server.environment, "PYTHONPATH": str(ROOT)}


def start(environment: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        mobile_deploy(*arguments),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class Command(Protocol):
    """`mobile-deploy ARGUMENTS...` in this process, which has imported what it needs."""

    def __call__(self, *arguments: str) -> Run: ...


@pytest.fixture
def command(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Command:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def command(*arguments: str) -> Run:
        capfd.readouterr()
        code = run(commands, arguments)
        return subprocess.CompletedProcess(arguments, code, *capfd.readouterr())

    return command
