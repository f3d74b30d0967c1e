"""What a user names to be written: files are replaced whole, all else is written through or
refused."""

from __future__ import annotations

import errno
import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from deploy.support.errors import StorageError, UserError
from deploy.support.output_file import (
    check_output,
    is_stream,
    same_file,
    streamed_output,
    write_output,
)


def test_a_file_is_replaced_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    for text in (b"first", b"second"):
        check_output(path)
        write_output(path, text)
        assert path.read_bytes() == text
    assert os.listdir(tmp_path) == ["results.json"]


def test_a_replaced_file_stays_as_private_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.touch(0o600)
    write_output(path, b"figures")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_device_is_written_through() -> None:
    check_output(Path(os.devnull))
    write_output(Path(os.devnull), b"figures")
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)
    assert is_stream(Path(os.devnull))


def test_whoever_reads_a_fifo_gets_all_of_it(tmp_path: Path) -> None:
    path, read = tmp_path / "fifo", list[bytes]()
    os.mkfifo(path)
    check_output(path)
    reader = threading.Thread(target=lambda: read.append(path.read_bytes()))
    reader.start()
    write_output(path, b"figures" * 100_000)
    reader.join()
    assert read == [b"figures" * 100_000]
    assert stat.S_ISFIFO(path.lstat().st_mode)
    assert os.listdir(tmp_path) == ["fifo"]


@pytest.mark.parametrize("there", [True, False])
def test_what_a_link_leads_to_is_written_and_the_link_stays(tmp_path: Path, there: bool) -> None:
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "results.json", tmp_path / "latest.json"
    if there:
        target.write_bytes(b"before")
    link.symlink_to(target)
    check_output(link)
    write_output(link, b"figures")
    assert link.readlink() == target
    assert target.read_bytes() == b"figures"
    assert os.listdir(tmp_path / "real") == ["results.json"]
    assert same_file(link, target)


def test_two_streams_may_be_one() -> None:
    assert not same_file(Path(os.devnull), Path(os.devnull))


def test_what_is_no_output_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # A socket's name must be short.
    (tmp_path / "loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        for name, why in (
            ("socket", "neither a file nor a stream"),
            ("loop", "symbolic links"),
            (".", "is a folder"),
            ("missing/file", "is no folder"),
            ("bad\x1b[2J", "bad"),
        ):
            if name.startswith("bad"):
                (tmp_path / name).mkdir()
            with pytest.raises(UserError, match=why) as caught:
                check_output(Path(name))
            assert str(caught.value).isprintable()
        with pytest.raises(StorageError, match="neither a file nor a stream"):
            write_output(Path("socket"), b"figures")
    assert sorted(os.listdir(tmp_path)) == sorted(["bad\x1b[2J", "loop", "socket"])


def test_what_fails_while_text_is_streamed_is_told_as_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"

    def stream(to: Path, text: str, error: Exception | None = None) -> None:
        with streamed_output(to) as opened:
            opened.write(text)
            if error is not None:
                raise error

    with pytest.raises(PermissionError):
        stream(path, "a", PermissionError(errno.EACCES, "no permission", "a photo"))
    assert not os.listdir(tmp_path)
    stream(path, "a\udcff")
    assert path.read_bytes() == b"a\xff"
    with pytest.raises(StorageError, match=r"cannot write /dev/full \(No space left"):
        stream(Path("/dev/full"), "a" * 100_000)
    with pytest.raises(StorageError, match=r"cannot write .*nowhere"):
        stream(tmp_path / "nowhere" / "a.csv", "a")
