"""What a session needs of a device: a phone, this computer, or a test's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from deploy.benchmark.runner import Runner
from deploy.results.records import Conditions, DeviceFacts


class Device(Protocol):
    """A device, opened. Its runner is used by one session at a time."""

    @property
    def runner(self) -> Runner:
        """What runs blocks on it."""

    def facts(self) -> DeviceFacts:
        """What it is. Raises PhoneError."""

    def conditions(self, at_s: float, *, whole: bool = True) -> Conditions:
        """How it is now, `at_s` seconds into the session; heat and clocks alone where not `whole`.

        Raises PhoneError.
        """

    def warnings(self) -> Sequence[str]:
        """What is unfavourable, though it can be measured. Raises PhoneError."""

    def recover(self) -> str | None:
        """Wait until it can be talked to again; what happened meanwhile, where that is known.

        Raises PhoneError.
        """

    def abandon(self) -> None:
        """Leave nothing behind, also after a failure and after Ctrl-C. Raises PhoneError."""
