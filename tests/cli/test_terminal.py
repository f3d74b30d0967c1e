"""Nothing that a user names, or a stranger says, acts on a terminal or feigns a line of ours."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from session_results import session

from deploy.cli import commands, run
from deploy.cli.output import echo
from deploy.cli.phone_progress import Warned
from deploy.cli.progress import Piped
from deploy.results.file import write_results

Captured = pytest.CaptureFixture[str]

# A title, a cleared screen, a line that looks like ours, text from right to left.
EVIL = "a\x1b]0;title\x07\x1b[2J\x9b2J\nverified: all\u202e\x1b[8m"


def is_harmless(text: str) -> bool:
    """Whether it holds no more than lines."""
    return all(line.isprintable() for line in text.split("\n"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["build", EVIL],
        ["build", "mobilenet_v2", "--weights", EVIL],
        ["build", "mobilenet_v2", "--labels", EVIL],
        ["build", "mobilenet_v2", "--photos", EVIL],
        ["build", "mobilenet_v2", "--formats", EVIL],
        ["build", "mobilenet_v2", "--width", EVIL],
        ["summary", EVIL],
        ["sensitivity", "mobilenet_v2", "-o", EVIL],
        ["sensitivity", "mobilenet_v2", "-o", f"{EVIL}/a.png"],
        ["verify", EVIL],
        ["diff", EVIL, EVIL],
        ["evaluate", EVIL, EVIL],
        ["profile", EVIL],
        ["profile", "B", "-o", f"{EVIL}/r.json"],
        ["profile", "B", "--csv", "."],
        ["profile", "B", "--cores", EVIL],
        ["profile", "B", "--threads", EVIL],
        ["profile", "B", "--connect", EVIL],
        ["profile", "B", "--runner", EVIL],
        ["profile", "B", "--runner-binary", EVIL],
        ["compare", EVIL, "B"],
        ["compare", "A", "B", "--fail-above", EVIL],
        ["doctor", "--adb-server", EVIL],
        ["models", EVIL],
        ["app", "android", EVIL],
        ["app", "android", "--remove", EVIL],
        ["virtual-phone", "--profile", EVIL],
        ["virtual-phone", "--fault", EVIL],
        [EVIL],
        [f"--{EVIL}"],
    ],
    ids=lambda arguments: " ".join(arguments).replace(EVIL, "EVIL"),
)
def test_a_mistake_is_one_harmless_line(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run.run(commands, arguments) in (1, 2)
    out, err = capsys.readouterr()
    assert out == ""
    assert is_harmless(err)
    assert err.count("\n") == 1


def test_compare_names_its_files_harmlessly(tmp_path: Path, capsys: Captured) -> None:
    files = [str(tmp_path / f"{name}{EVIL}") for name in "ab"]
    for seed, file in enumerate(files):
        write_results(session(seed=seed), Path(file))
    assert run.run(commands, ["compare", *files]) == 0
    out, err = capsys.readouterr()
    assert "A: " in out
    assert is_harmless(out + err)
    assert not any(line.startswith("verified") for line in out.splitlines())


def test_a_tracebacks_lines_are_harmless_too(tmp_path: Path, capsys: Captured) -> None:
    assert run.run(commands, ["verify", str(tmp_path / EVIL), "--debug"]) == 2
    assert is_harmless(capsys.readouterr().err)


def test_warnings_are_one_harmless_line(capsys: Captured) -> None:
    stream = io.StringIO()
    Piped(stream).warn(EVIL)
    Warned("phone", stream).warn(EVIL)
    assert is_harmless(stream.getvalue())
    assert stream.getvalue().count("\n") == 2


def test_what_is_printed_keeps_its_lines_and_our_colours() -> None:
    stream = io.StringIO()
    echo("a\tb\n\u4f60 \U0001f469\u200d\U0001f680 \udcff", stream)
    assert stream.getvalue() == "a\tb\n\u4f60 \U0001f469\u200d\U0001f680 \udcff\n"
