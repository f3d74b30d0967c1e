"""What holds of the repository as a whole: who imports whom, packaging, licences, links."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from places import ROOT

import deploy
from deploy.apps.projects import APPS
from deploy.photos.samples import SAMPLES
from models.weights import SOURCES

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")]

# What an artifact depends on to the digit, so that tests and users have the same.
TOOLKITS = {"torch", "executorch", "coremltools", "onnx", "onnxruntime", "onnxscript"}


def test_one_place_opens_an_onnx() -> None:
    """Whoever opens one otherwise forgets what int8 needs on a processor without VNNI."""
    sources = [*ROOT.glob("deploy/**/*.py"), *ROOT.glob("benchmarks/*.py")]
    opening = [file for file in sources if "InferenceSession(" in file.read_text(encoding="utf-8")]
    assert opening == [ROOT / "deploy/runtimes/onnx_session.py"]


def test_one_place_loads_a_pte() -> None:
    """Whoever does it by `executorch.runtime` imports the exporter."""
    ways = ("executorch.runtime", "executorch.extension.pybindings")
    loading = [
        file
        for file in ROOT.glob("deploy/**/*.py")
        if any(f"from {way} import" in file.read_text(encoding="utf-8") for way in ways)
    ]
    assert loading == [ROOT / "deploy/runtimes/executorch_program.py"]


def test_running_a_pte_imports_no_exporter() -> None:
    loaded = _loaded("from deploy.runtimes.executorch import timed; timed()")
    assert "executorch.extension.pybindings._portable_lib" in loaded
    assert not {"executorch.exir", "executorch.runtime"} & loaded


def test_the_help_imports_no_toolkit() -> None:
    assert not TOOLKITS & _loaded("import deploy.cli")


def _loaded(code: str) -> set[str]:
    """The modules of a process that has run `code`."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {code}; print(*sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_toolkits_are_pinned_to_one_version() -> None:
    requirements = {r.name: r for r in map(Requirement, PROJECT["dependencies"])}
    for name in TOOLKITS:
        assert re.fullmatch(r"==[\d.]+", str(requirements[name].specifier)), requirements[name]


def test_the_readme_installs_the_pinned_torch() -> None:
    (pinned,) = (r for r in PROJECT["dependencies"] if r.startswith("torch=="))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"torch==[\d.]+", readme)) == {pinned}


def test_hosted_ci_runs_the_commands_of_the_readme() -> None:
    workflow = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    job = workflow.partition("  readme:\n")[2].partition("\n\n")[0]
    assert re.findall(r"- run: (.*)", job) == ["make demo", "make test"]
    promised = SpecifierSet(PROJECT["requires-python"])
    pythons = [f"3.{minor}" for minor in range(30) if f"3.{minor}" in promised]
    assert re.findall(r'"(3\.\d+)"', job) == pythons


def test_the_workflows_and_pages_name_files_that_are_there() -> None:
    for page in [*ROOT.glob(".github/workflows/*.yml"), *PAGES, ROOT / ".ci/run"]:
        for path in re.findall(
            r"\b(?:tests|deploy|models|docs)/[\w/.-]*\w(?![\w*])", page.read_text()
        ):
            assert (ROOT / path).exists(), f"{page.name}: {path}"


def test_the_wheel_holds_all_packages_with_their_data(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="hatchling is missing: pip install -e '.[dev]'")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    (wheel,) = tmp_path.iterdir()
    assert wheel.name.startswith(f"mobile_deploy-{deploy.__version__}-")
    with zipfile.ZipFile(wheel) as archive:
        members = set(archive.namelist())
    needed = {
        file.relative_to(ROOT).as_posix()
        for package in ("deploy", "models")
        for file in ROOT.glob(f"{package}/**/*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert "deploy/labels/imagenet.tsv" in needed
    # The projects that `app --new` writes; their tables are compared in tests/apps.
    needed |= {
        f"deploy/apps/{app.folder}/{path.relative_to(ROOT / app.folder).as_posix()}"
        for app in APPS.values()
        for file in app.files
        for path in [ROOT / app.folder / file, *(ROOT / app.folder / file).rglob("*")]
        if path.is_file()
    }
    assert needed <= members
    assert {name.split("/")[0] for name in members - needed} == {
        f"mobile_deploy-{deploy.__version__}.dist-info"
    }


def test_every_picture_and_every_publisher_of_weights_is_credited() -> None:
    page = " ".join((ROOT / "docs/licences.md").read_text(encoding="utf-8").split())
    for sample in SAMPLES:
        assert f"| `{sample.file.name}` | {sample.licence} | {sample.credit} |" in page
    for source in SOURCES:
        assert f"| {source.publisher} | {source.licence} |" in page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"https?://|#", link):
            assert (page.parent / link.partition("#")[0]).exists(), link
