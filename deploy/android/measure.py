"""profile: bundles measured on phones and on this computer, from their folders to the results."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from deploy.android.devices import Server, choose_runner, targets
from deploy.backends import RunnerName
from deploy.benchmark.bundles import ANY_RUNNER, Opened, open_bundles
from deploy.benchmark.defaults import COOL_BELOW_C, COOL_TIMEOUT_S, ITERATIONS, ROUNDS, WARMUP
from deploy.benchmark.emulated import ARM64, count_bundles
from deploy.benchmark.plan import Arms
from deploy.benchmark.profile import Profiled, profile_targets
from deploy.benchmark.session import default_block_timeout
from deploy.results.cores import normal_choice
from deploy.results.records import EmulatedProcessor, Results, Settings, Sustained
from deploy.support.errors import DeployError, UserError
from deploy.support.reporter import Reporter, Silent


def profile_bundles(
    bundles: Sequence[Path | str],
    devices: Sequence[str] = (),
    *,
    artifacts: Sequence[str] = (),
    runner: RunnerName | None = None,
    runner_binary: Path | None = None,
    threads: Sequence[int] | None = None,
    cores: str | None = None,
    rounds: int = ROUNDS,
    iterations: int = ITERATIONS,
    warmup: int = WARMUP,
    cool_below_c: float = COOL_BELOW_C,
    cool_timeout_s: float = COOL_TIMEOUT_S,
    block_timeout_s: float | None = None,
    sustained_s: float | None = None,
    sustained_mode: bool = False,
    seed: int | None = None,
    cpus: Sequence[str] = (),
    server: Server | None = None,
    reporters: Callable[[str], Reporter] = lambda label: Silent(),
    keep: Callable[[Results], None] | None = None,
) -> Profiled:
    """Measure the bundles in these folders on `devices`, all in one session.

    `devices` are serials, "all", "host" for this computer, or "arm64" to count instructions on the
    emulated processors `cpus` (one thread, .pte alone); none is the one phone that there is.
    `artifacts` are names, none all that the runner can run. `runner` runs the blocks: "app" on
    phones, "native" there and here (`runner_binary` where it is not to be compiled); None is the
    app where a phone has it, else the native runner, and this Python here. `threads` are an arm
    each (0: the runtime's own choice; None: 1, 2 and 4 as far as there are cores), `cores` what the
    native runner is held to. `sustained_s` gives each arm a stretch of so many seconds without
    pauses, and no rounds; with `sustained_mode` in Android's sustained-performance mode, which only
    the app can ask for. `seed` is of the order of the arms in each round, None a new one.
    `reporters` makes one for each device, `keep` is given what there is
    so far now and then.

    Raises UserError for what cannot be measured, PhoneError where no phone is to be had. A device
    that fails harms no other: it is in `failures`.
    """
    if isinstance(bundles, (str, Path)):
        raise UserError("bundles: give a list of folders, such as [Path('bundles/mobilenet_v2')]")
    named = [name for name in devices if name != ARM64]
    counts_alone = bool(devices) and not named
    if counts_alone and (threads is not None and tuple(threads) != (1,)):
        raise UserError(f"--device {ARM64} counts in one thread: leave --threads out")
    if sustained_s and ARM64 in devices:
        raise UserError(f"--sustained has no meaning for --device {ARM64}, which takes no time")
    if sustained_mode and not sustained_s:
        raise UserError("--sustained-mode is for --sustained: give both")
    if cpus and ARM64 not in devices:
        raise UserError(f"--cpu is for --device {ARM64}: give both")
    opened = open_bundles(
        [Path(folder) for folder in bundles],
        artifacts,
        runners=frozenset({"native"}) if runner == "native" or counts_alone else ANY_RUNNER,
    )
    cancelled = threading.Event()
    found = (
        []
        if counts_alone
        else targets(
            named,
            server or Server(),
            choose_runner(runner, runner_binary, opened),
            cancelled,
        )
    )
    # Before anything is measured: it would keep this computer busy.
    counted, failed = _count(opened, cpus, reporters) if ARM64 in devices else ((), {})
    profiled = profile_targets(
        opened,
        found,
        Arms(
            threads=None if threads is None else tuple(threads),
            cores=normal_choice(cores) if cores else None,
        ),
        Settings(
            rounds=1 if sustained_s else rounds,
            iterations=iterations,
            warmup=warmup,
            cool_below_c=cool_below_c,
            cool_timeout_s=cool_timeout_s,
            block_timeout_s=block_timeout_s or default_block_timeout(warmup, iterations),
            # Of chance, so that nothing on the device can keep step with the order.
            seed=secrets.randbelow(2**32) if seed is None else seed,
            sustained=Sustained(seconds=sustained_s, mode=sustained_mode) if sustained_s else None,
        ),
        reporters=reporters,
        cancelled=cancelled,
        keep=keep and (lambda results: keep(results.with_counts(counted))),
    )
    return replace(
        profiled,
        results=profiled.results.with_counts(counted),
        failures={**failed, **profiled.failures},
    )


def _count(
    opened: Sequence[Opened], cpus: Sequence[str], reporters: Callable[[str], Reporter]
) -> tuple[tuple[EmulatedProcessor, ...], dict[str, DeployError]]:
    """The counts, or why there are none. Raises UserError for what the user can mend first."""
    try:
        return count_bundles(opened, cpus, reporters(ARM64)), {}
    except UserError:
        raise
    except DeployError as error:
        return (), {ARM64: error}
