"""mobile-deploy doctor"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from deploy.cli.options import PATH, server_named, server_options, shared_options
from deploy.cli.output import echo, print_json

_MARKS = {"ok": ("ok", "green"), "warning": ("note", "yellow"), "blocks": ("BLOCKS", "red")}


@click.command(epilog="Example: mobile-deploy doctor bundles/mobilenet_v2")
@click.argument("bundle", type=PATH, metavar="[BUNDLE]", required=False)
@server_options
@shared_options
def doctor(
    *,
    bundle: Path | None,
    connect: tuple[str, ...],
    adb_server: tuple[str, int] | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Say what keeps phones from being measured, and how to mend it.

    Looks at the Python packages, at adb, and at each phone that adb sees; with a BUNDLE, at whether
    the app there has the runtime that it needs. Exits with 1 where something blocks.
    """
    from deploy.android.doctor import blocking, examine, executorch_of
    from deploy.bundle.open import open_bundle
    from deploy.support.errors import RunError

    executorch = executorch_of(open_bundle(bundle)) if bundle is not None else None
    findings = []
    for finding in examine(server_named(adb_server, connect), executorch):
        findings.append(finding)
        if not as_json:
            mark, colour = _MARKS[finding.state]
            echo(f"{click.style(f'{mark:6}', fg=colour)}  {finding.about}: {finding.what}")
    if as_json:
        print_json({"findings": [asdict(finding) for finding in findings]})
    blocked = blocking(findings)
    if blocked:
        first = blocked[0]
        more = f" (and {len(blocked) - 1} more marked BLOCKS)" if len(blocked) > 1 else ""
        raise RunError(f"nothing can be measured for {first.about}: {first.what}{more}")
