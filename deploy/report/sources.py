"""Which files of the named folders are results, and what they hold."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from deploy.bundle.integrity import read_checked
from deploy.bundle.manifest import MANIFEST_FILE, Manifest
from deploy.bundle.open import read_manifest
from deploy.choosing.file import CHOICE_FILE, read_choice
from deploy.choosing.records import Choice
from deploy.report.records import PrintedComparison, PrintedDiff, Verification
from deploy.results.file import read_results
from deploy.results.records import Results
from deploy.support.errors import StorageError, UserError
from deploy.support.hashing import sha256_file
from deploy.support.input_file import read_input
from deploy.support.printable import printable

# results.json of a hundred phones; nothing else comes near.
_MOST_BYTES = 512 * 2**20
_MOST_PROOFS = 16 * 2**20
# As session files begin, which are too large to be read twice.
_SESSION = re.compile(
    rb'\s*\{\s*"schema_version"\s*:\s*\d+\s*,\s*"tool"\s*:\s*\{[^{}]*\}\s*,\s*"session"\s*:\s*"'
)
_BEGINNING = 4096
# Below a folder that is named: sweeps in folders of a day in folders of a project.
_DEPTH = 6
_MOST_FILES = 20_000

_REMEDY = "name files of choose, build, profile, compare or diff, or the folders they are in"

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, kw_only=True)
class ReadBundle:
    """`id` is the hash of its manifest; `proofs` None where the folder was not kept with it."""

    path: Path
    id: str
    manifest: Manifest
    proofs: Verification | None


@dataclass(frozen=True, kw_only=True)
class ReadFile:
    """A file that went into the report, and its hash."""

    path: Path
    kind: str
    sha256: str


@dataclass(kw_only=True)
class Sources:
    """All that was read; `notes` are of what could not be found. `title` is the name of the one
    folder that was named, "" of several."""

    title: str = ""
    choices: list[tuple[Path, Choice]] = field(default_factory=list)
    bundles: dict[str, ReadBundle] = field(default_factory=dict)
    sessions: dict[str, tuple[Path, Results]] = field(default_factory=dict)
    comparisons: list[tuple[Path, PrintedComparison]] = field(default_factory=list)
    diffs: list[tuple[Path, PrintedDiff]] = field(default_factory=list)
    files: list[ReadFile] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def is_empty(self) -> bool:
        return not (self.choices or self.bundles or self.sessions or self.comparisons or self.diffs)


def read_sources(paths: Sequence[Path]) -> Sources:
    """Read every result in `paths`, which are files or folders.

    Raises UserError, of one line, where one cannot be read or is no result of ours, and where there
    is none at all; GateError where a bundle's proofs were altered.
    """
    reader = _Reader()
    for path in paths:
        reader.read(path)
    if reader.sources.is_empty():
        where = ", ".join(printable(str(path)) for path in paths)
        why = f" ({'; '.join(reader.sources.notes[:1])})" if reader.sources.notes else ""
        raise UserError(f"there is nothing to report in {where}{why}: {_REMEDY}")
    if len(paths) == 1 and os.path.isdir(paths[0]):
        reader.sources.title = paths[0].resolve().name
    return reader.sources


class _NoJsonError(UserError):
    """A file whose name says JSON, and which holds none."""


class _Reader:
    def __init__(self) -> None:
        self.sources = Sources()
        self._seen: set[str] = set()

    def read(self, path: Path) -> None:
        """A path that the user named."""
        # os.path's are False, where Path's raise, for what cannot be looked at.
        if os.path.isdir(path):
            for found in _results_below(path):
                try:
                    self._file(found, named=False)
                except _NoJsonError as error:
                    # Of somebody else, or half written: the rest can be shown without it.
                    self.sources.notes.append(f"left out: {error}")
        else:
            self._file(path, named=True)

    def _file(self, path: Path, *, named: bool) -> None:
        real = os.path.realpath(path)
        if real in self._seen:
            return
        self._seen.add(real)
        if os.path.exists(path) and not os.path.isfile(path):
            if named:
                raise UserError(f"{printable(str(path))} is no plain file: {_REMEDY}")
            return
        kind = path.name if _is_by_name(path, named=named) else _kind(path)
        if kind == CHOICE_FILE or kind == "choice":
            self._choice(path)
        elif kind == MANIFEST_FILE or kind == "manifest":
            self._bundle(path, expected=None)
        elif kind == "results":
            self._session(path)
        elif kind == "comparison":
            self.sources.comparisons.append((path, _printed(PrintedComparison, path)))
            self._note_file(path, "compare", _sha256(path))
        elif kind == "diff":
            self.sources.diffs.append((path, _printed(PrintedDiff, path)))
            self._note_file(path, "diff", _sha256(path))
        elif named:
            raise UserError(f"{printable(str(path))} is no result that we know: {_REMEDY}")

    def _choice(self, path: Path) -> None:
        choice = read_choice(path)
        self.sources.choices.append((path, choice))
        self._note_file(path, "choose", _sha256(path))
        for variant in choice.variants:
            if variant.bundle is not None:
                manifest = path.parent / variant.bundle / MANIFEST_FILE
                self._kept(manifest, variant.name, expected=variant.manifest_sha256)
        if choice.device is not None and choice.device.results is not None:
            results = path.parent / choice.device.results
            if results.is_file():
                self._file(results, named=True)
            else:
                self.sources.notes.append(
                    f"{printable(str(results))} is not there: latency has no samples"
                )

    def _kept(self, manifest: Path, name: str, *, expected: str | None) -> None:
        """The bundle of a variant, which may have been removed or built anew since."""
        if os.path.realpath(manifest) in self._seen:
            return
        self._seen.add(os.path.realpath(manifest))
        if manifest.is_file():
            self._bundle(manifest, expected=expected)
        else:
            self.sources.notes.append(f"the bundle of {name} is not there: its details are missing")

    def _bundle(self, path: Path, *, expected: str | None) -> None:
        id = _sha256(path)
        if expected not in (None, id):
            self.sources.notes.append(
                f"{printable(str(path.parent))} was built anew since it was chosen among: its "
                "details are left out"
            )
            return
        # The name of the file says which of the two readers: of a folder, or of a file kept alone.
        manifest = read_manifest(path)
        self.sources.bundles[id] = ReadBundle(
            path=path, id=id, manifest=manifest, proofs=_proofs(path.parent, manifest)
        )
        self._note_file(path, "build", id)

    def _session(self, path: Path) -> None:
        results = read_results(path)
        # Two copies of one file are one session; of an interrupted one and its end both are shown.
        if (sha256 := _sha256(path)) not in self.sources.sessions:
            self.sources.sessions[sha256] = (path, results)
            self._note_file(path, "profile", sha256)

    def _note_file(self, path: Path, kind: str, sha256: str) -> None:
        self.sources.files.append(ReadFile(path=path, kind=kind, sha256=sha256))


def _results_below(folder: Path) -> Iterator[Path]:
    """What may be results in a folder, in the order of names. Of a sweep or a bundle its own file
    alone: that says what else belongs to it."""
    seen = 0
    for place, folders, names in os.walk(folder):
        here = Path(place)
        seen += len(names)
        if seen > _MOST_FILES:
            raise UserError(
                f"{printable(str(folder))} holds more than {_MOST_FILES} files: name the folders "
                "that the results are in"
            )
        ours = (MANIFEST_FILE, CHOICE_FILE)
        whole = next((name for name in ours if name in names and _is_versioned(here / name)), None)
        if whole == MANIFEST_FILE or len(here.relative_to(folder).parts) >= _DEPTH:
            folders.clear()
        hidden = {name for name in folders if name.startswith(".")}
        owned = {"variants", "measured"} if whole == CHOICE_FILE else set()
        folders[:] = sorted(set(folders) - hidden - owned)
        if whole == MANIFEST_FILE:
            yield here / whole
        else:
            yield from (here / name for name in sorted(names) if name.endswith(".json"))


def _is_by_name(path: Path, *, named: bool) -> bool:
    """Whether it is to be read as what its name says, whatever is in it."""
    return path.name in (CHOICE_FILE, MANIFEST_FILE) and (named or _is_versioned(path))


def _is_versioned(path: Path) -> bool:
    """Whether a manifest.json is a bundle's: those of web pages have no version of a schema."""
    try:
        return os.path.isfile(path) and "schema_version" in _object(path)
    except _NoJsonError:  # Told where the file itself is read.
        return False


