"""A .pte in ExecuTorch's runtime: the one place where one is loaded.

The compiled module of the wheel is called, as `executorch.runtime` calls it. That one imports the
whole exporter for a class of warnings, 3.7 s of processor time in each process that runs a .pte.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

# Its libraries are those that the compiled module is linked with: before it.
import torch


class Forward:
    """The method `forward` of a program; `sizes` is the shape of its input, `dtype` torch's number
    for its type."""

    def __init__(self, source: Path | bytes, *, threads: int = 0) -> None:
        """`source` is a file or what is in one; of anything but a program the runtime's complaint
        may end the process. `threads` of the whole process, 0 for as many as the runtime takes.

        Raises RuntimeError or ValueError where the runtime does not load it.
        """
        compiled = library()
        if threads:
            # "Unsafe" once a model is loaded, since a delegate keeps the pool it was made with.
            compiled._unsafe_reset_threadpool(threads)
        # Neither the method nor the program keeps alive what it was made of.
        self._source = source
        load, taken = (
            (compiled._load_program, str(source))
            if isinstance(source, Path)
            else (compiled._load_program_from_buffer, source)
        )
        self._program = load(
            taken,
            enable_etdump=False,
            debug_buffer_size=0,
            program_verification=compiled.Verification.InternalConsistency,
        )
        self._method = self._program.load_method("forward")
        given = self._method.method_meta().input_tensor_meta(0)
        self.sizes: tuple[int, ...] = tuple(given.sizes())
        self.dtype: int = given.dtype()

    def __call__(self, values: torch.Tensor) -> torch.Tensor:
        """The first output, in memory that the next call writes to."""
        output: torch.Tensor = self._method([values])[0]
        return output


def library() -> Any:
    """The compiled module. Raises ImportError where the wheel has none for this computer."""
    from executorch.extension.pybindings import _portable_lib

    return _portable_lib
