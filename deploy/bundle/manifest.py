"""The manifest: what a bundle holds and what is known of it. Its JSON Schema comes from here.

`python -m deploy.bundle.manifest` prints the schema kept in docs/schema/manifest.schema.json.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    WithJsonSchema,
    model_validator,
)

from deploy.backends import BACKENDS, InputForm, Precision
from deploy.bundle.fields import (
    Count,
    GrownRecord,
    Line,
    Name,
    OperatorCounts,
    PerChannel,
    Positive,
    PositiveFloat,
    Record,
    RelativeFile,
    Sha256,
    Side,
    Size,
    Versions,
)
from deploy.support.json_text import json_text
from models.preprocessing import Preprocessing

SCHEMA_VERSION = 2
PLAIN_VERSION = 1
"""Of a bundle in which nothing takes pixels: it is as it was, for apps that know no newer one."""
MANIFEST_FILE = "manifest.json"
TOOL_NAME = "mobile-deploy"


def _engines() -> list[str]:
    return [row.engine for row in BACKENDS.values()]


def _known(name: str, names: Collection[str]) -> str:
    if name not in names:
        raise ValueError(f"is unknown: known are {', '.join(names)}")
    return name


# Of the table of backends as it is when a file is read: it may have grown.
Format = Annotated[
    str,
    AfterValidator(lambda name: _known(name, BACKENDS)),
    WithJsonSchema({"enum": [*BACKENDS], "type": "string"}),
]
# Which one an artifact has follows from its format.
Engine = Annotated[
    str,
    AfterValidator(lambda name: _known(name, _engines())),
    WithJsonSchema({"enum": _engines(), "type": "string"}),
]
# Those whose artifacts answer for a program of their own, beside the float network.
QUANTIZED: frozenset[Precision] = frozenset({"int8", "w8"})
# The operators that hold nearly all of a classifier's work, whatever its runtime calls them.
HEAVY = ("conv", "linear", "matmul")
PhotoSource = Literal["bundled samples", "folder"]


class Tool(Record):
    """What wrote the bundle."""

    name: Literal["mobile-deploy"] = Field(description="Always mobile-deploy.")
    version: Line = Field(description="Its version.")


class Network(Record):
    """The network, as it was before any conversion."""

    name: Line = Field(description="Name in the registry, or the user's module:factory.")
    width: PositiveFloat | None = Field(
        description="Width multiplier; null for a user's own network, which may have none."
    )
    resolution: Size = Field(description="Height and width of its input in pixels.")
    classes: Positive = Field(description="Number of classes: the length of its output.")
    params: Count = Field(description="Number of trained parameters.")
    macs: Count = Field(description="Multiply-accumulates for one input.")


class Weights(Record):
    """Where the weights come from."""

    source: Line = Field(description="In words, such as an official name; `none` for untrained.")
    file: Line | None = Field(description="The file's name without its folder; null without one.")
    sha256: Sha256 | None = Field(description="SHA-256 of that file; null without one.")

    @model_validator(mode="after")
    def _file_with_its_hash(self) -> Self:
        _require((self.file is None) == (self.sha256 is None), "file and sha256 go together")
        return self


class Input(Record):
    """How a photo becomes the network's input: resize, centre crop, `(x * scale - mean) / std`."""

    shape: tuple[Side, Side, Side, Side] = Field(description="1, 3, height and width of the crop.")
    dtype: Literal["float32"] = Field(description="Type of each element.")
    layout: Literal["NCHW"] = Field(description="Batch, channel, height, width.")
    colour_order: Literal["RGB"] = Field(description="Order of the channels.")
    resize: Size = Field(description="Height and width that the photo is scaled to just cover.")
    resize_filter: Literal["bilinear"] = Field(
        description="Pillow's: a triangle, widened when shrinking."
    )
    crop: Size = Field(description="Height and width cut from the centre.")
    scale: PositiveFloat = Field(description="Factor for each 8-bit value, before the mean.")
    mean: PerChannel = Field(description="Subtracted from each channel.")
    std: tuple[PositiveFloat, PositiveFloat, PositiveFloat] = Field(
        description="What each channel is divided by."
    )

    @model_validator(mode="after")
    def _sizes_agree(self) -> Self:
        _require(self.shape == (1, 3, *self.crop), "shape is not 1, 3 and the crop's")
        fits = self.crop[0] <= self.resize[0] and self.crop[1] <= self.resize[1]
        _require(fits, "the crop is larger than what the photo is resized to")
        return self

    @classmethod
    def of(cls, preprocessing: Preprocessing) -> Self:
        """The record of `preprocessing`, for one RGB photo in float32 NCHW."""
        return cls(
            shape=(1, 3, *preprocessing.crop),
            dtype="float32",
            layout="NCHW",
            colour_order="RGB",
            resize=preprocessing.resize,
            resize_filter="bilinear",
            crop=preprocessing.crop,
            scale=preprocessing.scale,
            mean=preprocessing.mean,
            std=preprocessing.std,
        )

    def preprocessing(self) -> Preprocessing:
        """The same as what `deploy.photos.images` takes."""
        return Preprocessing(
            resize=self.resize, crop=self.crop, scale=self.scale, mean=self.mean, std=self.std
        )


