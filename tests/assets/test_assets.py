import errno
import hashlib
import io
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deploy.assets import cache_folder, fetch, fetch_all, http
from deploy.support.errors import FetchError, StorageError
from models.pinned import PinnedFile, Url, WheelMember

CONTENT = bytes(range(256)) * 4000  # 1 MB: several chunks
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Answers by the first word of the path; `server.requests` records what was asked."""

    server: "Server"

    def do_GET(self) -> None:
        self.server.requests.append((self.path, self.headers.get("Range")))
        # A proxy is asked for a whole address: go by its last part.
        getattr(self, self.path.rsplit("/", 1)[-1])()

    def ok(self, content: bytes = CONTENT) -> None:
        """The whole file, or what a Range asks for, as common servers do."""
        start = 0
        if asked := self.headers.get("Range"):
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        if start >= len(content):
            return self.send_error(416)
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start:])
        return None

    def no_ranges(self) -> None:
        del self.headers["Range"]
        self.ok()

    def wrong(self) -> None:
        self.ok(b"<html>please log in</html>")

    def longer(self) -> None:
        self.ok(CONTENT * 2)

    def redirect(self) -> None:
        self.send_response(302)
        self.send_header("Location", "/ok")
        self.end_headers()

    def missing(self) -> None:
        self.send_error(404)

    def truncated(self) -> None:
        """Always closes after at most 600,000 bytes, having promised the rest."""
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        self.wfile.write(CONTENT[start : start + 600_000])

    def cut(self) -> None:
        """Closes after 100 bytes of whatever was asked; ranges are not known here."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[:100])

    def stalled(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[:1000])
        self.wfile.flush()
        self.server.closing.wait(10)

    def slow(self) -> None:
        """All of it, in pieces, each well within the time-out."""
        self.send_response(200)
        self.end_headers()
        for start in range(0, len(CONTENT), 200_000):
            self.wfile.write(CONTENT[start : start + 200_000])
            time.sleep(0.05)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[str, str | None]] = []
        self.closing = threading.Event()

    def url(self, behaviour: str) -> Url:
        return Url(url=f"http://127.0.0.1:{self.server_port}/{behaviour}")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.closing.set()
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, no proxy, and no package index but the wheels that a test lays out."""
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", str(tmp_path / "cache"))
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    (tmp_path / "wheels").mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    return tmp_path / "cache"


def pinned(
    *addresses: Url | WheelMember,
    name: str = "f.bin",
    content: bytes = CONTENT,
    digits: int = 64,
    size: bool = True,
) -> PinnedFile:
    return PinnedFile(
        name=name,
        sha256=hashlib.sha256(content).hexdigest()[:digits],
        bytes=len(content) if size else None,
        addresses=addresses,
    )


def leave_part(cache: Path, content: bytes) -> Path:
    """What an interrupted run leaves of `pinned()`."""
    part = cache / SHA256[:8] / "f.bin.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(content)
    return part


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


# HTTP


@pytest.mark.parametrize("digits", [64, 8])
@pytest.mark.parametrize("behaviour", ["ok", "redirect", "truncated", "slow", "no_ranges"])
def test_a_file_arrives_whole(server: Server, cache: Path, behaviour: str, digits: int) -> None:
    path = fetch(pinned(server.url(behaviour), digits=digits))
    assert path.name == "f.bin"
    assert path.read_bytes() == CONTENT
    assert files_in(cache) == [".lock", "f.bin"]


def test_progress_ends_at_the_whole(server: Server) -> None:
    seen: list[tuple[str, int, int | None]] = []
    fetch(pinned(server.url("ok")), progress=lambda *report: seen.append(report))
    assert seen[-1] == ("f.bin", len(CONTENT), len(CONTENT))
    assert [done for _, done, _ in seen] == sorted({done for _, done, _ in seen})


@pytest.mark.parametrize("size", [True, False], ids=["size known", "size unknown"])
@pytest.mark.parametrize("have", [1, 500_000, len(CONTENT)])
def test_an_interrupted_download_is_resumed(
    server: Server, cache: Path, have: int, size: bool
) -> None:
    leave_part(cache, CONTENT[:have])
    assert fetch(pinned(server.url("ok"), size=size)).read_bytes() == CONTENT
    if size and have == len(CONTENT):
        assert server.requests == []
    else:
        assert server.requests == [("/ok", f"bytes={have}-")]


def test_a_line_that_drops_is_taken_up_where_it_dropped(server: Server) -> None:
    fetch(pinned(server.url("truncated")))
    assert server.requests == [("/truncated", None), ("/truncated", "bytes=600000-")]


def test_a_server_that_ignores_ranges_starts_over(server: Server, cache: Path) -> None:
    leave_part(cache, CONTENT[:1000])
    assert fetch(pinned(server.url("no_ranges"))).read_bytes() == CONTENT
    assert len(server.requests) == 1


@pytest.mark.parametrize("size", [True, False], ids=["size known", "size unknown"])
@pytest.mark.parametrize("have", [1000, len(CONTENT), len(CONTENT) + 1])
def test_a_bad_partial_file_is_dropped_and_the_download_starts_over(
    server: Server, cache: Path, have: int, size: bool
) -> None:
    leave_part(cache, b"x" * have)
    assert fetch(pinned(server.url("ok"), size=size)).read_bytes() == CONTENT
    assert server.requests[-1] == ("/ok", None)


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("wrong", r"other content: 26 bytes, sha256 \w{8}\.\.\. not " + SHA256[:8]),
        ("longer", f"serves more than the expected {len(CONTENT)} bytes"),
        ("missing", "HTTP 404 Not Found"),
        ("cut", f"the connection closed after 100 of {len(CONTENT)} bytes"),
    ],
)
def test_what_an_address_does_wrong_is_said(server: Server, behaviour: str, reason: str) -> None:
    url = server.url(behaviour)
    with pytest.raises(FetchError, match=rf"f\.bin .* {url.url} \({reason}.*\): use FILE$"):
        fetch(pinned(url), remedy="use FILE")


def test_a_stalled_server_is_given_up_and_what_came_is_kept(
    server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "TIMEOUT_SECONDS", 0.2)
    with pytest.raises(FetchError, match=r"no answer within 0\.2 s"):
        fetch(pinned(server.url("stalled")))
    assert files_in(cache) == [".lock", "f.bin.part"]
    assert fetch(pinned(server.url("ok"))).read_bytes() == CONTENT
    assert server.requests[-1] == ("/ok", "bytes=1000-")


def test_a_closed_port_and_an_unknown_host_fail_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        closed = Url(url=f"http://127.0.0.1:{listening.getsockname()[1]}/ok")
    unknown = Url(url="http://host.invalid/f")
    start = time.monotonic()
    with pytest.raises(FetchError) as caught:
        fetch(pinned(closed, unknown))
    assert time.monotonic() - start < 5
    assert "Connection refused" in str(caught.value)
    assert f" or {unknown.url} (" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_proxy_from_the_environment_is_used(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    file = pinned(Url(url="http://files.invalid/dir/ok"))
    assert fetch(file).read_bytes() == CONTENT
    assert server.requests == [("http://files.invalid/dir/ok", None)]


def test_the_next_address_serves_where_the_first_does_not(server: Server) -> None:
    file = pinned(server.url("missing"), server.url("wrong"), server.url("ok"))
    assert fetch(file).read_bytes() == CONTENT
    assert [path for path, _ in server.requests] == ["/missing", "/wrong", "/ok"]


# The cache


def test_a_cached_file_needs_no_request_and_no_writing(server: Server, cache: Path) -> None:
    file = pinned(server.url("ok"))
    path = fetch(file)
    (cache / ".lock").unlink()
    server.requests.clear()
    assert fetch(file) == path
    assert server.requests == []
    assert files_in(cache) == ["f.bin"]


@pytest.mark.parametrize("damaged", [b"", CONTENT[:-1], b"x" + CONTENT[1:]])
def test_a_damaged_cached_file_is_replaced(server: Server, damaged: bytes) -> None:
    file = pinned(server.url("ok"))
    path = fetch(file)
    path.write_bytes(damaged)
    assert fetch(file).read_bytes() == CONTENT


def test_files_of_one_name_do_not_displace_each_other(server: Server) -> None:
    other = pinned(server.url("wrong"), content=b"<html>please log in</html>")
    paths = fetch_all([pinned(server.url("ok")), other])
    assert paths[0].name == paths[1].name
    assert [path.read_bytes()[:6] for path in paths] == [CONTENT[:6], b"<html>"]


def test_processes_at_once_download_once(server: Server, cache: Path) -> None:
    url = server.url("slow").url
    program = (
        "from deploy.assets import fetch; from models.pinned import *; "
        f"print(fetch(PinnedFile(name='f.bin', sha256='{SHA256}', addresses=(Url(url='{url}'),))))"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) for _ in range(3)
    ]
    printed = {process.communicate(timeout=60)[0].decode().strip() for process in processes}
    assert [Path(path).read_bytes() == CONTENT for path in printed] == [True]
    assert len(server.requests) == 1
    assert files_in(cache) == [".lock", "f.bin"]


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_an_interruption_leaves_only_what_can_be_resumed(server: Server, cache: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        fetch(pinned(server.url("slow")), progress=interrupt)
    assert files_in(cache) == [".lock", "f.bin.part"]
    assert fetch(pinned(server.url("ok"))).read_bytes() == CONTENT
    assert (server.requests[-1][1] or "").startswith("bytes=")


def test_a_full_disk_is_a_storage_error_and_gives_its_room_back(
    server: Server, cache: Path
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StorageError, match=r"cache .* \(No space left on device\): make room"):
        fetch(pinned(server.url("ok")), progress=full)
    assert files_in(cache) == [".lock"]


def test_a_cache_that_cannot_be_a_folder_is_a_storage_error(server: Server, cache: Path) -> None:
    cache.write_text("a file")
    with pytest.raises(StorageError, match="or set MOBILE_DEPLOY_CACHE to another folder"):
        fetch(pinned(server.url("ok")))


def test_the_cache_is_the_users_unless_the_environment_names_one(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache_folder() == cache
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", "")
    assert "mobile-deploy" in cache_folder().parts


def test_what_a_killed_run_left_is_swept(server: Server, cache: Path) -> None:
    (cache / ".wheels-killed").mkdir(parents=True)
    (cache / ".wheels-killed" / "carrier.whl").write_bytes(CONTENT)
    fetch(pinned(server.url("ok")))
    assert files_in(cache) == [".lock", "f.bin"]


# Files whose hash nobody publishes


def unhashed(address: Url) -> PinnedFile:
    return PinnedFile(name="f.bin", sha256="", addresses=(address,))


def test_without_a_published_hash_that_of_the_first_download_holds(
    server: Server, cache: Path
) -> None:
    path = fetch(unhashed(server.url("ok")))
    assert path.read_bytes() == CONTENT
    assert path.with_name("f.bin.sha256").read_text() == SHA256
    server.requests.clear()
    assert fetch(unhashed(server.url("ok"))) == path
    assert server.requests == []

    path.write_bytes(CONTENT[:-1])
    assert fetch(unhashed(server.url("ok"))).read_bytes() == CONTENT


def test_without_a_published_hash_a_file_put_there_by_hand_serves(
    server: Server, cache: Path
) -> None:
    path = fetch(unhashed(server.url("ok")))
    path.with_name("f.bin.sha256").unlink()
    path.write_bytes(b"by hand")
    assert fetch(unhashed(server.url("missing"))).read_bytes() == b"by hand"


def test_without_a_published_hash_no_earlier_part_is_taken_up(server: Server, cache: Path) -> None:
    part = cache / "no-published-hash" / "f.bin.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 500_000)
    assert fetch(unhashed(server.url("ok"))).read_bytes() == CONTENT
    assert server.requests == [("/ok", None)]


def test_without_a_published_hash_a_truncated_file_is_refused_with_its_address(
    server: Server, cache: Path
) -> None:
    with pytest.raises(FetchError, match=r"/cut \(the connection closed after 100 of .*\): check"):
        fetch(unhashed(server.url("cut")))
    assert files_in(cache) == [".lock", "f.bin.part"]


# Wheels


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


def test_the_mirror_serves_where_the_official_address_does_not(
    server: Server, tmp_path: Path
) -> None:
    lay_out_wheel(tmp_path, {"carrier/f.bin": CONTENT})
    assert fetch(pinned(server.url("cut"), member())).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"carrier/f.bin": b"other"}, "other content: 5 bytes"),
        ({"carrier/f.bin": CONTENT * 50}, f"other content: {len(CONTENT) + 1} bytes"),
        ({"f.bin": CONTENT}, r"carrier-1\.0-py3-none-any\.whl holds no carrier/f\.bin"),
    ],
    ids=["wrong content", "far too long", "not there"],
)
def test_what_is_wrong_with_a_wheel_is_said(
    tmp_path: Path, cache: Path, members: dict[str, bytes], reason: str
) -> None:
    lay_out_wheel(tmp_path, members)
    with pytest.raises(FetchError, match=rf"from pip download carrier==1\.0 \({reason}"):
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
