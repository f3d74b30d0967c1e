"""The benchmark protocol: what the harness asks for one block, and what a runner answers.

A block is one fresh process with one artifact and one number of threads: load, first inference,
warm-up, timed iterations, exit. docs/benchmark-protocol.md has the protocol in prose;
`python -m deploy.protocol.messages request` (or `answer`) prints the JSON Schemas kept in
docs/schema.
"""

from __future__ import annotations

import base64
import binascii
import sys
from typing import Annotated, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from deploy.backends import RunnerName
from deploy.bundle.fields import (
    Count,
    GrownRecord,
    Line,
    PerChannel,
    Positive,
    PositiveFloat,
    Record,
    Sha256,
    Size,
)
from deploy.bundle.manifest import Engine, Format, Input, Pixels
from deploy.support.json_text import json_text

PROTOCOL_VERSION = 3
"""The newest that is spoken here."""
PREPARATION_VERSION = 3
"""Of requests that ask for the times before the network, and of answers that have them."""
PIXELS_VERSION = 2
"""Of requests of networks that take pixels."""
PLAIN_VERSION = 1
"""Of all others: runners know it that know neither."""

CAMERA_PICTURE = (640, 480)
"""Height and width, upright, of the frames that the Android app asks a camera for."""

# Names on the device are made by the harness: nothing in them could mean anything to a shell.
DeviceName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$", max_length=80)]

# An hour: no inference takes it, and a clock that jumps easily does.
_LONGEST_NS = 3_600 * 10**9
Nanoseconds = Annotated[int, Field(ge=1, le=_LONGEST_NS)]

RunnerErrorKind = Literal[
    "bad-request",
    "newer-protocol",
    "file-missing",
    "file-differs",
    "runtime-missing",
    "load-failed",
    "operator-missing",
    "wrong-shape",
    "run-failed",
    "out-of-memory",
    "cancelled",
    "internal",
]
"""What a runner itself says went wrong; the harness has kinds of its own for what it sees."""


class GoldenInput(Record):
    """One golden photo as the network takes it: float32 little-endian, NCHW, normalized; or the
    bytes of its pixels."""

    index: Count = Field(description="Which of the bundle's golden photos.")
    file: DeviceName = Field(description="A file beside the request.")
    sha256: Sha256 = Field(description="SHA-256 of its bytes.")


class RequestedArtifact(Record):
    """The network file to measure."""

    file: DeviceName = Field(description="A file beside the request.")
    sha256: Sha256 = Field(description="SHA-256 of its bytes.")
    format: Format = Field(description="executorch, onnx or coreml.")
    backend: Engine = Field(description="What runs it.")
    input: Line = Field(description="Name of its input.")
    output: Line = Field(description="Name of the output that holds the logits.")


class TimedInput(Record):
    """What the timed inferences are given: a golden photo, or numbers made from a seed."""

    golden: Count | None = Field(description="Index of one of `golden`; null for a seed.")
    seed: Count | None = Field(
        description="Seed of uniform numbers in -1..1, or of uniform bytes; null for a golden."
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.golden is None) == (self.seed is None):
            raise ValueError("give one of golden and seed")
        return self


class Preparation(Record):
    """What an app does before the network, to be timed: a picture becomes its input."""

    picture: Size = Field(description="Height and width of the upright picture, made up.")
    resize: Size = Field(description="As the manifest's input has it.")
    crop: Size = Field(description="As the manifest's input has it.")
    scale: PositiveFloat = Field(description="As the manifest's input has it.")
    mean: PerChannel = Field(description="As the manifest's input has it.")
    std: tuple[PositiveFloat, PositiveFloat, PositiveFloat] = Field(
        description="As the manifest's input has it."
    )
    warmup: Count = Field(description="Pictures that are not timed, before those that are.")
    iterations: Positive = Field(description="Timed pictures.")

    @classmethod
    def of(cls, input: Input) -> Self:
        """From what a camera gives an app that does as ours, as often as a median needs."""
        return cls(
            picture=CAMERA_PICTURE,
            resize=input.resize,
            crop=input.crop,
            scale=input.scale,
            mean=input.mean,
            std=input.std,
            warmup=10,
            iterations=20,
        )


