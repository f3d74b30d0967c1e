"""mobile-deploy report"""

from __future__ import annotations

from pathlib import Path

import click

from deploy.cli.options import PATH, check_one_form, shared_options
from deploy.cli.output import echo, print_json
from deploy.cli.progress import watched
from deploy.support.errors import UserError
from deploy.support.output_file import check_output, is_stream
from deploy.support.printable import one_line


@click.command(epilog="Example: mobile-deploy report sweep -o report.html")
@click.argument("paths", type=PATH, metavar="DIR|FILE...", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    type=PATH,
    metavar="FILE.html",
    help="Write the page here.",
)
@click.option("--svg", type=PATH, metavar="DIR", help="Write the pictures here too, a file each.")
@click.option(
    "--markdown",
    "as_markdown",
    is_flag=True,
    help="Print tables for a pull request's comment.",
)
@shared_options
def report(
    *,
    paths: tuple[Path, ...],
    output: Path | None,
    svg: Path | None,
    as_markdown: bool,
    as_json: bool,
    debug: bool,
) -> None:
    """Show what was found as one page, which opens from disk and fetches nothing.

    What choose, build and profile wrote, and what compare and diff print with --json, in any mix:
    files, or folders that they are in. A bundle that was chosen among, measured and built is one
    part of the page.
    """
    if output is None and svg is None and not as_markdown:
        raise click.UsageError("say what to write: -o FILE.html, --svg DIR or --markdown")
    check_one_form(markdown=as_markdown, as_json=as_json)
    if output is not None:
        check_output(output)
        if output.suffix.lower() not in (".html", ".htm") and not is_stream(output):
            raise UserError(f"{one_line(str(output))} is no page: name one that ends with .html")
    from deploy.report.words import counted
    from deploy.report.write import markdown, read_report, write_page, write_pictures

    with watched(debug) as watcher:
        watcher.stage("reading")
        found = read_report(paths)
        watcher.stage("drawing")
        size = write_page(found, output) if output else None
        pictures = write_pictures(found, svg) if svg else []
    if as_json:
        print_json(
            {
                "page": str(output) if output else None,
                "bytes": size,
                "pictures": [str(path) for path in pictures],
                "variants": sum(len(group.variants) for group in found.groups),
                "devices": len(found.devices),
                "files": [
                    {"path": path, "of": kind, "sha256": sha256}
                    for path, kind, sha256 in found.files
                ],
                "notes": list(found.notes),
            }
        )
        return
    if as_markdown:
        echo(markdown(found).rstrip("\n"))
        return
    for note in found.notes:
        echo(one_line(f"note: {note}"))
    if output is not None and size is not None:
        variants = sum(len(group.variants) for group in found.groups)
        echo(
            f"wrote {one_line(str(output))}: {counted(variants, 'variant')} of "
            f"{counted(len(found.files), 'file')}, "
            f"{size / 1e6:.2f} MB; open it in any browser"
        )
    for path in pictures:
        echo(f"wrote {one_line(str(path))}")
