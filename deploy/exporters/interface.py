"""What every exporter is given, and the functions that it has.

An exporter is a module that a backend's row names:

    DIALECT                                     how its int8 program is to be written
    export(program, path, spec) -> program      write the artifact; returns what was converted
    interface(spec) -> (input, output)          what the artifact takes and gives
    count_operators(path) -> OperatorCount      read from the finished file
    oldest_runtime(path) -> Runtime             optional: where it depends on the file
    prove_forms(program, photos)                optional: raises where its rewrites of a program are
                                                wrong on photos as the program takes them
    prove(program, path, spec, crops) -> checks optional: proofs of its own
"""

from __future__ import annotations

from dataclasses import dataclass

from deploy.backends import InputForm, Precision
from models.preprocessing import Preprocessing


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What an artifact is made from, besides its program.

    A program of `pixels` takes shares of 255, (1, 4, H, W), and its artifact the bytes.
    """

    precision: Precision
    preprocessing: Preprocessing
    labels: tuple[str, ...]
    input: InputForm = "tensor"

    @property
    def input_shape(self) -> tuple[int, int, int, int]:
        return (1, 3, *self.preprocessing.crop)

    @property
    def output_shape(self) -> tuple[int, int]:
        return (1, len(self.labels))
