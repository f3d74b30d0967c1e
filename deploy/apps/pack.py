"""A bundle as one .zip, which the apps import.

The entries are `NAME/path`, NAME the bundle's folder: the manifest first, then the rest by path,
stored as they are, all with one time. So equal bundles give equal bytes, and a reader in an app
needs no decompression: it knows every size before it reads on. docs/bundle.md has the rules.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

from deploy.apps.names import check_name
from deploy.bundle.manifest import MANIFEST_FILE
from deploy.bundle.open import check_integrity, open_bundle
from deploy.support.errors import BundleError, GateError
from deploy.support.output_file import check_output, write_output
from deploy.support.printable import printable

# The oldest that a .zip can say.
_TIME = (1980, 1, 1, 0, 0, 0)
_PLAIN_FILE = 0o100644 << 16
_UNIX = 3
# Beyond it a .zip needs the fields of zip64, which the apps do not read.
_MOST_BYTES = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class Packed:
    """The .zip that was written: its size in bytes and how many files are in it."""

    file: Path
    bytes: int
    files: int
    sha256: str


def pack(folder: Path, output: Path | None = None) -> Packed:
    """Write the bundle in `folder` as `output`, by default a .zip of its name beside it.

    Every hash of the bundle is checked; that its networks run is `verify`'s to prove. Raises
    BundleError for what is no bundle, or has a name or size that an app refuses, GateError where a
    file is not what the manifest says, UserError and StorageError where nothing can be written.
    """
    name = check_name(folder)
    bundle = open_bundle(folder)
    if output is None:
        # As the user named it, unless that is no name, such as the current folder's.
        output = (folder if folder.name == name else folder.resolve()).with_name(f"{name}.zip")
    check_output(output)
    check_integrity(bundle)
    paths = sorted(
        file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()
    )
    paths.sort(key=lambda path: path != MANIFEST_FILE)
    size = sum((folder / path).stat().st_size for path in paths)
    if size > _MOST_BYTES:
        raise BundleError(
            f"{printable(str(folder))} has {size / 1e9:.1f} GB, too much for an app to import: "
            "build it with fewer --formats"
        )
    data = _zipped(folder, name, paths)
    if open_bundle(folder).manifest != bundle.manifest:
        raise GateError(f"{printable(str(folder))} changed while it was packed: try again")
    write_output(output, data)
    digest = hashlib.sha256(data).hexdigest()
    return Packed(file=output, bytes=len(data), files=len(paths), sha256=digest)


def _zipped(folder: Path, name: str, paths: list[str]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as writer:
        for path in paths:
            entry = zipfile.ZipInfo(f"{name}/{path}", _TIME)
            # The same wherever it was written.
            entry.create_system = _UNIX
            entry.external_attr = _PLAIN_FILE
            writer.writestr(entry, (folder / path).read_bytes())
    return archive.getvalue()
