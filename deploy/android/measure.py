"""profile: bundles measured on phones and on this computer, from their folders to the results."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from deploy.android.devices import Server, choose_runner, targets
from deploy.backends import RunnerName
from deploy.benchmark.bundles import ANY_RUNNER, open_bundles
from deploy.benchmark.defaults import COOL_BELOW_C, COOL_TIMEOUT_S, ITERATIONS, ROUNDS, WARMUP
from deploy.benchmark.plan import Arms
from deploy.benchmark.profile import Profiled, profile_targets
from deploy.benchmark.session import default_block_timeout
from deploy.results.cores import normal_choice
from deploy.results.records import Results, Settings
from deploy.support.errors import UserError
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
    server: Server | None = None,
    reporters: Callable[[str], Reporter] = lambda label: Silent(),
    keep: Callable[[Results], None] | None = None,
) -> Profiled:
    """Measure the bundles in these folders on `devices`, all in one session.

    `devices` are serials, "all", or "host" for this computer; none is the one phone that there is.
    `artifacts` are names, none all that the runner can run. `runner` runs the blocks: "app" on
    phones, "native" there and here (`runner_binary` where it is not to be compiled); None is the
    app where a phone has it, else the native runner, and this Python here. `threads` are an arm
    each (0: the runtime's own choice; None: 1, 2 and 4 as far as there are cores), `cores` what the
    native runner is held to. `reporters` makes one for each device, `keep` is given what there is
    so far now and then.

    Raises UserError for what cannot be measured, PhoneError where no phone is to be had. A device
    that fails harms no other: it is in `failures`.
    """
    if isinstance(bundles, (str, Path)):
        raise UserError("bundles: give a list of folders, such as [Path('bundles/mobilenet_v2')]")
    opened = open_bundles(
        [Path(folder) for folder in bundles],
        artifacts,
        runners=frozenset({"native"}) if runner == "native" else ANY_RUNNER,
    )
    cancelled = threading.Event()
    return profile_targets(
        opened,
        targets(
            devices,
            server or Server(),
            choose_runner(runner, runner_binary, opened),
            cancelled,
        ),
        Arms(
            threads=None if threads is None else tuple(threads),
            cores=normal_choice(cores) if cores else None,
        ),
        Settings(
            rounds=rounds,
            iterations=iterations,
            warmup=warmup,
            cool_below_c=cool_below_c,
            cool_timeout_s=cool_timeout_s,
            block_timeout_s=block_timeout_s or default_block_timeout(warmup, iterations),
            seed=0,
        ),
        reporters=reporters,
        cancelled=cancelled,
        keep=keep,
    )