def _kind(path: Path) -> str | None:
    """Which of ours a file of JSON is, by the fields that only that one has."""
    if _SESSION.match(read_input(path, _BEGINNING, _REMEDY)):
        return "results"
    content = _object(path)
    fields = content.keys()
    for kind, own in (
        ("choice", {"variants", "quality_by"}),
        ("manifest", {"artifacts", "golden", "toolkits"}),
        ("results", {"session", "devices", "settings"}),
        ("comparison", {"arms", "missing", "notes"}),
        ("diff", {"artifacts", "changes", "checks"}),
    ):
        if own <= fields:
            return kind
    return None


def _object(path: Path) -> dict[str, Any]:
    where = printable(str(path))
    try:
        content = json.loads(_bytes(path))
    except (ValueError, RecursionError) as error:
        raise _NoJsonError(
            f"{where} is not JSON ({printable(str(error))}): write it again, or remove it"
        ) from error
    return content if isinstance(content, dict) else {}


def _bytes(path: Path) -> bytes:
    data = read_input(path, _MOST_BYTES, _REMEDY)
    if len(data) > _MOST_BYTES:
        raise UserError(f"{printable(str(path))} is larger than {_MOST_BYTES} bytes: {_REMEDY}")
    return data


def _printed(model: type[Model], path: Path) -> Model:
    """What a command printed. Raises UserError, naming the first field that is wrong."""
    return _validated(model, _bytes(path), printable(str(path)), "print it again with --json")


def _validated(model: type[Model], data: bytes, where: str, remedy: str) -> Model:
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = printable(".".join(map(str, first["loc"]))) or "the whole"
        raise UserError(
            f"{where} is wrong at {place} ({printable(first['msg'])}): {remedy}"
        ) from error


def _proofs(folder: Path, manifest: Manifest) -> Verification | None:
    record = manifest.verification
    if not (folder / record.file).exists():
        return None
    try:
        data = read_checked(folder, record.file, record.sha256, _MOST_PROOFS)
    except OSError as error:
        raise StorageError(
            f"cannot read {printable(str(folder / record.file))} ({error.strerror}): check its "
            "permissions"
        ) from error
    return verification(data, f"{record.file} of {printable(str(folder))}")


def verification(data: bytes, where: str) -> Verification:
    """A bundle's proofs. `where` names them in messages. Raises UserError for what is none."""
    return _validated(Verification, data, where, "build the bundle again")


def _sha256(path: Path) -> str:
    try:
        return sha256_file(path)
    except OSError as error:
        raise UserError(
            f"cannot read {printable(str(path))} ({error.strerror}): {_REMEDY}"
        ) from error
