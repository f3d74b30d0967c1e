"""What build, verify and evaluate show: tables, JSON, and the progress on a terminal."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from bundle_factory import make_bundle

from deploy.bundle.open import open_bundle
from deploy.cli import build, evaluate, verify
from deploy.cli.progress import OnTerminal, Piped, bar
from deploy.statistics.accuracy import share
from deploy.statistics.error_statistics import ErrorStatistics
from deploy.verification.bundle import Verified
from deploy.verification.emulated import EmulatedProof
from deploy.verification.evaluate import Evaluation
from deploy.verification.gates import Check
from deploy.verification.tally import ArtifactScore, Changed, ClassScore

Captured = pytest.CaptureFixture[str]


def test_a_pipe_gets_warnings_and_no_progress() -> None:
    stream = io.StringIO()
    piped = Piped(stream)
    piped.stage("calibrating")
    piped.progress("photos", 1, 2)
    piped.warn("few photos")
    assert stream.getvalue() == "warning: few photos\n"
    assert piped.warnings == ["few photos"]


def test_a_terminal_gets_stages_a_bar_and_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with bar(stream) as drawn:
        watcher = OnTerminal(drawn)
        watcher.stage("calibrating")
        watcher.progress("photos [1]", 1, 4)
        drawn.refresh()
        watcher.warn("few photos")
        watcher.progress("photos", 4, 4)
        assert drawn.tasks[0].total is None, "it pulses, for something still runs"
        watcher.stage("exporting")
        watcher.finish()
    shown = stream.getvalue()
    assert "calibrating: photos [1]" in shown
    assert "25%" in shown
    assert "warning: few photos" in shown
    assert "calibrating: 0.0 s" in shown
    assert "exporting: 0.0 s" in shown
    assert watcher.warnings == ["few photos"]


def test_what_build_shows(tmp_path: Path, capfd: Captured) -> None:
    from deploy.pipeline.build import Built
    from deploy.quantization.mixed_precision import Mix

    manifest = make_bundle(tmp_path)
    first, second, third = manifest.artifacts
    assert first.measured is not None
    exact = first.measured.model_copy(update={"sqnr_db": None, "agreement": 1.0})
    unproven = {"measured": None, "verified": False, "unverified_reason": "no such operator"}
    artifacts = (
        first.model_copy(update={"measured": exact}),
        second.model_copy(update={"bytes": 3_758_496}),
        third.model_copy(update=unproven),
    )
    built = Built(
        folder=Path("my bundles/tiny"),
        manifest=manifest.model_copy(update={"artifacts": artifacts}),
        checks=(),
        warnings=(),
        emulated=(),
        held_back_photos=4,
        mix=Mix(
            decisions=None,  # type: ignore[arg-type]
            in_float=("conv2d", "add"),
            macs=0.1,
            slowdown=1.124,
            agreement=0.9,
        ),
        seconds=42.03,
        artifact_seconds={first.name: 15.5, second.name: 3.25, third.name: 7.0},
    )
    build.show(built)
    out = capfd.readouterr().out
    assert (
        out
        == """\
artifact          MB     dB         agreement %  seconds
onnx_fp32        0.0  exact  100.0 (67.6-100.0)     15.5
executorch_int8  3.8   23.5    87.5 (52.9-97.8)      3.2
coreml_int8      0.0      -                   -      7.0

dB: signal to error of the logits against the float network. agreement: the same
top class, with its 95 % interval. Both on 8 crops of 4 photos,
held back from calibration.
int8 was calibrated on 24 crops of 12 of your photos.
2 parts that int8 would hurt most are in float, 10 % of the work: an
estimated 12 % more time.
weights: none.
inputs: 4x4 RGB from 0 to 1, less 0.485 0.456 0.406, over 0.229 0.224 0.225.
coreml_int8 could not be run: no such operator

wrote my bundles/tiny in 42.0 s; next:
  mobile-deploy verify 'my bundles/tiny'
  mobile-deploy evaluate 'my bundles/tiny' FOLDER_OF_LABELLED_PHOTOS
"""
    )
    assert max(map(len, out.splitlines())) <= 80
    facts = build.facts(built, ["few photos"])
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert facts["warnings"] == ["few photos"]
    assert facts["int8_left_in_float"] == ["conv2d", "add"]
    assert facts["artifacts"][2] == {
        "name": third.name,
        "file": third.file,
        "bytes": third.bytes,
        "sqnr_db": None,
        "agreement": None,
        "agreement_interval": None,
        "photos": None,
        "seconds": 7.0,
        "verified": False,
    }


def verified_bundle(
    folder: Path, *, passed: bool = True, emulated: tuple[EmulatedProof, ...] = ()
) -> Verified:
    make_bundle(folder)
    statistics = ErrorStatistics(
        photos=8, sqnr_db=float("inf"), max_abs=0.0, agreement=1.0, clear_flips=0
    )
    worse = ErrorStatistics(photos=8, sqnr_db=14.96, max_abs=2.0, agreement=0.875, clear_flips=0)
    check = Check(artifact="a", gate="sqnr", measured="14.9 dB", required=">= 15 dB", passed=passed)
    return Verified(
        bundle=open_bundle(folder),
        checks=(check,),
        statistics={"a": statistics, "b": worse, "c": worse},
        agreement={("a", "b"): 0.875, ("a", "c"): 0.875, ("b", "c"): 1.0},
        skipped=("coreml_int8",),
        emulated=emulated,
    )


def test_what_verify_shows(tmp_path: Path, capfd: Captured) -> None:
    verified = verified_bundle(tmp_path)
    verify.show(verified)
    out = capfd.readouterr().out
    assert (
        out
        == """\
