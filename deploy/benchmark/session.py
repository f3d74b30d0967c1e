"""One device's session: blocks of all arms in interleaved rounds, each judged fit to begin; or a
stretch of each, without pauses."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from deploy.benchmark.cooling import cool_timeout, describe_heat, is_as_cool, is_cool
from deploy.benchmark.device import Device
from deploy.benchmark.expected import describe_rest, describe_session, session_seconds
from deploy.benchmark.order import round_order
from deploy.benchmark.runner import Ran
from deploy.benchmark.staging import StagedBundle
from deploy.benchmark.stretch import MOST_SAMPLES, inferences_for, is_over
from deploy.bundle.manifest import Artifact
from deploy.protocol.faults import fault, helps_again
from deploy.protocol.messages import Answer, Preparation, Request, TimedInput, request_version
from deploy.results.records import (
    Arm,
    ArmKey,
    Block,
    Conditions,
    DeviceFacts,
    Failure,
    MeasuredDevice,
    Settings,
)
from deploy.results.stretch import lay_out
from deploy.support.cancel import CancelledError
from deploy.support.errors import PhoneError
from deploy.support.reporter import Foretold, Reporter

_START_BLOCK_S = 60.0
# A phone may need this long for an inference of a network that is worth measuring.
_SLOWEST_INFERENCE_S = 5.0


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How often a session tries what may go better again, and how often it looks whether a hot
    device has cooled."""

    tries: int = 3
    cool_poll_s: float = 1.0


USUAL = Patience()


@dataclass(frozen=True, kw_only=True)
class ArmPlan:
    """An arm to measure; `mask` holds its process to cores."""

    key: ArmKey
    staged: StagedBundle
    bundle_id: str
    artifact: Artifact
    mask: str | None


@dataclass
class _Tried:
    """One try of a block. `before` is None where the device could not even be looked at."""

    waited_s: float = 0.0
    cooled: bool | None = None
    before: Conditions | None = None
    ran: Ran | None = None
    failure: PhoneError | None = None


@dataclass
class _ArmState:
    """What has been measured of an arm so far."""

    plan: ArmPlan
    blocks: list[Block] = field(default_factory=list)
    given_up: bool = False


