"""Whether an .onnx is whole by itself: it may name other files to read its weights from.

onnxruntime opens these, relative to the file's folder or, for a model in memory, to the current
one. Ours never do, so a file that names one is refused before any runtime sees it. The protobuf is
walked as it lies: onnx's own reader takes a third of a second to import and memory that is
measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from mmap import mmap

Buffer = bytes | mmap


class _Message(Enum):
    """Messages of onnx.proto that lead to a tensor."""

    MODEL = auto()
    GRAPH = auto()
    NODE = auto()
    ATTRIBUTE = auto()
    FUNCTION = auto()
    TRAINING = auto()
    SPARSE_TENSOR = auto()
    TENSOR = auto()


# Of each message its fields that hold another, by number (onnx.proto of onnx 1.23).
_FIELDS: Mapping[_Message, Mapping[int, _Message]] = {
    _Message.MODEL: {7: _Message.GRAPH, 20: _Message.TRAINING, 25: _Message.FUNCTION},
    _Message.GRAPH: {1: _Message.NODE, 5: _Message.TENSOR, 15: _Message.SPARSE_TENSOR},
    _Message.NODE: {5: _Message.ATTRIBUTE},
    _Message.ATTRIBUTE: {
        5: _Message.TENSOR,
        6: _Message.GRAPH,
        10: _Message.TENSOR,
        11: _Message.GRAPH,
        22: _Message.SPARSE_TENSOR,
        23: _Message.SPARSE_TENSOR,
    },
    _Message.FUNCTION: {7: _Message.NODE, 11: _Message.ATTRIBUTE},
    _Message.TRAINING: {1: _Message.GRAPH, 2: _Message.GRAPH},
    _Message.SPARSE_TENSOR: {1: _Message.TENSOR, 2: _Message.TENSOR},
    _Message.TENSOR: {},
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14

# Where onnxruntime takes a file for one of its own format, which is none that we write.
_OWN_FORMAT, _OWN_FORMAT_AT = b"ORTM", 4

_LONGEST_VARINT = 10


def check_self_contained(data: Buffer) -> None:
    """Raise ValueError, which says after a file's name what is wrong, for a model that names other
    files, and for what is no protobuf at all."""
    if data[_OWN_FORMAT_AT : _OWN_FORMAT_AT + len(_OWN_FORMAT)] == _OWN_FORMAT:
        raise ValueError("is of onnxruntime's own format, not an .onnx")
    # Each message's bytes are passed over once, in whatever depth it lies.
    waiting = [(_Message.MODEL, 0, len(data))]
    while waiting:
        message, at, end = waiting.pop()
        inner = _FIELDS[message]
        while at < end:
            tag, at = _varint(data, at, end)
            field, wire = tag >> 3, tag & 7
            # Whatever the value: what one reader takes for the default another may not.
            if message is _Message.TENSOR and field in (_EXTERNAL_DATA, _DATA_LOCATION):
                raise ValueError("keeps weights in another file, which is never read")
            match wire:
                case 0:  # A varint.
                    _, at = _varint(data, at, end)
                case 1:  # 64 bits.
                    at += 8
                case 2:  # So many bytes.
                    length, at = _varint(data, at, end)
                    if field in inner:
                        waiting.append((inner[field], at, at + length))
                    at += length
                case 5:  # 32 bits.
                    at += 4
                case _:
                    raise ValueError("is no protobuf of an .onnx")
            if at > end:
                raise ValueError("is cut off in the middle of a field")


def _varint(data: Buffer, at: int, end: int) -> tuple[int, int]:
    """The number at `at`, and where the next field begins."""
    value = shift = 0
    while at < end and shift < 7 * _LONGEST_VARINT:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError("is cut off in the middle of a field")
