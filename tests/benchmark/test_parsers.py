"""Numbers and words, cpufreq, /proc and onnxruntime's profile, as captured."""

from __future__ import annotations

import pytest
from phone_output import fixture

from deploy.benchmark.parsers.cpu import clocks, clusters, parse_files
from deploy.benchmark.parsers.per_op import OperatorTime, parse_profile
from deploy.benchmark.parsers.process import parse_status
from deploy.benchmark.parsers.text import decimal, lines_of, whole, words
from deploy.results.records import Cluster, CoreClock


@pytest.mark.parametrize(
    ("text", "value"),
    [("12", 12), (" -3 ", -3), ("", None), ("1.5", None), ("²", None), ("9" * 5000, None)],
)
def test_whole_numbers_are_plain_digits(text: str, value: int | None) -> None:
    assert whole(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("38.1", 38.1), ("-4", -4.0), ("3.0E1", 30.0), ("NaN", None), ("inf", None), ("1e999", None)],
)
def test_decimals_are_finite(text: str, value: float | None) -> None:
    assert decimal(text) == value


def test_words_are_one_printable_line() -> None:
    assert words("Pixel\x1b[31m\n8\udc80") == "Pixel?[31m?8?"


def test_lines_end_at_line_feeds_alone() -> None:
    assert lines_of("a\u2028b\x1cc\r\nd") == ["a\u2028b\x1cc", "d"]


def test_clusters_by_policies_slowest_first() -> None:
    assert clusters(parse_files(fixture("cpufreq_policies"))) == (
        Cluster(cores=(0, 1, 2, 3), max_khz=1704000),
        Cluster(cores=(4, 5, 6, 7), max_khz=2367000),
        Cluster(cores=(8,), max_khz=2914000),
    )


def test_clusters_are_in_order_of_clock_and_not_of_number() -> None:
    policy = "/sys/devices/system/cpu/cpufreq/policy"
    files = {f"{policy}0/related_cpus": "0 1", f"{policy}0/cpuinfo_max_freq": "3000000"}
    files |= {f"{policy}2/related_cpus": "2 3", f"{policy}2/cpuinfo_max_freq": "2000000"}
    assert [cluster.cores for cluster in clusters(files)] == [(2, 3), (0, 1)]


def test_clusters_by_cores_where_policies_are_hidden() -> None:
    assert clusters(parse_files(fixture("cpufreq_cores"))) == (
        Cluster(cores=(0, 1, 2, 3), max_khz=1500000),
        Cluster(cores=(4, 5), max_khz=2100000),
    )


def test_policies_of_one_core_each_make_one_cluster() -> None:
    policy = "/sys/devices/system/cpu/cpufreq/policy"
    files = {f"{policy}{core}/related_cpus": f"{core}" for core in range(4)}
    files |= {f"{policy}{core}/cpuinfo_max_freq": "1800000" for core in range(4)}
    assert clusters(files) == (Cluster(cores=(0, 1, 2, 3), max_khz=1800000),)


def test_a_file_that_cannot_be_read_is_unknown_for_its_cores_alone() -> None:
    lines = fixture("cpufreq_policies").splitlines()
    text = "\n".join(line for line in lines if "policy8/scaling_cur_freq" not in line)
    assert clocks(parse_files(text))[-2:] == (
        CoreClock(core=7, khz=1836000, allowed_khz=2000000),
        CoreClock(core=8, khz=None, allowed_khz=2400000),
    )


def test_cores_that_are_offline_have_no_clock() -> None:
    found = clocks(parse_files(fixture("cpufreq_cores")))
    assert [clock.khz for clock in found] == [750000, 750000, None, None, 1050000, None]
    assert found[2].allowed_khz is None


def test_a_file_of_several_lines_is_kept_whole() -> None:
    assert parse_files("/proc/a:1\n/proc/a:2:3\ngrep: x: No\n") == {"/proc/a": "1\n2:3"}


def test_state_of_a_process() -> None:
    status = parse_status(fixture("status"))
    assert status is not None
    assert (status.peak_bytes, status.resident_bytes) == (51200 * 1024, 40960 * 1024)
    assert (status.threads, status.cores_allowed) == (5, "4-7")


def test_a_process_that_is_gone_has_no_state() -> None:
    assert parse_status("cat: /proc/1/status: No such file or directory\n") is None


def test_operators_hottest_first() -> None:
    assert parse_profile(fixture("profile")) == (
        OperatorTime(name="conv", operator="QLinearConv", calls=2, total_ns=413_000),
        OperatorTime(name="add one", operator="Add", calls=2, total_ns=134_000),
    )


@pytest.mark.parametrize(
    "text", ["{}", "[1, null, []]", '[{"cat": "Node"}]', '[{"cat": ["Node"], "name": {}}]', "NaN"]
)
def test_json_that_is_no_profile(text: str) -> None:
    assert parse_profile(text) == ()
