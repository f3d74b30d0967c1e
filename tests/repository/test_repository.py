"""What holds of the repository as a whole: who imports whom, packaging, licences, links."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import deploy
from deploy.photos.samples import SAMPLES
from models.weights import SOURCES

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")]

# What an artifact depends on to the digit, so that tests and users have the same.
TOOLKITS = {"torch", "executorch", "coremltools", "onnx", "onnxruntime", "onnxscript"}

# Right of the bundle: works from its folder alone, where no network was ever built.
AFTER_THE_BUNDLE = (
    "deploy.apps.stage",
    "deploy.bundle.open",
    "deploy.bundle.write",
    "deploy.verification.bundle",
    "deploy.runtimes.coreml",
    "deploy.runtimes.executorch",
    "deploy.runtimes.onnx",
    "deploy.verification.evaluate",
    "deploy.photos.images",
    "deploy.results.compare",
    "deploy.android.devices",
    "deploy.android.doctor",
    "deploy.results.judge",
    "deploy.android.per_op",
    "deploy.benchmark.profile",
)
BEFORE_THE_BUNDLE = ("deploy.capture", "deploy.quantization", "deploy.exporters", "deploy.pipeline")
FACTS_WITHOUT_NETWORKS = {"models", "models.preprocessing", "models.pinned"}


def source_of(module: str) -> Path | None:
    path = ROOT.joinpath(*module.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in candidates if file.is_file()), None)


def imports_of(source: Path) -> Iterator[str]:
    """Every module that a file imports anywhere, also inside functions; names count as modules."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source} has a relative import"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def all_that_follow(*modules: str) -> set[str]:
    """Our modules that these import, and those import, and so on."""
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        source = source_of(module) if module.split(".")[0] in ("deploy", "models") else None
        if source is None or module in found:
            continue
        found.add(module)
        waiting += [*imports_of(source), module.rpartition(".")[0]]
    return found


def test_models_never_imports_deploy() -> None:
    sources = list(ROOT.glob("models/**/*.py"))
    assert sources
    for source in sources:
        assert not [name for name in imports_of(source) if name.split(".")[0] == "deploy"], source


@pytest.mark.parametrize("module", AFTER_THE_BUNDLE)
def test_what_reads_a_bundle_needs_no_network_no_quantization_no_exporter(module: str) -> None:
    followed = all_that_follow(module)
    assert module in followed
    assert not {name for name in followed if name.startswith(BEFORE_THE_BUNDLE)}
    assert {name for name in followed if name.startswith("models")} <= FACTS_WITHOUT_NETWORKS


def test_one_place_opens_an_onnx() -> None:
    """Whoever opens one otherwise forgets what int8 needs on a processor without VNNI."""
    sources = [*ROOT.glob("deploy/**/*.py"), *ROOT.glob("benchmarks/*.py")]
    opening = [file for file in sources if "InferenceSession(" in file.read_text(encoding="utf-8")]
    assert opening == [ROOT / "deploy/runtimes/onnx_session.py"]


def test_statistics_know_arrays_alone() -> None:
    followed = all_that_follow("deploy.statistics")
    assert {name for name in followed if not name.startswith("deploy.statistics")} <= {"deploy"}


def test_the_help_imports_no_toolkit() -> None:
    code = "import sys, deploy.cli; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not TOOLKITS & set(done.stdout.split())


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
