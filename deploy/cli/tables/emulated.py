"""What was proved on emulated processors: a table for people, plain facts for --json."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from deploy.cli.output import decibels, echo, interval_facts, print_table
from deploy.support.json_text import finite

if TYPE_CHECKING:
    from deploy.verification.emulated import EmulatedProof


def emulated_facts(proof: EmulatedProof) -> dict[str, object]:
    """An artifact on a processor."""
    statistics = proof.statistics
    return {
        "artifact": proof.artifact,
        "processor": proof.processor,
        "sqnr_db": None if statistics is None else finite(statistics.sqnr_db),
        "agreement": None if statistics is None else statistics.agreement,
        "agreement_interval": interval_facts(statistics.agreeing if statistics else None),
        "photos": None if statistics is None else statistics.photos,
        "equal_to_this_computer": proof.equal,
        "unproved": proof.unproved,
    }


def show_emulated(proofs: Sequence[EmulatedProof]) -> None:
    """A row for every artifact on every processor; below it what was not run, and why."""
    rows = [
        [
            proof.artifact,
            proof.processor,
            decibels(proof.statistics.sqnr_db),
            f"{proof.statistics.agreeing.hits} of {proof.statistics.photos}",
            "equal" if proof.equal else "differ" if proof.equal is not None else "-",
            f"{sum(check.passed for check in proof.checks)} of {len(proof.checks)}",
        ]
        for proof in proofs
        if proof.statistics is not None
    ]
    if rows:
        print_table(["artifact", "processor", "dB", "agreement", "bits", "gates passed"], rows)
        echo(
            "\nbits: of the logits, against this computer's; they must be equal where all is int8."
        )
    unproved = {proof.artifact: proof.unproved for proof in proofs if proof.unproved is not None}
    for name, reason in unproved.items():
        echo(f"{name} is unproved on arm64: {reason}")
