"""Reading what Keras saves, HDF5, as data and without TensorFlow."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from deploy.support.errors import WeightsError

if TYPE_CHECKING:
    import h5py
    from torch import Tensor

SIGNATURE = b"\x89HDF\r\n\x1a\n"
# What a `.keras` file, a zip archive, calls its weights.
MEMBER = "model.weights.h5"
# No MobileNet comes near it; a few kilobytes of HDF5 can claim any size.
_MAX_BYTES = 1 << 30
# The state of training: no output depends on it.
_OPTIMIZERS = ("optimizer", "optimizer_weights")


def holds_keras_archive(path: Path) -> bool:
    """Whether the file is a zip archive with Keras weights inside."""
    try:
        with zipfile.ZipFile(path) as archive:
            return MEMBER in archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return False


def read_keras_archive(path: Path) -> dict[str, Tensor]:
    """The tensors of a `.keras` file; as `read_hdf5`."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(MEMBER) as member:
            content = member.read(_MAX_BYTES + 1)
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError) as error:
        raise _damaged(path) from error
    if len(content) > _MAX_BYTES:
        raise _too_large(path)
    return read_hdf5(io.BytesIO(content), path)


def read_hdf5(file: Path | BinaryIO, path: Path) -> dict[str, Tensor]:
    """The tensors of a file of Keras by their paths in it, with Keras' axes, in float.

    Links to other files are not followed. Raises WeightsError, naming `path`, when the file is
    damaged, larger than any MobileNet, or stores its numbers elsewhere.
    """
    import h5py
    import torch

    arrays: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.floating]]] = {}
    size = 0

    def visit(name: str, item: object) -> None:
        nonlocal size
        if not isinstance(item, h5py.Dataset) or item.dtype.kind != "f":
            return
        if name.split("/")[0] in _OPTIMIZERS:
            return
        if item.external or item.is_virtual:
            raise WeightsError(
                f"{path.name} keeps {name!a} in another file: save the weights in one file"
            )
        size += item.size * item.dtype.itemsize
        if size > _MAX_BYTES:
            raise _too_large(path)
        arrays[name] = item[()]

    try:
        with h5py.File(file, "r") as opened:
            _weights_group(opened).visititems(visit)
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise _damaged(path) from error
    return {name: torch.from_numpy(np.asarray(array)) for name, array in arrays.items()}


def _weights_group(opened: h5py.File) -> h5py.Group:
    """`model.save` puts the weights beside the model's description, `save_weights` does not."""
    import h5py

    if isinstance(opened.get("model_weights", getlink=True), h5py.HardLink):
        group = opened["model_weights"]
        return group if isinstance(group, h5py.Group) else opened
    return opened


def _damaged(path: Path) -> WeightsError:
    return WeightsError(f"{path.name} is a damaged or truncated Keras file: fetch or save it again")


def _too_large(path: Path) -> WeightsError:
    return WeightsError(
        f"{path.name} holds more than {_MAX_BYTES >> 30} GiB of weights: "
        "that is no MobileNet, check the file"
    )
