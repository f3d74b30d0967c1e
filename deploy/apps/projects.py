"""The apps, one row each, and where their projects are."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import deploy
from deploy.support.errors import StorageError, UserError
from deploy.support.printable import printable

# Where the repository is checked out, `deploy` lies beside the apps; in a wheel they lie here.
_REPOSITORY = Path(deploy.__file__).resolve().parent.parent
_PACKAGE = Path(__file__).resolve().parent


@dataclass(frozen=True, kw_only=True)
class App:
    """`folder` is the project's in our repository, `marker` a file by which it is known, `bundles`
    where it looks for bundles; `files` are what a project of one's own needs of it, which the wheel
    carries (folders whole); `steps` are the commands that follow, run in the project, `studio` what
    opens it."""

    name: str
    title: str
    studio: str
    folder: str
    marker: str
    bundles: str
    files: tuple[str, ...]
    formats: tuple[str, ...]
    steps: tuple[str, ...]


APPS: dict[str, App] = {
    app.name: app
    for app in (
        App(
            name="android",
            title="Android",
            studio="Android Studio",
            folder="android_demo",
            marker="app/build.gradle.kts",
            bundles="app/src/main/assets/bundles",
            files=(
                ".gitignore",
                "build.gradle.kts",
                "settings.gradle.kts",
                "gradle.properties",
                "gradle/libs.versions.toml",
                "gradle/wrapper/gradle-wrapper.properties",
                "app/build.gradle.kts",
                "app/proguard-rules.pro",
                "app/src/benchmark",
                "app/src/main/AndroidManifest.xml",
                "app/src/main/kotlin",
                "app/src/main/res",
                "app/src/release",
            ),
            formats=("executorch", "onnx"),
            steps=(
                "gradle :app:installBenchmark",
                "adb shell am start -n dev.mobiledeploy.demo/.MainActivity",
            ),
        ),
        App(
            name="ios",
            title="iOS",
            studio="Xcode",
            folder="ios_demo",
            marker="MobileDeployDemo/MobileDeployDemo.xcodeproj/project.pbxproj",
            bundles="MobileDeployDemo/Bundles",
            files=(
                ".gitignore",
                "MobileDeployKit/Package.swift",
                "MobileDeployKit/Sources",
                "MobileDeployDemo/project.yml",
                "MobileDeployDemo/Bundles/.gitignore",
                "MobileDeployDemo/MobileDeployDemo",
                "MobileDeployDemo/MobileDeployDemo.xcodeproj/project.pbxproj",
                "MobileDeployDemo/MobileDeployDemo.xcodeproj/project.xcworkspace",
                "MobileDeployDemo/MobileDeployDemo.xcodeproj/xcshareddata",
            ),
            formats=("coreml", "executorch"),
            steps=("open MobileDeployDemo/MobileDeployDemo.xcodeproj",),
        ),
    )
}


def project_of(app: App, given: Path | None) -> Path:
    """The app's project: `given`, or the one in the repository that this code was run from.

    Raises UserError where that is not the project.
    """
    project = given or _REPOSITORY / app.folder
    if (project / app.marker).is_file():
        return project
    if given is None:
        raise UserError(
            f"which {app.title} project is meant: give its folder with --project, or have one "
            "written with --new DIR"
        )
    raise UserError(
        f"{printable(str(given))} is not the {app.title} app's project (it has no {app.marker}): "
        "give the folder of one, or have one written with --new DIR"
    )


def check_new(target: Path) -> None:
    """Raise UserError where `target` is anything but a new path or an empty folder."""
    where = printable(str(target))
    try:
        if target.exists() and target.samefile(Path.cwd()):
            raise UserError("--new is the current folder: name one in it that is not there yet")
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise UserError(
                f"{where} is there already: give --new another folder, or --project {where} to put "
                "bundles into it"
            )
    except OSError as error:
        raise UserError(f"{where} cannot be read ({error.strerror}): give --new another") from error


@contextmanager
def new_project(app: App, target: Path) -> Iterator[Path]:
    """Write the app's project: yields it beside `target`, which it becomes at the end.

    After an exception, Ctrl-C included, nothing of it is left. Raises UserError as `check_new`,
    StorageError where the disk refuses.
    """
    target = target.absolute()
    check_new(target)
    source = next(
        place
        for place in (_PACKAGE / app.folder, _REPOSITORY / app.folder)
        if (place / app.marker).is_file()
    )
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        with _written(target):
            for file in app.files:
                _copy(source / file, part / file)
        yield part
        with _written(target):
            if target.exists():
                target.rmdir()
            part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        ignore = shutil.ignore_patterns(*_NOT_OURS)
        # Not their permissions: an installed package may be read-only.
        shutil.copytree(source, target, ignore=ignore, copy_function=shutil.copyfile)
    else:
        shutil.copyfile(source, target)


# What an opened project gathers.
_NOT_OURS = ("build", ".DS_Store", "xcuserdata")


@contextmanager
def _written(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"cannot write {printable(str(target))} ({error.strerror}): give --new another folder"
        ) from error
