"""The floor between sessions: assumed, learnt from sessions that are the same, or what one did."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from session_results import session
from synthetic_device import SyntheticDevice, sine

from deploy.cli import commands
from deploy.cli.run import run
from deploy.results.compare import compare_files
from deploy.results.file import write_results
from deploy.results.judge import judge
from deploy.results.sessions import floor_of
from deploy.support.errors import UserError

MOVING = SyntheticDevice(session_effect=0.01)


def same(count: int) -> list[Path]:
    return [Path(f"same-{number}.json") for number in range(count)]


def written(folder: Path, count: int) -> list[str]:
    """Options that name so many sessions of one bundle."""
    words = []
    for number, name in enumerate(same(count)):
        write_results(session(seed=number, device=MOVING), folder / name)
        words += ["--same", str(folder / name)]
    return words


def test_compare_learns_the_floor_and_says_so(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = written(tmp_path, 5)
    files = [str(tmp_path / name) for name in same(2)]
    assert run(commands, ["compare", *files, *words, "--json"]) == 0
    (arm,) = json.loads(capfd.readouterr().out)["arms"]
    learnt = floor_of([(str(number), session(seed=number, device=MOVING)) for number in range(5)])
    assert arm["floor"] >= learnt > 0
    assert arm["valid"] is True
    assert run(commands, ["compare", *files, *words]) == 0
    assert "learnt from 5 sessions" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--same: 3 sessions are too few to learn from: give 4 or more"),
        (["--floor", "3"], "--floor and --same exclude each other"),
    ],
)
def test_what_cannot_be_learnt_from_is_one_line(
    words: list[str], said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    options = written(tmp_path, 3)
    files = [str(tmp_path / name) for name in same(2)]
    assert run(commands, ["compare", *files, *options, *words]) == 2
    assert said in capfd.readouterr().err


def test_sessions_given_twice_or_of_other_phones_are_refused() -> None:
    once = [(f"{number}.json", session(seed=number)) for number in range(4)]
    other = ("other.json", session(seed=9, phone="serial-2"))
    with pytest.raises(UserError, match=r"again\.json and 0\.json are one session"):
        floor_of([*once, ("again.json", once[0][1])])
    with pytest.raises(UserError, match="no VALID arm in common"):
        floor_of([*once[:3], other])
    closed = ("closed.json", session(seed=9, debuggable=False))
    with pytest.raises(UserError, match="no VALID arm in common"):
        floor_of([*once[:3], closed])
    of = (session(seed=10), session(seed=11))
    with pytest.raises(UserError, match=r"other\.json is of Phone \(serial-2\), not of Phone"):
        floor_of([*once, other], of)
    with pytest.raises(UserError, match="A and B are of different devices"):
        floor_of(once, (of[0], other[1]))
    assert floor_of(once, of) > 0


def test_where_the_floor_is_from_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    waving = SyntheticDevice(load=partial(sine, period=10))
    for name, results in {
        "a": session(seed=1),
        "b": session(seed=2),
        "waving": session(seed=3, device=waving),
    }.items():
        write_results(results, tmp_path / f"{name}.json")

    def said(*words: str) -> str:
        assert run(commands, ["compare", str(tmp_path / "a.json"), *words]) == 0
        return capfd.readouterr().out

    assert "5 %, assumed, of it for the sessions" in said(str(tmp_path / "b.json"))
    assert "6 % of it for the sessions" in said(str(tmp_path / "b.json"), "--floor", "6")
    moved = said(str(tmp_path / "waving.json"))
    assert "%, by which a level moved (else 5 %, assumed), of it for the sessions" in moved


def test_a_session_that_moved_by_more_than_the_floor_sets_it() -> None:
    waving = SyntheticDevice(load=partial(sine, period=10))
    before, after = judge(session(seed=1, device=waving)), judge(session(seed=2))
    found = compare_files(before, after, floor=0.03)
    (arm,) = found.arms
    assert arm.floor == before[0].wander > 0.05
    assert "by so much may two sessions differ" in found.notes[0]
