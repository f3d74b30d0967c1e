"""Core ML: an ML program for iOS 17 that takes an image and gives labels with probabilities."""

from __future__ import annotations

import logging
import sys
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from deploy.bundle.manifest import ArtifactInput, ArtifactOutput
from deploy.capture.program import graph_module, input_shape
from deploy.exporters.core_ml_proof.lockstep import (
    LockstepReport,
    compare_in_lockstep,
    judge_lockstep,
)
from deploy.exporters.interface import Spec
from deploy.exporters.operators import OperatorCount
from deploy.exporters.rewrites.core_ml import for_core_ml
from deploy.exporters.rewrites.resizes import RESIZE_MATRIX
from deploy.exporters.rewrites.rewriting import noise
from deploy.quantization.write import COREML as DIALECT
from deploy.runtimes.coreml import CoreMLArtifact, predict_probabilities
from deploy.runtimes.mil.evaluate import check_operators
from deploy.runtimes.mil.load import load_program
from deploy.runtimes.mil.program import input_names
from deploy.statistics.error_statistics import compare_logits
from deploy.support.temporary import temporary_folder
from deploy.verification.gates import Check, judge_reasons
from models.preprocessing import Preprocessing

__all__ = ["DIALECT", "count_operators", "export", "interface", "prove", "prove_forms"]

INPUT, LABEL_OUTPUT = "image", "classLabel"
# Operators that expand an int8 weight when the model is loaded.
WEIGHT_EXPANDERS = ("constexpr_affine_dequantize", "constexpr_blockwise_shift_scale")


