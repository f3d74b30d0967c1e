"""An .onnx that names other files is refused, wherever in it the name stands."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import onnx
import pytest
from bundle_factory import make_bundle
from external_weights import external_tensor, onnx_that_reads

from deploy.bundle import onnx_file
from deploy.bundle.manifest import Manifest
from deploy.bundle.onnx_file import check_self_contained
from deploy.bundle.open import check_integrity, open_bundle
from deploy.bundle.write import write_manifest
from deploy.support.errors import GateError
from deploy.support.hashing import sha256_file

TENSOR = external_tensor("secret", 4)
SPARSE = onnx.SparseTensorProto(values=TENSOR)
SPARSE_INDICES = onnx.SparseTensorProto(indices=TENSOR)


def in_graph(graph: onnx.GraphProto) -> onnx.ModelProto:
    return onnx.ModelProto(ir_version=10, graph=graph)


def in_node(attribute: onnx.AttributeProto) -> onnx.ModelProto:
    return in_graph(onnx.GraphProto(node=[onnx.NodeProto(attribute=[attribute])]))


INNER = onnx.GraphProto(initializer=[TENSOR])
PLACES: dict[str, onnx.ModelProto] = {
    "initializer": in_graph(INNER),
    "sparse initializer": in_graph(onnx.GraphProto(sparse_initializer=[SPARSE])),
    "its indices": in_graph(onnx.GraphProto(sparse_initializer=[SPARSE_INDICES])),
    "constant": in_node(onnx.AttributeProto(t=TENSOR)),
    "constants": in_node(onnx.AttributeProto(tensors=[onnx.TensorProto(), TENSOR])),
    "sparse constant": in_node(onnx.AttributeProto(sparse_tensor=SPARSE)),
    "sparse constants": in_node(onnx.AttributeProto(sparse_tensors=[SPARSE])),
    "branch": in_node(onnx.AttributeProto(g=INNER)),
    "branches": in_node(onnx.AttributeProto(graphs=[onnx.GraphProto(), INNER])),
    "function": onnx.ModelProto(
        functions=[
            onnx.FunctionProto(node=[onnx.NodeProto(attribute=[onnx.AttributeProto(t=TENSOR)])])
        ]
    ),
    "default of a function": onnx.ModelProto(
        functions=[onnx.FunctionProto(attribute_proto=[onnx.AttributeProto(t=TENSOR)])]
    ),
    "training": onnx.ModelProto(training_info=[onnx.TrainingInfoProto(algorithm=INNER)]),
}


@pytest.mark.parametrize("model", PLACES.values(), ids=PLACES)
def test_weights_in_another_file_are_found_wherever_they_are(model: onnx.ModelProto) -> None:
    with pytest.raises(ValueError, match="another file"):
        check_self_contained(model.SerializeToString())
    within = onnx.ModelProto()
    within.CopyFrom(model)
    check_self_contained(_without_external(within).SerializeToString())


def _without_external(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same places, with weights of their own."""
    own = onnx.helper.make_tensor("weights", onnx.TensorProto.FLOAT, [1], [1.0])

    def replace(message: object) -> None:
        if isinstance(message, onnx.TensorProto):
            message.CopyFrom(own)
            return
        for field, value in message.ListFields():  # type: ignore[attr-defined]
            if field.message_type is not None:
                for inner in value if field.is_repeated else [value]:
                    replace(inner)

    replace(model)
    return model


def test_every_way_to_a_tensor_is_known() -> None:
    """By onnx's own description of its messages."""
    kinds = {
        "ModelProto": "MODEL",
        "GraphProto": "GRAPH",
        "NodeProto": "NODE",
        "AttributeProto": "ATTRIBUTE",
        "FunctionProto": "FUNCTION",
        "TrainingInfoProto": "TRAINING",
        "SparseTensorProto": "SPARSE_TENSOR",
        "TensorProto": "TENSOR",
    }
    leading = {"TensorProto"}
    described = {
        name: {
            field.number: field.message_type.name
            for field in message.fields
            if field.message_type is not None
        }
        for name, message in onnx.ModelProto.DESCRIPTOR.file.message_types_by_name.items()
    }
    while (
        more := {name for name, inner in described.items() if leading & set(inner.values())}
        - leading
    ):
        leading |= more
    assert leading == set(kinds)
    walked = {
        message.name: {number: inner.name for number, inner in fields.items()}
        for message, fields in onnx_file._FIELDS.items()
    }
    assert walked == {
        kinds[name]: {
            number: kinds[inner] for number, inner in described[name].items() if inner in leading
        }
        for name in leading
    }


def test_what_onnxruntime_takes_for_its_own_format_is_refused() -> None:
    with pytest.raises(ValueError, match="own format"):
        check_self_contained(b"\x12\x10\0\0ORTM" + bytes(10))


def cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def flipped(data: bytes, chance: random.Random) -> bytes:
    garbled = bytearray(data)
    garbled[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(garbled)


@pytest.mark.parametrize("garble", [cut, flipped])
def test_garbled_models_are_refused_or_pass(
    garble: Callable[[bytes, random.Random], bytes],
) -> None:
    chance, data = random.Random(0), onnx_that_reads("secret")
    for _ in range(300):
        with suppress(ValueError):
            check_self_contained(garble(data, chance))


def test_a_bundle_whose_onnx_reads_another_of_its_files_is_refused(tmp_path: Path) -> None:
    """Its hashes are right: whoever made it meant it so."""
    manifest = make_bundle(tmp_path)
    path = tmp_path / "tiny_fp32.onnx"
    path.write_bytes(onnx_that_reads("golden/0.rgb"))
    onnx_artifact = manifest.artifacts[0].model_copy(
        update={"sha256": sha256_file(path), "bytes": path.stat().st_size}
    )
    altered: Manifest = manifest.model_copy(
        update={"artifacts": (onnx_artifact, *manifest.artifacts[1:])}
    )
    write_manifest(tmp_path, altered)
    with pytest.raises(GateError, match=r"tiny_fp32\.onnx .* keeps weights in another file"):
        check_integrity(open_bundle(tmp_path))
