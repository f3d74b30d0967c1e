"""Packed bundles that the apps must take or refuse, made of one that is stored.

`good.zip` is what `mobile-deploy pack` makes of a tiny bundle. The others are written here byte by
byte, since zipfile writes nothing as wrong as a stranger may.
"""

from __future__ import annotations

import base64
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bundle_factory import make_bundle
from places import FIXTURES

from deploy.apps.pack import pack

GOOD = FIXTURES / "packs" / "tiny.zip"

_FILE, _LINK, _FOLDER = 0o100644 << 16, 0o120777 << 16, 0o040755 << 16


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An entry as the two places that tell of it have it; None: both say what is true."""

    name: str
    data: bytes
    local_name: str | None = None
    size: int | None = None
    attributes: int = _FILE
    method: int = 0
    flags: int = 0
    extra: bytes = b""


def write_good() -> None:
    """Store the pack that the others are made of."""
    with TemporaryDirectory() as folder:
        make_bundle(Path(folder, "tiny"), photos=1)
        GOOD.parent.mkdir(exist_ok=True)
        pack(Path(folder, "tiny"), GOOD)


def refused_packs() -> list[dict[str, Any]]:
    """Name, bytes (so many of the good pack's, then the rest), why, and which apps refuse it: each
    reads only what it runs."""
    both, ios, android = ["android", "ios"], ["ios"], ["android"]
    good = _entries()
    whole = _zip(good)
    assert whole == GOOD.read_bytes()
    cases: list[tuple[str, str, list[str], bytes]] = [
        ("empty", "no-pack", both, b""),
        ("text", "no-pack", both, b"<html>no file of ours</html>"),
        ("cut off", "no-pack", both, whole[:-30]),
        ("half of it", "no-pack", both, whole[: len(whole) // 2]),
        ("something before it", "no-pack", both, b"#!/bin/sh\n" + whole),
        ("something after it", "no-pack", both, whole + b"more"),
        ("no entries", "no-pack", both, _zip([])),
        ("no manifest", "no-pack", both, _zip(good[1:])),
        ("entries said to be beyond the end", "no-pack", both, _moved(whole)),
        ("two entries of the same bytes", "no-pack", both, _overlapping(good)),
        ("encrypted", "no-pack", both, _zip(_edit("labels.txt", flags=1))),
        ("a size that comes later", "no-pack", both, _zip(_edit("labels.txt", flags=8))),
        ("fields of another tool", "no-pack", both, _zip(_edit("labels.txt", extra=b"UT\0\0"))),
        ("compressed", "compressed", both, _deflated(good)),
        ("a larger size than there is", "no-pack", both, _zip(_edit("labels.txt", size=2**31))),
        (
            "another name inside",
            "no-pack",
            both,
            _zip(_edit("labels.txt", local_name="tiny/labels.tx_")),
        ),
        *(
            (f"a path that {says}", "path", both, _zip([*good, Entry(name=path, data=b"x")]))
            for says, path in {
                "leads out": "tiny/../../evil",
                "is absolute": "/etc/evil",
                "leads out by backslashes": "tiny\\..\\evil",
                "is hidden": "tiny/.evil",
                "is an option": "tiny/-rf",
                "lies beside the bundle": "other/evil",
                "is no bundle's": "evil",
                "ends in a slash": "tiny/golden/",
                "holds a line's end": "tiny/a\nb",
                "is empty between": "tiny//evil",
                "is too long": "tiny/" + "a" * 256,
            }.items()
        ),
        ("a bundle that is hidden", "path", both, _zip(_renamed(".tiny"))),
        ("a bundle that leads out", "path", both, _zip(_renamed(".."))),
        ("a link", "link", both, _zip(_edit("labels.txt", attributes=_LINK))),
        ("a folder for a file", "link", both, _zip(_edit("labels.txt", attributes=_FOLDER))),
        ("a name twice", "twice", both, _zip([*good, _named("labels.txt")])),
        (
            "a name twice but for case",
            "twice",
            both,
            _zip([*good, replace(_named("labels.txt"), name="tiny/Labels.txt")]),
        ),
        ("an artifact larger than said", "size", both, _zip(_longer("tiny_int8.pte"))),
        ("an artifact smaller than said", "size", both, _zip(_edit("tiny_int8.pte", data=b"x"))),
        ("an .onnx larger than said", "size", android, _zip(_longer("tiny_fp32.onnx"))),
        ("a crop larger than said", "size", both, _zip(_longer("golden/0.rgb"))),
        ("logits larger than said", "size", both, _zip(_longer("golden/logits_float.f32"))),
        (
            "a package larger than said",
            "size",
            ios,
            _zip(_longer("tiny_int8.mlpackage/Data/model.mlmodel")),
        ),
        (
            "a file more in a package",
            "size",
            ios,
            _zip([*good, Entry(name="tiny/tiny_int8.mlpackage/more", data=b"x")]),
        ),
        *(
            (f"altered {path}", "hash", apps, _zip(_altered(path)))
            for path, apps in {
                "labels.txt": both,
                "tiny_int8.pte": both,
                "tiny_fp32.onnx": android,
                "tiny_int8.mlpackage/Manifest.json": ios,
                "golden/0.rgb": both,
                "golden/logits_executorch_int8.f32": both,
            }.items()
        ),
        *(
            (f"without {path}", "missing", both, _zip(_without(path)))
            for path in ("labels.txt", "tiny_int8.pte", "golden/0.rgb", "golden/logits_float.f32")
        ),
        ("without a package", "missing", ios, _zip(_without("tiny_int8.mlpackage/"))),
        ("a newer schema", "schema", both, _zip(_manifest(schema_version=99))),
        ("another tool's manifest", "manifest", both, _zip(_manifest(tool={"name": "another"}))),
        ("a manifest that is none", "manifest", both, _zip(_edit("manifest.json", data=b"{"))),
    ]
    return [
        {"name": name, **_told(whole, data), "fault": fault, "apps": apps}
        for name, fault, apps, data in cases
    ]


def _told(whole: bytes, data: bytes) -> dict[str, Any]:
    pairs = enumerate(zip(whole, data, strict=False))
    same = next((at for at, (one, other) in pairs if one != other), min(len(whole), len(data)))
    return {"same": same, "rest": base64.b64encode(data[same:]).decode()}


def _entries() -> list[Entry]:
    with zipfile.ZipFile(GOOD) as archive:
        return [Entry(name=each.filename, data=archive.read(each)) for each in archive.infolist()]


def _named(path: str) -> Entry:
    (found,) = [entry for entry in _entries() if entry.name == f"tiny/{path}"]
    return found


def _changed(path: str, change: Callable[[Entry], Entry]) -> list[Entry]:
    _named(path)
    return [change(each) if each.name == f"tiny/{path}" else each for each in _entries()]


def _edit(path: str, **fields: Any) -> list[Entry]:
    return _changed(path, lambda entry: replace(entry, **fields))


def _longer(path: str) -> list[Entry]:
    return _changed(path, lambda entry: replace(entry, data=entry.data + b"more"))


def _altered(path: str) -> list[Entry]:
    return _changed(
        path, lambda entry: replace(entry, data=entry.data[:-1] + bytes([entry.data[-1] ^ 1]))
    )


def _without(path: str) -> list[Entry]:
    return [each for each in _entries() if not each.name.startswith(f"tiny/{path}")]


def _renamed(bundle: str) -> list[Entry]:
    return [replace(each, name=bundle + each.name.removeprefix("tiny")) for each in _entries()]


def _manifest(**fields: Any) -> list[Entry]:
    content = json.loads(_named("manifest.json").data) | fields
    return _edit("manifest.json", data=json.dumps(content).encode())


def _deflated(entries: list[Entry]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writer:
        for entry in entries:
            # A level that every zlib writes alike: it stores.
            writer.writestr(zipfile.ZipInfo(entry.name), entry.data, zipfile.ZIP_DEFLATED, 0)
    return archive.getvalue()


def _moved(whole: bytes) -> bytes:
    """The end's record points behind the file."""
    return whole[:-6] + struct.pack("<I", len(whole) + 5) + whole[-2:]


def _overlapping(entries: list[Entry]) -> bytes:
    """The last entry's record is there twice, under two names."""
    doubled = [*entries, replace(entries[-1], name="tiny/zzz")]
    return _zip(doubled, shared=True)


def _zip(entries: list[Entry], *, shared: bool = False) -> bytes:
    """APPNOTE 6.3.10; `shared` has the last two entries lie in one place."""
    locals_, central = bytearray(), bytearray()
    at = 0
    for index, entry in enumerate(entries):
        size = len(entry.data) if entry.size is None else entry.size
        fields = struct.pack(
            "<4H3I2H",
            *(entry.flags, entry.method, 0, 0x21),
            *(zlib.crc32(entry.data), size, size),
            *(len(entry.name), len(entry.extra)),
        )
        name = (entry.local_name or entry.name).encode()
        if not (shared and index == len(entries) - 1):
            at = len(locals_)
            locals_ += b"PK\3\4" + struct.pack("<H", 20) + fields + name + entry.extra
            locals_ += entry.data
        central += b"PK\1\2" + struct.pack("<2H", 3 << 8 | 20, 20) + fields
        central += struct.pack("<3H2I", 0, 0, 0, entry.attributes, at)
        central += entry.name.encode() + entry.extra
    end = struct.pack(
        "<4s4H2IH",
        *(b"PK\5\6", 0, 0, len(entries), len(entries)),
        *(len(central), len(locals_), 0),
    )
    return bytes(locals_ + central) + end
