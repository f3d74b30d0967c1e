"""What is fuzzed: each target takes any bytes, and raises where what reads them does not hold.

A reader of a stranger's bytes gives a record or an error of ours with one printable line; never
another exception, and nothing that acts on a terminal.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bundle_factory import make_bundle
from lying_device import lying_device
from phone_output import fixtures
from phone_parsers import PARSERS
from places import FIXTURES, ROOT
from raw_wire import converse
from report_files import write_sweep
from session_results import session

from deploy.bundle.onnx_file import check_self_contained
from deploy.bundle.open import check_integrity, open_bundle
from deploy.protocol.answers import parse_answer
from deploy.protocol.messages import Request
from deploy.report.sources import verification
from deploy.report.write import markdown, read_report
from deploy.results.compare import compare_bundles, compare_files
from deploy.results.file import read_results, write_csv
from deploy.results.judge import judge
from deploy.results.records import Conditions, DeviceFacts
from deploy.support.errors import DeployError
from deploy.virtual_phone.wire import CNXN, MOST_PAYLOAD, OPEN, VERSION, WRTE, Packet

CORPUS = ROOT / "tests" / "fuzz" / "corpus"

# Text of commands that a device's facts and conditions are read from, in this order, apart by a
# byte that no text has: as one input, so that they are garbled together.
_APART = b"\x1e"
_COMMANDS = (
    *("present", "/proc/meminfo", "related_cpus", "cpuinfo_max_freq", "android_id", "boot_id"),
    *("thermalservice", "dumpsys -t 5 battery", "dumpsys -t 5 power", "window policy"),
    *("low_power", "cat /proc/stat"),
)


@contextmanager
def refused() -> Iterator[None]:
    """What is no more than refused is in order, in one line."""
    try:
        yield
    except DeployError as error:
        line = str(error)
        assert line.isprintable(), line
        assert len(line) < 3000, line


def parsers(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    for parser in PARSERS.values():
        parser(text)


def device(data: bytes) -> None:
    """What a phone says of itself makes records, whatever it is."""
    said = [part.decode("utf-8", "replace") for part in data.split(_APART)]
    said += [""] * (len(_COMMANDS) - len(said))
    lying = lying_device(dict(zip(_COMMANDS, said, strict=False)), {"ro.serialno": said[0]})
    assert isinstance(lying.facts(), DeviceFacts)
    assert isinstance(lying.conditions(0), Conditions)


def wire(data: bytes) -> None:
    assert converse(data).accidents == []


def answer(data: bytes) -> None:
    with refused():
        parse_answer(data, _request(), "phone")


def results(data: bytes) -> None:
    """Read, judged, compared with itself and written as CSV."""
    with tempfile.TemporaryDirectory() as folder, refused():
        file = Path(folder, "results.json")
        file.write_bytes(data)
        read = read_results(file)
        reports = judge(read)
        for report in reports:
            compare_bundles(report)
        write_csv(read, Path(folder, "samples.csv"))
        compare_files(reports, reports, floor=0.03, anyway=True)


def manifest(data: bytes) -> None:
    """In a bundle that is sound but for it."""
    with tempfile.TemporaryDirectory() as folder, refused():
        make_bundle(Path(folder), photos=1)
        Path(folder, "manifest.json").write_bytes(data)
        bundle = open_bundle(folder)
        check_integrity(bundle)
        bundle.golden_crops()
        bundle.golden_logits_float()


def onnx(data: bytes) -> None:
    with suppress(ValueError):
        check_self_contained(data)


def report(data: bytes) -> None:
    """As a file of which nobody has said what it is, and as the proofs of a bundle."""
    with tempfile.TemporaryDirectory() as folder, refused():
        Path(folder, "found.json").write_bytes(data)
        markdown(read_report([Path(folder)]))
    with refused():
        verification(data, "verification.json")


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (parsers, device, wire, answer, results, manifest, onnx, report)
}


@functools.cache
def _request() -> Request:
    text = (FIXTURES / "protocol" / "request_golden.json").read_bytes()
    return Request.model_validate_json(text)


def stored(target: str) -> dict[str, bytes]:
    """The corpus of a target: what once went wrong, by its file's name."""
    return {file.name: file.read_bytes() for file in sorted((CORPUS / target).glob("*"))}


@functools.cache
def seeds(target: str) -> tuple[bytes, ...]:
    """Inputs that are in order, or were once not, to be garbled."""
    phone = {name: text.encode() for name, text in fixtures().items()}
    match target:
        case "parsers":
            sound = list(phone.values())
        case "device":
            sound = [
                _APART.join(
                    [
                        *(b"0-7", b"MemTotal: 5 kB\n", b"0-3", b"1", b"9774d56d682e549c", b""),
                        *(phone["thermal_android15"], phone["battery_android15"]),
                        *(phone["power_on"], phone["window_locked_14"], b"0", phone["stat_before"]),
                    ]
                )
            ]
        case "wire":
            hello = Packet(CNXN, VERSION, MOST_PAYLOAD, b"host::").encode()
            sound = [hello + _opened(name) for name in (b"shell,v2:ls /", b"exec:cat", b"shell:ps")]
            push = b"SEND\x0e\0\0\0/sdcard/x,0644DATA\2\0\0\0hiDONE\0\0\0\0"
            sound.append(hello + _opened(b"sync:") + Packet(WRTE, 1, 1, push).encode())
        case "answer":
            folder = FIXTURES / "protocol"
            sound = [(folder / f"answer_{kind}.json").read_bytes() for kind in ("ok", "error")]
        case "results":
            sound = [session((1.0, 1.1), rounds=2).to_json().encode()]
        case "manifest":
            with tempfile.TemporaryDirectory() as folder_:
                make_bundle(Path(folder_), photos=1)
                sound = [Path(folder_, "manifest.json").read_bytes()]
        case "report":
            with tempfile.TemporaryDirectory() as folder_:
                write_sweep(Path(folder_), variants=1, rounds=1, layers=2)
                found = ("choice.json", "variants/key0/bundle/verification.json")
                sound = [Path(folder_, name).read_bytes() for name in found]
        case _:
            sound = [b"\x08\x0a\x3a\x0a\x2a\x08\x08\x01\x10\x01\x4a\x02ab"]
    return (*sound, *stored(target).values())


def _opened(name: bytes) -> bytes:
    return Packet(OPEN, 1, 0, name + b"\0").encode()
