"""An exported program as the user's network: a .pt2 that torch.export.save wrote."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn
from torch.export import ExportedProgram

from .blame import Mistake


class Program(nn.Module):
    """The network that a program holds: in the mode that it was exported in, whatever is asked."""

    def __init__(self, program: ExportedProgram) -> None:
        super().__init__()
        self.program = program.module(check_guards=False)

    def forward(self, image: torch.Tensor) -> object:
        return self.program(image)

    def train(self, mode: bool = True) -> Program:
        """Nothing: what training does otherwise is written out in the program, and is refused."""
        return self


def load_program(path: Path) -> ExportedProgram:
    """The program in a .pt2; no pickle in it is executed. Raises Mistake."""
    try:
        program = torch.export.load(io.BytesIO(path.read_bytes()))
    except Exception as error:  # torch.export.load raises whatever it stumbles on.
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        said = lines[0] if lines else type(error).__name__
        raise Mistake(
            f"is no program that this torch ({torch.__version__}) can read ({said}): write it with "
            "its torch.export.save, or give the Python network"
        ) from error
    if not isinstance(program, ExportedProgram):
        raise Mistake("holds no program: write it with torch.export.save")
    return program


def size_of(program: ExportedProgram) -> tuple[int, int] | None:
    """Height and width of the one image that `program` takes; None where any will do.

    Raises Mistake where it takes something else.
    """
    names = program.graph_signature.user_inputs
    nodes = [node for node in program.graph.nodes if node.op == "placeholder"]
    taken = [node.meta["val"] for node in nodes if node.name in names]
    shapes = [tuple(value.shape) for value in taken if isinstance(value, torch.Tensor)]
    if len(names) != 1 or len(shapes) != 1 or len(shapes[0]) != 4 or taken[0].dtype.itemsize < 2:
        said = ", ".join(str(shape) for shape in shapes) or f"{len(names)} inputs"
        raise Mistake(f"takes {said}, not one image (1, 3, height, width): export it for one")
    batch, channels, *sides = shapes[0]
    if (isinstance(batch, int) and batch != 1) or channels != 3:
        raise Mistake(f"takes {shapes[0]}, not one image (1, 3, height, width): export it for one")
    if not all(isinstance(side, int) for side in sides):
        return None
    height, width = sides
    return height, width


@contextmanager
def exported_before(network: nn.Module) -> Iterator[None]:
    """Within it, what is said of a program's layers ends with what can be done about a .pt2."""
    try:
        yield
    except Mistake as mistake:
        if not isinstance(network, Program):
            raise
        raise Mistake(f"{mistake}; then export it anew, after network.eval()") from mistake
