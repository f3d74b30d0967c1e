"""Artifacts of pixels: nothing before the first convolution in int8, a conversion in float."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from small_network import LABELS, PREPROCESSING, SIDE, crops, inputs, run, small_program

from deploy.backends import BACKENDS
from deploy.bundle.feeding import as_taken, from_memory, in_memory
from deploy.capture.pixels import take_pixels
from deploy.exporters import executorch
from deploy.exporters.interface import Spec
from deploy.photos.images import shares
from deploy.pipeline.make import Job, Made, make
from deploy.pipeline.recipe import Target, make_targets
from deploy.quantization.effort import EFFORTS
from deploy.quantization.pixels import take_pixels_in_int8
from deploy.quantization.ptq import decide
from deploy.runtimes import module_of
from deploy.runtimes.onnx_session import open_session
from deploy.statistics.error_statistics import compare_logits
from deploy.virtual_phone.runtimes import HostRuntimes

TARGETS = make_targets(["executorch", "onnx"], ["fp32", "int8"])
CROPS = crops(6, seed=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Made]]:
    folder = tmp_path_factory.mktemp("pixels")
    program = small_program()
    moved = take_pixels(program, PREPROCESSING, shares(CROPS))
    rgba = torch.from_numpy(shares(crops(12)))
    decisions = take_pixels_in_int8(
        moved, decide(program, inputs(12)), rgba, effort=EFFORTS["normal"]
    )
    torch.export.save(moved, folder / "float.pt2")
    np.save(folder / "crops.npy", CROPS)
    return {target.name: made_of(folder, target, decisions) for target in TARGETS}


def made_of(folder: Path, target: Target, decisions: object) -> tuple[Path, Made]:
    backend = BACKENDS[target.format]
    path = folder / f"{target.name}{backend.suffix}"
    job = Job(
        target=target,
        backend=backend,
        path=path,
        program=folder / "float.pt2",
        decisions=decisions if target.precision == "int8" else None,  # type: ignore[arg-type]
        crops=folder / "crops.npy",
        spec=Spec(
            precision=target.precision, preprocessing=PREPROCESSING, labels=LABELS, input="pixels"
        ),
        allow_unverified=False,
    )
    return path, make(job)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_the_artifact_computes_what_the_network_does(
    made: dict[str, tuple[Path, Made]], target: Target
) -> None:
    _, result = made[target.name]
    assert result.logits is not None
    expected = run(small_program(), inputs(6, seed=1)).numpy()
    least = 100.0 if target.precision == "fp32" else 25.0
    assert compare_logits(expected, result.logits).sqnr_db > least
    assert compare_logits(result.own_logits, result.logits).sqnr_db > 40
    assert [check for check in result.checks if not check.passed] == []
    # What the manifest says of the input is what the runtime was given.
    taken = as_taken(CROPS, result.input, PREPROCESSING)
    assert (1, *taken.shape[1:]) == result.input.shape
    back = from_memory(in_memory(taken[2]), result.input.shape, result.input.pixels)
    assert np.array_equal(back[0], taken[2])
    assert in_memory(taken[2])[:4] == bytes(
        (byte + (result.input.pixels.zero if result.input.pixels else 0)) % 256
        for byte in (*map(int, CROPS[2, 0, 0]), 255)
    )


def test_onnxruntime_runs_nothing_before_the_first_int8_convolution(
    made: dict[str, tuple[Path, Made]], tmp_path: Path
) -> None:
    first = {}
    for precision in ("int8", "fp32"):
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath = str(tmp_path / f"{precision}.onnx")
        open_session(made[f"onnx-{precision}"][0], options=options)
        graph = onnx.load(options.optimized_model_filepath).graph
        names = [node.op_type for node in graph.node]
        first[precision] = names[: next(i for i, name in enumerate(names) if "Conv" in name)]
        (given,) = graph.input
        assert given.type.tensor_type.elem_type == onnx.TensorProto.UINT8
        assert [d.dim_value for d in given.type.tensor_type.shape.dim] == [1, SIDE, SIDE, 4]
    assert first == {"int8": [], "fp32": ["Transpose", "DequantizeLinear"]}


def test_the_delegate_runs_nothing_before_the_first_int8_convolution(
    made: dict[str, tuple[Path, Made]],
) -> None:
    from executorch.exir._serialize._program import deserialize_pte_binary

    first = {}
    for precision in ("int8", "fp32"):
        path, result = made[f"executorch-{precision}"]
        assert result.operators.outside == {}
        program = deserialize_pte_binary(path.read_bytes()).program
        (delegate,) = program.execution_plan[0].delegates
        blob = bytes(program.backend_delegate_data[delegate.processed.index].data)
        kinds = [node["xnode_union_type"] for node in executorch._xnnpack_graph(blob)["xnodes"]]
        first[precision] = kinds[: kinds.index("XNNConv2d")]
    assert first == {"int8": [], "fp32": ["XNNConvert"]}


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_whatever_runs_a_block_of_it_gives_the_same(
    made: dict[str, tuple[Path, Made]], target: Target
) -> None:
    path, result = made[target.name]
    assert result.logits is not None
    given, photo = result.input, as_taken(CROPS, result.input, PREPROCESSING)[:1]
    of_phone = HostRuntimes().logits(
        target.format, path.read_bytes(), in_memory(photo[0]), given.shape, given.pixels
    )
    call = module_of(target.format).timed().open(path, threads=1, input=given.name, output="logits")
    for row in (of_phone, call(from_memory(in_memory(photo[0]), given.shape, given.pixels))):
        np.testing.assert_allclose(row, result.logits[0], rtol=1e-4, atol=1e-4)
