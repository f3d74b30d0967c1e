"""ExecuTorch: a .pte for the XNNPACK delegate."""

from __future__ import annotations

import copy
import json
import logging
import math
import re
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram

from deploy.bundle.manifest import ArtifactInput, ArtifactOutput
from deploy.capture.program import graph_module, input_shape, tidy
from deploy.exporters.interface import Spec
from deploy.exporters.lean_lowering import lean_lowering
from deploy.exporters.operators import OperatorCount, Work
from deploy.exporters.pixels import SIGNED_CHANNELS_LAST, artifact_input, take_bytes
from deploy.exporters.rewrites.adaptive_pools import adaptive_pools_by_constants
from deploy.exporters.rewrites.forms import (
    maxima_for_xnnpack,
    requantize_before_moves,
    reshape_instead_of_axes,
    slice_splits,
    write_pools_out,
)
from deploy.exporters.rewrites.resizes import resize_where_scales_are_given
from deploy.exporters.rewrites.rewriting import Replaced, noise
from deploy.exporters.rewrites.rewriting import prove as prove_rewrites
from deploy.quantization.write import XNNPACK as DIALECT
from deploy.support.temporary import temporary_folder

__all__ = ["DIALECT", "count_operators", "export", "interface"]


def export(program: ExportedProgram, path: Path, spec: Spec) -> ExportedProgram:
    """Lower `program`, float or PT2E, to XNNPACK and write it to `path`."""
    logging.getLogger("executorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    prepared = _prepared(program)
    if spec.input == "pixels":
        prepared = take_bytes(prepared, SIGNED_CHANNELS_LAST)
    with lean_lowering():
        lowered = to_edge_transform_and_lower(prepared, partitioner=[XnnpackPartitioner()])
    path.write_bytes(lowered.to_executorch().buffer)
    return program


def _prepared(program: ExportedProgram) -> ExportedProgram:
    module = graph_module(program)
    before = str(module.graph)
    original = copy.deepcopy(module)
    replaced: Replaced = {}
    for proved in (adaptive_pools_by_constants, resize_where_scales_are_given):
        replaced |= proved(module)
        tidy(module)
    prove_rewrites(original, module, replaced, noise(input_shape(program)))
    for rewrite in (
        write_pools_out,
        slice_splits,
        reshape_instead_of_axes,
        maxima_for_xnnpack,
        requantize_before_moves,
    ):
        rewrite(module)
        tidy(module)
    if str(module.graph) == before:
        return program
    return torch.export.export(module, (torch.zeros(input_shape(program)),))


def interface(spec: Spec) -> tuple[ArtifactInput, ArtifactOutput]:
    """Inputs and outputs of a .pte have positions; these names are for people."""
    return (
        artifact_input(spec, "input", SIGNED_CHANNELS_LAST),
        ArtifactOutput(name="logits", shape=spec.output_shape, kind="logits", label_output=None),
    )


def count_operators(path: Path) -> OperatorCount:
    """Operators of a .pte, read from the file: `inside` the XNNPACK delegates and `outside`.

    Inside, an operator counts as int8 when all its data tensors are; counting delegates alone
    would hide convolutions that run in float inside one.
    """
    from executorch.exir._serialize._program import deserialize_pte_binary

    program = deserialize_pte_binary(path.read_bytes()).program
    (plan,) = program.execution_plan
    outside: Counter[str] = Counter()
    work = []
    for chain in plan.chains:
        for instruction in chain.instructions:
            kernel = instruction.instr_args
            if hasattr(kernel, "op_index"):
                name = plan.operators[kernel.op_index].name.removeprefix("aten::")
                outside[_PORTABLE_NAMES.get(name, name)] += 1
                work.append(_work(name, [plan.values[index].val for index in kernel.args]))
    inside: Counter[str] = Counter()
    for delegate in plan.delegates:
        blob = program.backend_delegate_data[delegate.processed.index].data
        inside.update(_xnnpack_operators(_xnnpack_graph(bytes(blob))))
    return OperatorCount(inside=dict(inside), outside=dict(outside), outside_work=tuple(work))


def _work(name: str, arguments: Sequence[Any]) -> Work:
    """Of a portable kernel's call, by the shapes of its tensors, of which the last is written."""
    shapes = [tuple(argument.sizes) for argument in arguments if hasattr(argument, "sizes")]
    if not shapes:
        return Work(operator=name, macs=0, elements=0)
    written = math.prod(shapes[-1])
    macs = 0
    if name == "convolution":
        macs = written * math.prod(shapes[1][1:])
    elif name in ("mm", "bmm", "linear"):
        macs = written * shapes[0][-1]
    elif name == "addmm":
        macs = written * shapes[1][-1]
    return Work(operator=name, macs=macs, elements=written)


def _xnnpack_graph(blob: bytes) -> dict[str, Any]:
    """The delegate's flatbuffer as a dict, decoded by the flatc that executorch ships."""
    from executorch.backends.xnnpack.serialization import xnnpack_graph_serialize as xnnpack
    from executorch.exir._serialize._flatbuffer import _flatc_decompile

    header = xnnpack.XNNHeader.from_bytes(blob[: xnnpack.XNNHeader.EXPECTED_LENGTH])
    start = header.flatbuffer_offset
    with temporary_folder() as folder:
        schema, binary = Path(folder, "schema.fbs"), Path(folder, "graph.bin")
        schema.write_bytes(xnnpack._get_schema_bytes())
        binary.write_bytes(blob[start : start + header.flatbuffer_size])
        _flatc_decompile(folder, str(schema), str(binary))
        text = Path(folder, "graph.json").read_text()
        # flatc writes the open bounds of a ReLU in C's way, not in JSON's.
        graph: dict[str, Any] = json.loads(re.sub(r": (-?)inf\b", r": \1Infinity", text))
    return graph


# Names of XNNPACK nodes in the vocabulary of OperatorCount.
_NAMES = {
    "XNNConv2d": "conv",
    "XNNDepthwiseConv2d": "conv",
    "XNNConvTranspose2d": "conv_transpose",
    "XNNFullyConnected": "linear",
    "XNNBatchMatrixMultiply": "matmul",
    "XNNAdd": "add",
    "XNNMultiply": "mul",
    "XNNGlobalAvgPooling2d": "mean",
}


# Portable kernels that are heavy, in the same vocabulary.
_PORTABLE_NAMES = {
    "convolution": "conv",
    "addmm": "linear",
    "linear": "linear",
    "mm": "matmul",
    "bmm": "matmul",
}


def _xnnpack_operators(graph: dict[str, Any]) -> Counter[str]:
    datatypes: dict[int, str] = {}
    for value in graph["xvalues"]:
        union = value["xvalue_union"]
        tensor = union.get("tensor_value", union)
        datatypes[tensor["id_out"]] = tensor["datatype"]
    count: Counter[str] = Counter()
    for node in graph["xnodes"]:
        kind = node["xnode_union_type"]
        ids = [v for k, v in node["xnode_union"].items() if k.endswith("_id") and v in datatypes]
        is_int8 = all(datatypes[i].startswith("xnn_datatype_q") for i in ids)
        name = _NAMES.get(kind, kind.removeprefix("XNN").lower())
        count[f"{name}.{'int8' if is_int8 else 'float'}"] += 1
    return count