class ImageClassifier(nn.Module):
    """(1, 3, H, W) pixel values 0 to 255 -> probabilities (1, classes).

    The normalization is inside because Core ML's image input knows one scale for all channels,
    which ImageNet's three standard deviations do not fit.
    """

    def __init__(self, network: nn.Module, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.network = network
        mean, std = torch.tensor(preprocessing.mean), torch.tensor(preprocessing.std)
        self.register_buffer("scale", (preprocessing.scale / std).view(1, 3, 1, 1))
        self.register_buffer("offset", (-mean / std).view(1, 3, 1, 1))
        self.scale: Tensor
        self.offset: Tensor

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.network(image * self.scale + self.offset)
        return logits.softmax(1)


def image_program(program: ExportedProgram, preprocessing: Preprocessing) -> ExportedProgram:
    """`program` from pixels to probabilities, in the core operators that coremltools reads."""
    shape = input_shape(program)
    network = for_core_ml(graph_module(program), noise(shape))
    classifier = ImageClassifier(network, preprocessing)
    exported = torch.export.export(classifier, (torch.zeros(shape),))
    decomposed: ExportedProgram = exported.run_decompositions({})
    return decomposed


def export(program: ExportedProgram, path: Path, spec: Spec) -> ExportedProgram:
    """Convert `program`, float or PT2E, and write the package to `path`.

    Returns the program as it was converted, from pixels to probabilities.
    """
    image = image_program(program, spec.preprocessing)
    convert(image, path, spec.labels, "float32" if spec.precision == "fp32" else "float16")
    return image


def prove_forms(program: ExportedProgram, photos: Tensor) -> None:
    """Raise ExportError where a rewrite for Core ML is wrong on `photos` (N, C, H, W), normalized.

    `export` proves each on noise, which seldom comes to the ends of an activation; and lockstep
    compares the package with what was rewritten already.
    """
    for_core_ml(graph_module(program), photos)


def interface(spec: Spec) -> tuple[ArtifactInput, ArtifactOutput]:
    return (
        ArtifactInput(kind="image", name=INPUT, shape=spec.input_shape),
        ArtifactOutput(
            name=f"{LABEL_OUTPUT}_probs",
            shape=spec.output_shape,
            kind="probabilities",
            label_output=LABEL_OUTPUT,
        ),
    )


def prove(
    reference: ExportedProgram, path: Path, spec: Spec, crops: npt.NDArray[np.uint8]
) -> list[Check]:
    """Proofs for which a Core ML package needs no Mac, on `crops`, uint8 (N, H, W, 3).

    Lockstep with the program that was converted, operator by operator: with a tolerance for the
    shipped package, and for int8 once more, exactly, for a conversion that computes in float32.
    On macOS, Core ML's own answers too.
    """
    name = f"coreml-{spec.precision}"
    images = [image[None] for image in torch.from_numpy(crops).permute(0, 3, 1, 2).float()]
    program = load_program(path)
    check_operators(program)
    exact = spec.precision == "fp32"
    report = compare_in_lockstep(program, reference, images)
    checks = [_lockstep_check(name, "lockstep with its own program", report, exact=exact)]
    if spec.precision == "int8":
        with temporary_folder() as folder:
            wide = Path(folder, "wide.mlpackage")
            convert(reference, wide, spec.labels, "float32")
            report = compare_in_lockstep(load_program(wide), reference, images)
        checks.append(_lockstep_check(name, "lockstep computing in float32", report, exact=True))
    artifact = CoreMLArtifact(path)
    differing = sum(a != b for a, b in zip(artifact.labels, spec.labels, strict=True))
    checks.append(
        judge_reasons(
            name,
            "labels in the order of the classes",
            "all equal",
            [f"{differing} differ"] if differing else [],
        )
    )
    if sys.platform == "darwin":
        checks.append(_judge_on_macos(name, path, artifact, crops))
    return checks


def _lockstep_check(name: str, gate: str, report: LockstepReport, *, exact: bool) -> Check:
    required = "integers equal, floats >= 120 dB" if exact else "1 step, floats >= 25 dB"
    return judge_reasons(name, gate, required, judge_lockstep(report, exact=exact))


def _judge_on_macos(
    name: str, path: Path, artifact: CoreMLArtifact, crops: npt.NDArray[np.uint8]
) -> Check:
    """Core ML itself against our evaluator, whose reading of the program this confirms."""
    statistics = compare_logits(artifact.probabilities(crops), predict_probabilities(path, crops))
    return Check(
        artifact=name,
        gate="Core ML's own probabilities against the evaluator's",
        measured=f"{statistics.sqnr_db:.1f} dB",
        required=">= 20 dB",
        passed=statistics.sqnr_db >= 20,
    )


def convert(
    program: ExportedProgram,
    path: Path,
    labels: Sequence[str],
    compute: Literal["float16", "float32"],
) -> None:
    """Convert an `image_program` with coremltools.

    `compute="float32"` is for proofs, and for processors: the Neural Engine computes in float16.
    """
    logging.getLogger("coremltools").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    import coremltools as ct

    pipeline = ct.PassPipeline()
    # It turns dequantize(s1) -> reshape -> quantize(s2) into a bare reshape without comparing
    # the two scales: silently wrong numbers.
    # The next one writes our normalization as a batch norm with an epsilon of 1e-5: inexact.
    # The third takes constant / conv for conv / constant (coremltools#2776).
    # The last one computes in another layout under the same names, which nothing could be held
    # against; it does little for images, whose networks have transposes around layer norms alone.
    pipeline.remove_passes(
        {
            "common::int_op_canonicalization",
            "common::fuse_elementwise_to_batchnorm",
            "common::fuse_conv_scale",
            "common::reduce_transposes",
        }
    )
    precision = ct.precision.FLOAT16 if compute == "float16" else ct.precision.FLOAT32
    shape = input_shape(program)
    model = ct.convert(
        program,
        inputs=[ct.ImageType(name=INPUT, shape=shape, color_layout=ct.colorlayout.RGB)],
        classifier_config=ct.ClassifierConfig(list(labels), predicted_feature_name=LABEL_OUTPUT),
        minimum_deployment_target=ct.target.iOS17,
        compute_precision=precision,
        pass_pipeline=pipeline,
        skip_model_load=True,
    )
    model.save(str(path))
    # For the debugger of ExecuTorch's own Core ML delegate; nothing on a phone reads it.
    (path / "executorch_debug_handle_mapping.json").unlink(missing_ok=True)
    for file in path.rglob("*.mlmodel"):
        file.chmod(0o644)  # coremltools leaves it readable by its owner alone.


def count_operators(path: Path) -> OperatorCount:
    """Operators of a package, read from the file.

    An operator counts as int8 when its weight is and its input comes from int8; Core ML decides
    on the device which unit runs what, so all of them are `inside`.
    """
    program = load_program(path)
    makers: dict[str, str] = {}
    count: Counter[str] = Counter()
    for operation in program.operations:
        for output in operation.outputs:
            # Zeros around int8 values are int8 values: a convolution behind a pad reads them.
            source = str(operation.inputs["x"]) if operation.op_type == "pad" else ""
            makers[output.name] = makers.get(source, operation.op_type)
        sources = {
            makers.get(name)
            for parameter in ("x", "y", "weight")
            if (name := operation.inputs.get(parameter)) is not None and isinstance(name, str)
        }
        if operation.op_type.startswith(("const", "quantize", "dequantize")):
            continue
        if any(RESIZE_MATRIX in name for name in input_names(operation)):
            count["resize.float"] += 1
            continue
        is_int8 = sources <= {"dequantize", *WEIGHT_EXPANDERS} and "dequantize" in sources
        count[f"{operation.op_type}.{'int8' if is_int8 else 'float'}"] += 1
    return OperatorCount(inside=dict(count), outside={})
