"""Downloading over HTTP.

urllib follows redirects and takes proxies from the environment (HTTPS_PROXY, NO_PROXY).
"""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from deploy import __version__
from deploy.assets.part import write_part
from deploy.support.errors import FetchError
from deploy.support.reporter import Progress
from models.pinned import PinnedFile, Url

# For the connection, and then for a read: silence that long is a dead line.
TIMEOUT_SECONDS = 10.0
# Where the line drops on the way. The largest file we pin has 20 MB: each try begins anew.
ATTEMPTS = 3


class _DroppedError(FetchError):
    """The server began to serve the file, and did not end."""


def download(address: Url, file: PinnedFile, part: Path, progress: Progress) -> None:
    """Write the file to `part`; the caller checks its hash.

    Raises FetchError with a short reason when the address does not serve it; `part` may then be
    half a file. OSError is the disk's.
    """
    for _ in range(ATTEMPTS - 1):
        with suppress(_DroppedError):
            return _attempt(address, file, part, progress)
    return _attempt(address, file, part, progress)


def _attempt(address: Url, file: PinnedFile, part: Path, progress: Progress) -> None:
    with _open(address) as response:
        total = file.bytes if response.length is None else response.length
        done = write_part(_reader(response), file, part, progress, total=total)
    if total is not None and done < total:
        raise _DroppedError(f"the connection closed after {done} of {total} bytes")


def _open(address: Url) -> HTTPResponse:
    request = urllib.request.Request(
        address.url, headers={"User-Agent": f"mobile-deploy/{__version__}"}
    )
    # urlopen would keep the proxies that the environment named at its first use.
    opener = urllib.request.build_opener()
    try:
        response: HTTPResponse = opener.open(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        error.close()
        raise FetchError(f"HTTP {error.code} {error.reason}") from error
    except (OSError, HTTPException) as error:
        raise FetchError(_reason(error)) from error
    return response


def _reader(response: HTTPResponse) -> Callable[[int], bytes]:
    def read(size: int) -> bytes:
        try:
            return response.read1(size)
        except (OSError, HTTPException) as error:
            raise _DroppedError(_reason(error)) from error

    return read


def _reason(error: Exception) -> str:
    match error:
        case urllib.error.URLError(reason=Exception() as cause):
            return _reason(cause)
        case TimeoutError():
            return f"no answer within {TIMEOUT_SECONDS:g} s"
        case OSError(strerror=str() as text):
            return text
    return " ".join(str(error).split()) or type(error).__name__
