"""diff: what changed from one manifest to another, and the limits put to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import run_here
from places import FIXTURES

from deploy.bundle.manifest import Manifest
from deploy.verification.diff import Limits, diff, judge_diff
from deploy.verification.gates import Check

GOOD = json.loads((FIXTURES / "manifests/good.json").read_text(encoding="utf-8"))
NAMES = [artifact["name"] for artifact in GOOD["artifacts"]]

Captured = pytest.CaptureFixture[str]
Content = dict[str, Any]


def changed(change: Callable[[Content], object]) -> Manifest:
    content = json.loads(json.dumps(GOOD))
    change(content)
    return Manifest.model_validate_json(json.dumps(content))


def of(content: Content, name: str) -> Content:
    """The artifact of that name."""
    return next(artifact for artifact in content["artifacts"] if artifact["name"] == name)


def failures(change: Callable[[Content], object], limits: Limits) -> list[Check]:
    checks = judge_diff(diff(changed(lambda _: None), changed(change)), limits)
    assert checks
    return [check for check in checks if not check.passed]


def test_of_the_same_manifest_nothing_is_said() -> None:
    found = diff(changed(lambda _: None), changed(lambda _: None))
    assert (found.changes, found.notes) == ((), ())
    assert [artifact.name for artifact in found.artifacts] == NAMES
    for artifact in found.artifacts:
        assert artifact.old == artifact.new
        assert artifact.growth == 0


INT8 = "executorch-int8"


@pytest.mark.parametrize(
    ("change", "limits", "gate"),
    [
        (
            lambda m: of(m, INT8).update(bytes=of(m, INT8)["bytes"] * 11 // 10),
            Limits(mb_growth=9),
            "growth in size",
        ),
        (lambda m: of(m, INT8)["measured"].update(sqnr_db=11.5), Limits(min_db=12), "dB"),
        (lambda m: of(m, INT8)["measured"].update(sqnr_db=11.5), Limits(db_loss=0.5), "dB"),
        (
            lambda m: of(m, INT8)["measured"].update(agreement=0.5),
            Limits(min_agreement=0.6),
            "agreement",
        ),
        (
            lambda m: of(m, INT8)["operators"]["inside"].update({"conv.float": 40}),
            Limits(in_float=39),
            "heavy operators in float",
        ),
        (
            lambda m: of(m, INT8)["operators"]["outside"].update({"topk": 3}),
            Limits(outside=2),
            "operators outside the backend",
        ),
    ],
    ids=["size", "dB", "dB lost", "agreement", "in float", "outside"],
)
def test_a_figure_past_its_limit_fails_by_name(
    change: Callable[[Content], object], limits: Limits, gate: str
) -> None:
    (failed,) = failures(change, limits)
    assert (failed.artifact, failed.gate) == (INT8, gate)
    # The limit is what fails, not the change: without it all is well.
    assert failures(lambda _: None, limits) == []


def test_heavy_operators_of_float_artifacts_are_no_fault() -> None:
    found = diff(changed(lambda _: None), changed(lambda _: None))
    by_name = {artifact.name: artifact.new for artifact in found.artifacts}
    in_float = by_name["executorch-fp32"]
    assert in_float is not None
    assert of(GOOD, "executorch-fp32")["operators"]["inside"]["conv.float"] > 0
    assert in_float.in_float == 0


def test_what_was_not_measured_keeps_no_limit_and_what_is_exact_keeps_each() -> None:
    def unverify(content: Content) -> None:
        of(content, INT8).update(measured=None, verified=False, unverified_reason="no room")

    (failed,) = failures(unverify, Limits(min_db=1))
    assert failed.measured == "not measured"
    assert failures(lambda m: of(m, INT8)["measured"].update(sqnr_db=None), Limits(min_db=99)) == [
        check for check in failures(lambda _: None, Limits(min_db=99)) if check.artifact != INT8
    ]


def test_an_artifact_that_is_gone_fails_and_a_new_one_keeps_the_limits() -> None:
    def lose(content: Content) -> None:
        content["artifacts"].remove(of(content, INT8))
        logits = content["golden"]["logits"]
        logits[:] = [answer for answer in logits if answer["artifact"] != INT8]

    (failed,) = failures(lose, Limits(mb_growth=5))
    assert (failed.artifact, failed.measured) == (INT8, "missing")
    appeared = diff(changed(lose), changed(lambda _: None))
    checks = judge_diff(appeared, Limits(mb_growth=5, min_db=1000))
    assert INT8 in {check.artifact for check in checks if not check.passed}
    (row,) = (artifact for artifact in appeared.artifacts if artifact.name == INT8)
    assert (row.old, row.growth) == (None, None)


@pytest.mark.parametrize(
    ("change", "field", "interface"),
    [
        (lambda m: m["input"].update(mean=[0.5, 0.5, 0.5]), "input.mean", True),
        (lambda m: m["labels"].update(sha256="0" * 64), "labels.sha256", True),
        (
            lambda m: of(m, "onnx-int8")["runtime"].update(version="1.99"),
            "onnx-int8.runtime.version",
            True,
        ),
        (
            lambda m: of(m, "onnx-int8")["input"].update(name="pixels"),
            "onnx-int8.input.name",
            True,
        ),
        (lambda m: m["toolkits"].update(torch="9.9"), "toolkits.torch", False),
        (lambda m: m["weights"].update(source="mine"), "weights.source", False),
        (lambda m: m["network"].update(macs=7), "network.macs", False),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_other_change_is_told_and_those_that_apps_must_follow_can_be_forbidden(
    change: Callable[[Content], object], field: str, interface: bool
) -> None:
    (found,) = diff(changed(lambda _: None), changed(change)).changes
    assert (found.field, found.interface) == (field, interface)
    failed = failures(change, Limits(same_interface=True))
    assert [field in check.measured for check in failed] == [True] * interface


def test_two_networks_and_other_photos_are_noted() -> None:
    def other(content: Content) -> None:
        content["network"].update(name="mobilenet_v1")
        content["calibration"].update(digest="1" * 64)

    found = diff(changed(lambda _: None), changed(other))
    networks, photos = found.notes
    assert "two networks" in networks
    assert "other photos" in photos


def test_the_command_reads_manifests_kept_alone(tmp_path: Path, capfd: Captured) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_text(changed(lambda _: None).to_json())
    new.write_text(changed(lambda m: of(m, INT8)["measured"].update(sqnr_db=9.5)).to_json())
    done = run_here(capfd, "diff", str(old), str(new), "--max-db-loss", "0.5")
    assert done.returncode == 1
    assert " > 9.5" in done.stdout
    (last,) = done.stderr.splitlines()
    assert last.startswith(f"error: {INT8} fails: dB: 9.5, required >= ")
    shown = [line for line in done.stdout.splitlines() if str(tmp_path) not in line]
    assert max(map(len, shown)) <= 80

    done = run_here(capfd, "diff", str(old), str(new), "--markdown", "--min-db", "9")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("| artifact | MB |")

    facts = json.loads(run_here(capfd, "diff", str(old), str(new), "--json").stdout)
    assert [artifact["name"] for artifact in facts["artifacts"]] == NAMES
    assert facts["checks"] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("{old}", "{folder}/no.json"), "there is no manifest"),
        (("{old}", "{folder}/no"), "there is no bundle"),
        (("{old}", "{folder}/bad.json"), "is not JSON"),
        (("{old}", "{old}", "--json", "--markdown"), "exclude each other"),
        (("{old}", "{old}", "--min-agreement", "95"), "--min-agreement"),
        (("{old}",), "NEW"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_bundle_is_told_in_one_line(
    tmp_path: Path, capfd: Captured, words: tuple[str, ...], said: str
) -> None:
    old = tmp_path / "old.json"
    old.write_text(json.dumps(GOOD))
    (tmp_path / "bad.json").write_text("{")
    done = run_here(capfd, "diff", *(word.format(old=old, folder=tmp_path) for word in words))
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
