"""The backends, one row each. A new one is a row here, a file in export/ and one in runtimes/."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from deploy.bundle.manifest import Format, Precision, Runtime


@dataclass(frozen=True, kw_only=True)
class Backend:
    """`precisions` are all that it has, `defaults` those made unless others are asked for.

    `runtime` is the oldest that loads its artifacts, if their operators do not ask for a newer one
    (`deploy.exporters.onnx_minimum`). `effort` is about how long one takes to make
    and prove, so that the longest can be started first. `toolkit` is what takes seconds to import.
    `writer` is a package, and a library in it without which it cannot write.
    """

    format: Format
    suffix: str
    precisions: tuple[Precision, ...]
    defaults: tuple[Precision, ...]
    runtime: Runtime
    effort: int
    toolkit: str
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
            suffix=".pte",
            precisions=("fp32", "int8"),
            defaults=("fp32", "int8"),
            # A .pte is promised to load in the very version that wrote it.
            runtime=Runtime(name="ExecuTorch", version=version("executorch"), rule="exact"),
            effort=3,
            toolkit="executorch.exir",
        ),
        Backend(
            format="onnx",
            suffix=".onnx",
            precisions=("fp32", "int8"),
            defaults=("fp32", "int8"),
            # The first with opset 20 and IR 10: tests/runtimes/test_onnxruntime_versions.py.
            runtime=Runtime(name="ONNX Runtime", version="1.18", rule="at least"),
            effort=1,
            toolkit="onnxscript",
        ),
        Backend(
            format="coreml",
            suffix=".mlpackage",
            precisions=("fp32", "fp16", "int8", "w8"),
            defaults=("fp16", "int8"),
            runtime=Runtime(name="iOS", version="17.0", rule="at least"),
            effort=3,
            toolkit="coremltools",
            # Missing on Linux for arm64, where pip makes the package of its sources.
            writer=("coremltools", "libmilstoragepython"),
        ),
    )
}
