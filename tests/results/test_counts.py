"""Counts of instructions in results.json, and what two files of them say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from session_results import session

from deploy.results.compare import compare_results
from deploy.results.file import read_results, write_results
from deploy.results.records import (
    EMULATED_VERSION,
    RESULTS_VERSION,
    CountedArm,
    EmulatedProcessor,
    InstructionCounts,
    Results,
)
from deploy.support.errors import UserError

FLOOR = 0.03


def counted(
    loads: int = 1000,
    *,
    processor: str = "cortex-a76",
    runtime: str = "ExecuTorch 1.5.1",
    measured: bool = False,
) -> Results:
    """A bundle's counts, without the phone that it was measured on unless that is asked for."""
    results = session()
    counts = InstructionCounts(
        dot_product=1000, i8mm=0, multiply_add=0, load=loads, store=0, other=0
    )
    arm = CountedArm(
        network="tiny 1 4x4",
        precision="fp32",
        bundle=results.bundles[0].id,
        artifact="executorch-fp32",
        instructions=counts,
    )
    on = EmulatedProcessor(
        processor=processor, emulator="qemu-aarch64 7.2.22", runtime=runtime, arms=(arm,)
    )
    bare = results if measured else results.model_copy(update={"devices": ()})
    return bare.with_counts((on,))


def test_results_without_counts_are_as_they_were(tmp_path: Path) -> None:
    results = session()
    file = tmp_path / "r.json"
    write_results(results, file)
    content = json.loads(file.read_text())
    assert content["schema_version"] == RESULTS_VERSION == 1
    assert "emulated" not in content
    assert read_results(file) == results.with_counts(())


def test_counts_are_kept_and_those_of_strangers_refused(tmp_path: Path) -> None:
    file = tmp_path / "r.json"
    write_results(counted(), file)
    assert read_results(file) == counted()
    assert counted().schema_version == EMULATED_VERSION
    file.write_text(file.read_text().replace('"artifact": "executorch-fp32"', '"artifact": "x"'))
    with pytest.raises(UserError, match="has counts of an unknown artifact, x"):
        read_results(file)


def test_counts_are_compared_without_statistics() -> None:
    compared = compare_results(counted(), counted(1100), floor=FLOOR)
    (found,) = compared.counts
    assert (compared.arms, compared.missing, compared.notes) == ((), (), ())
    assert found.ratio == pytest.approx(1.05)
    assert found.more_beyond(4.9)
    assert not found.more_beyond(5.1)
    assert found.label == "executorch-fp32 on cortex-a76"


def test_arms_and_counts_of_one_file_are_both_compared() -> None:
    compared = compare_results(counted(measured=True), counted(measured=True), floor=FLOOR)
    assert (len(compared.arms), len(compared.counts)) == (1, 1)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (counted(), counted(runtime="ExecuTorch 1.6.0"), "counted with different runtimes"),
        (counted(measured=True), counted(), "only one of the two has arms"),
        (counted(), session(), "1 counts of instructions are in the first alone"),
        (counted(), counted(processor="max"), "1 counts of instructions are in the first alone"),
    ],
)
def test_what_should_not_be_compared_is_refused(before: Results, after: Results, said: str) -> None:
    with pytest.raises(UserError, match=said):
        compare_results(before, after, floor=FLOOR)


def test_what_is_compared_anyway_is_told() -> None:
    other = counted(runtime="ExecuTorch 1.6.0")
    compared = compare_results(counted(), other, floor=FLOOR, anyway=True)
    assert len(compared.counts) == 1
    assert "different runtimes" in compared.notes[0]


def test_pixels_and_tensors_are_never_one_arm(tmp_path: Path) -> None:
    results = session()
    (device,) = results.devices
    arms = [
        arm.model_copy(update={"key": arm.key.model_copy(update={"input": "pixels"})})
        for arm in device.arms
    ]
    pixels = results.with_devices((device.model_copy(update={"arms": tuple(arms)}),))
    file = tmp_path / "r.json"
    write_results(pixels, file)
    assert read_results(file) == pixels
    assert pixels.schema_version == 4
    assert json.loads(file.read_text())["devices"][0]["arms"][0]["key"]["input"] == "pixels"
    assert results.with_devices(results.devices) == results
    assert '"input"' not in results.to_json()
    with pytest.raises(UserError, match="arm"):
        compare_results(results, pixels, floor=FLOOR)
    counts = counted()
    (on,) = counts.emulated
    other = on.model_copy(update={"arms": (on.arms[0].model_copy(update={"input": "pixels"}),)})
    assert counts.with_counts((other,)).schema_version == 4
    with pytest.raises(UserError, match="counts of instructions"):
        compare_results(counts, counts.with_counts((other,)), floor=FLOOR)
