"""What can go wrong, as one small tree.

    DeployError
    ├── UserError        exit code 2: the user can mend it (an option, a file, a folder)
    │   ├── WeightsError     a weights file that is missing, unsafe, or of another network
    │   ├── PhotosError      a folder without usable photos
    │   └── BundleError      a folder that is not a bundle, or an output path that cannot be one
    └── RunError         exit code 1: the run itself failed
        ├── FetchError       a pinned file could not be had
        ├── ExportError      a network or operator that a format cannot express
        │   └── CannotRunError   what was written cannot be run here
        ├── GateError        a proof failed: the artifact is wrong, or was tampered with
        ├── StorageError     the disk is full or refuses
        ├── EmulationError   an emulated processor fails, or takes for ever
        └── PhoneError       a phone, its adb server or its runner fails: `kind` says how

Every message is one line: what is wrong, then what to do. Only the command line prints them.
"""

from __future__ import annotations


class DeployError(Exception):
    """Base of everything we raise on purpose."""

    exit_code = 1


class UserError(DeployError):
    exit_code = 2


class WeightsError(UserError):
    pass


class PhotosError(UserError):
    pass


class BundleError(UserError):
    pass


class RunError(DeployError):
    pass


class FetchError(RunError):
    pass


class ExportError(RunError):
    pass


class CannotRunError(ExportError):
    """An artifact that was written cannot be run on this computer, so that nothing proves it."""


class GateError(RunError):
    pass


class StorageError(RunError):
    pass


class EmulationError(RunError):
    pass


class PhoneError(RunError):
    """`kind` is one of deploy.protocol.faults, which says what helps."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
