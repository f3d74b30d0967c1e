"""What ExecuTorch's executor_runner logs: times, and why it has none."""

from __future__ import annotations

import pytest
from phone_output import fixture

from deploy.android.parsers.runner_log import parse_runner_log


def test_times_of_the_runner() -> None:
    log = parse_runner_log(fixture("runner_ok"))
    assert log.load_ns == 12_345_678
    assert log.iterations_ns == (7_500_000, 4_123_456, 4_100_001)
    assert (log.executed, log.total_ns, log.error) == (3, 15_723_457, None)


def test_times_of_the_runner_in_logcat() -> None:
    log = parse_runner_log(fixture("runner_logcat"))
    assert (log.load_ns, log.executed) == (12_345_678, 2)
    assert log.iterations_ns == (7_500_000, 4_123_456)


def test_of_two_runs_in_one_log_the_last_counts() -> None:
    log = parse_runner_log(fixture("runner_ok") + fixture("runner_logcat"))
    assert log.iterations_ns == (7_500_000, 4_123_456)


def test_times_stop_where_one_is_missing_or_impossible() -> None:
    text = fixture("runner_ok")
    assert len(parse_runner_log(text.replace("2 of 3: 4.123456 ms", "")).iterations_ns) == 1
    assert len(parse_runner_log(text.replace("4.123456 ms", "0.000000 ms")).iterations_ns) == 1
    assert len(parse_runner_log(text.replace("4.123456 ms", "-4.1 ms")).iterations_ns) == 1
    assert len(parse_runner_log(text[: text.index("4.123456") + 4]).iterations_ns) == 1


def test_the_first_cause_is_the_runners_error() -> None:
    log = parse_runner_log(fixture("runner_operator"))
    assert log.missing_operator == "quantized_decomposed::add.out"
    assert log.error == "Missing operator: [29] quantized_decomposed::add.out"
    backend = parse_runner_log(fixture("runner_backend"))
    assert backend.missing_backend == "XnnpackBackend"
    assert backend.error == "Backend XnnpackBackend is not registered."


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("runner_no_file", "Failed to open m.pte: No such file or directory (2)"),
        ("runner_old", "ERROR: unknown command line flag 'cpu_threads'"),
        ("runner_link", "CANNOT LINK EXECUTABLE"),
    ],
)
def test_other_errors_of_the_runner(name: str, error: str) -> None:
    log = parse_runner_log(fixture(name))
    assert (log.error or "").startswith(error)
    assert (log.missing_operator, log.missing_backend) == (None, None)