artifact     dB            agreement  gates passed
a         exact  8 of 8 (67.6-100.0)        1 of 1
b          15.0   7 of 8 (52.9-97.8)        0 of 0
c          15.0   7 of 8 (52.9-97.8)        0 of 0

dB and agreement: logits and top class against the float network's, on the
golden photos; in brackets the 95 % interval of the share, in percent.

Agreement between artifacts:

          1       2
1 a
2 b  7 of 8
3 c  7 of 8  8 of 8
"""
    )
    facts = verify.facts(verified, [])
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert facts["verified"] is True
    assert facts["artifacts"][0]["sqnr_db"] is None
    assert facts["artifacts"][1]["agreement_interval"] == pytest.approx(
        {"low": 0.529, "high": 0.978}, abs=1e-3
    )
    assert facts["agreement"][2] == {"between": ["b", "c"], "agreement": 1.0}


def test_what_verify_shows_of_emulated_processors(tmp_path: Path, capfd: Captured) -> None:
    statistics = ErrorStatistics(
        photos=8, sqnr_db=24.4, max_abs=1.0, agreement=0.875, clear_flips=0
    )
    check = Check(artifact="a", gate="sqnr", measured="24.4 dB", required=">= 20 dB", passed=True)

    def proof(artifact: str, **fields: Any) -> EmulatedProof:
        of_one = {"statistics": statistics, "equal": True, "checks": (check,), "unproved": None}
        return EmulatedProof(artifact=artifact, processor="cortex-a53", **(of_one | fields))

    none = {"statistics": None, "equal": None, "checks": ()}
    emulated = (proof("a"), proof("b", equal=False), proof("c", unproved="no .pte", **none))
    verified = verified_bundle(tmp_path, emulated=emulated)
    verify.show(verified)
    out = capfd.readouterr().out
    assert (
        out.partition("On emulated processors:\n\n")[2]
        == """\
artifact   processor    dB  agreement    bits  gates passed
a         cortex-a53  24.4     7 of 8   equal        1 of 1
b         cortex-a53  24.4     7 of 8  differ        1 of 1

bits: of the logits, against this computer's; they must be equal where all is int8.
c is unproved on arm64: no .pte
"""
    )
    facts = verify.facts(verified, [])
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert facts["emulated"][2]["unproved"] == "no .pte"
    assert facts["emulated"][1]["equal_to_this_computer"] is False


def test_what_evaluate_shows(capfd: Captured) -> None:
    scores = (
        ArtifactScore(
            name="onnx-fp32",
            photos=50000,
            not_numbers=0,
            top1=share(35939, 50000),
            top5=share(45143, 50000),
            agreement=None,
        ),
        ArtifactScore(
            name="onnx-int8",
            photos=50000,
            not_numbers=0,
            top1=share(0, 50000),
            top5=share(50000, 50000),
            agreement=share(45000, 50000),
        ),
    )
    evaluation = Evaluation(
        photos=50000,
        labelled=True,
        reference="onnx-fp32",
        scores=scores,
        classes=(
            ClassScore(index=1, photos=50, hits={"onnx-fp32": 20, "onnx-int8": 0}),
            ClassScore(index=0, photos=50, hits={"onnx-fp32": 50, "onnx-int8": 50}),
        ),
        changed=(
            Changed(path=Path("photos/1/a.jpg"), label=1, reference=1, answers={"onnx-int8": 0}),
        ),
        labels=("tench", "goldfish"),
        notes=("a note",),
        warnings=(),
    )
    evaluate.show(evaluation)
    out = capfd.readouterr().out
    assert (
        out
        == """\
artifact            top-1 %              top-5 %       agreement %
onnx-fp32  71.9 (71.5-72.3)     90.3 (90.0-90.5)                 -
onnx-int8     0.0 (0.0-0.0)  100.0 (100.0-100.0)  90.0 (89.7-90.3)

50000 photos; in brackets 95 % intervals.
agreement: the same top class as onnx-fp32.
note: a note

The worst classes, top-1 in percent:

class     photos  onnx-fp32  onnx-int8
goldfish      50       40.0        0.0
"""
    )
    evaluate.show_changed(evaluation, Path("photos"))
    out = capfd.readouterr().out
    assert (
        out
        == """
Photos that change their class (1):

photo    onnx-fp32  onnx-int8
1/a.jpg   goldfish      tench
"""
    )
    assert "changed" not in evaluate.facts(Path("bundle"), evaluation)
    facts = evaluate.facts(Path("bundle"), evaluation, changed=True)
    assert facts["changed"][0]["answers"] == {"onnx-int8": "tench"}
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert facts["artifacts"][1]["top1"]["hits"] == 0


def test_evaluate_leaves_out_columns_without_figures(capfd: Captured) -> None:
    score = ArtifactScore(
        name="onnx-int8", photos=4, not_numbers=0, top1=share(1, 4), top5=None, agreement=None
    )
    evaluate.show(
        Evaluation(
            photos=4,
            labelled=True,
            reference=None,
            scores=(score,),
            classes=(),
            changed=(),
            labels=(),
            notes=(),
            warnings=(),
        )
    )
    assert capfd.readouterr().out.splitlines()[0] == "artifact           top-1 %"