class FileRecord(Record):
    """A file and its hash."""

    file: RelativeFile = Field(description="Path inside the bundle.")
    sha256: Sha256 = Field(description="SHA-256 of its bytes.")


class Labels(FileRecord):
    """The classes' names: UTF-8, one a line, in the order of the network's output, distinct."""

    count: Positive = Field(description="Number of lines.")
    wordnet: bool = Field(description="Whether they are the 1000 classes of ImageNet.")


class Calibration(Record):
    """The photos that int8 was decided on, and those held back to judge it."""

    source: PhotoSource = Field(description="Where the calibration photos come from.")
    photos: Count = Field(description="Number of photos calibrated on.")
    samples: Count = Field(description="Number of inputs made of them (crops).")
    held_back_source: PhotoSource = Field(description="Where the held-back photos come from.")
    held_back_samples: Count = Field(description="Number of inputs that calibration never saw.")
    digest: Sha256 = Field(description="SHA-256 that names the set of calibration photos.")
    split: Line = Field(description="How photos were divided between the two, in words.")


class Runtime(Record):
    """The oldest runtime that loads an artifact."""

    name: Line = Field(description="Such as ExecuTorch, ONNX Runtime, iOS.")
    version: Line = Field(description="Its version.")
    rule: Literal["exact", "at least"] = Field(
        description="exact: this version and no other; at least: this version or a later one."
    )


class Pixels(Record):
    """How the bytes of a bitmap are handed over: four for each pixel of the crop, row by row."""

    dtype: Literal["uint8", "int8"] = Field(description="Type of each element.")
    memory: Literal["NHWC"] = Field(
        description="Order of the bytes: pixel by pixel, row by row, whatever the input's shape "
        "says. A shape of 1, 4, height, width is channels-last."
    )
    channel_order: Literal["RGBA"] = Field(description="Order of the four bytes.")
    alpha: Literal[255] = Field(description="The fourth byte of every pixel.")
    zero: Literal[0, -128] = Field(
        description="The element for a byte of 0: what is added to each, -128 by an XOR with 128."
    )

    @classmethod
    def of(cls, dtype: Literal["uint8", "int8"]) -> Self:
        """As runtimes take them: the bytes as they are, or as int8."""
        return cls(
            dtype=dtype,
            memory="NHWC",
            channel_order="RGBA",
            alpha=255,
            zero=0 if dtype == "uint8" else -128,
        )

    @model_validator(mode="after")
    def _in_range(self) -> Self:
        _require(self.zero == (0 if self.dtype == "uint8" else -128), "zero is not dtype's least")
        return self


class ArtifactInput(GrownRecord):
    """What the artifact takes."""

    kind: Literal["tensor", "image", "pixels"] = Field(
        description="tensor: normalized by the app as `input` says; image: the crop itself; "
        "pixels: its bytes with alpha, as `pixels` says."
    )
    name: Line = Field(description="Name of the input.")
    shape: tuple[Positive, ...] = Field(min_length=1, description="Sizes of the input.")
    pixels: Pixels | None = Field(
        default=None,
        description="How bytes are handed over; since version 2, absent where kind is another.",
    )

    @property
    def form(self) -> InputForm:
        """What it takes of the two that a network can be built for; an image is as it always is."""
        return "tensor" if self.pixels is None else "pixels"

    @model_validator(mode="after")
    def _described(self) -> Self:
        described = self.pixels is not None
        _require(described == (self.kind == "pixels"), "pixels are described where kind is pixels")
        return self


