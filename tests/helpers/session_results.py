"""results.json as a session writes it, with times from a synthetic device."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np
from synthetic_device import SyntheticDevice

from deploy.bundle.manifest import Tool
from deploy.protocol.messages import (
    PROTOCOL_VERSION,
    Answer,
    GoldenAnswer,
    PreparationTimes,
    RunnerFacts,
)
from deploy.results.records import (
    RESULTS_VERSION,
    SUSTAINED_VERSION,
    Arm,
    ArmKey,
    Block,
    Cluster,
    Conditions,
    CoreClock,
    DeviceFacts,
    MeasuredArtifact,
    MeasuredBundle,
    MeasuredDevice,
    Results,
    Settings,
    Sustained,
)

GOLDEN = np.random.default_rng(5).normal(size=(2, 3)).astype(np.float32)
CALM = SyntheticDevice()


def session(
    slowdowns: Sequence[float] = (1.0,),
    *,
    seed: int = 0,
    rounds: int = 10,
    device: SyntheticDevice = CALM,
    phone: str = "serial-1",
    runtime: str = "1.4.1",
    logits: np.ndarray = GOLDEN,  # type: ignore[type-arg]
    allowed_khz: Sequence[int] = (2_000_000,),
    thermal_status: int = 0,
    debuggable: bool | None = None,
    preparation: PreparationTimes | None = None,
) -> Results:
    """One phone; an arm a slowdown, each of a bundle of its own, interleaved.

    `allowed_khz` is what the system allows the core, block by block, then the last for good; 0 is
    unreadable.
    """
    measured = device.measure(np.random.default_rng(seed), slowdowns=slowdowns, rounds=rounds)
    bundles = [_bundle(index) for index in range(len(slowdowns))]

    def seen(order: int) -> Conditions:
        allowed = allowed_khz[min(order, len(allowed_khz) - 1)]
        return Conditions(
            at_s=float(order),
            thermal_status=thermal_status,
            temperatures=(),
            battery_celsius=30.0,
            battery_level=0.8,
            charging=False,
            screen_on=True,
            locked=False,
            power_save=False,
            busy=0.1,
            clocks=(CoreClock(core=0, khz=1_000_000, allowed_khz=allowed or None),),
        )

    def block(round: int, order: int, times: Sequence[int]) -> Block:
        return Block(
            round=round,
            order=order,
            threads_seen=None,
            cores_seen=None,
            waited_s=0.0,
            cooled=True,
            before=seen(order),
            after=seen(order),
            answer=Answer(
                schema_version=PROTOCOL_VERSION,
                id=f"block-{order}",
                status="ok",
                error=None,
                runner=RunnerFacts(
                    name="app", version="0.1.0", runtime="ExecuTorch", runtime_version=runtime
                ),
                load_ns=5_000_000,
                first_ns=20_000_000,
                iterations_ns=tuple(times),
                thermal_before=None,
                thermal_after=None,
                memory_before_bytes=10**7,
                memory_peak_bytes=10**8,
                logits=tuple(GoldenAnswer.of(i, row) for i, row in enumerate(logits)),
                preparation=preparation,
            ),
            failure=None,
            debuggable=debuggable,
        )

    arms = tuple(
        Arm(
            key=ArmKey(
                network="tiny 1 4x4",
                format="executorch",
                precision="fp32",
                backend="xnnpack",
                runner="app",
                threads=4,
                cores=None,
            ),
            bundle=bundle.id,
            artifact="executorch-fp32",
            push_ns=10**9,
            blocks=tuple(
                block(
                    timed.round,
                    timed.round * len(slowdowns) + index,
                    timed.times.astype(int).tolist(),
                )
                for timed in blocks
            ),
        )
        for index, (bundle, blocks) in enumerate(zip(bundles, measured, strict=True))
    )
    return Results(
        schema_version=RESULTS_VERSION,
        tool=Tool(name="mobile-deploy", version="0.1.0"),
        session=f"session-{seed}",
        started="2026-01-01T00:00:00+00:00",
        settings=Settings(
            rounds=rounds,
            iterations=20,
            warmup=5,
            cool_below_c=38.0,
            cool_timeout_s=120.0,
            block_timeout_s=100.0,
            seed=0,
        ),
        bundles=tuple(bundles),
        devices=(
            MeasuredDevice(
                device=phone_facts(phone, clusters=[Cluster(cores=(0,), max_khz=2_000_000)]),
                arms=arms,
                warnings=(),
                failure=None,
                interrupted=False,
            ),
        ),
    )


def _bundle(index: int) -> MeasuredBundle:
    return MeasuredBundle(
        id=f"{index:064x}",
        label=f"bundle-{index}",
        network="tiny",
        width="1",
        resolution=(4, 4),
        classes=3,
        golden=2,
        float_logits=base64.b64encode(GOLDEN.tobytes()).decode(),
        artifacts=(
            MeasuredArtifact(
                name="executorch-fp32",
                format="executorch",
                precision="fp32",
                backend="xnnpack",
                bytes=100,
                sha256="a" * 64,
                own_logits=None,
            ),
        ),
    )


def phone_facts(serial: str = "serial-1", *, clusters: Sequence[Cluster] = ()) -> DeviceFacts:
    """An Android phone whose cores are `clusters`."""
    return DeviceFacts(
        kind="android",
        virtual=False,
        id=serial,
        serial=serial,
        connection="usb",
        manufacturer="maker",
        model="Phone",
        soc="SoC",
        os="Android 14",
        api=34,
        build="build-1",
        abi="arm64-v8a",
        ram_bytes=8 * 10**9,
        clusters=tuple(clusters),
    )


def sustained_session(
    levels: Sequence[Sequence[float]], *, seed: int = 0, pause_s: float = 1.0, mode: bool = False
) -> Results:
    """One phone; an arm for each of `levels`, which are of its blocks of 10 s, with a pause after
    each. Where a level is above 1, clocks are lowered and the phone is warmer by so much."""
    plain = session([1.0] * len(levels), seed=seed, rounds=max(map(len, levels)))
    (device,) = plain.devices
    arms = []
    for arm, slowdowns in zip(device.arms, levels, strict=True):
        blocks = []
        for number, (block, slower) in enumerate(zip(arm.blocks, slowdowns, strict=False)):
            assert block.answer is not None
            times = [round(ns * slower) for ns in block.answer.iterations_ns]
            # As many as take 10 s.
            times = times * max(1, round(10e9 / sum(times)))
            at_s = number * (10 + pause_s)
            clock = CoreClock(core=0, khz=None, allowed_khz=round(2_000_000 / slower))
            heat = {"clocks": (clock,), "battery_celsius": 30 * slower}
            blocks.append(
                block.model_copy(
                    update={
                        "round": number,
                        "cooled": None if number else True,
                        "before": block.before.model_copy(update={"at_s": at_s, **heat}),
                        "after": block.before.model_copy(update={"at_s": at_s + 10, **heat}),
                        "answer": block.answer.model_copy(update={"iterations_ns": tuple(times)}),
                    }
                )
            )
        arms.append(arm.model_copy(update={"blocks": tuple(blocks)}))
    seconds = (10 + pause_s) * max(map(len, levels))
    settings = plain.settings.model_copy(
        update={"rounds": 1, "sustained": Sustained(seconds=seconds, mode=mode)}
    )
    return plain.model_copy(
        update={
            "schema_version": SUSTAINED_VERSION,
            "settings": settings,
            "devices": (device.model_copy(update={"arms": tuple(arms)}),),
        }
    )