class Session:
    """The state of one device's session."""

    def __init__(
        self,
        device: Device,
        facts: DeviceFacts,
        plans: Sequence[ArmPlan],
        settings: Settings,
        reporter: Reporter,
        cancelled: threading.Event,
        patience: Patience = USUAL,
    ) -> None:
        self._device, self._facts, self._settings = device, facts, settings
        self._reporter, self._cancelled, self._patience = reporter, cancelled, patience
        self._arms = [_ArmState(plan) for plan in plans]
        self._guessed_s = session_seconds(plans, settings, facts)
        self._began = time.monotonic()
        self._order = 0
        self._cools = True
        self._samples = 0
        # How the first of several stretches began: the others are to begin so.
        self._first: Conditions | None = None
        self._over = False
        self._failure: Failure | None = None
        self._push_ns: dict[str, int] = {}
        self._warnings: list[str] = []

    def run(self) -> MeasuredDevice:
        """Measure. Whatever happens, the blocks so far are in the result and the phone is clean."""
        try:
            self._reporter.stage("preparing")
            for warning in self._device.warnings():
                self.warn(warning)
            self._start()
            self._foretell(describe_session(self._guessed_s, len(self._arms), self._settings))
            if self._settings.sustained:
                self._stretches(self._settings.sustained.seconds)
            else:
                self._rounds()
            self._over = True
        except PhoneError as error:
            self._failure = _failure(error)
            self._over = True
        except CancelledError:
            self._cancelled.set()
        except Exception as error:  # Not the user's doing: what there is, is of a failed session.
            self._failure = _failure(fault("unexpected", f"{type(error).__name__}: {error}"))
            self._over = True
            raise
        finally:
            self._reporter.stage("cleaning up")
            try:
                self._device.abandon()
            except PhoneError as error:
                self.warn(f"could not clean up ({error.kind}): the next run does")
        return self.measured()

    def measured(self) -> MeasuredDevice:
        """What there is so far; may be asked from another thread while it runs."""
        return MeasuredDevice(
            device=self._facts,
            arms=tuple(self._arm(state) for state in self._arms),
            warnings=tuple(self._warnings),
            failure=self._failure,
            interrupted=not self._over,
        )

    def _arm(self, state: _ArmState) -> Arm:
        plan = state.plan
        return Arm(
            key=plan.key,
            bundle=plan.bundle_id,
            artifact=plan.artifact.name,
            push_ns=self._push_ns.get(plan.staged.artifacts[plan.artifact.name].file),
            blocks=tuple(state.blocks),
        )

    def _rounds(self) -> None:
        """Each arm once a round, in the order that chance gives."""
        rounds = self._settings.rounds
        total, began = rounds * len(self._arms), self._now()
        self._reporter.stage("measuring")
        for number in range(rounds):
            if number == 1:
                left = (rounds - 1) * (self._now() - began)
                self._foretell(describe_rest(left, self._guessed_s * (rounds - 1) / rounds))
            for index in round_order(
                len(self._arms), round_number=number, seed=self._settings.seed
            ):
                state = self._arms[index]
                if not state.given_up:
                    state.blocks.append(self._block(state, number))
                self._order += 1
                self._reporter.progress("blocks", self._order, total)

    def _stretches(self, seconds: float) -> None:
        """One arm after the other, each cool when it begins."""
        for index, state in enumerate(self._arms):
            self._reporter.stage("measuring")
            self._stretch(state, seconds, before=index)

    def _stretch(self, state: _ArmState, seconds: float, *, before: int) -> None:
        """Blocks of one arm without pauses, for `seconds` of its own time or ours, whichever is
        longer: a virtual phone's runs ahead. `before` it were so many stretches."""
        total, iterations, elapsed = len(self._arms) * seconds, self._settings.iterations, 0.0
        while not is_over(seconds - elapsed, seconds):
            if self._cancelled.is_set():
                raise CancelledError
            if self._samples > MOST_SAMPLES:
                self.warn(f"ends after {MOST_SAMPLES:,} inferences: give fewer minutes or arms")
                return
            last = state.blocks[-1] if state.blocks else None
            block = self._block(state, len(state.blocks), iterations=iterations, last=last)
            state.blocks.append(block)
            self._order += 1
            if block.answer is None:
                return
            self._first = self._first or block.before
            self._samples += len(block.answer.iterations_ns)
            began = state.blocks[0].before.at_s
            placed = lay_out(state.blocks, warmup=self._settings.warmup)
            elapsed = max(placed[-1].end, self._now() - began)
            iterations = inferences_for(block.answer, max(seconds - elapsed, 0.0), seconds)
            done = before * seconds + min(elapsed, seconds)
            self._reporter.progress("seconds", round(done), round(total))

    def _block(
        self,
        state: _ArmState,
        number: int,
        *,
        iterations: int | None = None,
        last: Block | None = None,
    ) -> Block:
        """One block of an arm, tried again where that may help: of so many `iterations`, else of
        those of the settings; right after `last`, without waiting for anything, if there is one.

        Raises PhoneError where the phone is gone for good.
        """
        iterations = iterations or self._settings.iterations
        tried, tries = self._try(state, number, iterations, last), 1
        while tried.failure and helps_again(tried.failure) and tries < self._patience.tries:
            # A try that failed is told, not kept: the next one is a whole block of its own.
            self.warn(f"round {number + 1}, {state.plan.artifact.name}: {tried.failure}")
            self._recover()
            self._start()
            # What was seen after the last block is not how it is now.
            last = last and last.model_copy(update={"after": None})
            tried, tries = self._try(state, number, iterations, last), tries + 1
        ran, failure = tried.ran, tried.failure
        if tried.before is None:
            assert failure is not None
            raise failure
        state.given_up = failure is not None
        return Block(
            round=number,
            order=self._order,
            threads_seen=ran.threads_seen if ran else None,
            cores_seen=ran.cores_seen if ran else None,
            debuggable=ran.debuggable if ran else None,
            waited_s=tried.waited_s,
            cooled=tried.cooled,
            before=tried.before,
            after=None if failure else self._conditions_after(),
            answer=ran.answer if ran else None,
            failure=_failure(failure) if failure else None,
        )

    def _try(self, state: _ArmState, number: int, iterations: int, last: Block | None) -> _Tried:
        """Wait until it is cool, unless it follows on `last`, see that all files are there, run the
        block."""
        tried = _Tried()
        try:
            if last is None:
                tried.waited_s, tried.cooled, tried.before = self._wait_until_cool()
            else:
                tried.before = last.after or self._device.conditions(self._now(), whole=False)
            self._copy(state)
            tried.ran = self._device.runner.run(
                self._request(state, number, iterations),
                state.plan.mask,
                self._settings.block_timeout_s,
            )
            tried.failure = _runner_failure(tried.ran.answer)
        except PhoneError as error:
            tried.failure = error
        return tried

    def _conditions_after(self) -> Conditions | None:
        """None where the phone is lost just then: that spoils no answer that is there, and the next
        block meets it first."""
        try:
            return self._device.conditions(self._now(), whole=False)
        except PhoneError as error:
            self.warn(f"after a block: {error}")
            return None

    def _start(self) -> None:
        """Have the runner ready, tried again where that may help. Raises PhoneError."""
        tries = 1
        while True:
            try:
                self._device.runner.start()
                return
            except PhoneError as error:
                if tries >= self._patience.tries or not helps_again(error):
                    raise
                self.warn(f"while preparing: {error}")
            self._recover()
            tries += 1

    def _recover(self) -> None:
        happened = self._device.recover()
        if happened:
            self.warn(happened)

    def _copy(self, state: _ArmState) -> None:
        """See that all files are there; how long the artifact took holds for all of its arms."""
        staged, artifact = state.plan.staged, state.plan.artifact
        for name, file in staged.files_for(artifact).items():
            begin = time.perf_counter_ns()
            self._device.runner.put(name, file)
            if name == staged.artifacts[artifact.name].file:
                self._push_ns.setdefault(name, max(1, time.perf_counter_ns() - begin))

    def _request(self, state: _ArmState, number: int, iterations: int) -> Request:
        """All golden inputs are answered in the first round, later the timed one alone; and an app
        tells in the first what it takes before the network."""
        staged, artifact = state.plan.staged, state.plan.artifact
        golden = staged.golden[artifact.name][: None if number == 0 else 1]
        of_app = number == 0 and state.plan.key.runner == "app"
        preparation = Preparation.of(staged.bundle.manifest.input) if of_app else None
        return Request(
            schema_version=request_version(artifact.input.pixels, preparation),
            id=f"block-{self._order}-{secrets.token_hex(4)}",
            artifact=staged.artifacts[artifact.name],
            threads=state.plan.key.threads or 0,
            warmup=self._settings.warmup,
            iterations=iterations,
            shape=artifact.input.shape,
            pixels=artifact.input.pixels,
            input=TimedInput(golden=golden[0].index, seed=None),
            preparation=preparation,
            golden=golden,
            sustained=bool(self._settings.sustained and self._settings.sustained.mode),
        )

    def _wait_until_cool(self) -> tuple[float, bool | None, Conditions]:
        """Seconds waited, whether it is cool (None: heat unknown), and the conditions then.

        Having waited in vain once, only look, until it is seen cool again.
        """
        begin = time.monotonic()
        while True:
            now = self._device.conditions(self._now())
            cool = is_cool(now, self._settings.cool_below_c)
            if self._first and cool is not False and not is_as_cool(now, self._first):
                cool = False
            waited = time.monotonic() - begin
            if cool is not False or not self._cools or waited > cool_timeout(self._settings):
                break
            self._reporter.stage(f"cooling, {describe_heat(now)}")
            if self._cancelled.wait(self._patience.cool_poll_s):
                raise CancelledError
        if self._cancelled.is_set():
            raise CancelledError
        if waited > self._patience.cool_poll_s:
            self._reporter.stage("measuring")
        if self._cools and cool is False:
            limit = f"{cool_timeout(self._settings):g} s"
            where = f"to where the first arm began in {limit}"
            below = f"below {self._settings.cool_below_c:g} C in {limit}"
            self.warn(f"did not cool {where if self._first else below}")
        self._cools = cool is not False
        return round(waited, 3), cool, now

    def _now(self) -> float:
        return round(time.monotonic() - self._began, 3)

    def _foretell(self, text: str | None) -> None:
        if text and isinstance(self._reporter, Foretold):
            self._reporter.ahead(text)

    def warn(self, text: str) -> None:
        """Tell it now and keep it in the results, once."""
        if text not in self._warnings:
            self._warnings.append(text)
            self._reporter.warn(text)


def default_block_timeout(warmup: int, iterations: int) -> float:
    """Seconds enough for the slowest phone, golden inputs and all."""
    return _START_BLOCK_S + _SLOWEST_INFERENCE_S * (9 + warmup + iterations)


def _runner_failure(answer: Answer) -> PhoneError | None:
    if answer.error is None:
        return None
    return fault(answer.error.kind, f"the runner says {answer.error.text.strip() or 'nothing'}")


def _failure(error: PhoneError) -> Failure:
    return Failure(kind=error.kind, text=str(error)[:1000])
