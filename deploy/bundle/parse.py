"""From the text of a manifest.json, which anyone may have written, to a Manifest or one line."""

from __future__ import annotations

import json
from typing import Any, NoReturn, TypeVar

from pydantic import ValidationError

from deploy.bundle.fields import Record
from deploy.bundle.manifest import MANIFEST_FILE, SCHEMA_VERSION, Manifest
from deploy.support.errors import BundleError
from deploy.support.printable import printable

# A thousand times what a bundle needs: more is not a manifest.
MAX_MANIFEST_BYTES = 16 * 2**20

_REMEDY = "build the bundle again"


def parse_manifest(data: bytes, where: str) -> Manifest:
    """The manifest that `data`, the bytes of a manifest.json, holds.

    `where` names the bundle in messages. Raises BundleError, of one line that names the field, for
    anything that is not a manifest of a schema that this version reads.
    """
    try:
        return strict_record(Manifest, data, MAX_MANIFEST_BYTES, SCHEMA_VERSION)
    except NewerSchemaError as newer:
        schemas = f"schema {newer}, this one reads {SCHEMA_VERSION}"
        raise BundleError(
            f"{where} was written by a newer mobile-deploy ({schemas}): upgrade mobile-deploy"
        ) from None
    except ValueError as error:
        _refuse(where, str(error))


class NewerSchemaError(ValueError):
    """A record of a newer schema than this version reads; its text is the schema's number."""


RecordType = TypeVar("RecordType", bound=Record)


def strict_record(model: type[RecordType], data: bytes, most: int, newest: int) -> RecordType:
    """The record that `data`, at most `most` bytes of JSON, holds.

    Raises NewerSchemaError where its schema_version is above `newest`, before anything else of it
    is read; ValueError that says, after the name of a file, what is wrong with it.
    """
    content = _strict_object(data, most)
    version = content.get("schema_version")
    if type(version) is int and version > newest:
        raise NewerSchemaError(printable(str(version)))
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        raise ValueError(_first_problem(error)) from error


def _strict_object(data: bytes, most: int) -> dict[str, Any]:
    """The one JSON object in `data`, of at most `most` bytes of UTF-8, without NaN or a name twice.

    Raises ValueError that says, after the name of a file, what is wrong with it.
    """
    if len(data) > most:
        raise ValueError(f"is larger than {most} bytes")
    try:
        content = json.loads(
            data.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant
        )
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is not JSON ({printable(str(error))})") from error
    if not isinstance(content, dict):
        raise ValueError("is not a JSON object")
    return content


def _first_problem(error: ValidationError) -> str:
    """The first thing wrong, after the path of the field that it is wrong in."""
    first, more = error.errors(include_url=False)[0], error.error_count() - 1
    field = printable(".".join(str(part) for part in first["loc"])) or "the whole"
    value = first["input"]
    shown = f" {printable(repr(value))}" if isinstance(value, str | int | float) else ""
    others = f" (and {more} more)" if more else ""
    message = printable(first["msg"].removeprefix("Value error, "))
    return f"is wrong at {field}:{shown} {message}{others}"


def _refuse(where: str, what: str) -> NoReturn:
    raise BundleError(f"{MANIFEST_FILE} of {where} {what}: {_REMEDY}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        # Readers differ in which of the two they take, so no two would see the same bundle.
        raise ValueError("a name is there twice in one object")
    return content


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number in JSON")
