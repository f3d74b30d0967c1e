"""results.json: the facts of one measuring session, and nothing concluded from them.

Statistics and verdicts are computed on reading (`deploy.results.judge`), so an iPhone's export and
an old file are judged as a new one is. `python -m deploy.results.records` prints the JSON Schema
kept in docs/schema/results.schema.json.
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from typing import Annotated, Literal

from pydantic import Field

from deploy.backends import InputForm, Precision, RunnerName
from deploy.bundle.fields import Count, GrownRecord, Line, Name, Positive, Record, Sha256
from deploy.bundle.manifest import Engine, Format, Tool
from deploy.protocol.messages import Answer, Nanoseconds
from deploy.support.json_text import json_text

RESULTS_VERSION = 1
EMULATED_VERSION = 2
"""Of results with counts of emulated processors: those without are as they were."""
SUSTAINED_VERSION = 3
"""Of results of `--sustained`: older readers would take them for rounds that took turns."""
PIXELS_VERSION = 4
"""Of results in which an artifact took pixels: of others, as before."""
APP_VERSION = 5
"""Of results that tell of an app whether it was debuggable, or what it took before the network."""
NEWEST_VERSION = APP_VERSION

Kilohertz = Annotated[int, Field(ge=0, le=100_000_000)]
Celsius = Annotated[float, Field(ge=-100, le=300)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Sustained(Record):
    """Each arm in a stretch of its own: blocks back to back, without pauses and without turns."""

    seconds: Annotated[float, Field(gt=0)] = Field(description="How long a stretch lasts.")
    mode: bool = Field(description="Whether Android's sustained-performance mode was asked for.")


class Settings(GrownRecord):
    """What the session was asked to do."""

    rounds: Positive = Field(
        description="Blocks of each arm; of a sustained session 1, for its one stretch."
    )
    iterations: Positive = Field(
        description="Timed inferences of a block; of a sustained session those of a stretch's "
        "first, which tells how many fill the others."
    )
    warmup: Count = Field(description="Untimed inferences of a block, after the first.")
    cool_below_c: Celsius = Field(description="A block begins when the battery is below this.")
    cool_timeout_s: Annotated[float, Field(ge=0)] = Field(
        description="How long a block waits to be cool."
    )
    block_timeout_s: Annotated[float, Field(gt=0)] = Field(description="How long a block may take.")
    seed: Count = Field(description="Of the order of the arms in each round.")
    sustained: Sustained | None = Field(
        default=None, description="Since version 3; absent where arms took turns."
    )


class MeasuredArtifact(Record):
    """An artifact of a bundle, with what its answers are judged by."""

    name: Name = Field(description="As in the bundle's manifest.")
    format: Format = Field(description="executorch, onnx or coreml.")
    precision: Precision = Field(description="Of weights and activations.")
    backend: Engine = Field(description="What runs it.")
    bytes: Positive = Field(description="Size of the file, or of all files in the folder.")
    sha256: Sha256 = Field(description="As in the bundle's manifest.")
    own_logits: str | None = Field(
        description="Base64 of the golden logits of its own int8 program: float32, little-endian, "
        "golden x classes; null for a float artifact."
    )


class MeasuredBundle(Record):
    """A bundle, by the hash of its manifest."""

    id: Sha256 = Field(description="SHA-256 of manifest.json.")
    label: Line = Field(description="What to call it: the folder's name.")
    network: Line = Field(description="Name in the registry, or module:factory.")
    width: Line = Field(description="The width multiplier, as text.")
    resolution: tuple[Positive, Positive] = Field(description="Height and width of the input.")
    classes: Positive = Field(description="Length of the output.")
    golden: Count = Field(description="Number of golden photos.")
    float_logits: str = Field(
        description="Base64 of the float network's golden logits: float32, little-endian, "
        "golden x classes."
    )
    artifacts: tuple[MeasuredArtifact, ...] = Field(description="Those that were measured.")


Taken = Annotated[
    InputForm,
    Field(
        description="pixels, or tensor for all else, as of older files; since version 4, absent "
        "where tensor.",
    ),
]


class ArmKey(GrownRecord):
    """What makes an arm the same arm in two files."""

    network: Line = Field(description="The network with width and resolution, as text.")
    format: Format = Field(description="Of the artifact.")
    precision: Precision = Field(description="Of the artifact.")
    backend: Engine = Field(description="What ran it.")
    runner: RunnerName = Field(description="Whose process it ran in.")
    threads: Annotated[int, Field(ge=0, le=64)] | None = Field(
        description="0: the runtime's own choice. null where it cannot be set (iOS)."
    )
    cores: Line | None = Field(
        description="big, little or a hexadecimal mask that the process was held to; null: free. "
        "On iOS the compute units: all, cpu-only or cpu-and-neural-engine."
    )
    input: Taken = "tensor"


class Cluster(Record):
    """Cores that share a highest clock."""

    cores: tuple[Count, ...] = Field(description="Numbers of its cores.")
    max_khz: Kilohertz | None = Field(description="Highest clock of the hardware.")


class DeviceFacts(Record):
    """What the phone, or this computer, is. Unknown is null."""

    kind: Literal["android", "ios", "host"] = Field(description="host: a computer.")
    virtual: bool = Field(description="A virtual phone: nothing measured on it is of a real one.")
    id: Line = Field(
        description="Tells devices apart: the serial number that it has of its own; on Android "
        "with a hash of its android_id, since cheap phones share serial numbers."
    )
    serial: Line | None = Field(description="What adb calls it.")
    connection: Literal["usb", "tcp", "local"] = Field(
        description="How adb reaches it; local: no adb."
    )
    manufacturer: Line | None = Field(description="Who made it.")
    model: Line = Field(description="What it is called.")
    soc: Line | None = Field(description="The chip.")
    os: Line = Field(description="Such as Android 14, iOS 17.5, Linux 6.1.")
    api: Positive | None = Field(description="Android's API level.")
    build: Line | None = Field(description="Fingerprint of the system.")
    abi: Line = Field(description="The first that it runs.")
    ram_bytes: Positive | None = Field(description="Memory in all.")
    clusters: tuple[Cluster, ...] = Field(description="Slowest first; empty where unreadable.")


class CoreClock(Record):
    core: Count = Field(description="Its number.")
    khz: Kilohertz | None = Field(description="The clock now.")
    allowed_khz: Kilohertz | None = Field(description="The highest that the system allows now.")


class Temperature(Record):
    name: Line = Field(description="Name of the sensor.")
    kind: Line = Field(description="Such as CPU, SKIN, BATTERY.")
    celsius: Celsius = Field(description="What it reads.")


class Conditions(Record):
    """What the harness saw around a block. Unknown is null or empty; after a block only heat,
    battery and clocks are looked at."""

    at_s: Annotated[float, Field(ge=0)] = Field(description="Seconds since the session began.")
    thermal_status: Annotated[int, Field(ge=0, le=6)] | None = Field(
        description="0 none to 6 shutdown."
    )
    temperatures: tuple[Temperature, ...] = Field(description="Of every sensor that tells one.")
    battery_celsius: Celsius | None = Field(description="Temperature of the battery.")
    battery_level: Fraction | None = Field(description="Charge of the battery.")
    charging: bool | None = Field(description="Whether it is being charged.")
    screen_on: bool | None = Field(description="Whether the screen is on.")
    locked: bool | None = Field(description="Whether the lock screen is shown.")
    power_save: bool | None = Field(description="Whether battery saver is on.")
    busy: Fraction | None = Field(description="Share of all cores' time not idle just before.")
    clocks: tuple[CoreClock, ...] = Field(description="Of every core that tells one.")


class Failure(Record):
    """Why a block or a device gave nothing."""

    kind: Line = Field(description="One of docs/benchmark-protocol.md's kinds.")
    text: Line = Field(description="What is wrong and what to do.")


class Block(GrownRecord):
    """One fresh process of one arm."""

    round: Count = Field(
        description="Every arm has one block in each; of a stretch, the number of the block."
    )
    order: Count = Field(description="Place in the session, over all arms.")
    threads_seen: Count | None = Field(description="Threads of the process, where it was looked.")
    cores_seen: Line | None = Field(description="Cpus_allowed_list of the process, where looked.")
    waited_s: Annotated[float, Field(ge=0)] = Field(description="For the phone to cool.")
    cooled: bool | None = Field(
        description="False: gave up waiting. null: heat unknown, or not waited for."
    )
    before: Conditions = Field(description="Just before the process was started.")
    after: Conditions | None = Field(description="Just after it had answered.")
    answer: Answer | None = Field(description="The runner's, as it came; null without one.")
    failure: Failure | None = Field(description="Why there are no figures, after every try.")
    debuggable: bool | None = Field(
        default=None,
        description="Whether the Android app that ran it was debuggable, and so under CheckJNI; "
        "since version 5, absent where no app ran it. Before, every such app was debuggable.",
    )

    @property
    def tells_of_app(self) -> bool:
        """Whether it holds what version 5 brought."""
        prepared = self.answer is not None and self.answer.preparation is not None
        return prepared or self.debuggable is not None


class Arm(Record):
    key: ArmKey = Field(description="What makes it the same arm in another file.")
    bundle: Sha256 = Field(description="`id` of its bundle.")
    artifact: Name = Field(description="`name` of its artifact in the bundle.")
    push_ns: Nanoseconds | None = Field(description="Copying the artifact to the phone.")
    blocks: tuple[Block, ...] = Field(description="In the order they ran.")


class MeasuredDevice(Record):
    device: DeviceFacts = Field(description="What it is.")
    arms: tuple[Arm, ...] = Field(description="In the order they were asked for.")
    warnings: tuple[Line, ...] = Field(
        description="What was unfavourable, and what went wrong and was tried again."
    )
    failure: Failure | None = Field(description="What ended this device's session early.")
    interrupted: bool = Field(description="Ctrl-C: what there is, is partial.")


class InstructionCounts(Record):
    """The instructions of one inference, by kind."""

    dot_product: Count = Field(description="SDOT, UDOT: four products of bytes a lane.")
    i8mm: Count = Field(description="SMMLA and its like: products of matrices of bytes.")
    multiply_add: Count = Field(description="Other multiply-adds of vectors and floats.")
    load: Count = Field(description="Reading memory.")
    store: Count = Field(description="Writing memory.")
    other: Count = Field(description="All others.")

    @property
    def total(self) -> int:
        by_kind: dict[str, int] = self.model_dump()
        return sum(by_kind.values())


class CountedArm(GrownRecord):
    network: Line = Field(description="As in an arm's key.")
    precision: Precision = Field(description="Of the artifact.")
    bundle: Sha256 = Field(description="`id` of its bundle.")
    artifact: Name = Field(description="`name` of its artifact in the bundle.")
    instructions: InstructionCounts = Field(description="Of one inference, in one thread.")
    input: Taken = "tensor"


class EmulatedProcessor(Record):
    """What .pte artifacts execute on a processor that is emulated. No times."""

    processor: Line = Field(description="Such as cortex-a76.")
    emulator: Line = Field(description="What emulates it, with its version.")
    runtime: Line = Field(description="What ran the artifacts, with its version.")
    arms: tuple[CountedArm, ...] = Field(description="In the order they were asked for.")


class Results(GrownRecord):
    """One session: devices, their arms, the blocks as they came."""

    schema_version: int = Field(ge=1, description="Readers refuse a newer one than they know.")
    tool: Tool = Field(description="What wrote the file.")
    session: Line = Field(description="A random name: two files of one session share it.")
    started: Line = Field(description="ISO 8601, UTC.")
    settings: Settings = Field(description="What was asked for.")
    bundles: tuple[MeasuredBundle, ...] = Field(description="What was measured.")
    devices: tuple[MeasuredDevice, ...] = Field(description="What it was measured on.")
    emulated: tuple[EmulatedProcessor, ...] = Field(
        default=(), description="What it was counted on; since version 2, absent where on none."
    )

    def with_devices(self, devices: tuple[MeasuredDevice, ...]) -> Results:
        """The same with what was measured on `devices`."""
        arms = [arm for device in devices for arm in device.arms]
        version = self._version({arm.key.input for arm in arms})
        if any(block.tells_of_app for arm in arms for block in arm.blocks):
            version = APP_VERSION
        return self.model_copy(update={"devices": devices, "schema_version": version})

    def with_counts(self, emulated: tuple[EmulatedProcessor, ...]) -> Results:
        """The same with counts, if there are any."""
        if not emulated:
            return self
        took = {arm.input for on in emulated for arm in on.arms}
        version = max(EMULATED_VERSION, self._version(took))
        return self.model_copy(update={"emulated": emulated, "schema_version": version})

    def _version(self, took: Collection[InputForm]) -> int:
        return max(self.schema_version, PIXELS_VERSION if "pixels" in took else 0)


if __name__ == "__main__":
    sys.stdout.write(json_text(Results.json_schema()))
