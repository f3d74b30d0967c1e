"""The cache: what is in it serves, is checked, and never half a file whatever ends a fetch."""

import errno
import subprocess
import sys
import time
from pathlib import Path

import pytest
from file_server import CONTENT, SHA256, Server, files_in, pinned

from deploy.assets import cache_folder, fetch, fetch_all
from deploy.support.errors import FetchError, StorageError
from models.pinned import PinnedFile, Url


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


def start_fetching(address: Url, sha256: str) -> subprocess.Popen[bytes]:
    """A process that fetches `f.bin` and prints its path."""
    program = (
        "from deploy.assets import fetch; from models.pinned import *; "
        f"print(fetch(PinnedFile(name='f.bin', sha256={sha256!r}, addresses=({address!r},))))"
    )
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)


def test_processes_at_once_download_once(server: Server, cache: Path) -> None:
    processes = [start_fetching(server.url("slow"), SHA256) for _ in range(3)]
    printed = {process.communicate(timeout=60)[0].decode().strip() for process in processes}
    assert [Path(path).read_bytes() == CONTENT for path in printed] == [True]
    assert len(server.requests) == 1
    assert files_in(cache) == [".lock", "f.bin"]


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_an_interruption_leaves_nothing_that_could_be_taken(server: Server, cache: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        fetch(pinned(server.url("slow")), progress=interrupt)
    assert files_in(cache) == [".lock"]
    assert fetch(pinned(server.url("ok"))).read_bytes() == CONTENT


@pytest.mark.parametrize("sha256", [SHA256, ""], ids=["hash published", "none published"])
def test_what_a_killed_process_leaves_is_not_taken_and_is_swept(
    server: Server, cache: Path, sha256: str
) -> None:
    process = start_fetching(server.url("stalled"), sha256)
    while not any(path.stat().st_size for path in cache.rglob("part")):
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert files_in(cache) == [".lock", "part"]
    file = PinnedFile(name="f.bin", sha256=sha256, addresses=(server.url("ok"),))
    assert fetch(file).read_bytes() == CONTENT
    kept = ["f.bin"] if sha256 else ["f.bin", "f.bin.sha256"]
    assert files_in(cache) == [".lock", *kept]


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


def test_without_a_published_hash_a_truncated_file_is_refused_with_its_address(
    server: Server, cache: Path
) -> None:
    with pytest.raises(
        FetchError, match=r": check .*/drops \(the connection closed after 100 of .*\)\)$"
    ):
        fetch(unhashed(server.url("drops")))
    assert files_in(cache) == [".lock"]
