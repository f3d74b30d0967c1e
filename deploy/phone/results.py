"""results.json: the facts of one measuring session, and nothing concluded from them.

Statistics and verdicts are computed on reading (`deploy.phone.judge`), so an iPhone's export and an
old file are judged as a new one is. `python -m deploy.phone.results` prints the JSON Schema kept in
docs/schema/results.schema.json.
"""

from __future__ import annotations

import sys
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.json_schema import GenerateJsonSchema

from deploy.bundle.fields import Count, Line, Name, Positive, Record, Sha256
from deploy.bundle.manifest import Backend, Format, Precision, Tool, json_text
from deploy.phone.protocol import Answer, Nanoseconds

RESULTS_VERSION = 1

RunnerName = Literal["app", "native", "host"]
Kilohertz = Annotated[int, Field(ge=0, le=100_000_000)]
Celsius = Annotated[float, Field(ge=-100, le=300)]
Share = Annotated[float, Field(ge=0, le=1)]


class Settings(Record):
    """What the session was asked to do."""

    rounds: Positive
    iterations: Positive = Field(description="Timed inferences of a block.")
    warmup: Count
    cool_below_c: Celsius = Field(description="A block begins when the battery is below this.")
    cool_timeout_s: Annotated[float, Field(ge=0)]
    block_timeout_s: Annotated[float, Field(gt=0)]
    seed: Count = Field(description="Of the timed input where there is no golden one.")


class MeasuredArtifact(Record):
    """An artifact of a bundle, with what its answers are judged by."""

    name: Name
    format: Format
    precision: Precision
    backend: Backend
    bytes: Positive
    sha256: Sha256
    own_logits: str | None = Field(
        description="Base64 of the golden logits of its own int8 program: float32, little-endian, "
        "golden x classes; null for a float artifact."
    )


class MeasuredBundle(Record):
    """A bundle, by the hash of its manifest."""

    id: Sha256 = Field(description="SHA-256 of manifest.json.")
    label: Line = Field(description="What to call it: the folder's name.")
    network: Line
    width: Line = Field(description="The width multiplier, as text.")
    resolution: tuple[Positive, Positive]
    classes: Positive
    golden: Count = Field(description="Number of golden photos.")
    float_logits: str = Field(
        description="Base64 of the float network's golden logits: float32, little-endian, "
        "golden x classes."
    )
    artifacts: tuple[MeasuredArtifact, ...]


class ArmKey(Record):
    """What makes an arm the same arm in two files."""

    network: Line = Field(description="The network with width and resolution, as text.")
    format: Format
    precision: Precision
    backend: Backend
    runner: RunnerName
    threads: Annotated[int, Field(ge=0, le=64)] | None = Field(
        description="0: the runtime's own choice. null where it cannot be set (iOS)."
    )
    cores: Line | None = Field(
        description="big, little or a hexadecimal mask that the process was held to; null: free. "
        "On iOS the compute units: all, cpu-only or cpu-and-neural-engine."
    )


class Cluster(Record):
    """Cores that share a highest clock."""

    cores: tuple[Count, ...]
    max_khz: Kilohertz | None


class DeviceFacts(Record):
    """What the phone, or this computer, is. Unknown is null."""

    kind: Literal["android", "ios", "host"]
    virtual: bool = Field(description="A virtual phone: nothing measured on it is of a real one.")
    id: Line = Field(description="Tells devices apart: the serial number that it has of its own.")
    serial: Line | None = Field(description="What adb calls it.")
    connection: Literal["usb", "tcp", "local"]
    manufacturer: Line | None
    model: Line
    soc: Line | None
    os: Line = Field(description="Such as Android 14, iOS 17.5, Linux 6.1.")
    api: Positive | None
    build: Line | None = Field(description="Fingerprint of the system.")
    abi: Line
    ram_bytes: Positive | None
    clusters: tuple[Cluster, ...] = Field(description="Slowest first; empty where unreadable.")


class CoreClock(Record):
    core: Count
    khz: Kilohertz | None = Field(description="The clock now.")
    allowed_khz: Kilohertz | None = Field(description="The highest that the system allows now.")


class Temperature(Record):
    name: Line
    kind: Line = Field(description="Such as CPU, SKIN, BATTERY.")
    celsius: Celsius


class Conditions(Record):
    """What the harness saw around a block. Unknown is null or empty."""

    at_s: Annotated[float, Field(ge=0)] = Field(description="Seconds since the session began.")
    thermal_status: Annotated[int, Field(ge=0, le=6)] | None
    temperatures: tuple[Temperature, ...]
    battery_celsius: Celsius | None
    battery_level: Share | None
    charging: bool | None
    screen_on: bool | None
    locked: bool | None
    power_save: bool | None
    busy: Share | None = Field(description="Share of all cores' time not idle just before.")
    clocks: tuple[CoreClock, ...]


class Failure(Record):
    """Why a block or a device gave nothing."""

    kind: Line = Field(description="One of docs/benchmark-protocol.md's kinds.")
    text: Line = Field(description="What is wrong and what to do.")


class Block(Record):
    """One fresh process of one arm."""

    round: Count
    order: Count = Field(description="Place in the session, over all arms.")
    threads_seen: Count | None = Field(description="Threads of the process, where it was looked.")
    cores_seen: Line | None = Field(description="Cpus_allowed_list of the process, where looked.")
    waited_s: Annotated[float, Field(ge=0)] = Field(description="For the phone to cool.")
    cooled: bool | None = Field(description="False: gave up waiting. null: heat unknown.")
    before: Conditions
    after: Conditions | None
    answer: Answer | None
    failure: Failure | None


class Arm(Record):
    key: ArmKey
    bundle: Sha256 = Field(description="`id` of its bundle.")
    artifact: Name = Field(description="`name` of its artifact in the bundle.")
    push_ns: Nanoseconds | None = Field(description="Copying the artifact to the phone.")
    blocks: tuple[Block, ...]


class MeasuredDevice(Record):
    device: DeviceFacts
    arms: tuple[Arm, ...]
    warnings: tuple[Line, ...]
    failure: Failure | None = Field(description="What ended this device's session early.")
    interrupted: bool = Field(description="Ctrl-C: what there is, is partial.")


class Results(Record):
    """One session: devices, their arms, the blocks as they came."""

    schema_version: int = Field(ge=1)
    tool: Tool
    session: Line = Field(description="A random name: two files of one session share it.")
    started: Line = Field(description="ISO 8601, UTC.")
    settings: Settings
    bundles: tuple[MeasuredBundle, ...]
    devices: tuple[MeasuredDevice, ...]

    def to_json(self) -> str:
        """The text of results.json."""
        return json_text(self.model_dump(mode="json"))


def schema() -> dict[str, Any]:
    """The JSON Schema of results.json."""
    return {"$schema": GenerateJsonSchema.schema_dialect, **Results.model_json_schema()}


if __name__ == "__main__":
    sys.stdout.write(json_text(schema()))
