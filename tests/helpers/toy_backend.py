"""A backend from outside: the torch program itself, in a zip. A row, an exporter and a runtime.

The module is both: `deploy.exporters.interface` and `deploy.runtimes` say what each has.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch.export import ExportedProgram

from deploy.backends import Backend, RuntimePromise
from deploy.bundle.manifest import ArtifactInput, ArtifactOutput
from deploy.capture.program import run_program
from deploy.exporters.interface import Spec
from deploy.exporters.operators import OperatorCount
from deploy.photos.images import normalize
from deploy.quantization.kernels import HEAVY_TARGETS
from deploy.quantization.write import XNNPACK as DIALECT
from models.preprocessing import Preprocessing

__all__ = ["DIALECT", "TOY", "count_operators", "export", "interface", "load"]

TOY = Backend(
    format="toy",
    engine="toy-engine",
    suffix=".toy",
    exporter=__name__,
    classifier=__name__,
    precisions=("fp32", "int8"),
    defaults=("fp32", "int8"),
    runtime=RuntimePromise(name="Toy", version="1.0", rule="at least"),
    effort=1,
    reference_rank=9,
    runners=frozenset(),
    packages=("torch",),
    toolkit="torch",
)


def export(program: ExportedProgram, path: Path, spec: Spec) -> ExportedProgram:
    torch.export.save(program, path)
    return program


def interface(spec: Spec) -> tuple[ArtifactInput, ArtifactOutput]:
    return (
        ArtifactInput(kind="tensor", name="image", shape=spec.input_shape),
        ArtifactOutput(name="logits", shape=spec.output_shape, kind="logits", label_output=None),
    )


def count_operators(path: Path) -> OperatorCount:
    """A heavy operator is int8 where its weights are."""
    counts: Counter[str] = Counter()
    for node in torch.export.load(path).graph.nodes:
        if node.target in HEAVY_TARGETS:
            precision = "int8" if "quantize" in node.args[1].name else "fp32"
            counts[f"{HEAVY_TARGETS[node.target]}.{precision}"] += 1
    return OperatorCount(inside=dict(counts), outside={})


def load(path: Path, preprocessing: Preprocessing) -> ToyClassifier:
    return ToyClassifier(torch.export.load(path), preprocessing)


class ToyClassifier:
    def __init__(self, program: ExportedProgram, preprocessing: Preprocessing) -> None:
        self._program, self._preprocessing = program, preprocessing

    def logits(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return run_program(self._program, normalize(crops, self._preprocessing))
