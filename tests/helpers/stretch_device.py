"""A device without a phone that heats as it is worked, in time of its own: no test waits for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from session_results import phone_facts

from deploy.backends import RunnerName
from deploy.benchmark.runner import Ran
from deploy.protocol.faults import fault
from deploy.protocol.messages import Answer, GoldenAnswer, Request, RunnerFacts
from deploy.results.records import Conditions, CoreClock, DeviceFacts, Temperature
from deploy.virtual_phone.clock import PhoneClock
from deploy.virtual_phone.device_model import DeviceModel, Workload
from deploy.virtual_phone.heat import SUSTAINED_CLOCK
from deploy.virtual_phone.profiles import profile_named

WORK = Workload(milliseconds=25.0, bytes=1_000_000)


class HeatingDevice:
    """The model of the virtual pixel, as a device and its runner. Looking at all of it, as one does
    who waits for it to cool, takes 20 s of its time, and looking at its heat none.

    `dies_after` blocks it gives no more answers; what is asked as `stumbles_at` it answers when it
    is asked again, half a minute later.
    """

    def __init__(
        self,
        *,
        name: RunnerName = "app",
        dies_after: int | None = None,
        stumbles_at: int | None = None,
        logits: int = 3,
    ) -> None:
        self.clock = PhoneClock(0.0)
        self.model = DeviceModel(profile_named("pixel"), 0, self.clock)
        self.asked: list[Request] = []
        self.looks: list[bool] = []
        self.runner = self
        self.name: RunnerName = name
        self._dies_after, self._stumbles_at, self._logits = dies_after, stumbles_at, logits

    def facts(self) -> DeviceFacts:
        return phone_facts()

    def conditions(self, at_s: float, *, whole: bool = True) -> Conditions:
        self.looks.append(whole)
        if whole:
            self.clock.advance(20.0)
        return Conditions(
            at_s=self.clock.seconds(),
            thermal_status=self.model.thermal_status(),
            temperatures=(
                Temperature(name="skin", kind="SKIN", celsius=self.model.battery_celsius() + 3),
            ),
            battery_celsius=self.model.battery_celsius(),
            battery_level=None,
            charging=None,
            screen_on=None,
            locked=None,
            power_save=None,
            busy=None,
            clocks=(CoreClock(core=7, khz=None, allowed_khz=self.model.allowed_khz(2)),),
        )

    def warnings(self) -> Sequence[str]:
        return []

    def recover(self) -> str | None:
        return None

    def abandon(self) -> None:
        pass

    def start(self) -> None:
        pass

    def put(self, name: str, file: Path) -> None:
        pass

    def run(self, request: Request, mask: str | None, timeout: float) -> Ran:
        self.asked.append(request)
        if self._dies_after is not None and len(self.asked) > self._dies_after:
            raise fault("app-crashed", "running")
        if len(self.asked) == self._stumbles_at:
            self.clock.advance(30.0)
            raise fault("hung", "running")
        times = self.model.block(
            WORK,
            threads=request.threads,
            cores=tuple(range(8)),
            executions=1 + request.warmup + request.iterations,
            clock=SUSTAINED_CLOCK if request.sustained else 1.0,
        )
        # A process that ends, and the next that begins.
        self.clock.advance(0.5)
        answer = Answer.failed(request.id, "internal", "").model_copy(
            update={
                "status": "ok",
                "error": None,
                "runner": RunnerFacts(
                    name=self.name, version="1", runtime="ExecuTorch", runtime_version="1"
                ),
                "load_ns": times.load_ns,
                "first_ns": times.executions_ns[0],
                "iterations_ns": times.executions_ns[1 + request.warmup :],
                "logits": tuple(
                    GoldenAnswer.of(photo.index, np.zeros(self._logits, np.float32))
                    for photo in request.golden
                ),
            }
        )
        return Ran(answer=answer)

    def stop(self) -> None:
        raise AssertionError("a session leaves that to abandon")
