"""The backends, one row each: all that is known of one but how it is written and how it is run.

A new one is a row here, an exporter (`deploy.exporters.interface` says what that has) and a runtime
(`deploy.runtimes`). Imports no toolkit, so that a help text may ask.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, get_args

Precision = Literal["fp32", "fp16", "int8", "w8"]
# What a network's .pte and .onnx take: normalized floats, or the bytes of a bitmap.
InputForm = Literal["tensor", "pixels"]
INPUT_FORMS: tuple[InputForm, ...] = get_args(InputForm)
# What runs a block of a measurement: our app, our native runner, this computer's Python.
RunnerName = Literal["app", "native", "host"]


@dataclass(frozen=True, kw_only=True)
class RuntimePromise:
    """A runtime that loads the artifacts: in this very version ("exact"), or in later ones too."""

    name: str
    version: str
    rule: Literal["exact", "at least"]


# A .pte is promised to load in the very version that wrote it; these too were tried, answer for
# answer (tests/emulation, tests/native_runner).
ALSO_LOADED_BY = {"1.4.1": frozenset({"1.5.1"})}


def loads_pte(runtime: str, written_by: str) -> bool:
    """Whether a version of ExecuTorch is known to load what another one wrote.

    >>> loads_pte("1.5.1", written_by="1.4.1"), loads_pte("1.4.1", written_by="1.5.1")
    (True, False)
    """
    return runtime == written_by or runtime in ALSO_LOADED_BY.get(written_by, ())


@dataclass(frozen=True, kw_only=True)
class Backend:
    """`format` is what users and manifests call it, `engine` what runs it.

    `exporter` and `classifier` are the modules that write and run its artifacts. An artifact is a
    file or a folder named with `suffix`. `precisions` are all that it has, `defaults` those made
    unless others are asked for; `runtime` is the oldest that loads its artifacts, if their
    operators do not ask for a newer one. `effort` is about how long one takes to make and prove, so
    that the longest can be started first; `reference_rank` which float artifact `evaluate` compares
    with: the lowest, as the nearest to the float network. `runners` can measure it;
    `ends_in_softmax` if it gives probabilities; `takes_pixels` if its artifacts can take bytes.
    `packages` are those it needs, `toolkit` the module
    that takes seconds to import, `writer` a package, and a library in it without which it cannot
    write.
    """

    format: str
    engine: str
    suffix: str
    exporter: str
    classifier: str
    precisions: tuple[Precision, ...]
    defaults: tuple[Precision, ...]
    runtime: RuntimePromise
    effort: int
    reference_rank: int
    runners: frozenset[RunnerName]
    packages: tuple[str, ...]
    toolkit: str
    is_folder: bool = False
    ends_in_softmax: bool = False
    takes_pixels: bool = False
    writer: tuple[str, str] | None = None

    @property
    def unwritable(self) -> str | None:
        """Why no artifact can be written here; None where it can."""
        if self.writer is None:
            return None
        package, library = self.writer
        spec = find_spec(package)
        folders = spec.submodule_search_locations or [] if spec else []
        if any(next(Path(folder).glob(f"{library}.*"), None) for folder in folders):
            return None
        return f"{self.format} cannot be written: the {package} installed here has no {library}"


BACKENDS: dict[str, Backend] = {
    backend.format: backend
    for backend in (
        Backend(
            format="executorch",
            engine="xnnpack",
            suffix=".pte",
            exporter="deploy.exporters.executorch",
            classifier="deploy.runtimes.executorch",
            precisions=("fp32", "int8"),
            defaults=("fp32", "int8"),
            # Others: ALSO_LOADED_BY.
            runtime=RuntimePromise(name="ExecuTorch", version=version("executorch"), rule="exact"),
            effort=3,
            reference_rank=1,
            runners=frozenset({"app", "native", "host"}),
            takes_pixels=True,
            packages=("executorch",),
            toolkit="executorch.exir",
        ),
        Backend(
            format="onnx",
            engine="onnxruntime-cpu",
            suffix=".onnx",
            exporter="deploy.exporters.onnx",
            classifier="deploy.runtimes.onnx",
            precisions=("fp32", "int8"),
            defaults=("fp32", "int8"),
            # The first with opset 20 and IR 10: tests/runtimes/test_onnxruntime_versions.py.
            runtime=RuntimePromise(name="ONNX Runtime", version="1.18", rule="at least"),
            effort=1,
            reference_rank=0,
            runners=frozenset({"app", "host"}),
            takes_pixels=True,
            packages=("onnx", "onnxruntime", "onnxscript"),
            toolkit="onnxscript",
        ),
        Backend(
            format="coreml",
            engine="coreml",
            suffix=".mlpackage",
            is_folder=True,
            exporter="deploy.exporters.coreml",
            classifier="deploy.runtimes.coreml",
            precisions=("fp32", "fp16", "int8", "w8"),
            defaults=("fp16", "int8"),
            runtime=RuntimePromise(name="iOS", version="17.0", rule="at least"),
            effort=3,
            reference_rank=2,
            ends_in_softmax=True,
            # The iOS app measures it, and exports results.json itself.
            runners=frozenset(),
            packages=("coremltools",),
            toolkit="coremltools",
            # Missing on Linux for arm64, where pip makes the package of its sources.
            writer=("coremltools", "libmilstoragepython"),
        ),
    )
}


def packages() -> tuple[str, ...]:
    """The packages that decide what artifacts are: torch, and each backend's own."""
    return ("torch", *sorted({name for row in BACKENDS.values() for name in row.packages}))
