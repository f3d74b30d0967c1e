"""The oldest ONNX Runtime that a manifest promises, proved with its own wheel (`make nightly`)."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from onnx_networks import OPERATORS, Around
from packaging.version import Version
from places import ROOT
from small_network import LABELS, PREPROCESSING, SIDE, inputs, run

from deploy.backends import BACKENDS
from deploy.capture.program import capture
from deploy.capture.simplify import simplify
from deploy.exporters import onnx as exporter
from deploy.exporters.interface import Spec
from deploy.exporters.onnx_minimum import NEEDS, oldest_runtime
from deploy.quantization.ptq import decide
from deploy.quantization.write import write_program

OLDEST = BACKENDS["onnx"].runtime.version
# The last release of each minor version that files may ask for, and numpy for those that were built
# before numpy 2. android_demo ships the last.
RELEASES = {
    "1.18": ("1.18.0", "numpy<2"),
    "1.19": ("1.19.2", None),
    "1.20": ("1.20.1", None),
    "1.21": ("1.21.1", None),
    "1.22": ("1.22.0", None),
    "1.23": ("1.23.2", None),
}

# Run by an old onnxruntime: its own folder of packages comes before ours.
RUN = """
import json, sys
import numpy as np
import onnxruntime as ort

folder = sys.argv[1]
images = np.load(f"{folder}/images.npy")
results = {}
for name in json.load(open(f"{folder}/names.json")):
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.add_session_config_entry("session.x64quantprecision", "1")  # exact without VNNI
    try:
        session = ort.InferenceSession(
            f"{folder}/{name}.onnx", options, providers=["CPUExecutionProvider"]
        )
        rows = [session.run(None, {"input": image[None]})[0].tolist()[0] for image in images]
        results[name] = rows
    except Exception as error:
        results[name] = str(error)[:200]
json.dump([ort.__version__, results], sys.stdout)
"""


def export(operator: str, precision: str, folder: Path) -> Path:
    torch.manual_seed(0)
    program = simplify(capture(Around(operator), (1, 3, SIDE, SIDE)))
    if precision == "int8":
        program = write_program(program, decide(program, inputs(8)), exporter.DIALECT)
    path = folder / f"{operator}-{precision}.onnx"
    spec = Spec(precision=precision, preprocessing=PREPROCESSING, labels=LABELS)  # type: ignore[arg-type]
    exporter.export(program, path, spec)
    np.save(path.with_suffix(".npy"), run(program, inputs(3, seed=1)).numpy())
    return path


@pytest.mark.parametrize(
    ("operator", "precision", "version"),
    [
        ("average pool, one axis", "fp32", OLDEST),
        ("average pool, ceil", "int8", OLDEST),
        ("average pool, uncounted", "fp32", OLDEST),
        ("bicubic", "fp32", OLDEST),
        ("bicubic", "int8", "1.22"),
        ("pad", "int8", OLDEST),
    ],
)
def test_a_file_names_the_runtime_that_its_operators_need(
    operator: str, precision: str, version: str, tmp_path: Path
) -> None:
    runtime = oldest_runtime(export(operator, precision, tmp_path))
    assert (runtime.version, runtime.rule) == (version, "at least")


def test_a_pool_that_we_do_not_write_otherwise_asks_for_the_runtime_that_divides_it_right(
    tmp_path: Path,
) -> None:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, n, n, n]) for name, n in
            (("x", 5), ("y", 3))]  # fmt: skip
    pool = helper.make_node(
        "AveragePool", ["x"], ["y"], kernel_shape=[2] * 3, strides=[2] * 3, ceil_mode=1,
        count_include_pad=1,
    )  # fmt: skip
    onnx.save(helper.make_model(helper.make_graph([pool], "g", ends[:1], ends[1:])), tmp_path / "m")
    assert oldest_runtime(tmp_path / "m").version == "1.21"


def test_every_version_that_a_file_may_ask_for_is_proved_and_in_the_app() -> None:
    asked = {OLDEST, *(need.version for need in NEEDS)}
    assert asked <= set(RELEASES)
    versions = ROOT / "android_demo/gradle/libs.versions.toml"
    shipped = tomllib.loads(versions.read_text())["versions"]["onnxruntime"]
    assert max(map(Version, asked)) <= Version(shipped)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("onnx")
    np.save(folder / "images.npy", inputs(3, seed=1).numpy())
    for operator in OPERATORS:
        for precision in ("fp32", "int8"):
            export(operator, precision, folder)
    return folder


@pytest.mark.nightly
@pytest.mark.parametrize("version", RELEASES)
def test_an_old_runtime_computes_what_the_manifests_promise_of_it(
    version: str, files: Path, tmp_path: Path
) -> None:
    release, numpy = RELEASES[version]
    packages = [f"onnxruntime=={release}", *([numpy] if numpy else [])]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:"]
    subprocess.run([*pip, "--target", str(tmp_path / "old"), *packages], check=True)
    names = [path.stem for path in files.glob("*.onnx")]
    (files / "names.json").write_text(json.dumps(names))
    ran = subprocess.run(
        [sys.executable, "-c", RUN, str(files)],
        env={"PYTHONPATH": str(tmp_path / "old"), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        check=True,
    )
    used, results = json.loads(ran.stdout)
    assert used == release
    promised, broken = 0, {}
    for name in names:
        if Version(oldest_runtime(files / f"{name}.onnx").version) > Version(version):
            continue
        promised += 1
        right = np.load(files / f"{name}.npy").astype(np.float64)
        got = results[name]
        if isinstance(got, str):
            broken[name] = got
            continue
        noise = np.square(np.array(got) - right).sum()
        decibels = 10 * np.log10(np.square(right).sum() / max(noise, 1e-30))
        # int8 runtimes round single steps differently.
        if not decibels >= (100 if name.endswith("fp32") else 25):
            broken[name] = f"{decibels:.1f} dB"
    assert broken == {}
    assert promised >= len(names) - 4
