"""What a bundle may be called in an app."""

from __future__ import annotations

import re
from pathlib import Path

from deploy.support.errors import BundleError
from deploy.support.printable import printable

# Android's packager leaves out folders that begin with an underscore or a dot.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def check_name(folder: Path) -> str:
    """The name of the bundle in `folder`: its folder's.

    Raises BundleError for one that an app's packager drops or that leads elsewhere.
    """
    name = folder.resolve().name
    if not _NAME.fullmatch(name):
        raise BundleError(
            f"{printable(name)} is no name for a bundle in an app: rename the folder, with "
            "letters, digits and . _ - after a letter or digit"
        )
    return name
