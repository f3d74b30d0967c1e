"""Results of stretches without pauses: judged, shown, read again, and compared with nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from session_results import session, sustained_session

from deploy.cli import commands
from deploy.cli.run import run
from deploy.cli.tables.profile import arm_facts, device_facts
from deploy.cli.tables.sustained import show_stretches
from deploy.results.compare import compare_bundles
from deploy.results.file import read_results, write_results
from deploy.results.judge import judge
from deploy.results.records import RESULTS_VERSION, SUSTAINED_VERSION
from deploy.results.sessions import floor_of
from deploy.support.errors import UserError

FALLING, HOLDING = [1.0] * 10 + [1.25] * 20, [1.0] * 30
Captured = pytest.CaptureFixture[str]


def test_throttling_and_heat_make_no_stretch_invalid_and_no_arm_is_recommended() -> None:
    (report,) = judge(sustained_session([FALLING, HOLDING]))
    assert [arm.valid for arm in report.arms] == [True, True]
    # It has no one level: nobody is to take one for what blocks give that take turns.
    assert [arm.summary for arm in report.arms] == [None, None]
    assert report.recommended == ()
    assert compare_bundles(report) == []
    found = report.arms[0].stretch
    assert found is not None
    assert found.stretch.turn is not None
    assert found.stretch.turn.at_s == pytest.approx(110, abs=2)
    assert (found.hottest_c, found.lowest_clock) == (37.5, 0.8)
    assert found.at_work > 0.85
    (other,) = judge(session([1.0]))
    assert other.sustained is None
    assert other.arms[0].stretch is None


@pytest.mark.parametrize(
    ("pause_s", "valid", "said"),
    [(2.5, True, "of the time it paused"), (8.0, False, "that is no load without pauses")],
)
def test_pauses_are_told_and_many_are_no_stretch(pause_s: float, valid: bool, said: str) -> None:
    (report,) = judge(sustained_session([HOLDING], pause_s=pause_s))
    (arm,) = report.arms
    assert arm.valid is valid
    assert said in " ".join([*arm.warnings, *arm.reasons])


def test_a_stretch_that_began_warm_or_is_short_is_invalid() -> None:
    results = sustained_session([HOLDING])
    (device,) = results.devices
    (arm,) = device.arms

    def reasons(**changed: object) -> str:
        other = arm.model_copy(update=changed)
        measured = device.model_copy(update={"arms": (other,)})
        (report,) = judge(results.model_copy(update={"devices": (measured,)}))
        return " ".join(report.arms[0].reasons)

    warm = (arm.blocks[0].model_copy(update={"cooled": False}), *arm.blocks[1:])
    assert "began too warm" in reasons(blocks=warm)
    assert "too few blocks, 5" in reasons(blocks=arm.blocks[:5])
    assert "it ended after 87 of 330 s" in reasons(blocks=arm.blocks[:8])
    assert reasons(blocks=()) == "it was not measured"


def test_files_without_stretches_are_as_they_were(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    write_results(session([1.0]), file)
    content = json.loads(file.read_text())
    assert content["schema_version"] == RESULTS_VERSION == 1
    assert "sustained" not in content["settings"]
    write_results(sustained_session([HOLDING], mode=True), file)
    content = json.loads(file.read_text())
    assert content["schema_version"] == SUSTAINED_VERSION == 3
    assert content["settings"]["sustained"] == {"seconds": 330.0, "mode": True}
    again = read_results(file)
    assert again == sustained_session([HOLDING], mode=True)


def test_stretches_are_compared_with_nothing(tmp_path: Path, capfd: Captured) -> None:
    turns, stretches = tmp_path / "turns.json", tmp_path / "stretches.json"
    write_results(session([1.0]), turns)
    write_results(sustained_session([HOLDING]), stretches)
    for files, which in (((turns, stretches), "second"), ((stretches, turns), "first")):
        assert run(commands, ["compare", *map(str, files), "--anyway"]) == 2
        assert f"the {which} was measured with --sustained" in capfd.readouterr().err
    once = [(f"{number}.json", session([1.0], seed=number)) for number in range(4)]
    with pytest.raises(UserError, match=r"s\.json was measured with --sustained"):
        floor_of([*once, ("s.json", sustained_session([HOLDING], seed=9))])


def test_that_a_mode_was_asked_for_is_said(capfd: Captured) -> None:
    results = sustained_session([HOLDING], mode=True)
    (report,) = judge(results)
    show_stretches([report], results)
    assert "note: in sustained-performance mode" in capfd.readouterr().out
    assert device_facts(report)["sustained"] == {"seconds": 330.0, "mode": True}
    assert "sustained" not in device_facts(judge(session([1.0]))[0])


def test_a_pipe_gets_the_table_alone(capfd: Captured) -> None:
    results = sustained_session([FALLING, HOLDING])
    show_stretches(judge(results), results)
    lines = capfd.readouterr().out.splitlines()
    assert lines[1].split()[:4] == ["artifact", "threads", "burst", "ms"]
    assert re.search(r"1:4\d +1:3\d-2:00 ", lines[2])
    assert "38 C" in lines[2]
    assert "never" in lines[3]
    assert not any("▂" in line for line in lines)
    assert len(lines) == 7


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_terminal_gets_each_in_time(
    encoding: str, capfd: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.cli.tables.sustained.width_of", lambda stream: 80)
    monkeypatch.setattr("deploy.cli.tables.chart.fits", lambda text: encoding == "utf-8")
    results = sustained_session([FALLING])
    show_stretches(judge(results), results)
    out = capfd.readouterr().out
    full = "█" if encoding == "utf-8" else "#"
    chart = [line for line in out.splitlines() if full in line]
    # The middle of the latency: high from where it turned, a third of the way.
    assert 30 < chart[1].count(full) < 50
    assert len(chart) > 6
    assert re.search(r"0:00 +\^ 1:4\d +5:2\d$", out, re.MULTILINE)
    assert max(map(len, chart)) <= 80


def test_json_has_all_of_it() -> None:
    (report,) = judge(sustained_session([FALLING]))
    facts = json.loads(json.dumps(arm_facts(report.arms[0]), allow_nan=False))
    assert facts["summary"] is None
    stretch = facts["stretch"]
    assert stretch["stretch"]["turn"]["by"] == pytest.approx(0.25, abs=0.03)
    assert len(stretch["moments"]) == 30
    assert stretch["moments"][-1]["clock"] == 0.8
    (other,) = judge(session([1.0]))
    assert "stretch" not in arm_facts(other.arms[0])


def test_a_report_says_that_it_is_without_pauses(tmp_path: Path, capfd: Captured) -> None:
    file, page = tmp_path / "results.json", tmp_path / "page.html"
    write_results(sustained_session([FALLING]), file)
    assert run(commands, ["report", str(file), "-o", str(page)]) == 0
    text = page.read_text()
    assert "minutes without pauses" in text
    assert re.search(r"slows down after 1:4\d \(1:3\d to (1:59|2:00) minutes\)", text)
    capfd.readouterr()
    assert run(commands, ["report", str(file), "--markdown"]) == 0
    assert "ms, Phone, 5.5 min without pauses" in capfd.readouterr().out
