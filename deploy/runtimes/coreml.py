"""Call a Core ML package: anywhere by interpreting its program, on macOS by Core ML itself."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from deploy.runtimes.mil.evaluate import check_operators, fold_mil, run_mil
from deploy.runtimes.mil.load import load_program
from deploy.runtimes.mil.program import MilProgram
from deploy.support.errors import BundleError, GateError, RunError
from deploy.support.threads import one_thread
from models.preprocessing import Preprocessing


def load(path: Path, preprocessing: Preprocessing) -> CoreMLArtifact:
    """The package in the interpreter. Its program normalizes, so `preprocessing` is not needed."""
    return CoreMLArtifact(path)


class CoreMLArtifact:
    """The .mlpackage at `package`, loaded once and interpreted with torch.

    `labels` are the classifier's, in the order of its outputs; empty where it is no classifier.

    Raises:
        BundleError: the package is corrupt, or not a network of one input and one result.
        UnknownOperatorError: its program holds an operator that the evaluator does not know.
    """

    def __init__(self, package: Path) -> None:
        program = load_program(package)
        check_operators(program)
        if len(program.inputs) != 1:
            raise BundleError(f"{package} takes {len(program.inputs)} inputs: convert with one")
        self._program = fold_mil(program)
        self._input = program.inputs[0]
        self._takes_image = self._input.name in program.image_inputs
        self._makers = {output.name: op for op in program.operations for output in op.outputs}
        self.labels, results = _classifier(program)
        if len(results) != 1:
            raise BundleError(f"{package} gives {len(results)} results: convert with one")
        self._result = results[0]
        self._logits = self._before_softmax(self._result)

    def logits(self, images: NDArray[np.generic]) -> NDArray[np.float32]:
        """What goes into the softmax, or where there is none the result itself: (N, classes).

        Args:
            images: for an image input the crops, (N, H, W, 3) uint8 RGB; for a tensor input the
                normalized batch, (N, 3, H, W) float32.
        """
        return self._run(images, self._logits)

    def probabilities(self, images: NDArray[np.generic]) -> NDArray[np.float32]:
        """The network's result, for a classifier its probabilities in the order of `labels`."""
        return self._run(images, self._result)

    @one_thread()  # Else a second one, woken for each photo, spins while the first works alone.
    def _run(self, images: NDArray[np.generic], value: str) -> NDArray[np.float32]:
        if self._takes_image and images.dtype != np.uint8:
            raise GateError(f"the Core ML image input takes uint8 pixels, not {images.dtype}")
        batch = torch.from_numpy(np.ascontiguousarray(images))
        if self._takes_image:
            batch = batch.permute(0, 3, 1, 2)
        rows = [
            run_mil(
                self._program,
                {self._input.name: image[None].float().contiguous()},
                outputs=[value],
            )[value]
            for image in batch
        ]
        logits: NDArray[np.float32] = torch.cat(rows).flatten(1).numpy()
        return logits

    def _before_softmax(self, value: str) -> str:
        maker = self._makers.get(value)
        while maker is not None and maker.op_type in {"cast", "identity"}:
            maker = self._makers.get(str(maker.inputs["x"]))
        return str(maker.inputs["x"]) if maker is not None and maker.op_type == "softmax" else value


def predict_probabilities(package: Path, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Core ML's own answer, (N, classes) in the order of the labels, to (N, H, W, 3) uint8 crops.

    Raises:
        RunError: this is not macOS, the only system with the Core ML framework.
    """
    if sys.platform != "darwin":
        raise RunError("Core ML predicts on macOS only: elsewhere use CoreMLArtifact")
    import coremltools
    from PIL import Image

    model = coremltools.models.MLModel(str(package))
    description = model.get_spec().description
    labels, _ = _classifier(load_program(package))
    rows = []
    for image in images:
        answer = model.predict({description.input[0].name: Image.fromarray(image)})
        by_label = answer[description.predictedProbabilitiesName]
        rows.append([by_label[label] for label in labels])
    return np.array(rows, dtype=np.float32)


def _classifier(program: MilProgram) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A classifier's labels and the value that holds its probabilities; else (), the outputs."""
    for operation in program.operations:
        if operation.op_type == "classify":
            labels = program.constants[str(operation.inputs["classes"])]
            assert isinstance(labels, tuple)
            return labels, (str(operation.inputs["probabilities"]),)
    return (), program.outputs
