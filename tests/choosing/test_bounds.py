"""A latency limit leaves out what a smaller variant already exceeds, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tiny_sweeps import TARGETS, Builder, one_thread

from deploy.bundle.manifest import MANIFEST_FILE
from deploy.capture.spec import UNTRAINED
from deploy.choosing import choose as module
from deploy.choosing.bounds import smaller
from deploy.choosing.latency import Measuring, SessionOutcome
from deploy.choosing.records import Choice
from deploy.choosing.sweep import Requirements, Sweep, Variant
from deploy.results.judge import ArmReport
from deploy.support.hashing import sha256_file


class Device:
    """Takes as many ms as a variant has M MACs; `spoilt` sessions are INVALID, `lost` ones fail."""

    def __init__(self) -> None:
        self.sessions: list[int] = []
        self.spoilt = self.lost = False
        self.names: tuple[str, ...] = ("onnx-fp32", "executorch-int8")

    def measure(self, bundles: Sequence[Path], *_: object) -> SessionOutcome:
        self.sessions.append(len(bundles))
        if self.lost:
            return SessionOutcome(failure="the phone went away")
        arms = [arm for bundle in bundles for arm in self._arms(bundle)]
        return SessionOutcome(arms=tuple(cast(list[ArmReport], arms)))

    def _arms(self, bundle: Path) -> list[Any]:
        ms = float((bundle.parent / "ms").read_text())
        interval = SimpleNamespace(low=ms * 1e6, high=ms * 1.1e6)
        return [
            SimpleNamespace(
                arm=SimpleNamespace(artifact=name, key=SimpleNamespace(threads=1)),
                bundle=SimpleNamespace(id=sha256_file(bundle / MANIFEST_FILE)),
                summary=SimpleNamespace(p50=SimpleNamespace(value=ms * 1e6, interval=interval)),
                valid=not self.spoilt,
                reasons=("unstable",) if self.spoilt else (),
            )
            for name in self.names
        ]


MS = {("0.25", 96): 8.0, ("0.25", 128): 14.0, ("0.5", 96): 28.0, ("0.5", 128): 49.0}


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Device:
    found = Device()
    monkeypatch.setattr(module, "measure", found.measure)
    monkeypatch.setattr(module, "check_device", lambda measuring: None)
    return found


class Timed(Builder):
    def build(self, recipe: Any) -> tuple[str, ...]:
        said = super().build(recipe)
        key = (f"{recipe.network.width:g}", recipe.network.resolution[0])
        (recipe.output.parent / "ms").write_text(str(MS[key]))
        return said


def run(builder: Builder, folder: Path, limit_ms: float) -> Choice:
    return module.choose(
        Sweep(
            networks=("mobilenet_v1",),
            widths=(0.25, 0.5),
            resolutions=((96, 96), (128, 128)),
            weights=UNTRAINED,
            targets=TARGETS,
        ),
        folder,
        requirements=Requirements(max_latency_ms=limit_ms),
        measuring=Measuring(device="a phone"),
        executor=one_thread,
        work=builder.work,
    )


def test_what_a_smaller_variant_exceeds_is_not_built_and_said(
    device: Device, tmp_path: Path
) -> None:
    builder = Timed()
    choice = run(builder, tmp_path, 10.0)
    assert len(builder.made) == 3
    # The smallest, the two above it, and all in one session for the comparison.
    assert device.sessions == [1, 2, 3]
    *built, pruned = choice.variants
    assert [variant.state for variant in built] == ["built"] * 3
    assert (pruned.name, pruned.state) == ("mobilenet_v1:0.5@128", "pruned")
    assert pruned.why == (
        "over --max-latency-ms 10: the smaller mobilenet_v1:0.5@96 takes at least 28 ms, as "
        "onnx-fp32"
    )
    assert pruned.candidates[0].exceeds == ("--max-latency-ms 10: at least 28 ms",)
    assert pruned.candidates[0].latencies == ()
    assert choice.recommended is not None
    assert choice.recommended.variant == "mobilenet_v1:0.25@96"


def test_where_the_smallest_exceeds_it_is_all_that_is_built(device: Device, tmp_path: Path) -> None:
    builder = Timed()
    choice = run(builder, tmp_path, 5.0)
    assert builder.made == ["mobilenet_v1@96"]
    assert choice.reason == (
        "--max-latency-ms 5 excludes all 12 artifacts: the nearest is mobilenet_v1:0.25@96 "
        "onnx-fp32 (8 ms for --max-latency-ms 5)"
    )


def test_within_the_slack_nothing_is_concluded(device: Device, tmp_path: Path) -> None:
    builder = Timed()
    run(builder, tmp_path, 27.0)
    assert len(builder.made) == 4


@pytest.mark.parametrize("trouble", ["spoilt", "lost"])
def test_from_a_session_that_is_not_to_be_believed_nothing_is_concluded(
    trouble: str, device: Device, tmp_path: Path
) -> None:
    setattr(device, trouble, True)
    builder = Timed()
    choice = run(builder, tmp_path, 5.0)
    assert len(builder.made) == 4
    assert choice.recommended is None


def test_an_artifact_that_was_not_verified_in_what_is_smaller_may_be_quick_in_what_is_larger(
    device: Device, tmp_path: Path
) -> None:
    class Unproven(Timed):
        def build(self, recipe: Any) -> tuple[str, ...]:
            said = super().build(recipe)
            path = recipe.output / MANIFEST_FILE
            content = json.loads(path.read_text())
            for artifact in content["artifacts"]:
                if artifact["name"] == "executorch-int8":
                    artifact.update(verified=False, unverified_reason="no such runtime here")
            path.write_text(json.dumps(content))
            return said

    device.names = ("onnx-fp32",)
    builder = Unproven()
    run(builder, tmp_path, 10.0)
    assert len(builder.made) == 4


def test_wider_at_fewer_pixels_is_neither_smaller_nor_larger() -> None:
    wide = Variant(network="mobilenet_v1", width=1.0, resolution=(96, 96))
    fine = Variant(network="mobilenet_v1", width=0.5, resolution=(128, 128))
    other = Variant(network="mobilenet_v2", width=2.0, resolution=(224, 224))
    assert not smaller(wide, fine)
    assert not smaller(fine, wide)
    assert not smaller(wide, wide)
    assert not smaller(wide, other)
