"""What to build, checked where it is made: a Recipe that exists can be built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.backends import BACKENDS, INPUT_FORMS, InputForm, Precision
from deploy.bundle.manifest import QUANTIZED
from deploy.capture.spec import NetworkSpec
from deploy.emulation.processors import processors_named
from deploy.quantization.effort import DEFAULT_AGREEMENT, EFFORTS, MODES
from deploy.support.choices import one_of
from deploy.support.durations import Artifacts
from deploy.support.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Target:
    """One artifact to make."""

    format: str
    precision: Precision

    @property
    def name(self) -> str:
        return f"{self.format}-{self.precision}"


def make_targets(
    formats: Sequence[str] | None = None, precisions: Sequence[str] | None = None
) -> tuple[Target, ...]:
    """The artifacts for these formats (None: all that can be written here) and precisions (None:
    each format's defaults).

    Raises UserError for a precision that none of the formats has, and for a named format that
    would get no artifact or cannot be written here.
    """
    writable = [name for name, backend in BACKENDS.items() if backend.unwritable is None]
    chosen = [one_of("--formats", "format", name, BACKENDS) for name in formats or writable]
    for name in chosen:
        if why := BACKENDS[name].unwritable:
            raise UserError(f"--formats: {why}: leave it out, or build on macOS or x86-64 Linux")
    offered = {p for backend in BACKENDS.values() for p in backend.precisions}
    for precision in precisions or ():
        one_of("--precisions", "precision", precision, offered)
        if not any(precision in BACKENDS[f].precisions for f in chosen):
            having = [f for f, backend in BACKENDS.items() if precision in backend.precisions]
            raise UserError(
                f"--precisions: {', '.join(chosen)} has no {precision} artifact: "
                f"{precision} is for {', '.join(having)}"
            )
    targets = [
        Target(format=backend.format, precision=precision)
        for backend in (BACKENDS[name] for name in dict.fromkeys(chosen))
        for precision in backend.precisions
        if (precision in precisions if precisions else precision in backend.defaults)
    ]
    for name in formats or ():
        if not any(target.format == name for target in targets):
            raise UserError(
                f"--formats: {name} has none of the precisions {', '.join(precisions or ())}: "
                f"it has {', '.join(BACKENDS[name].precisions)}"
            )
    return tuple(targets)


def efforts(targets: Sequence[Target]) -> Artifacts:
    """What making them takes, for an estimate of how long."""

    def sum_of(*, quantized: bool) -> float:
        chosen = [one for one in targets if (one.precision in QUANTIZED) == quantized]
        return sum(BACKENDS[target.format].effort for target in chosen)

    return Artifacts(in_float=sum_of(quantized=False), quantized=sum_of(quantized=True))


def left_out() -> list[str]:
    """Why formats are missing from `make_targets()`; nothing where all can be written."""
    return [
        f"{backend.unwritable}: {backend.format} is left out"
        for backend in BACKENDS.values()
        if backend.unwritable
    ]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that `build` needs to know. Raises UserError for what cannot be built.

    `photos` is a folder, None for the bundled samples; `targets`, left out, are the defaults of
    every format that can be written here. `input` is what those take whose format has the choice:
    a normalized "tensor" of floats, or "pixels", the bytes of a bitmap. `int8` is "pure" for int8
    alone, or "auto" to leave a few parts in float as far as `target_agreement` needs it;
    `min_agreement` makes that a gate. Artifacts of the formats in `allow_unverified` are written
    even where they cannot be run here. The .pte ones are also proved on the emulated processors
    `prove_on`.
    """

    network: NetworkSpec
    output: Path
    targets: tuple[Target, ...] = field(default_factory=make_targets)
    photos: Path | None = None
    input: InputForm = "tensor"
    int8: str = "auto"
    int8_effort: str = "normal"
    min_agreement: float | None = None
    allow_unverified: frozenset[str] = frozenset()
    prove_on: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.network, NetworkSpec):
            raise UserError(f"network: give NetworkSpec({self.network!r})")
        object.__setattr__(self, "output", Path(self.output))
        if self.photos is not None:
            object.__setattr__(self, "photos", Path(self.photos))
        if not self.targets:
            raise UserError("targets: nothing to make: give make_targets(), or leave targets out")
        for target in self.targets:
            one_of("targets", "format", target.format, BACKENDS)
            one_of(
                "targets",
                f"precision of {target.format}",
                target.precision,
                BACKENDS[target.format].precisions,
            )
        one_of("--input", "form", self.input, INPUT_FORMS)
        one_of("--int8", "mode", self.int8, MODES)
        one_of("--int8-effort", "effort", self.int8_effort, EFFORTS)
        if self.min_agreement is not None and not 0 < self.min_agreement <= 1:
            raise UserError(
                f"--min-agreement {self.min_agreement:g} is out of range: give a share of the "
                "photos above 0 and at most 1, such as 0.97"
            )
        for name in self.allow_unverified:
            one_of("--allow-unverified", "format", name, BACKENDS)
        processors_named("--prove-on", self.prove_on)

    @property
    def target_agreement(self) -> float:
        """What int8 is to reach, on the held-back photos."""
        return DEFAULT_AGREEMENT if self.min_agreement is None else self.min_agreement

    def form_of(self, target: Target) -> InputForm:
        """What the program of `target` takes; Core ML's is made an image input by its exporter."""
        return self.input if BACKENDS[target.format].takes_pixels else "tensor"

    def forms(self, *, quantized: bool) -> tuple[InputForm, ...]:
        """What the programs take of targets in int8 or w8, or of those in float."""
        targets = (t for t in self.targets if (t.precision in QUANTIZED) == quantized)
        return tuple(dict.fromkeys(map(self.form_of, targets)))

    def file_name(self, target: Target) -> str:
        """Such as `mobilenet_v2_int8.pte`."""
        suffix = BACKENDS[target.format].suffix
        return f"{self.network.file_name}_{target.precision}{suffix}"
