"""`getprop`: what a phone says it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from deploy.benchmark.parsers.text import lines_of, positive, words

_START = re.compile(r"\[([^\]]+)\]: \[(.*)")

# Of decades: Android 16 has 36.
_HIGHEST_API = 1000

# The first two are there from Android 12 on; the rest name the platform, ever less exactly.
_SOC_NAMES = (
    "ro.soc.model",
    "ro.vendor.qti.soc_name",
    "ro.mediatek.platform",
    "ro.hardware.chipname",
    "ro.board.platform",
    "ro.hardware",
)


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a phone is, in its own words. `serialno` tells phones apart where adb's serial is an
    address; `virtual` is our own virtual phone, `emulator` Android's.
    """

    model: str | None
    manufacturer: str | None
    soc: str | None
    release: str | None
    api: int | None
    abi: str | None
    abilist: tuple[str, ...]
    fingerprint: str | None
    serialno: str | None
    emulator: bool
    virtual: bool


def parse_properties(text: str) -> dict[str, str]:
    """Every `[key]: [value]`; a value may go over several lines. One that is cut
    off is left out.
    """
    properties: dict[str, str] = {}
    key, value = "", ""
    for line in lines_of(text):
        start = _START.fullmatch(line)
        if start is not None:
            key, value = start[1], start[2]
        elif key:
            value += f"\n{line}"
        if key and value.endswith("]"):
            properties[key] = value[:-1]
            key = ""
    return properties


def describe(properties: Mapping[str, str]) -> Description:
    """The facts among the properties of `getprop`."""

    def known(*names: str) -> str | None:
        return next((value for name in names if (value := words(properties.get(name)))), None)

    model = known("ro.product.model")
    abilist = tuple(filter(None, (known("ro.product.cpu.abilist") or "").split(",")))
    return Description(
        model=model,
        manufacturer=known("ro.product.manufacturer", "ro.product.brand"),
        soc=_soc(known("ro.soc.manufacturer"), known("ro.soc.model"), known(*_SOC_NAMES)),
        release=known("ro.build.version.release"),
        api=positive(known("ro.build.version.sdk"), _HIGHEST_API),
        abi=known("ro.product.cpu.abi") or next(iter(abilist), None),
        abilist=abilist,
        fingerprint=known("ro.build.fingerprint"),
        serialno=known("ro.serialno", "ro.boot.serialno"),
        emulator="1" in (known("ro.kernel.qemu"), known("ro.boot.qemu")),
        virtual=model is not None and model.startswith("Virtual"),
    )


def _soc(maker: str | None, model: str | None, name: str | None) -> str | None:
    """With its maker where both are known, and the maker is not in the name already."""
    if maker and model and not model.lower().startswith(maker.lower()):
        return f"{maker} {model}"
    return name
