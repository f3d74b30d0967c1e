"""The apps, one row each, and where their projects are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import deploy
from deploy.support.errors import UserError
from deploy.support.printable import printable

# Where the repository is checked out, `deploy` lies beside the apps; in a wheel it does not.
_REPOSITORY = Path(deploy.__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True)
class App:
    """`folder` is the project's in our repository, `marker` a file by which it is known, `bundles`
    where it looks for bundles; `steps` are the commands that follow, run in the project."""

    name: str
    title: str
    folder: str
    marker: str
    bundles: str
    formats: tuple[str, ...]
    steps: tuple[str, ...]


APPS: dict[str, App] = {
    app.name: app
    for app in (
        App(
            name="android",
            title="Android",
            folder="android_demo",
            marker="app/build.gradle.kts",
            bundles="app/src/main/assets/bundles",
            formats=("executorch", "onnx"),
            steps=(
                "gradle :app:installBenchmark",
                "adb shell am start -n dev.mobiledeploy.demo/.MainActivity",
            ),
        ),
        App(
            name="ios",
            title="iOS",
            folder="ios_demo",
            marker="MobileDeployDemo/MobileDeployDemo.xcodeproj/project.pbxproj",
            bundles="MobileDeployDemo/Bundles",
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
            f"the {app.title} app's project is not part of the installed package: clone the "
            f"repository of mobile-deploy and give its folder {app.folder} with --project"
        )
    raise UserError(
        f"{printable(str(given))} is not the {app.title} app's project (it has no {app.marker}): "
        f"give the folder {app.folder} of the repository of mobile-deploy"
    )
