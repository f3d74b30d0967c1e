"""results.json on disk: read with suspicion; samples as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from deploy.bundle.parse import NewerSchemaError, strict_record
from deploy.results.records import NEWEST_VERSION, MeasuredDevice, Results
from deploy.support.errors import UserError
from deploy.support.input_file import read_input
from deploy.support.output_file import write_output
from deploy.support.printable import printable
from deploy.support.spreadsheet import inert

# A hundred phones' worth.
_MAX_BYTES = 512 * 2**20

CSV_COLUMNS = (
    "device",
    "model",
    "bundle",
    "artifact",
    "runner",
    "threads",
    "cores",
    "round",
    "order",
    "iteration",
    "ns",
)


def write_results(results: Results, path: Path) -> None:
    """Write results.json, whole or not at all. Raises StorageError."""
    write_output(path, results.to_json().encode())


def write_csv(results: Results, path: Path) -> None:
    """Write every timed inference, a line each. Raises StorageError.

    Text that a spreadsheet would take for a formula has a ' before it.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    labels = {bundle.id: bundle.label for bundle in results.bundles}
    for device in results.devices:
        writer.writerows(_rows(device, labels))
    write_output(path, text.getvalue().encode())


def read_results(path: Path) -> Results:
    """The results in a file. Raises UserError, of one line, for what is none that we can read."""
    where = printable(str(path))
    data = read_input(path, _MAX_BYTES, "name a results.json")
    try:
        results = strict_record(Results, data, _MAX_BYTES, NEWEST_VERSION)
    except NewerSchemaError:
        raise UserError(
            f"{where} is of a newer mobile-deploy: upgrade this one to read it"
        ) from None
    except ValueError as error:
        _refuse(where, str(error))
    known = {
        (bundle.id, artifact.name) for bundle in results.bundles for artifact in bundle.artifacts
    }
    for device in results.devices:
        try:
            _check_logits(device)
        except ValueError as error:
            _refuse(where, f"holds answers that cannot be read ({error})")
        for arm in device.arms:
            if (arm.bundle, arm.artifact) not in known:
                _refuse(where, f"has an arm of an unknown artifact, {arm.artifact}")
    for on in results.emulated:
        for counted in on.arms:
            if (counted.bundle, counted.artifact) not in known:
                _refuse(where, f"has counts of an unknown artifact, {counted.artifact}")
    return results


def _rows(device: MeasuredDevice, labels: dict[str, str]) -> Iterator[list[object]]:
    about = device.device
    for arm in device.arms:
        for block in arm.blocks:
            for iteration, ns in enumerate(block.answer.iterations_ns if block.answer else ()):
                yield [
                    *map(inert, (about.serial or about.id, about.model, labels[arm.bundle])),
                    inert(arm.artifact),
                    arm.key.runner,
                    arm.key.threads,
                    inert(arm.key.cores or ""),
                    block.round,
                    block.order,
                    iteration,
                    ns,
                ]


def _check_logits(device: MeasuredDevice) -> None:
    """Raises ValueError for logits that cannot be decoded."""
    for arm in device.arms:
        for block in arm.blocks:
            for golden in block.answer.logits if block.answer else ():
                golden.values()


def _refuse(where: str, what: str) -> NoReturn:
    raise UserError(f"{where} {what}: name a results.json that profile or the iOS app wrote")
