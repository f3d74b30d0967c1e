"""Read a .mlpackage: protobuf messages to records, weights to tensors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from coremltools.proto import MIL_pb2, Model_pb2
from google.protobuf.message import DecodeError

from deploy.runtimes.mil.program import Constant, MilProgram, Operation, Output, input_names
from deploy.runtimes.mil.storage import BlobFile
from deploy.support.errors import BundleError

# What coremltools writes, and the only layout in which it writes.
_DATA: Final = Path("Data", "com.apple.CoreML")
_MODEL: Final = _DATA / "model.mlmodel"

# Immediate values of these dtypes are stored as raw bytes; of those below, as a list of that name.
_BYTES_DTYPES: Final[Mapping[str, np.dtype[Any]]] = {
    "float16": np.dtype("<f2"),
    "int8": np.dtype("i1"),
    "uint8": np.dtype("u1"),
    "int16": np.dtype("<i2"),
    "uint16": np.dtype("<u2"),
    "uint32": np.dtype("<u4"),
}
_LIST_DTYPES: Final = {
    "float32": ("floats", torch.float32),
    "int32": ("ints", torch.int32),
    "bool": ("bools", torch.bool),
}


def load_program(package: Path) -> MilProgram:
    """Read the .mlpackage at `package`, as coremltools writes it.

    Raises:
        BundleError: the package is missing, truncated, corrupt, or holds no ML Program.
    """
    model = Model_pb2.Model()
    try:
        model.ParseFromString((package / _MODEL).read_bytes())
    except OSError as error:
        raise BundleError(
            f"{package} is no Core ML package: {_MODEL} cannot be read ({error.strerror})"
        ) from error
    except DecodeError as error:
        raise BundleError(f"{package / _MODEL} is corrupt or truncated: build again") from error
    if model.WhichOneof("Type") != "mlProgram" or "main" not in model.mlProgram.functions:
        raise BundleError(f"{package} holds no ML Program: convert for iOS 15 or later")
    try:
        return _Reader(package).program(model)
    except (AttributeError, LookupError, ValueError) as error:  # fields missing, or nonsense
        raise BundleError(f"{package / _MODEL} is corrupt: build again") from error


class _Reader:
    """Reads one package's protobuf messages; blobs are opened once."""

    def __init__(self, package: Path) -> None:
        self._package = package
        self._blobs: dict[str, BlobFile] = {}
        self._constants: dict[str, Constant] = {}

    def program(self, model: Any) -> MilProgram:
        function = model.mlProgram.functions["main"]
        block = function.block_specializations.get(function.opset)
        if block is None:
            raise BundleError(f"{self._package} has no block for {function.opset}: build again")
        operations = [self._operation(op) for op in block.operations if op.type != "const"]
        for const in block.operations:
            if const.type == "const":
                self._constants[const.outputs[0].name] = self._value(const.attributes["val"])
        images = [i for i in model.description.input if i.type.WhichOneof("Type") == "imageType"]
        for image in images:
            if image.type.imageType.colorSpace != image.type.imageType.RGB:
                raise BundleError(f"{self._package}: image input {image.name} is not RGB")
        program = MilProgram(
            inputs=tuple(self._output(value) for value in function.inputs),
            operations=tuple(operations),
            constants=self._constants,
            outputs=tuple(block.outputs),
            image_inputs=frozenset(image.name for image in images),
        )
        self._check_names(program)
        return program

    def _operation(self, op: Any) -> Operation:
        name = op.attributes["name"].immediateValue.tensor.strings.values[0]
        if op.blocks:
            raise BundleError(f"{self._package}: operator {op.type} ({name}) is control flow")
        inputs: dict[str, str | tuple[str, ...]] = {}
        for parameter, argument in op.inputs.items():
            names = tuple(
                self._binding(f"{name}.{parameter}.{i}", binding)
                for i, binding in enumerate(argument.arguments)
            )
            # Whether a parameter is variadic is not written down; `values` is the only one that is.
            inputs[parameter] = names if parameter == "values" else names[0]
        for parameter, value in op.attributes.items():  # parameters of constexpr operators
            if parameter != "name":
                inputs[parameter] = self._named(f"{name}.{parameter}", value)
        return Operation(name, op.type, inputs, tuple(self._output(v) for v in op.outputs))

    def _binding(self, name: str, binding: Any) -> str:
        if binding.WhichOneof("binding") == "name":
            return str(binding.name)
        return self._named(name, binding.value)

    def _named(self, name: str, value: Any) -> str:
        self._constants[name] = self._value(value)
        return name

    def _output(self, value: Any) -> Output:
        if value.type.WhichOneof("type") != "tensorType":
            return Output(value.name, value.type.WhichOneof("type").removesuffix("Type"), ())
        return Output(value.name, *self._tensor_type(value.type.tensorType))

    def _tensor_type(self, tensor_type: Any) -> tuple[str, tuple[int, ...]]:
        if any(d.WhichOneof("dimension") != "constant" for d in tensor_type.dimensions):
            raise BundleError(f"{self._package} has flexible shapes: convert with fixed ones")
        dtype = MIL_pb2.DataType.Name(tensor_type.dataType).lower()
        return dtype, tuple(d.constant.size for d in tensor_type.dimensions)

    def _value(self, value: Any) -> Constant:
        if value.type.WhichOneof("type") == "listType":
            items = value.immediateValue.list.values
            return tuple(item.immediateValue.tensor.strings.values[0] for item in items)
        dtype, shape = self._tensor_type(value.type.tensorType)
        if value.WhichOneof("value") == "blobFileValue":
            blob = value.blobFileValue
            return _plain(self._blob(blob.fileName).read(blob.offset, shape))
        tensor = value.immediateValue.tensor
        if dtype == "string":
            strings = tuple(tensor.strings.values)
            return strings if shape else strings[0]
        try:
            if dtype in _BYTES_DTYPES:
                # Small integers come as bytes, or as a list like int32 (indices of a gather do).
                raw = (
                    np.array(tensor.ints.values, _BYTES_DTYPES[dtype])
                    if tensor.WhichOneof("value") == "ints"
                    else np.frombuffer(tensor.bytes.values, _BYTES_DTYPES[dtype])
                )
                return _plain(torch.from_numpy(raw.reshape(shape).copy()))
            field, torch_dtype = _LIST_DTYPES[dtype]
            return _plain(
                torch.tensor(list(getattr(tensor, field).values), dtype=torch_dtype).reshape(shape)
            )
        except (KeyError, ValueError, RuntimeError) as error:
            raise BundleError(
                f"{self._package} has a constant of {dtype} {shape} that cannot be read"
            ) from error

    def _blob(self, name: str) -> BlobFile:
        relative = re.fullmatch(r"@model_path/weights/([A-Za-z0-9_.-]+)", name)
        if relative is None or relative[1] in {".", ".."}:
            raise BundleError(f"{self._package} keeps weights outside itself, in {name!r}: refused")
        if name not in self._blobs:
            self._blobs[name] = BlobFile(self._package / _DATA / "weights" / relative[1])
        return self._blobs[name]

    def _check_names(self, program: MilProgram) -> None:
        known = {*program.constants, *(value.name for value in program.inputs)}
        for op in program.operations:
            for name in input_names(op):
                if name not in known:
                    raise BundleError(
                        f"{self._package} is corrupt: {op.op_type} ({op.name}) reads {name!r}, "
                        "which nothing has made; build again"
                    )
            known.update(value.name for value in op.outputs)
        for name in program.outputs:
            if name not in known:
                raise BundleError(f"{self._package} is corrupt: nothing makes its output {name!r}")


def _plain(tensor: torch.Tensor) -> Constant:
    if tensor.dtype == torch.float16:
        tensor = tensor.float()
    if tensor.dtype in (torch.uint16, torch.uint32):  # torch hardly computes in them
        tensor = tensor.to(torch.int32 if tensor.dtype is torch.uint16 else torch.int64)
    if tensor.ndim == 0:
        scalar: float | int | bool = tensor.item()
        return scalar
    if tensor.ndim == 1 and tensor.dtype in (torch.int32, torch.bool):
        return tuple(tensor.tolist())
    return tensor
