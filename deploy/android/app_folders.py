"""The app's own folder on the phone, where no other app comes, and the two ways into it.

`run-as` enters a debuggable app alone, and Android measures such a one under CheckJNI. So the
benchmark build is none, and gives its files by a content provider that wants the permission DUMP,
which adb's shell has and other apps have not.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from deploy.android.folders import DeviceFolder, timeout_of
from deploy.android.parsers.content import cannot_write, parse_provided, parse_refusal
from deploy.android.parsers.packages import Package, parse_package
from deploy.android.phone import Phone, ShellResult
from deploy.protocol.faults import fault
from deploy.support.errors import PhoneError

PACKAGE = "dev.mobiledeploy.demo"
PROVIDER = f"content://{PACKAGE}.benchmark"
_FOLDER = "files/bench"


class AppFolder(DeviceFolder):
    """Reached by run-as: of a debuggable app."""

    debuggable = True

    def __init__(self, phone: Phone) -> None:
        super().__init__(phone, _FOLDER)

    def lay(self, name: str, file: Path) -> None:
        """Copy a small file, checked by its hash as every other."""
        self.put(name, file)

    def look(self, name: str) -> str:
        """The command that says "there" where the file is, cheap enough to be asked while a block
        runs."""
        return as_app(f"test -f {self.path}/{name} && echo there")

    def forget(self, *names: str) -> str:
        """The command that removes these files."""
        return as_app(f"rm -f {' '.join(f'{self.path}/{name}' for name in names)}")

    def _make(self) -> None:
        done = self.phone.shell(
            f"{as_app(f'rm -rf {self.path}')}; {as_app(f'mkdir -p {self.path}')}"
        )
        if done.code != 0:
            raise _closed(self.phone, f"run-as fails on {self.phone.serial} ({done.err})")

    def _copy(self, name: str, file: Path) -> str:
        to = f"{self.path}/{name}"
        if "shell_v2" in self.phone.features:
            copy = as_app(f"cat > {to} && sha256sum {to}")
            done = self.phone.shell(copy, stdin=file, timeout=timeout_of(file))
        else:
            by_way = self.push_aside(name, file)
            copy = as_app(f"cp {by_way} {to} && sha256sum {to}")
            done = self.phone.shell(f"chmod 644 {by_way}; {copy}; rm -f {by_way}")
        self.check_space(done)
        return done.out

    def _read(self, name: str) -> bytes:
        return self.phone.read(f"run-as {PACKAGE} cat {self.path}/{name}")

    def _hash(self, name: str) -> str:
        return self.phone.shell(f"run-as {PACKAGE} sha256sum {self.path}/{name}").out

    def remove(self) -> None:
        self.phone.shell(as_app(f"rm -rf {self.path}"))


class ProvidedFolder(DeviceFolder):
    """Behind the app's provider. Each command starts a Java program on the phone, which is expected
    to take it a good part of a second of work: nothing to be asked while a block runs, and as
    little as can be between two."""

    debuggable = False

    def __init__(self, phone: Phone) -> None:
        super().__init__(phone, PROVIDER)

    def lay(self, name: str, file: Path) -> None:
        """Copy a small file whose reader sees by itself whether it is whole."""
        self._write(name, file, "")

    def find(self, name: str) -> bytes | None:
        """What comes of a file, which may not be all; None where nothing does."""
        return self._read(name) or None

    def _make(self) -> None:
        self.remove()
        done = self.phone.shell(_listing(self.path))
        if parse_provided(done.out) != {}:
            raise _closed(self.phone, _told(self.phone, done, "gives no empty folder"))

    def _copy(self, name: str, file: Path) -> str:
        # It ends with 0 whatever happens: the hash tells.
        return self._write(name, file, f"; {_listing(f'{self.path}/{name}')}")

    def _write(self, name: str, file: Path, then: str) -> str:
        """Give what `then`, a command after the copy's, puts out."""
        copy = f"content write --uri {self.path}/{name}"
        if "shell_v2" in self.phone.features:
            done = self.phone.shell(f"{copy}{then}", stdin=file, timeout=timeout_of(file))
        else:
            by_way = self.push_aside(name, file)
            done = self.phone.shell(f"cat {by_way} | {copy}; rm -f {by_way}{then}")
        self.check_space(done)
        _check_writes(self.phone, done)
        if parse_refusal(done.err):
            raise fault("file-differs", _told(self.phone, done, f"did not take {name}"))
        return done.out

    def _read(self, name: str) -> bytes:
        # Both streams come as one.
        return self.phone.read(f"content read --uri {self.path}/{name} 2>/dev/null")

    def _hash(self, name: str) -> str:
        return self.phone.shell(_listing(f"{self.path}/{name}")).out

    def remove(self) -> None:
        self.phone.shell(f"content delete --uri {self.path}")


def installed(phone: Phone) -> Package | None:
    """The app that the phone has, of whatever version; None where it has none."""
    return parse_package(phone.shell(f"dumpsys package {PACKAGE}").out, PACKAGE)


def app_folder(phone: Phone) -> AppFolder | ProvidedFolder:
    """By what the app that is installed there is: where nothing says, one that run-as enters."""
    package = installed(phone)
    is_closed = package is not None and package.debuggable is False
    return ProvidedFolder(phone) if is_closed else AppFolder(phone)


def check_provider(phone: Phone) -> None:
    """See that the app gives its files, as its benchmark build does and its release does not.

    Raises PhoneError: app-not-debuggable, locked, android-old.
    """
    done = phone.shell(_listing(PROVIDER))
    if parse_provided(done.out) is None:
        what = _told(phone, done, "gives no files, as a release build does not")
        raise _closed(phone, what)
    probe = f"{PROVIDER}/probe"
    done = phone.shell(f"echo | content write --uri {probe}; content delete --uri {probe}")
    _check_writes(phone, done)


def as_app(command: str) -> str:
    """`command`, run by a shell of the app's own user in the app's own folder.

    >>> as_app("cat > files/x")
    "run-as dev.mobiledeploy.demo sh -c 'cat > files/x'"
    """
    return f"run-as {PACKAGE} sh -c {shlex.quote(command)}"


def _listing(uri: str) -> str:
    return f"content query --uri {uri}"


def _told(phone: Phone, done: ShellResult, what: str) -> str:
    """What the app does or does not, in the phone's own words besides."""
    said = parse_refusal(f"{done.err}\n{done.out}")
    return f"the app on {phone.serial} {what}" + (f" ({said})" if said else "")


def _closed(phone: Phone, what: str) -> PhoneError:
    """Why nobody comes into the app's folder: its build, unless the phone is not open yet."""
    # Until it is, the storage of apps is closed, and providers in them are not found.
    if "RUNNING_LOCKED" in phone.shell("am get-started-user-state 0").out:
        return fault("locked", f"{phone.serial} was not unlocked since it started")
    return fault("app-not-debuggable", what)


def _check_writes(phone: Phone, done: ShellResult) -> None:
    if cannot_write(done.err + done.out):
        raise fault("android-old", f"Android on {phone.serial} cannot write to a provider")