class ArtifactOutput(Record):
    """What the artifact gives back."""

    name: Line = Field(description="Name of the output that holds a figure for each class.")
    shape: tuple[Positive, ...] = Field(min_length=1, description="Sizes of the output.")
    kind: Literal["logits", "probabilities"] = Field(description="What the figures are.")
    label_output: Line | None = Field(description="Name of the output with the top label, if any.")


class Operators(Record):
    """The operators of the artifact, counted by name."""

    inside: OperatorCounts = Field(description="Run by the backend (inside the delegate).")
    outside: OperatorCounts = Field(description="Left to the runtime's portable operators.")
    float_on_purpose: tuple[Line, ...] = Field(
        description="Those that the recipe keeps in float in a quantized artifact."
    )

    def heavy_in_float(self) -> dict[str, int]:
        """Convolutions, fully connected layers and matrix products that run in float, by name."""
        return heavy_in_float(self.inside, self.outside)


class Measured(Record):
    """How close the artifact comes to the float network on held-back photos."""

    photos: Positive = Field(description="Number of inputs compared.")
    agreement: float = Field(ge=0, le=1, description="Share of them with the same top class.")
    sqnr_db: float | None = Field(
        description="Signal to error of the logits in dB; null where not one bit differs."
    )


class Artifact(FileRecord):
    """A network file for one runtime. Its SHA-256 is of the file, or of a .mlpackage folder:
    of the text that `find . -type f | LC_ALL=C sort | xargs sha256sum` prints inside it."""

    name: Name = Field(description="What commands and golden files call it.")
    format: Format = Field(description="executorch: .pte; onnx: .onnx; coreml: a folder.")
    backend: Engine = Field(description="What runs it.")
    precision: Precision = Field(description="int8: weights and activations; w8: weights alone.")
    bytes: Positive = Field(description="Size of the file, or of all files in the folder.")
    runtime: Runtime = Field(description="The oldest runtime that loads it.")
    input: ArtifactInput = Field(description="What it takes.")
    output: ArtifactOutput = Field(description="What it gives back.")
    operators: Operators = Field(description="What it is made of.")
    measured: Measured | None = Field(description="What was measured; null if it was not run.")
    verified: bool = Field(description="Whether it passed every gate at build time.")
    unverified_reason: Line | None = Field(description="Why it was not verified; null if it was.")

    @property
    def is_folder(self) -> bool:
        """Whether the artifact is a folder of files: a Core ML package."""
        return BACKENDS[self.format].is_folder

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        expected = BACKENDS[self.format].engine
        _require(self.backend == expected, f"{self.format} runs on {expected}")
        reason = self.unverified_reason is not None
        _require(reason != self.verified, "unverified_reason is for what is not verified")
        return self


class GoldenPhoto(Record):
    """One golden photo: what an app's preprocessing must make of it."""

    png: RelativeFile = Field(description="The decoded photo, lossless.")
    png_sha256: Sha256 = Field(description="SHA-256 of the PNG file.")
    rgb: RelativeFile = Field(description="After resize and crop: uint8, height, width, RGB.")
    rgb_sha256: Sha256 = Field(description="SHA-256 of the crop's bytes.")
    credit: Line | None = Field(
        description="Author and licence of a bundled sample; null for the user's own photo."
    )


class GoldenLogits(FileRecord):
    """Logits that an artifact's own program gives: count x classes float32, little-endian."""

    artifact: Name = Field(description="Name of the int8 or w8 artifact.")


class Golden(Record):
    """Photos that calibration never saw, with the answers that a correct runtime gives."""

    count: Positive = Field(description="Number of photos.")
    photos: tuple[GoldenPhoto, ...] = Field(description="The photos, in the order of the logits.")
    logits_float: FileRecord = Field(
        description="The float network's logits: count x classes float32, little-endian."
    )
    logits: tuple[GoldenLogits, ...] = Field(description="One for each int8 or w8 artifact.")

    @model_validator(mode="after")
    def _counted(self) -> Self:
        _require(self.count == len(self.photos), "count is not the number of photos")
        return self


