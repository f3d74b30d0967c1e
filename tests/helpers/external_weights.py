"""An .onnx that keeps its weights in another file, whose bytes it gives back as logits."""

from __future__ import annotations

from onnx import TensorProto, helper

SHAPE = (1, 3, 4, 4)


def external_tensor(location: str, count: int) -> TensorProto:
    """float32 (1, count), read from the start of the file at `location`."""
    tensor = TensorProto(
        name="weights",
        data_type=TensorProto.FLOAT,
        dims=[1, count],
        data_location=TensorProto.EXTERNAL,
    )
    for key, value in (("location", location), ("offset", "0"), ("length", str(4 * count))):
        tensor.external_data.add(key=key, value=value)
    return tensor


def onnx_that_reads(location: str, count: int = 4) -> bytes:
    """Its logits, float32 (1, count), are the first bytes of the file at `location`."""
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["input"], ["flat"]),
            helper.make_node("ReduceSum", ["flat"], ["sum"], keepdims=1),
            helper.make_node("Mul", ["sum", "zero"], ["nothing"]),
            helper.make_node("Add", ["nothing", "weights"], ["logits"]),
        ],
        "reads another file",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, SHAPE)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, (1, count))],
        [
            external_tensor(location, count),
            helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0]),
        ],
    )
    opset = helper.make_opsetid("", 20)
    return helper.make_model(graph, opset_imports=[opset], ir_version=10).SerializeToString()
