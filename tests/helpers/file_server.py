"""A server whose files come whole, late, cut, wrong or not at all, and what to fetch from it."""

import hashlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from models.pinned import PinnedFile, Url, WheelMember, WholeWheel

CONTENT = bytes(range(256)) * 4000  # 1 MB: several chunks
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Answers by the first word of the path; `server.requests` records what was asked."""

    server: "Server"

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        # A proxy is asked for a whole address: go by its last part.
        getattr(self, self.path.rsplit("/", 1)[-1])()

    def ok(self, content: bytes = CONTENT) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

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

    def drops(self) -> None:
        """Closes after 100 bytes, having promised the whole."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[:100])

    def drops_once(self) -> None:
        if len(self.server.requests) == 1:
            self.drops()
        else:
            self.ok()

    def stalled(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[:600_000])
        self.wfile.flush()
        self.server.closing.wait(10)

    def slow(self) -> None:
        """All of it in pieces, and of unknown length."""
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
        self.requests: list[str] = []
        self.closing = threading.Event()

    def url(self, behaviour: str) -> Url:
        return Url(url=f"http://127.0.0.1:{self.server_port}/{behaviour}")


def pinned(
    *addresses: Url | WheelMember | WholeWheel,
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


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())
