"""mobile-deploy app"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from deploy.cli.options import PATH, Command, shared_options
from deploy.cli.output import echo, print_json, print_table
from deploy.cli.progress import watched
from deploy.support.printable import one_line

if TYPE_CHECKING:
    from deploy.apps.projects import App
    from deploy.apps.stage import Staged
    from deploy.cli.progress import Watcher


@click.group(epilog="Example: mobile-deploy app android bundles/mobilenet_v2 --new my_app")
def app() -> None:
    """Put bundles into the demo app of a phone's system."""


def _project_options(command: Command) -> Command:
    bundles = click.argument("bundles", type=PATH, metavar="BUNDLE...", nargs=-1)
    project = click.option(
        "--project",
        type=PATH,
        metavar="DIR",
        help="The app's project.  [default: the one in the repository that this is run from]",
    )
    new = click.option(
        "--new",
        type=PATH,
        metavar="DIR",
        help="Write a project of your own first, with these bundles or, where none is named, with "
        "mobilenet_v2, which is built unless bundles/mobilenet_v2 is there.",
    )
    listing = click.option("--list", "listing", is_flag=True, help="Say which bundles are there.")
    removing = click.option("--remove", "removing", metavar="NAME", help="Take a bundle out again.")
    return bundles(project(new(listing(removing(shared_options(command))))))


def _add_command(name: str, title: str) -> None:
    @app.command(
        name,
        help=f"Put bundles into the {title} app, verified first.\n\nCopies what the app reads "
        "into its project, and says what to do next.",
        epilog=f"Example: mobile-deploy app {name} bundles/mobilenet_v2 --new my_app",
    )
    @_project_options
    def command(
        *,
        bundles: tuple[Path, ...],
        project: Path | None,
        new: Path | None,
        listing: bool,
        removing: str | None,
        as_json: bool,
        debug: bool,
    ) -> None:
        if new is not None:
            if project is not None or listing or removing is not None:
                raise click.UsageError("--new writes a project: give no other option with it")
            _run_new(name, bundles, new, as_json, debug)
            return
        if sum((bool(bundles), listing, removing is not None)) != 1:
            raise click.UsageError("give bundles to put in, --new DIR, --list, or --remove NAME")
        _run(name, bundles, project, removing, as_json, debug)


# Named here too, for the help must not wait until their table is imported.
_add_command("android", "Android")
_add_command("ios", "iOS")


def _run(
    name: str,
    bundles: tuple[Path, ...],
    given: Path | None,
    removing: str | None,
    as_json: bool,
    debug: bool,
) -> None:
    """The same for every app: its row says what differs."""
    from deploy.apps.projects import APPS, project_of

    app = APPS[name]
    project = project_of(app, given)
    warnings: list[str] = []
    removed: Staged | None = None
    with watched(debug) as watcher:
        from deploy.apps import stage as library

        for bundle in bundles:
            watcher.stage(f"verifying {bundle}")
            library.stage(bundle, app, project, watcher)
        if removing is not None:
            removed = library.remove(removing, app, project)
        there = library.staged_bundles(app, project)
        for staged in there:
            if staged.problem is not None:
                watcher.warn(f"the app cannot use {staged.name}: {staged.problem}")
        warnings = watcher.warnings
    if as_json:
        print_json(_facts(app, project, there, removed, warnings))
    else:
        _show(app, project, there, removed, bool(bundles))


def _run_new(
    name: str, bundles: tuple[Path, ...], target: Path, as_json: bool, debug: bool
) -> None:
    from deploy.apps.projects import APPS, check_new, new_project

    app = APPS[name]
    # Before a build that takes a minute.
    check_new(target)
    with watched(debug) as watcher:
        from deploy.apps import stage as library

        bundles = bundles or (_default_bundle(watcher),)
        with new_project(app, target) as project:
            for bundle in bundles:
                watcher.stage(f"verifying {bundle}")
                library.stage(bundle, app, project, watcher)
        there = library.staged_bundles(app, target)
        warnings = watcher.warnings
    if as_json:
        print_json(_facts(app, target, there, None, warnings))
    else:
        _show(app, target, there, None, True)


def _default_bundle(watcher: Watcher) -> Path:
    """What `mobile-deploy build mobilenet_v2` makes, unless it is there."""
    from deploy.bundle.manifest import MANIFEST_FILE
    from deploy.capture.spec import NetworkSpec
    from deploy.cli.build import default_output

    spec = NetworkSpec("mobilenet_v2")
    folder = default_output(spec)
    if not (folder / MANIFEST_FILE).exists():
        from deploy.pipeline.build import build
        from deploy.pipeline.recipe import Recipe

        build(Recipe(network=spec, output=folder), watcher)
    return folder


def _facts(
    app: App,
    project: Path,
    there: tuple[Staged, ...],
    removed: Staged | None,
    warnings: list[str],
) -> dict[str, object]:
    return {
        "app": app.name,
        "project": str(project),
        "bundles": [
            {
                "name": staged.name,
                "path": str(staged.folder),
                "bytes": staged.bytes,
                "artifacts": list(staged.artifacts),
                "problem": staged.problem,
            }
            for staged in there
        ],
        "removed": removed.name if removed else None,
        "next": list(app.steps),
        "warnings": warnings,
    }


def _show(
    app: App, project: Path, there: tuple[Staged, ...], removed: Staged | None, added: bool
) -> None:
    if removed:
        echo(f"removed {one_line(removed.name)}, {_in_megabytes(removed.bytes)} MB\n")
    if not there:
        echo(f"no bundles in {one_line(str(project / app.bundles))}")
        return
    rows = [
        [staged.name, ", ".join(staged.artifacts), _in_megabytes(staged.bytes)] for staged in there
    ]
    print_table(["bundle", "artifacts", "MB"], rows)
    megabytes = _in_megabytes(sum(staged.bytes for staged in there))
    echo(f"\n{megabytes} MB in {one_line(str(project / app.bundles))}")
    if added:
        echo(f"\nNext, in {one_line(str(project))}:\n")
        for step in app.steps:
            echo(f"    {step}")
        echo(f"\nor open it in {app.studio}.")


def _in_megabytes(size: int) -> str:
    return f"{size / 1e6:.1f}"
