"""Which ONNX Runtime an .onnx needs: some operators were wrong, or did not run, in older ones.

Each row was found by running files of ours in the wheels of all minor versions since 1.18, the
first that knows opset 20 and IR 10. `tests/runtimes/test_onnxruntime_versions.py` does so every
night.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from deploy.backends import BACKENDS
from deploy.bundle.manifest import Runtime


@dataclass(frozen=True, kw_only=True)
class Need:
    """Nodes of `op_type` with these `attributes` need onnxruntime `version`; `int8_only`, where
    the file is quantized."""

    op_type: str
    attributes: Mapping[str, Any]
    version: str
    int8_only: bool = False


NEEDS: Final = (
    # Windows that reach over the end: divided by all of the kernel up to 1.20, 25 to 68 dB. Ours
    # over one axis and two are written otherwise (`rewriting.pad_before_avg_pool`), others are not.
    Need(
        op_type="AveragePool",
        attributes={"ceil_mode": 1, "count_include_pad": 1},
        version="1.21",
    ),
    # "Cubic mode only support the following cases": a resize of 8-bit values is none up to 1.21.
    Need(op_type="Resize", attributes={"mode": b"cubic"}, version="1.22", int8_only=True),
)


def oldest_runtime(path: Path) -> Runtime:
    """The oldest ONNX Runtime that computes what the .onnx at `path` says."""
    import onnx

    graph = onnx.load(path, load_external_data=False).graph
    nodes = [
        (node.op_type, {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute})
        for node in graph.node
    ]
    quantized = any(op_type == "QuantizeLinear" for op_type, _ in nodes)
    runtime = BACKENDS["onnx"].runtime
    versions = [runtime.version] + [
        need.version
        for need in NEEDS
        if quantized or not need.int8_only
        for op_type, attributes in nodes
        if op_type == need.op_type and need.attributes.items() <= attributes.items()
    ]
    newest = max(versions, key=lambda version: [int(part) for part in version.split(".")])
    return Runtime(**asdict(runtime) | {"version": newest})
