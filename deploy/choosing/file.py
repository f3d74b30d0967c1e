"""choice.json and record.json on disk: written whole or not at all, read with suspicion."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from deploy.bundle.fields import Record
from deploy.bundle.parse import NewerSchemaError, strict_record
from deploy.choosing.records import CHOICE_VERSION, VARIANT_VERSION, Choice, VariantRecord
from deploy.support.errors import StorageError, UserError
from deploy.support.input_file import read_input
from deploy.support.output_file import replace_file
from deploy.support.printable import printable

CHOICE_FILE = "choice.json"

# A thousand variants' worth.
_MAX_BYTES = 64 * 2**20

RecordOfOurs = TypeVar("RecordOfOurs", bound=Record)


def read_choice(path: Path | str) -> Choice:
    """The choice in a file, or in the folder of a sweep. Raises UserError, of one line, for what
    is none that this version reads."""
    path = Path(path)
    if path.is_dir():
        path = path / CHOICE_FILE
    return _read(Choice, path, CHOICE_VERSION, "run `mobile-deploy choose` to write one")


def read_variant(path: Path) -> VariantRecord:
    """The record beside a bundle. Raises UserError as `read_choice`."""
    remedy = f"remove {printable(str(path.parent))} to have it built anew"
    return _read(VariantRecord, path, VARIANT_VERSION, remedy)


def write_record(record: Record, path: Path) -> None:
    """Write it beside its place, then rename. Raises StorageError."""
    try:
        replace_file(path, record.to_json().encode())
    except OSError as error:
        raise StorageError(
            f"cannot write {path} ({error.strerror}): free space on its disk, or choose another "
            "folder with -o"
        ) from error


def _read(model: type[RecordOfOurs], path: Path, newest: int, remedy: str) -> RecordOfOurs:
    where = printable(str(path))
    data = read_input(path, _MAX_BYTES, remedy)
    try:
        return strict_record(model, data, _MAX_BYTES, newest)
    except NewerSchemaError as newer:
        raise UserError(
            f"{where} is of a newer mobile-deploy (schema {newer}, this one reads {newest}): "
            "upgrade mobile-deploy"
        ) from None
    except ValueError as error:
        raise UserError(f"{where} {error}: {remedy}") from error
