"""A file over HTTP arrives whole or not at all, and what an address does wrong is said."""

import socket
import time
from pathlib import Path

import pytest
from file_server import CONTENT, SHA256, Server, files_in, pinned

from deploy.assets import fetch, http
from deploy.support.errors import FetchError
from models.pinned import Url


@pytest.mark.parametrize("digits", [64, 8])
@pytest.mark.parametrize("behaviour", ["ok", "redirect", "drops_once", "slow"])
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


def test_a_line_that_drops_is_tried_again_from_the_start(server: Server) -> None:
    seen: list[int] = []
    fetch(pinned(server.url("drops_once")), progress=lambda _, done, __: seen.append(done))
    assert server.requests == ["/drops_once"] * 2
    assert (seen[0], seen[-1]) == (100, len(CONTENT))


def test_a_line_that_always_drops_is_given_up(server: Server, cache: Path) -> None:
    with pytest.raises(FetchError, match="the connection closed after 100"):
        fetch(pinned(server.url("drops")))
    assert server.requests == ["/drops"] * http.ATTEMPTS
    assert files_in(cache) == [".lock"]


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("wrong", r"other content: 26 bytes, sha256 \w{8}\.\.\. not " + SHA256[:8]),
        ("longer", f"serves more than the expected {len(CONTENT)} bytes"),
        ("missing", "HTTP 404 Not Found"),
        ("drops", f"the connection closed after 100 of {len(CONTENT)} bytes"),
    ],
)
def test_what_an_address_does_wrong_is_said(server: Server, behaviour: str, reason: str) -> None:
    url = server.url(behaviour)
    says = rf"f\.bin .*: use FILE \(tried {url.url} \({reason}.*\)\)$"
    with pytest.raises(FetchError, match=says):
        fetch(pinned(url), remedy="use FILE")


def test_a_stalled_server_is_given_up_and_nothing_is_kept(
    server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "TIMEOUT_SECONDS", 0.2)
    with pytest.raises(FetchError, match=r"no answer within 0\.2 s"):
        fetch(pinned(server.url("stalled")))
    assert files_in(cache) == [".lock"]
    assert fetch(pinned(server.url("ok"))).read_bytes() == CONTENT


def test_a_closed_port_and_an_unknown_host_fail_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        closed = Url(url=f"http://127.0.0.1:{listening.getsockname()[1]}/ok")
    unknown = Url(url="http://host.invalid/f")
    start = time.monotonic()
    with pytest.raises(FetchError) as caught:
        fetch(pinned(closed, unknown))
    assert time.monotonic() - start < 5
    assert "Connection refused" in str(caught.value)
    assert f" and {unknown.url} (" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_proxy_from_the_environment_is_used(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    file = pinned(Url(url="http://files.invalid/dir/ok"))
    assert fetch(file).read_bytes() == CONTENT
    assert server.requests == ["http://files.invalid/dir/ok"]


def test_the_next_address_serves_where_the_first_does_not(server: Server) -> None:
    file = pinned(server.url("missing"), server.url("wrong"), server.url("ok"))
    assert fetch(file).read_bytes() == CONTENT
    assert server.requests == ["/missing", "/wrong", "/ok"]
