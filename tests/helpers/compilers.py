"""Tests that compile the native runner, or emulate a phone's processor, say what they lack."""

from __future__ import annotations

import pytest

from deploy.emulation.emulator import find_emulator
from deploy.native_runner.targets import TARGETS, TargetName
from deploy.native_runner.toolchain import find_compiler
from deploy.support.errors import DeployError, UserError


def needs_compiler(target: TargetName) -> pytest.MarkDecorator:
    try:
        find_compiler(TARGETS[target])
    except UserError as error:
        return pytest.mark.skipif(True, reason=str(error))
    return pytest.mark.skipif(False, reason="")


def needs_emulator() -> pytest.MarkDecorator:
    """Of tests that run programs for phones here."""
    try:
        find_emulator()
    except DeployError as error:
        return pytest.mark.skipif(True, reason=str(error))
    return needs_compiler("linux-arm64")
