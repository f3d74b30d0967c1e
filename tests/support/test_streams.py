"""stdout and stderr of any encoding, closed, full or without a reader: the work is never lost."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import MAIN, environment
from session_results import session

from deploy.results.file import write_results
from deploy.results.judge import judge
from deploy.support.streams import FIT, Lenient

TABLES = """
import sys
from pathlib import Path
from deploy.cli.tables import profile as phone_tables
from deploy.results.judge import judge
from deploy.results.file import read_results
from deploy.support.streams import prepare_streams
prepare_streams()
phone_tables.show_devices(judge(read_results(Path(sys.argv[1]))))
"""


def shell(line: str, **changes: str) -> subprocess.CompletedProcess[bytes]:
    """A line of bash, in which `mobile-deploy` is this checkout's."""
    ours = f"mobile-deploy() {{ '{sys.executable}' -c '{MAIN}' \"$@\"; }}\n"
    return subprocess.run(
        ["bash", "-c", ours + line],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        env=environment(**changes),
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "cp437", "utf-8"])
def test_the_table_fits_the_terminal(encoding: str, tmp_path: Path) -> None:
    results = session()
    write_results(results, tmp_path / "r.json")
    done = subprocess.run(
        [sys.executable, "-c", TABLES, str(tmp_path / "r.json")],
        capture_output=True,
        check=False,
        env=environment(PYTHONIOENCODING=encoding),
    )
    assert done.returncode == 0, done.stderr
    bars = "▁▂▃▄▅▆▇█" if encoding == "utf-8" else "_.-:=+*#"
    shown = [line.split() for line in done.stdout.decode(encoding).splitlines()]
    pictures = [words[-2] for words in shown if words and words[-1] in ("VALID", "INVALID")]
    assert len(pictures) == sum(len(report.arms) for report in judge(results)) > 0
    assert all(set(picture) <= set(bars) for picture in pictures)


def test_what_an_encoding_lacks_is_written_in_ascii() -> None:
    text = "a\u2192b \u2026 \u4f60\U0001f600 \udcff caf\u00e9"
    assert text.encode("ascii", FIT) == rb"a->b ... \u4f60\U0001f600 \udcff caf\xe9"
    assert text.encode("latin-1", FIT).endswith(b"caf\xe9")
    assert text.encode("utf-8", FIT).decode("utf-8") == text.replace("\udcff", r"\udcff")


REFUSED = "error: cannot write to stdout (%s): run again with it open and with room\n"


@pytest.mark.parametrize(
    ("to", "said"),
    [("> /dev/full", "No space left on device"), (">&-", "Bad file descriptor")],
)
def test_stdout_that_takes_nothing_is_one_line_and_1(to: str, said: str) -> None:
    done = shell(f"mobile-deploy models {to}")
    assert (done.returncode, done.stderr.decode()) == (1, REFUSED % said)
    for option in ("--help", "--version"):
        done = shell(f"mobile-deploy {option} {to}")
        assert done.returncode == 1
        assert done.stderr.startswith(b"error: cannot write ")
        assert done.stderr.count(b"\n") == 1


def test_a_reader_that_has_seen_enough_is_told_nothing() -> None:
    done = shell("mobile-deploy models | true; exit ${PIPESTATUS[0]}")
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("to", ["2>&-", "2> /dev/full", "<&- 2>&-"])
def test_the_exit_code_is_right_where_nothing_can_be_said(to: str) -> None:
    assert shell(f"mobile-deploy nonsense {to}").returncode == 2
    done = shell(f"mobile-deploy models {to}")
    assert done.returncode == 0
    assert done.stdout.startswith(b"mobilenet_v1 ")


def test_progress_that_nobody_reads_ends_nothing() -> None:
    read, write = os.pipe()
    os.close(read)
    stream = Lenient(os.fdopen(write, "wb"), encoding="ascii")
    for _ in range(3):
        print("a warning", file=stream, flush=True)
    stream.close()


def test_the_help_is_ascii_for_every_terminal() -> None:
    from deploy.cli import commands

    for command in [commands, *commands.commands.values()]:
        with command.make_context("mobile-deploy", [], resilient_parsing=True) as context:
            assert command.get_help(context).isascii()


def test_warnings_made_errors_are_not_taken_for_faults() -> None:
    done = shell("mobile-deploy summary mobilenet_v2 --resolution 32", PYTHONWARNINGS="error")
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""


def test_a_stream_without_a_descriptor_is_left_alone() -> None:
    from deploy.support.streams import give_up

    give_up(io.StringIO())
