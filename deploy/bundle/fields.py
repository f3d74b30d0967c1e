"""The records of our JSON files and their kinds of value, which refuse what readers trip over."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import PydanticCustomError

from deploy.support.json_text import json_text

# No component may begin with a dot or a dash, so `..`, hidden files and options are out, and so are
# drive letters, backslashes and anything that one file system would spell differently.
_COMPONENT = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
_PATH = rf"{_COMPONENT}(/{_COMPONENT})*"
_LONGEST_PATH = 255

# The integers that a double, and so every JSON reader, holds exactly.
_MOST = 2**53 - 1


def is_plain_path(text: str) -> bool:
    """Whether `text` is a relative POSIX path that means the same on every system."""
    return len(text) <= _LONGEST_PATH and re.fullmatch(_PATH, text) is not None


def _relative_file(text: str) -> str:
    if not is_plain_path(text):
        raise PydanticCustomError(
            "relative_file",
            "is not a plain relative path (letters, digits and . _ - between single slashes)",
        )
    return text


def _sorted(counts: dict[str, Any]) -> dict[str, Any]:
    return dict(sorted(counts.items()))


Count = Annotated[int, Field(ge=0, le=_MOST)]
Positive = Annotated[int, Field(ge=1, le=_MOST)]
PositiveFloat = Annotated[float, Field(gt=0)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
# One line without control characters: it may end up on a terminal.
Line = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f-\x9f]+$", max_length=1000)]
Name = Annotated[str, Field(pattern=rf"^{_COMPONENT}$", max_length=100)]
RelativeFile = Annotated[
    str,
    AfterValidator(_relative_file),
    Field(max_length=_LONGEST_PATH, json_schema_extra={"pattern": f"^{_PATH}$"}),
]
Side = Annotated[int, Field(ge=1, le=65536)]
Size = tuple[Side, Side]
PerChannel = tuple[float, float, float]
OperatorCounts = Annotated[dict[Line, Positive], AfterValidator(_sorted)]
Versions = Annotated[dict[Line, Line], AfterValidator(_sorted)]


class Record(BaseModel):
    """A JSON object of ours: every field there and of its type, none besides, never changed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    def to_json(self) -> str:
        """The text of a file: fields in their declared order, the same every time."""
        return json_text(self.model_dump(mode="json"))

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """The record's JSON Schema. Rules that tie two fields together are in the code alone."""
        return {"$schema": GenerateJsonSchema.schema_dialect, **cls.model_json_schema()}


class GrownRecord(Record):
    """A record whose fields with a default came with a later version.

    They are written only where they say more than the default: readers of the versions before
    refuse fields that they do not know.
    """

    @model_serializer(mode="wrap")
    def _without_defaults(self, serialize: SerializerFunctionWrapHandler) -> dict[str, object]:
        fields: dict[str, object] = serialize(self)
        later = {
            name: field.default
            for name, field in type(self).model_fields.items()
            if not field.is_required()
        }
        return {
            name: value
            for name, value in fields.items()
            if name not in later or getattr(self, name) != later[name]
        }
