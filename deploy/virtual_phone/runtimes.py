"""Real logits: an artifact run once in this computer's own runtimes, on inputs from files."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deploy.bundle.feeding import Taken, from_memory
from deploy.bundle.manifest import Pixels
from deploy.protocol.messages import RunnerErrorKind

Array = npt.NDArray[np.float32]

# So many networks are kept loaded; a session measures fewer.
_MOST_MODELS = 8

_PTE_IDENTIFIER = b"ET12"


class RuntimeFailureError(Exception):
    """A runtime refused; `kind` is the protocol's."""

    def __init__(self, kind: RunnerErrorKind, text: str) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text[:4000]


@dataclass(frozen=True)
class Model:
    """`run` takes an input of `shape` and gives logits; -1 in the shape is any size."""

    shape: tuple[int, ...]
    run: Callable[[Taken], Array]


class HostRuntimes:
    """Loaded artifacts and the logits that they gave, by hash. For any number of threads."""

    def __init__(self) -> None:
        self._models: dict[str, Model] = {}
        self._logits: dict[tuple[str, str], Array] = {}
        self._lock = threading.Lock()

    def logits(
        self,
        form: str,
        artifact: bytes,
        data: bytes,
        shape: tuple[int, ...],
        pixels: Pixels | None = None,
    ) -> Array:
        """Logits, float32 (classes,), of one input of `shape`: float32 little-endian, or pixels.

        Raises RuntimeFailureError.
        """
        model_hash = hashlib.sha256(artifact).hexdigest()
        key = (model_hash, f"{shape} {hashlib.sha256(data).hexdigest()}")
        with self._lock:
            if key not in self._logits:
                if model_hash not in self._models:
                    while len(self._models) >= _MOST_MODELS:
                        self._models.pop(next(iter(self._models)))
                    self._models[model_hash] = _load(form, artifact)
                self._logits[key] = _run(self._models[model_hash], data, shape, pixels)
            return self._logits[key]


def _run(model: Model, data: bytes, shape: tuple[int, ...], pixels: Pixels | None) -> Array:
    fits = len(shape) == len(model.shape) and all(
        own in (-1, given) for own, given in zip(model.shape, shape, strict=True)
    )
    if not fits or len(data) != (4 if pixels is None else 1) * int(np.prod(shape)):
        text = f"{len(data)} bytes for {shape} where the network takes {model.shape}"
        raise RuntimeFailureError("wrong-shape", text)
    try:
        output = model.run(from_memory(data, shape, pixels))
    except Exception as error:  # The runtimes' errors share no public base class.
        raise RuntimeFailureError("run-failed", str(error)) from error
    return np.asarray(output, np.float32).reshape(-1)


def _load(form: str, artifact: bytes) -> Model:
    loaders = {"executorch": _load_executorch, "onnx": _load_onnx}
    if form not in loaders:
        raise RuntimeFailureError("runtime-missing", f"no runtime for {form} on Android")
    try:
        return loaders[form](artifact)
    except RuntimeFailureError:
        raise
    except ImportError as error:
        raise RuntimeFailureError("runtime-missing", str(error)) from error
    except Exception as error:  # The runtimes' errors share no public base class.
        raise RuntimeFailureError("load-failed", str(error)) from error


def _load_executorch(artifact: bytes) -> Model:
    if artifact[4:8] != _PTE_IDENTIFIER:
        # The runtime's log of it would end the whole process where it is not UTF-8.
        raise RuntimeFailureError("load-failed", "this is no ExecuTorch program")
    import torch

    from deploy.runtimes.executorch_program import Forward

    forward = Forward(artifact)

    def run(values: Taken) -> Array:
        # The program's memory holds the output until the next run: copied out.
        output = forward(torch.from_numpy(values.copy(order="K")))
        return np.array(output.numpy(), np.float32)

    return Model(forward.sizes, run)


def _load_onnx(artifact: bytes) -> Model:
    from deploy.runtimes.onnx_session import open_session

    session = open_session(artifact)
    given = session.get_inputs()[0]
    # A dimension without a size has a name, or nothing.
    shape = tuple(size if isinstance(size, int) else -1 for size in given.shape)
    return Model(shape, lambda values: np.asarray(session.run(None, {given.name: values})[0]))


SHARED = HostRuntimes()
"""Of this process: phones that are asked for the same need not run it twice."""
