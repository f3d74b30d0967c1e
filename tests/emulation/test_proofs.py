"""Artifacts proved on emulated processors, by `verify --cpu` and `build --prove-on`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import run_here
from compilers import needs_emulator
from small_build import build_here, recipe

from deploy.capture.spec import NetworkSpec
from deploy.cli import commands
from deploy.cli.run import run
from deploy.emulation.block import Emulation
from deploy.emulation.emulator import Emulator
from deploy.emulation.processors import PROCESSORS
from deploy.pipeline.recipe import Recipe, make_targets
from deploy.protocol.messages import PROTOCOL_VERSION, Answer, GoldenAnswer, RunnerFacts
from deploy.results.file import read_results
from deploy.results.records import PIXELS_VERSION
from deploy.statistics.error_statistics import compare_logits
from deploy.support.errors import UserError
from deploy.verification.bundle import verify
from deploy.verification.emulated import EmulatedArtifact, computes_in_integers, prove_emulated

CORES = ("cortex-a53", "cortex-a76")
EQUAL_GATE = "logits of the golden photos as on this computer"
PTE_INT8 = make_targets(["executorch"], ["int8"])


@needs_emulator()
def test_a_finished_bundle_is_proved_on_each_processor(phone_bundle: Path) -> None:
    verified = verify(phone_bundle, cpus=CORES)
    proofs = {(proof.artifact, proof.processor): proof for proof in verified.emulated}
    assert len(proofs) == len(verified.bundle.manifest.artifacts) * len(CORES)
    for (name, _), proof in proofs.items():
        if name.startswith("onnx"):
            assert proof.unproved == "only .pte files are run on emulated processors"
            assert proof.statistics is None
        else:
            assert proof.unproved is None
            assert proof.statistics is not None
            assert proof.checks
            assert all(check.passed for check in proof.checks)
    on_a76 = proofs["executorch-fp32", "cortex-a76"].statistics
    assert on_a76 is not None
    assert on_a76.sqnr_db > 90


@needs_emulator()
def test_a_build_proves_pure_int8_to_the_bit_and_keeps_that_in_the_bundle(
    tmp_path: Path, phone_bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    photos = phone_bundle.parents[1] / "photos"
    wanted = recipe(tmp_path / "b", photos, targets=PTE_INT8, int8="pure", prove_on=CORES)
    built = build_here(wanted)
    assert [(proof.processor, proof.equal) for proof in built.emulated] == [
        (core, True) for core in CORES
    ]
    kept = json.loads((tmp_path / "b" / "verification.json").read_text())["emulated"]
    assert [entry["equal_to_this_computer"] for entry in kept] == [True, True]
    gates = [check["gate"] for check in kept[0]["checks"]]
    assert EQUAL_GATE in gates
    asked = ("verify", str(tmp_path / "b"), "--cpu", "cortex-a76")
    done = run_here(capfd, *asked)
    assert done.returncode == 0, done.stderr
    row = next(line for line in done.stdout.splitlines() if "cortex-a76" in line)
    assert row.split()[-4:] == ["equal", "2", "of", "2"]


@pytest.mark.nightly
@needs_emulator()
def test_bytes_are_proved_and_counted_as_floats_are(
    tmp_path: Path, phone_bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    photos = phone_bundle.parents[1] / "photos"
    targets = make_targets(["executorch"])
    folder = tmp_path / "b"
    wanted = recipe(
        folder, photos, targets=targets, input="pixels", int8="pure", prove_on=("cortex-a76",)
    )
    built = build_here(wanted)
    assert {proof.artifact: proof.equal for proof in built.emulated}["executorch-int8"] is True
    (proof,) = (one for one in built.emulated if one.artifact == "executorch-fp32")
    assert proof.statistics is not None
    assert proof.statistics.sqnr_db > 90
    verified = verify(folder, cpus=["cortex-a53"])
    assert [one.unproved for one in verified.emulated] == [None, None]
    assert all(check.passed for check in verified.checks)

    counted = tmp_path / "counted.json"
    asked = ["profile", str(folder), "--device", "arm64", "-o", str(counted)]
    assert run(commands, [*asked, "--artifact", "executorch-int8"]) == 0
    assert "executorch-int8 (pixels)" in capfd.readouterr().out
    results = read_results(counted)
    assert results.schema_version == PIXELS_VERSION
    ((arm,),) = (on.arms for on in results.emulated)
    assert (arm.input, arm.instructions.i8mm) == ("pixels", 0)
    assert arm.instructions.dot_product > 1000


def test_a_processor_is_asked_for_by_a_known_name_before_anything_is_built(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--prove-on: unknown processor 'x86'"):
        recipe(tmp_path / "b", tmp_path, prove_on=("x86",))


class Altered(Emulation):
    """An emulation that answers with logits of ours."""

    def run(self, *_: object, **__: object) -> Answer:
        rows = enumerate(ALTERED)
        return Answer(
            schema_version=PROTOCOL_VERSION,
            id="block",
            status="ok",
            error=None,
            runner=RunnerFacts(
                name="native", version="1", runtime="ExecuTorch", runtime_version="1.5.1"
            ),
            load_ns=1,
            first_ns=1,
            iterations_ns=(1,),
            thermal_before=None,
            thermal_after=None,
            memory_before_bytes=None,
            memory_peak_bytes=None,
            logits=tuple(GoldenAnswer.of(index, row) for index, row in rows),
        )


HERE = np.random.default_rng(3).normal(size=(2, 10)).astype(np.float32)
ALTERED = HERE.copy()
ALTERED[1, 4] = np.nextafter(HERE[1, 4], np.float32(9))


@pytest.mark.parametrize(
    ("operators", "must_be_equal"),
    [
        ({"conv.int8", "add.int8", "convert.float"}, True),
        ({"conv.int8", "conv.float", "convert.float"}, False),
    ],
)
def test_one_bit_that_differs_fails_where_all_is_int8(
    operators: set[str], must_be_equal: bool, tmp_path: Path
) -> None:
    assert computes_in_integers(frozenset(operators)) is must_be_equal
    emulator = Emulator(path="none", version="7.2", processors=frozenset())
    (proof,) = prove_emulated(
        Altered(emulator=emulator, runner=tmp_path),
        [PROCESSORS["cortex-a76"]],
        [
            EmulatedArtifact(
                name="executorch-int8",
                format="executorch",
                precision="int8",
                file=tmp_path / "n.pte",
                operators=frozenset(operators),
                written_by="1.4.1",
                photos=np.zeros((2, 3, 4, 4), np.float32),
                here=HERE,
                own_program=compare_logits(HERE, HERE),
            )
        ],
        HERE,
    )
    assert proof.equal is False
    failed = [check for check in proof.checks if not check.passed]
    if must_be_equal:
        (check,) = failed
        assert (check.artifact, check.gate) == ("executorch-int8 on cortex-a76", EQUAL_GATE)
        assert (check.measured, check.required) == ("1 of 2 differ", "equal to the bit")
    else:
        assert failed == []


@pytest.mark.nightly
@needs_emulator()
@pytest.mark.parametrize("int8", ["pure", "auto"])
@pytest.mark.parametrize(
    ("network", "weights"),
    [
        ("mobilenet_v2", None),
        # The arithmetic does not depend on them, and theirs have no mirror.
        ("mobilenet_v1", "none"),
        ("mobilenet_v3_large", "none"),
        ("mobilenet_v3_small", "none"),
    ],
)
def test_whole_networks_on_phones_processors(
    network: str, weights: str | None, int8: str, tmp_path: Path
) -> None:
    built = build_here(
        Recipe(
            network=NetworkSpec(network, weights=weights),
            output=tmp_path / "b",
            targets=PTE_INT8,
            int8=int8,
            prove_on=CORES,
        )
    )
    assert [proof.processor for proof in built.emulated] == list(CORES)
    gates = [check.gate for proof in built.emulated for check in proof.checks]
    if int8 == "pure":
        # XNNPACK has a hard-swish in float alone: of V3 the bits are the same, but not required.
        required = 0 if "v3" in network else len(CORES)
        assert gates.count(EQUAL_GATE) == required
        assert all(proof.equal for proof in built.emulated)
    else:
        assert len(gates) == len(CORES)
