"""The command line: one file a command. A command parses, calls one library function and renders.

Only what parsing needs is imported here: `--help` must not wait for torch. The libraries, and what
draws tables, are imported inside the commands.
"""

from __future__ import annotations

import sys

import click

import deploy
from deploy.cli import (
    app,
    benchmark,
    build,
    choose,
    compare,
    diff,
    doctor,
    evaluate,
    models,
    pack,
    profile,
    report,
    run,
    runner,
    sensitivity,
    summary,
    verify,
    virtual_phone,
)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=f"Example: {run.PROGRAM} build mobilenet_v2",
)
@click.version_option(deploy.__version__, message=f"{run.PROGRAM} %(version)s")
def commands() -> None:
    """From a vision network to a bundle for Android and iOS, proven on real photos."""


for command in (
    build.build,
    models.models,
    summary.summary,
    sensitivity.sensitivity,
    verify.verify,
    diff.diff,
    evaluate.evaluate,
    benchmark.benchmark,
    choose.choose,
    report.report,
    profile.profile,
    compare.compare,
    doctor.doctor,
    virtual_phone.virtual_phone,
    runner.runner,
    app.app,
    pack.pack,
):
    commands.add_command(command)


def main() -> int:
    """The entry point of `mobile-deploy`: run what the arguments say and give the exit code."""
    run.unwind_when_terminated()
    return run.run(commands, sys.argv[1:])
