"""Tests that compile the native runner say which compiler they lack."""

from __future__ import annotations

import pytest

from deploy.native_runner.targets import TARGETS, TargetName
from deploy.native_runner.toolchain import find_compiler
from deploy.support.errors import UserError


def needs_compiler(target: TargetName) -> pytest.MarkDecorator:
    try:
        find_compiler(TARGETS[target])
    except UserError as error:
        return pytest.mark.skipif(True, reason=str(error))
    return pytest.mark.skipif(False, reason="")
