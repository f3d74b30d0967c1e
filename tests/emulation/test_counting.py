"""profile --device arm64: counts that repeat, and a gate on them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from compilers import needs_emulator

from deploy import write_results
from deploy.android.measure import profile_bundles
from deploy.cli import commands
from deploy.cli.run import run
from deploy.results.file import read_results
from deploy.results.records import EMULATED_VERSION, EmulatedProcessor, InstructionCounts, Results
from deploy.support.errors import UserError

INT8 = "executorch-int8"


def counts_on(results: Results, processor: str) -> InstructionCounts:
    """Of the one artifact."""
    (on,) = (on for on in results.emulated if on.processor == processor)
    (arm,) = on.arms
    return arm.instructions


def altered(results: Results, **kinds: int) -> Results:
    def changed(on: EmulatedProcessor) -> EmulatedProcessor:
        (arm,) = on.arms
        counts = arm.instructions.model_copy(update=kinds)
        return on.model_copy(update={"arms": (arm.model_copy(update={"instructions": counts}),)})

    return results.model_copy(update={"emulated": tuple(map(changed, results.emulated))})


@needs_emulator()
def test_instructions_are_counted_and_repeat_and_gate(
    phone_bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    asked = ["profile", str(phone_bundle), "--device", "arm64", "--artifact", INT8]
    asked += ["--cpu", "cortex-a53,cortex-a76"]
    assert run(commands, [*asked, "-o", str(first), "--json"]) == 0
    facts = json.loads(capfd.readouterr().out)
    assert run(commands, [*asked, "-o", str(second)]) == 0
    shown = capfd.readouterr().out
    assert "cortex-a76 (emulated by qemu-aarch64" in shown
    assert "They are no time" in shown
    assert " ms" not in shown

    results, again = read_results(first), read_results(second)
    assert results.schema_version == EMULATED_VERSION
    assert results.devices == ()
    a53, a76 = counts_on(results, "cortex-a53"), counts_on(results, "cortex-a76")
    assert (a53.dot_product, a76.i8mm) == (0, 0)
    assert a76.dot_product > 1000
    assert a53.total > a76.total
    assert facts["instructions"][1]["instructions"]["all"] == a76.total
    assert facts["instructions"][1]["emulated"] is True
    repeated = counts_on(again, "cortex-a76")
    assert repeated.dot_product == a76.dot_product
    # A network so small that whatever the runner does besides is seen.
    assert repeated.total == pytest.approx(a76.total, rel=0.02)

    compare = ["compare", str(first), str(second)]
    assert run(commands, [*compare, "--fail-above", "2"]) == 0
    assert "no time" in capfd.readouterr().out
    write_results(altered(again, load=2 * a76.total), second)
    assert run(commands, [*compare, "--fail-above", "2", "--json"]) == 1
    said = capfd.readouterr()
    assert "2 of 2 artifacts execute more instructions by more than 2 %" in said.err
    assert json.loads(said.out)["instructions"][0]["unit"] == "instructions"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"devices": ["host"], "cpus": ["max"]}, "--cpu is for --device arm64"),
        ({"devices": ["arm64"], "threads": [2]}, "counts in one thread"),
        ({"devices": ["arm64"], "cpus": ["pentium"]}, "unknown processor 'pentium'"),
        ({"devices": ["arm64"], "artifacts": ["onnx-int8"]}, "no such artifact that runs there"),
    ],
)
def test_what_cannot_be_counted_is_refused(
    options: dict[str, list[str]], said: str, phone_bundle: Path
) -> None:
    with pytest.raises(UserError, match=said):
        profile_bundles([phone_bundle], **options)  # type: ignore[arg-type]
