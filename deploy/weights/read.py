"""Reading a weights file as data: tensors by name, and nothing that could run."""

from __future__ import annotations

import argparse
import re
import struct
import warnings
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING

from deploy.support.errors import WeightsError
from deploy.weights.hdf5 import SIGNATURE, holds_keras_archive, read_hdf5, read_keras_archive

if TYPE_CHECKING:
    from torch import Tensor

# Keeps the search in a file from going deeper than any checkpoint does.
_DEEPEST = 6


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read a weights file's tensors by name, on the CPU, in the dtypes that the file has.

    Of a checkpoint it is all tensors, under the names of what they are in too.

    Takes safetensors, what `torch.save` wrote of a state dict or of a checkpoint around one, and
    what Keras saves (HDF5, alone or in a `.keras` archive). The kind is seen from the content,
    never from the file's name. Raises WeightsError when the file is missing, damaged, of another
    kind, holds pickled code or no tensors.
    """
    head = check_file(path)
    if _is_safetensors(head):
        return _read_safetensors(path)
    if head.startswith(SIGNATURE) or holds_keras_archive(path):
        return _read_keras(path, head)
    tensors = _tensors(_read_torch(path, head))
    if not tensors:
        raise WeightsError(
            f"{path.name} holds no tensors by name: "
            "save them with torch.save(model.state_dict(), FILE)"
        )
    return tensors


def check_file(path: Path) -> bytes:
    """The first 9 bytes of a weights file. Raises WeightsError where it cannot be read."""
    if path.exists() and not path.is_file():
        raise WeightsError(f"weights {path} is a folder or a device: give a file")
    try:
        with path.open("rb") as file:
            return file.read(9)
    except FileNotFoundError as error:
        raise WeightsError(f"weights file {path} does not exist: check the path") from error
    except OSError as error:
        raise WeightsError(
            f"weights file {path} cannot be read ({error.strerror}): check its permissions"
        ) from error


def _is_safetensors(head: bytes) -> bool:
    """The format begins with the length of a JSON header in 8 bytes, then the header."""
    return len(head) == 9 and head[8:] == b"{" and struct.unpack("<Q", head[:8])[0] < 1 << 32


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    import safetensors
    from safetensors.torch import load_file

    try:
        tensors: dict[str, Tensor] = load_file(path)
    except safetensors.SafetensorError as error:
        raise WeightsError(
            f"{path.name} is a damaged or truncated safetensors file: fetch or save it again"
        ) from error
    if not tensors:
        raise WeightsError(f"{path.name} holds no tensors: save the network's state dict")
    return tensors


def _read_keras(path: Path, head: bytes) -> dict[str, Tensor]:
    tensors = read_hdf5(path, path) if head.startswith(SIGNATURE) else read_keras_archive(path)
    if not tensors:
        raise WeightsError(
            f"{path.name} is an HDF5 file without weights: save them with model.save_weights(FILE)"
        )
    return tensors


def _read_torch(path: Path, head: bytes) -> object:
    import torch

    try:
        with (
            warnings.catch_warnings(action="ignore"),
            # Checkpoints often carry the training script's options: attributes and nothing else.
            torch.serialization.safe_globals([argparse.Namespace]),
            # Opened here: given a path, torch would go by its suffix.
            path.open("rb") as file,
        ):
            content: object = torch.load(file, map_location="cpu", weights_only=True)
            return content
    except UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        if named or head.startswith(b"\x80"):
            what = f"pickled Python code ({named[1]})" if named else "a pickle that may hold code"
            raise WeightsError(
                f"{path.name} holds {what}, which is never run: where you trust it, save the "
                "tensors alone, torch.save(model.state_dict(), FILE), or as safetensors"
            ) from error
        raise _damaged(path) from error
    except Exception as error:  # torch raises a dozen kinds over a damaged file.
        if "TorchScript" in str(error):
            raise WeightsError(
                f"{path.name} is a TorchScript program: save its tensors alone, "
                "torch.save(torch.jit.load(FILE).state_dict(), NEW_FILE)"
            ) from error
        raise _damaged(path) from error


def _tensors(content: object) -> dict[str, Tensor]:
    """All tensors by name, those in mappings within mappings under dotted names.

    {"model": {"conv.weight": t}, "epoch": 3}        gives        {"model.conv.weight": t}

    Each mapping is looked into once: a file may hold one in many places, or in itself.
    """
    import torch

    found: dict[str, Tensor] = {}
    seen: set[int] = set()

    def visit(mapping: Mapping[object, object], prefix: str, depth: int) -> None:
        seen.add(id(mapping))
        for name, value in mapping.items():
            if not isinstance(name, str):
                continue
            if isinstance(value, torch.Tensor):
                found[prefix + name] = value.detach()
            elif isinstance(value, Mapping) and id(value) not in seen and depth < _DEEPEST:
                visit(value, f"{prefix}{name}.", depth + 1)

    if isinstance(content, Mapping):
        visit(content, "", 0)
    return found


def _damaged(path: Path) -> WeightsError:
    return WeightsError(
        f"{path.name} is damaged, truncated, or neither a PyTorch, safetensors nor Keras file: "
        "fetch or save it again"
    )
