"""mobile-deploy runner"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deploy.cli.options import PATH, shared_options
from deploy.cli.output import echo, print_json
from deploy.cli.progress import watched
from deploy.support.printable import one_line

if TYPE_CHECKING:
    from deploy.native_runner.targets import TargetName


@click.group(epilog="Example: mobile-deploy runner build --target linux-arm64")
def runner() -> None:
    """The native runner, which measures .pte files on phones without the app, and here."""


@runner.command("build", epilog="Example: mobile-deploy runner build --target linux-arm64")
@click.option(
    "--target",
    type=click.Choice(["linux-x86_64", "linux-arm64", "android-arm64"]),
    default="linux-x86_64",
    show_default=True,
    help="Where it is to run; linux-arm64 is what profile takes to phones.",
)
@click.option(
    "--executorch",
    type=PATH,
    metavar="DIR",
    help="For android-arm64: a source tree of ExecuTorch with its submodules. Untried.",
)
@click.option(
    "-o", "--output", type=PATH, metavar="DIR", help="Copy it there too; a folder that is new."
)
@shared_options
def build_runner(
    *,
    target: TargetName,
    executorch: Path | None,
    output: Path | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Compile the native runner, and say where it lies.

    Takes a C++ compiler and ExecuTorch's runtime out of its wheel, fetched once. What was compiled
    is kept in the cache: profile does all this by itself where it needs it.
    """
    if (target == "android-arm64") != (executorch is not None):
        raise click.UsageError("--executorch DIR and --target android-arm64 go together")
    with watched(debug) as watcher:
        from deploy.native_runner.android import build_for_android
        from deploy.native_runner.build import build, check_new, command, copy_to

        if output is not None:
            check_new(output)
        watcher.stage(f"compiling for {target}")
        if executorch is not None:
            folder = build_for_android(executorch)
        else:
            folder = build(target, progress=watcher.progress)
        if output is not None:
            folder = copy_to(folder, output)
        words = command(target, folder)
    if as_json:
        print_json({"target": target, "folder": str(folder), "command": words})
        return
    echo(f"{one_line(str(folder))}\n\n    {one_line(shlex.join(words))} ID.request.json")
