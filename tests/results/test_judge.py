"""From facts to verdicts: what makes an arm INVALID, and what two sessions can tell."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from session_results import CALM, GOLDEN, session
from synthetic_device import SyntheticDevice

from deploy.cli import commands
from deploy.cli.run import run
from deploy.cli.tables.profile import arm_facts, show_devices
from deploy.protocol.messages import PreparationTimes, encode_logits
from deploy.results.compare import compare_bundles, compare_files
from deploy.results.file import CSV_COLUMNS, read_results, write_csv, write_results
from deploy.results.judge import ArmReport, judge
from deploy.results.records import APP_VERSION, Cluster, Failure, Results
from deploy.support.errors import UserError


def only_arm(results: Results) -> ArmReport:
    (report,) = judge(results)
    return report.arms[0]


def test_a_calm_session_is_valid() -> None:
    arm = only_arm(session())
    assert arm.valid, arm.reasons
    assert arm.summary is not None
    assert arm.summary.p50.value == pytest.approx(CALM.median_ns, rel=0.03)
    assert arm.summary.p99 is None, "200 samples say nothing of p99"
    assert (arm.load_ns, arm.first_ns, arm.memory_peak_bytes) == (5e6, 2e7, 10**8)


NOISE = GOLDEN + np.float32(0.1)
INVALID = {
    "too few rounds": (session(rounds=5), "too few rounds"),
    "throttled": (session(device=SyntheticDevice(throttle=0.2), seed=3), "throttled: some blocks"),
    "a lowered clock": (
        session(allowed_khz=(2_000_000,) * 5 + (1_500_000,)),
        "a clock was lowered",
    ),
    "hot": (session(thermal_status=3), "hot: thermal status 3"),
    "wrong answers": (session(logits=-GOLDEN), "wrong answers"),
    "inexact answers": (session(logits=NOISE), "wrong answers: sqnr"),
    "answers that are not numbers": (session(logits=GOLDEN * np.float32(np.nan)), "wrong answers"),
    "answers of other classes": (session(logits=GOLDEN[:, :2]), "not of 3 classes"),
}


@pytest.mark.parametrize(("results", "reason"), INVALID.values(), ids=INVALID)
def test_what_makes_an_arm_invalid(results: Results, reason: str) -> None:
    arm = only_arm(results)
    assert not arm.valid
    assert any(reason in said for said in arm.reasons), arm.reasons


def test_answers_of_a_network_of_one_class_cannot_be_judged() -> None:
    """Nothing has a top class, whatever wrote the file."""
    results = session(logits=GOLDEN[:, :1])
    (bundle,) = results.bundles
    one_class = bundle.model_copy(
        update={"classes": 1, "float_logits": encode_logits(GOLDEN[:, :1])}
    )
    arm = only_arm(results.model_copy(update={"bundles": (one_class,)}))
    assert arm.reasons == ("a network of one class has no top class to judge its answers by",)


def test_bundles_of_one_session_are_compared_in_its_rounds() -> None:
    (report,) = judge(session((1.0, 1.05)))
    (compared,) = compare_bundles(report)
    assert compared.comparison.verdict == "slower"
    assert compared.comparison.ratio == pytest.approx(1.05, abs=0.02)
    assert compared.together


def test_two_files_tell_a_large_difference_and_not_a_small_one() -> None:
    before = judge(session())
    slower = compare_files(before, judge(session((1.2,), seed=1)), floor=0.03)
    assert [arm.comparison.verdict for arm in slower.arms] == ["slower"]
    near = compare_files(before, judge(session((1.02,), seed=1)), floor=0.03)
    assert [arm.comparison.verdict for arm in near.arms] == ["cannot tell"]
    assert near.arms[0].comparison.remedy == "profile both together"


REFUSED = {
    "another phone": (session(phone="serial-2"), "different devices"),
    "another runtime": (session(runtime="1.5.0"), "different runtimes"),
    "an invalid arm": (session(rounds=3), "is INVALID"),
    "another build of the app": (session(debuggable=False), "in a debuggable app"),
}


@pytest.mark.parametrize(("other", "why"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_comparable_is_refused_unless_told_to(other: Results, why: str) -> None:
    with pytest.raises(UserError, match=why):
        compare_files(judge(session()), judge(other), floor=0.03)
    told = compare_files(judge(session()), judge(other), floor=0.03, anyway=True)
    assert len(told.arms) == 1
    assert why in " ".join(told.notes)


def test_files_that_do_not_say_it_are_of_debuggable_apps() -> None:
    compared = compare_files(judge(session()), judge(session(debuggable=True)), floor=0.03)
    assert len(compared.arms) == 1
    assert not any("debuggable" in note for note in compared.notes)


def test_the_version_rises_only_where_something_is_told_of_an_app() -> None:
    old = session()
    assert old.with_devices(old.devices).to_json() == old.to_json()
    assert "debuggable" not in old.to_json()
    assert "preparation" not in old.to_json()
    for new in (session(debuggable=False), session(preparation=TIMES)):
        assert new.with_devices(new.devices).schema_version == APP_VERSION
        assert Results.model_validate_json(new.to_json()) == new


TIMES = PreparationTimes(picture=(640, 480), crop_ns=(3_000_000, 1_000_000), input_ns=(4, 400_000))


def test_what_an_app_takes_before_the_network_is_shown_apart(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (report,) = judge(session(debuggable=True, preparation=TIMES))
    before = report.arms[0].before
    assert before is not None
    assert (before.crop_ns, before.input_ns, before.pictures) == (2e6, 200_002, 20)
    show_devices([report])
    said = capsys.readouterr().out
    line = "before the network: executorch-fp32: crop of 480 x 640 2.00 ms, input 0.20 ms"
    assert line in said
    assert "CheckJNI" in said
    facts = arm_facts(report.arms[0])
    assert facts["debuggable"] is True
    assert facts["before_network"] == {
        "picture": (640, 480),
        "crop_ns": 2e6,
        "input_ns": 200_002,
        "pictures": 20,
    }


def test_an_arm_without_figures_is_no_silent_pass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dead = session((1.0, 1.0), seed=1)
    blocks = dead.devices[0].arms[1].blocks
    gone = blocks[0].model_copy(
        update={"answer": None, "failure": Failure(kind="hung", text="it hung")}
    )
    arm = dead.devices[0].arms[1].model_copy(update={"blocks": (gone,)})
    device = dead.devices[0].model_copy(update={"arms": (dead.devices[0].arms[0], arm)})
    write_results(session((1.0, 1.0)), tmp_path / "a.json")
    write_results(dead.model_copy(update={"devices": (device,)}), tmp_path / "b.json")
    files = [str(tmp_path / name) for name in ("a.json", "b.json")]
    assert run(commands, ["compare", *files]) == 2
    assert "the second has no figures (it hung)" in capsys.readouterr().err
    assert run(commands, ["compare", *files, "--anyway"]) == 0
    assert run(commands, ["compare", *files, "--anyway", "--fail-above", "5"]) == 1


def test_phones_that_share_a_serial_number_are_told_apart() -> None:
    one, other = session(phone="clone"), session((1.5,), phone="clone")
    renamed = other.devices[0].device.model_copy(update={"model": "Other"})
    both = one.model_copy(
        update={
            "devices": (
                one.devices[0],
                other.devices[0].model_copy(update={"device": renamed}),
            ),
        }
    )
    compared = compare_files(judge(both), judge(both), floor=0.03)
    assert [arm.comparison.ratio for arm in compared.arms] == [1.0, 1.0]


@pytest.mark.parametrize(
    ("allowed_khz", "told"),
    [
        (1_100_000, ["its clocks were capped from the start, 1 of 2.00 GHz to 55 %"]),
        (1_950_000, []),
        (2_000_000, []),
        (0, ["what its clocks are allowed is unknown"]),
    ],
)
def test_clocks_capped_all_along_are_told_and_spoil_nothing(
    allowed_khz: int, told: list[str]
) -> None:
    (report,) = judge(session(allowed_khz=(allowed_khz,)))
    assert len(report.warnings) == len(told)
    assert all(said.startswith(words) for said, words in zip(report.warnings, told, strict=True))
    assert report.arms[0].valid


def test_a_lowered_clock_of_another_core_is_not_the_arms() -> None:
    results = session(allowed_khz=(2_000_000,) * 5 + (1_500_000,))
    device = results.devices[0]
    clusters = (Cluster(cores=(0,), max_khz=2_000_000), Cluster(cores=(1,), max_khz=3_000_000))
    arm = device.arms[0]
    for cores, valid in (("big", True), ("2", True), ("little", False), ("1", False)):
        key = arm.key.model_copy(update={"cores": cores, "runner": "native"})
        changed = device.model_copy(
            update={
                "device": device.device.model_copy(update={"clusters": clusters}),
                "arms": (arm.model_copy(update={"key": key}),),
            }
        )
        assert only_arm(results.model_copy(update={"devices": (changed,)})).valid is valid, cores


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    write_results(session(), tmp_path / "a.json")
    write_results(session((1.2,), seed=1), tmp_path / "b.json")
    return str(tmp_path / "a.json"), str(tmp_path / "b.json")


def test_results_are_read_as_they_were_written(files: tuple[str, str]) -> None:
    assert read_results(Path(files[0])) == session()


def test_compare_fails_above_the_gate_with_confidence_alone(
    files: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(commands, ["compare", *files]) == 0
    assert "slower" in capsys.readouterr().out
    assert run(commands, ["compare", *files, "--fail-above", "10"]) == 1
    assert "slower by more than 10 % (executorch-fp32, 4 threads" in capsys.readouterr().err
    # 20 % slower, less the floor, is not certainly slower by 25 %.
    assert run(commands, ["compare", *files, "--fail-above", "25"]) == 0
    assert run(commands, ["compare", *reversed(files), "--fail-above", "10"]) == 0


def test_compare_prints_json(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(commands, ["compare", *files, "--json"]) == 0
    (arm,) = json.loads(capsys.readouterr().out)["arms"]
    assert arm["verdict"] == "slower"
    assert arm["interval"]["low"] < arm["ratio"] < arm["interval"]["high"]


def test_compare_says_what_is_wrong_with_a_file(
    files: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(commands, ["compare", files[0], "nowhere.json"]) == 2
    assert capsys.readouterr().err.startswith("error: cannot read nowhere.json")


def test_csv_has_every_sample(tmp_path: Path) -> None:
    write_csv(session(), tmp_path / "samples.csv")
    lines = (tmp_path / "samples.csv").read_text().splitlines()
    assert lines[0] == ",".join(CSV_COLUMNS)
    assert len(lines) == 1 + 10 * 20


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\N{FULLWIDTH EQUALS SIGN}"])
def test_no_cell_of_a_csv_is_a_formula(tmp_path: Path, start: str) -> None:
    """A device says what it is called, and whoever made a bundle named its folder."""
    evil, measured = f"{start}HYPERLINK(0)", session()
    (device,), (bundle,) = measured.devices, measured.bundles
    facts = device.device.model_copy(update={"serial": evil, "model": evil})
    (arm,) = device.arms
    held = arm.model_copy(update={"key": arm.key.model_copy(update={"cores": evil})})
    write_csv(
        measured.model_copy(
            update={
                "devices": (device.model_copy(update={"device": facts, "arms": (held,)}),),
                "bundles": (bundle.model_copy(update={"label": evil}),),
            }
        ),
        tmp_path / "samples.csv",
    )
    with (tmp_path / "samples.csv").open(newline="", encoding="utf-8") as stream:
        _, *rows = csv.reader(stream)
    assert all(row[:3] == [f"'{evil}"] * 3 and row[6] == f"'{evil}" for row in rows)
    assert not any(cell.startswith(start) for row in rows for cell in row)


def test_what_a_session_did_to_one_arm_widens_the_intervals_of_the_others() -> None:
    results = session((1.0, 1.0))
    (device,) = results.devices
    met = device.arms[1].blocks[4]
    assert met.answer is not None
    slow = tuple(round(1.3 * ns) for ns in met.answer.iterations_ns)
    blocks = list(device.arms[1].blocks)
    blocks[4] = met.model_copy(
        update={"answer": met.answer.model_copy(update={"iterations_ns": slow})}
    )
    arms = (device.arms[0], device.arms[1].model_copy(update={"blocks": tuple(blocks)}))
    other = results.model_copy(update={"devices": (device.model_copy(update={"arms": arms}),)})
    calm, spared = (only_arm(one).summary for one in (results, other))
    assert calm is not None
    assert spared is not None
    assert calm.p50.value == spared.p50.value
    assert calm.p90 is not None
    assert spared.p90 is not None
    assert calm.p90.interval is not None
    assert spared.p90.interval is not None
    assert spared.p90.interval.high > calm.p90.interval.high
    assert spared.p90.interval.low < calm.p90.interval.low
