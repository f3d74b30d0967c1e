"""mobile-deploy runner"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from deploy.cli.options import PATH, shared_options
from deploy.cli.output import echo, print_json
from deploy.cli.progress import watched

if TYPE_CHECKING:
    from deploy.native_runner.targets import TargetName


@click.group(epilog="Example: mobile-deploy runner build --target linux-arm64")
def runner() -> None:
    """The native runner, which measures .pte files on phones without the app, and here."""


@runner.command("build", epilog="Example: mobile-deploy runner build --target linux-arm64")
@click.option(
    "--target",
    type=click.Choice(["linux-x86_64", "linux-arm64"]),
    default="linux-x86_64",
    show_default=True,
    help="Where it is to run; linux-arm64 also starts in a phone's shell folder.",
)
@click.option(
    "-o", "--output", type=PATH, metavar="DIR", help="Copy it there too; a folder that is new."
)
@shared_options
def build_runner(*, target: TargetName, output: Path | None, as_json: bool, debug: bool) -> None:
    """Compile the native runner, and say where it lies.

    Takes a C++ compiler and ExecuTorch's runtime out of its wheel, fetched once. What was compiled
    is kept in the cache: profile does all this by itself where it needs it.
    """
    with watched(debug) as watcher:
        from deploy.native_runner.build import build, command, copy_to, files_of

        watcher.stage(f"compiling for {target}")
        folder = build(target, progress=watcher.progress)
        if output is not None:
            folder = copy_to(folder, output)
        words = command(target, folder)
        files = files_of(folder)
    if as_json:
        print_json({"target": target, "folder": str(folder), "command": words, "files": files})
        return
    echo(f"{folder}\n\n    {' '.join(words)} ID.request.json")