class Manifest(Record):
    """A bundle of mobile-deploy: everything that an app or a check needs to know."""

    schema_version: int = Field(
        ge=1, le=SCHEMA_VERSION, description="Readers refuse a newer one than they know."
    )
    tool: Tool = Field(description="What wrote the bundle.")
    network: Network = Field(description="The network.")
    weights: Weights = Field(description="Its weights.")
    input: Input = Field(description="How a photo becomes its input.")
    labels: Labels = Field(description="Its classes' names.")
    calibration: Calibration = Field(description="The photos used.")
    toolkits: Versions = Field(description="Version of each toolkit that took part, by name.")
    artifacts: tuple[Artifact, ...] = Field(min_length=1, description="The network files.")
    golden: Golden = Field(description="Photos with known answers.")
    verification: FileRecord = Field(description="What was proved at build time, every figure.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _require(self.network.resolution == self.input.crop, "resolution and crop differ")
        _require(self.network.classes > 1, "a classifier has two classes or more")
        _require(self.network.classes == self.labels.count, "classes and labels differ in number")
        _distinct("artifact", (artifact.name for artifact in self.artifacts))
        quantized = {
            artifact.name for artifact in self.artifacts if artifact.precision in QUANTIZED
        }
        answered = [logits.artifact for logits in self.golden.logits]
        _distinct("golden logits of", answered)
        _require(
            set(answered) == quantized,
            "golden logits are for each int8 or w8 artifact and no other",
        )
        version = schema_version_of(self.artifacts)
        _require(self.schema_version >= version, f"pixels are of schema {version}")
        height, width = self.input.crop
        for taken in (artifact.input for artifact in self.artifacts):
            fits = taken.shape in ((1, height, width, 4), (1, 4, height, width))
            _require(taken.pixels is None or fits, "pixels are not four bytes for each of the crop")
        self._check_files()
        return self

    def _check_files(self) -> None:
        files = [file for file, _ in self.files()] + [artifact.file for artifact in self.artifacts]
        _distinct("file", [MANIFEST_FILE, *files])
        folded = {file.casefold() for file in [MANIFEST_FILE, *files]}
        for file in files:
            inside = [parent for parent in _parents(file.casefold()) if parent in folded]
            _require(not inside, f"the file {file} lies inside another")

    def files(self) -> Iterator[tuple[str, str]]:
        """Path and SHA-256 of every plain file but the artifacts and the manifest itself."""
        yield self.labels.file, self.labels.sha256
        yield self.verification.file, self.verification.sha256
        for photo in self.golden.photos:
            yield photo.png, photo.png_sha256
            yield photo.rgb, photo.rgb_sha256
        for logits in (self.golden.logits_float, *self.golden.logits):
            yield logits.file, logits.sha256


def schema_version_of(artifacts: Iterable[Artifact]) -> int:
    """The oldest schema that can tell of `artifacts`."""
    takes_pixels = any(artifact.input.kind == "pixels" for artifact in artifacts)
    return SCHEMA_VERSION if takes_pixels else PLAIN_VERSION


def heavy_in_float(*counts: Mapping[str, int]) -> dict[str, int]:
    """Of operators counted as `name.precision`, those with a classifier's work that are in float.

    >>> heavy_in_float({"conv.int8": 41, "conv.float": 11, "add.float": 5}, {"linear.float": 1})
    {'conv': 11, 'linear': 1}
    """
    found: dict[str, int] = {}
    for key, count in (item for some in counts for item in some.items()):
        name, _, precision = key.partition(".")
        if name in HEAVY and precision != "int8":
            found[name] = found.get(name, 0) + count
    return found


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)


def _distinct(what: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        # Phones' and Macs' file systems may not tell A from a.
        _require(name.casefold() not in seen, f"the {what} {name} is there twice")
        seen.add(name.casefold())


def _parents(file: str) -> Iterator[str]:
    while "/" in file:
        file = file.rpartition("/")[0]
        yield file


if __name__ == "__main__":
    sys.stdout.write(json_text(Manifest.json_schema()))
