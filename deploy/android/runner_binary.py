"""Where the user's executor_runner lies: named once, remembered for the next time."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import platformdirs

from deploy.protocol.faults import fault
from deploy.support.errors import UserError


def known_runner(named: Path | None) -> Path:
    """`named`, or the one that was remembered.

    Raises UserError where `named` is no file, PhoneError (runner-missing) where none is known or
    the one that was is gone.
    """
    if named is not None:
        if not named.is_file():
            raise UserError(f"{named} is no file: name executor_runner, built for the phone's ABI")
        return named
    try:
        known = Path(_memory().read_text(encoding="utf-8").strip())
    except OSError:
        raise fault("runner-missing", "no runner binary is known") from None
    if not known.is_file():
        raise fault("runner-missing", f"the runner binary {known} is gone")
    return known


def remember_runner(binary: Path) -> None:
    """Take it from now on where none is named: one that has measured.

    A convenience: where the user's settings cannot be written, it is to be named again.
    """
    with suppress(OSError):
        _memory().parent.mkdir(parents=True, exist_ok=True)
        _memory().write_text(f"{binary.resolve()}\n", encoding="utf-8")


def _memory() -> Path:
    """Raises OSError where the user has no home folder."""
    try:
        folder = platformdirs.user_config_path("mobile-deploy")
    except RuntimeError as error:
        raise FileNotFoundError(str(error)) from error
    if not folder.is_absolute():  # An older platformdirs leaves the ~ as it is.
        raise FileNotFoundError(f"no home folder for {folder}")
    return folder / "runner-binary"
