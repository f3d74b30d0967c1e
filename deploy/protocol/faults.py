"""What can go wrong with a phone: a row a kind, with what to do and whether trying again helps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from deploy.protocol.messages import RunnerErrorKind
from deploy.support.errors import PhoneError
from deploy.support.printable import printable

HarnessKind = Literal[
    "no-phone",
    "not-found",
    "unauthorized",
    "offline",
    "no-permissions",
    "not-booted",
    "lost",
    "rebooted",
    "server",
    "server-start",
    "adb-missing",
    "timeout",
    "no-space",
    "locked",
    "app-missing",
    "app-old",
    "app-not-debuggable",
    "android-old",
    "app-crashed",
    "killed-for-memory",
    "killed",
    "hung",
    "bad-answer",
    "runner-missing",
    "runner-abi",
    "runner-failed",
    "wrong-abi",
    "busy",
    "unexpected",
]
"""What the harness itself sees; a runner's own words have the kinds of the protocol."""


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """`text` ends the message; `again` says whether a second try, after the phone is back, may
    well go better."""

    text: str
    again: bool = False


REMEDIES: dict[str, Remedy] = {
    "no-phone": Remedy(
        text="plug one in with USB debugging on, give --connect HOST:PORT, or measure this "
        "computer with --device host"
    ),
    "not-found": Remedy(text="mobile-deploy doctor lists the phones that adb sees"),
    "unauthorized": Remedy(text="unlock the phone and accept this computer's key on its screen"),
    "offline": Remedy(
        text="unplug and replug it, or on the network run adb reconnect offline", again=True
    ),
    "no-permissions": Remedy(text="add a udev rule for the phone (Debian: android-sdk-udev-rules)"),
    "not-booted": Remedy(text="start Android on it and wait until it has booted"),
    "lost": Remedy(text="check the cable or the network and run again", again=True),
    "rebooted": Remedy(text="let it cool and charge, then run again", again=True),
    "server": Remedy(text="run adb kill-server, then try again", again=True),
    "server-start": Remedy(
        text="set HOME, and TMPDIR, to folders that it can write to, or name a server that runs "
        "with --adb-server"
    ),
    "adb-missing": Remedy(
        text="install it (Debian: apt install adb; anywhere: pip install --force-reinstall "
        "adbutils), or name one by ADBUTILS_ADB_PATH"
    ),
    "timeout": Remedy(text="replug the phone or restart it, then run again", again=True),
    "no-space": Remedy(text="free space on the phone"),
    "locked": Remedy(text="unlock the phone and keep its screen on"),
    "app-missing": Remedy(
        text="install android_demo's benchmark build (gradle installBenchmark, see "
        "android_demo/README.md), or take --runner native"
    ),
    "app-old": Remedy(text="install the app again from this version's android_demo"),
    "app-not-debuggable": Remedy(text="install its benchmark build: gradle installBenchmark"),
    "android-old": Remedy(
        text="install the app's debug build, which run-as enters (gradle installDebug), or take "
        "--runner native"
    ),
    "app-crashed": Remedy(text="read adb logcat -b crash; try another artifact", again=True),
    "killed-for-memory": Remedy(text="close other apps or take a smaller network", again=True),
    "killed": Remedy(text="close other apps and leave the phone alone meanwhile", again=True),
    "hung": Remedy(text="restart the phone, or give fewer --iterations", again=True),
    "bad-answer": Remedy(text="run again; if it stays, install the app again", again=True),
    "runner-missing": Remedy(
        text="install that, or the app (gradle installBenchmark, see android_demo/README.md), or "
        "give --runner-binary FILE (docs/native-runner.md)"
    ),
    "runner-abi": Remedy(text="take an arm64 phone, or install the app on it"),
    "runner-failed": Remedy(
        text="run mobile-deploy verify on the bundle; see docs/native-runner.md"
    ),
    "wrong-abi": Remedy(text="the app runs on arm64-v8a and x86_64 only: take another phone"),
    "busy": Remedy(text="wait for the other mobile-deploy to end, or name another --device"),
    "unexpected": Remedy(text="run again with --debug and report it"),
    "bad-request": Remedy(text="install the app again from this version's android_demo"),
    "newer-protocol": Remedy(text="install the app again from this version's android_demo"),
    "file-missing": Remedy(text="run again: the file was removed meanwhile", again=True),
    "file-differs": Remedy(text="run again: the copy was damaged", again=True),
    "runtime-missing": Remedy(text="build the app with that runtime, or leave the artifact out"),
    "load-failed": Remedy(text="build the bundle with the runtime's version, or update the app"),
    "operator-missing": Remedy(
        text="the runtime lacks an operator or backend: build the bundle for its version, or "
        "build the runtime with it"
    ),
    "wrong-shape": Remedy(text="build the bundle again"),
    "run-failed": Remedy(text="run mobile-deploy verify on the bundle"),
    "out-of-memory": Remedy(text="close other apps or take a smaller network", again=True),
    "cancelled": Remedy(text="leave the app in the foreground while it measures", again=True),
    "internal": Remedy(text="run again with --debug and report it"),
}

assert set(REMEDIES) == {*get_args(HarnessKind), *get_args(RunnerErrorKind)}


def fault(kind: HarnessKind | RunnerErrorKind, what: str) -> PhoneError:
    """The error of that kind: `what` is wrong, made printable, then the remedy."""
    return PhoneError(kind, f"{printable(what)}: {REMEDIES[kind].text}")


def helps_again(error: PhoneError) -> bool:
    """Whether another try may go better."""
    return REMEDIES[error.kind].again