class Request(GrownRecord):
    """One block, to be run in a fresh process."""

    schema_version: int = Field(ge=1, description="Runners refuse a newer one than they know.")
    id: DeviceName = Field(description="Names the block; the answer repeats it.")
    artifact: RequestedArtifact = Field(description="What is to be measured.")
    threads: Annotated[int, Field(ge=0, le=64)] = Field(
        description="Threads of the runtime; 0 leaves the choice to it."
    )
    warmup: Count = Field(description="Inferences after the first that are not timed.")
    iterations: Positive = Field(description="Timed inferences.")
    shape: tuple[Positive, ...] = Field(min_length=1, description="Shape of the input.")
    pixels: Pixels | None = Field(
        default=None,
        description="How the golden files hold pixels; since version 2, absent where they hold "
        "float32.",
    )
    input: TimedInput = Field(description="What the timed inferences are given.")
    preparation: Preparation | None = Field(
        default=None,
        description="What is timed of an app itself, after the rest; since version 3, absent where "
        "nothing is.",
    )
    golden: tuple[GoldenInput, ...] = Field(
        description="Golden inputs whose logits the answer gives, run after the timing; one that "
        "is only timed is here too."
    )
    sustained: bool = Field(description="Whether to ask for sustained-performance mode.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        indices = [photo.index for photo in self.golden]
        if len(set(indices)) != len(indices):
            raise ValueError("a golden input is there twice")
        if self.input.golden is not None and self.input.golden not in indices:
            raise ValueError("the timed golden input is not among the golden inputs")
        needed = request_version(self.pixels, self.preparation)
        if self.schema_version < needed:
            raise ValueError(f"what it asks for is of version {needed}")
        return self

    def without_preparation(self) -> Request:
        """The same for an app that cannot time it."""
        version = request_version(self.pixels)
        return self.model_copy(update={"preparation": None, "schema_version": version})


def request_version(pixels: Pixels | None, preparation: Preparation | None = None) -> int:
    """The oldest protocol that can ask for it."""
    if preparation is not None:
        return PREPARATION_VERSION
    return PLAIN_VERSION if pixels is None else PIXELS_VERSION


class RunnerError(Record):
    """Why there are no figures."""

    kind: RunnerErrorKind = Field(description="One of a closed list.")
    text: Annotated[str, Field(max_length=4000)] = Field(description="In the runtime's own words.")


class RunnerFacts(Record):
    """What ran the artifact."""

    name: RunnerName = Field(description="The kind of runner.")
    version: Line = Field(description="The runner's own version.")
    runtime: Line = Field(description="ExecuTorch, ONNX Runtime or Core ML.")
    runtime_version: Line | None = Field(description="Its version; null where it does not tell.")


class ThermalReading(Record):
    """What the system says of its heat to an app."""

    status: Annotated[int, Field(ge=0, le=6)] | None = Field(
        description="0 none to 6 shutdown (Android); iOS nominal 0, fair 1, serious 3, critical 4."
    )
    headroom: Annotated[float, Field(ge=0)] | None = Field(
        description="Share of the way to severe throttling in 10 s, 1 is there (Android 11)."
    )


def encode_logits(logits: npt.NDArray[np.float32]) -> str:
    """Logits of any shape as base64 of float32, little-endian, row-major."""
    return base64.b64encode(logits.astype("<f4").tobytes()).decode()


def decode_logits(text: str) -> npt.NDArray[np.float32]:
    """The same back, flat. Raises ValueError for what is not base64 of whole float32."""
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("logits are not base64") from error
    return np.frombuffer(data, "<f4").astype(np.float32)


class GoldenAnswer(Record):
    """The logits for one golden input."""

    index: Count = Field(description="Which of the bundle's golden photos.")
    logits: Annotated[str, Field(max_length=4_000_000)] = Field(
        description="Base64 of float32, little-endian: exact, and able to hold a NaN."
    )

    def values(self) -> npt.NDArray[np.float32]:
        """float32 (classes,). Raises ValueError for what is not base64 of whole float32."""
        return decode_logits(self.logits)

    @classmethod
    def of(cls, index: int, logits: npt.NDArray[np.float32]) -> Self:
        """The record of `logits`, float32 (classes,)."""
        return cls(index=index, logits=encode_logits(logits))


class PreparationTimes(Record):
    """How long an app took before the network, picture by picture, in order."""

    picture: Size = Field(description="Height and width of the upright picture.")
    crop_ns: tuple[Nanoseconds, ...] = Field(
        min_length=1,
        description="From an upright picture to the crop in 8-bit RGB: resizing, cropping.",
    )
    input_ns: tuple[Nanoseconds, ...] = Field(
        min_length=1,
        description="From the crop to the network's input: normalizing, or laying out bytes.",
    )


class Answer(GrownRecord):
    """What one block gave. Times are of a monotonic clock, of inference alone."""

    schema_version: int = Field(ge=1, description="Readers refuse a newer one than they know.")
    id: DeviceName = Field(description="The request's.")
    status: Literal["ok", "error"] = Field(description="Whether there are figures.")
    error: RunnerError | None = Field(description="null where status is ok.")
    runner: RunnerFacts | None = Field(description="null where the runner did not come so far.")
    load_ns: Nanoseconds | None = Field(description="From the file to a network ready to run.")
    first_ns: Nanoseconds | None = Field(description="The first inference.")
    iterations_ns: tuple[Nanoseconds, ...] = Field(description="Every timed inference, in order.")
    thermal_before: ThermalReading | None = Field(
        description="Before loading; null where the system does not tell."
    )
    thermal_after: ThermalReading | None = Field(description="After the last timed inference.")
    memory_before_bytes: Positive | None = Field(description="Resident, before loading.")
    memory_peak_bytes: Positive | None = Field(description="Highest resident of the process.")
    logits: tuple[GoldenAnswer, ...] = Field(description="One for each of the request's golden.")
    preparation: PreparationTimes | None = Field(
        default=None,
        description="What an app took before the network; since version 3, absent where it was "
        "not asked for.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.status == "error") != (self.error is not None):
            raise ValueError("error is there just where status is error")
        if self.status == "ok" and not (self.load_ns and self.first_ns and self.iterations_ns):
            raise ValueError("an answer that is ok has its times")
        if self.preparation is not None and self.schema_version < PREPARATION_VERSION:
            raise ValueError(f"times before the network are of version {PREPARATION_VERSION}")
        return self

    @classmethod
    def failed(cls, id: str, kind: RunnerErrorKind, text: str) -> Self:
        """The answer of a runner that has no figures, and why."""
        return cls(
            schema_version=PLAIN_VERSION,
            id=id,
            status="error",
            error=RunnerError(kind=kind, text=text[:4000]),
            runner=None,
            load_ns=None,
            first_ns=None,
            iterations_ns=(),
            thermal_before=None,
            thermal_after=None,
            memory_before_bytes=None,
            memory_peak_bytes=None,
            logits=(),
        )


if __name__ == "__main__":
    records: dict[str, type[Record]] = {"request": Request, "answer": Answer}
    sys.stdout.write(json_text(records[sys.argv[1]].json_schema()))
