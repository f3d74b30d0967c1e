"""weight.bin: MIL's blob storage, read with bounds checked.

Layout (coremltools, mlmodel/src/MILBlob/Blob/StorageFormat.hpp), little-endian, aligned to 64:
a 64-byte file header, then for each blob a 64-byte record and, where the record points, its data.
The program refers to a blob by the offset of its record.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from deploy.support.errors import BundleError

_SENTINEL: Final = 0xDEADBEEF
_RECORD: Final = struct.Struct("<IIQQ")  # sentinel, data type, bytes, offset of the data

# BlobDataType of the same header. Types below a byte are left out: we never write them.
_DTYPES: Final[Mapping[int, np.dtype[Any]]] = {
    1: np.dtype("<f2"),
    2: np.dtype("<f4"),
    3: np.dtype("u1"),
    4: np.dtype("i1"),
    6: np.dtype("<i2"),
    7: np.dtype("<u2"),
    14: np.dtype("<i4"),
    15: np.dtype("<u4"),
}


class BlobFile:
    """The weight.bin at `path`, held in memory.

    Raises:
        BundleError: the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._bytes = path.read_bytes()
        except OSError as error:
            raise BundleError(f"{path} cannot be read ({error.strerror}): build again") from error

    def read(self, offset: int, shape: tuple[int, ...]) -> torch.Tensor:
        """The blob whose record lies at `offset`, in its own dtype.

        Raises:
            BundleError: no such record, data beyond the end of the file, or not of that shape.
        """
        if not 0 <= offset <= len(self._bytes) - _RECORD.size:
            raise self._corrupt(f"ends before the record at {offset}")
        sentinel, code, size, start = _RECORD.unpack_from(self._bytes, offset)
        dtype = _DTYPES.get(code)
        if sentinel != _SENTINEL or dtype is None:
            raise self._corrupt(f"has no known record at {offset}")
        count = int(np.prod(shape, dtype=np.int64))
        if size != count * dtype.itemsize:
            raise self._corrupt(f"holds {size} bytes at {offset} for a tensor of shape {shape}")
        if start + size > len(self._bytes):
            raise self._corrupt(f"ends before the data of the record at {offset}")
        values = np.frombuffer(self._bytes, dtype, count, start).reshape(shape)
        return torch.from_numpy(values.copy())

    def _corrupt(self, what: str) -> BundleError:
        return BundleError(f"{self.path} is corrupt: it {what}; build again")
