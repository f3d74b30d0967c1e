"""mobile-deploy pack"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from deploy.cli.options import PATH, shared_options
from deploy.cli.output import echo, print_json
from deploy.cli.progress import watched
from deploy.support.printable import one_line

if TYPE_CHECKING:
    from deploy.apps.pack import Packed


@click.command(epilog="Example: mobile-deploy pack bundles/mobilenet_v2")
@click.argument("bundle", type=PATH, metavar="BUNDLE")
@click.option(
    "-o",
    "--output",
    type=PATH,
    metavar="FILE.zip",
    help="Where to write it.  [default: BUNDLE.zip, beside the bundle]",
)
@shared_options
def pack(*, bundle: Path, output: Path | None, as_json: bool, debug: bool) -> None:
    """Make one .zip of a bundle, which the apps import.

    Checks every hash first. An app that is installed already takes it from a message, a cloud or
    the phone's files, without being built again, and checks all of it before use.
    """
    with watched(debug) as watcher:
        watcher.stage(f"packing {bundle}")
        from deploy.apps import pack as library

        packed = library.pack(bundle, output)
    if as_json:
        print_json(_facts(packed))
        return
    where = one_line(str(packed.file))
    echo(f"wrote {where}, {packed.bytes / 1e6:.1f} MB, {packed.files} files")
    echo("\nNext: send it to the phone, and open it there with the app, or in the app with")
    echo("About, Import a bundle")


def _facts(packed: Packed) -> dict[str, object]:
    return {
        "path": str(packed.file),
        "bytes": packed.bytes,
        "files": packed.files,
        "sha256": packed.sha256,
    }
