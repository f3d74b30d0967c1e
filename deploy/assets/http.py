"""Downloading over HTTP into a partial file that a later run can resume.

urllib follows redirects and takes proxies from the environment (HTTPS_PROXY, NO_PROXY).
"""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from deploy import __version__
from deploy.assets.progress import CHUNK_BYTES, MAX_BYTES, Progress
from deploy.support.errors import FetchError
from models.pinned import PinnedFile, Url

# For the connection, and then for each read: silence that long is a dead line.
TIMEOUT_SECONDS = 10.0
# A line that drops is taken up again this often, as long as each try brings something.
ATTEMPTS = 5


def download(address: Url, file: PinnedFile, part: Path, progress: Progress) -> None:
    """Append to `part` what it lacks of the file; the caller checks its hash.

    Raises FetchError with a short reason when the address does not serve it; what came by then
    stays in `part`, unless it is too long to be a beginning of the file. OSError is the disk's.
    """
    for _ in range(ATTEMPTS - 1):
        before = _size(part)
        try:
            return _attempt(address, file, part, progress)
        except FetchError:
            if _size(part) <= before:
                raise
    return _attempt(address, file, part, progress)


def _attempt(address: Url, file: PinnedFile, part: Path, progress: Progress) -> None:
    limit = MAX_BYTES if file.bytes is None else file.bytes
    have = _size(part)
    if have == file.bytes:
        return
    if have > limit:
        part.unlink()
        have = 0
    response = _open(address, start=have)
    if response is None:
        return
    with response:
        resumes = response.status == 206
        have = have if resumes else 0
        length = response.length  # what is still to come, where the server says
        total = file.bytes if length is None else have + length
        with part.open("ab" if resumes else "wb") as out:
            for chunk in _chunks(response):
                have += len(chunk)
                out.write(chunk)
                progress(file.name, have, total)
                if have > limit:
                    break
    if have > limit:
        part.unlink()
        raise FetchError(f"serves more than the expected {limit} bytes")
    if total is not None and have < total:
        raise FetchError(f"the connection closed after {have} of {total} bytes")


def _open(address: Url, *, start: int) -> HTTPResponse | None:
    """Ask for the file from byte `start` on. None: there is nothing from there on."""
    headers = {"User-Agent": f"mobile-deploy/{__version__}"}
    if start:
        headers["Range"] = f"bytes={start}-"
    request = urllib.request.Request(address.url, headers=headers)
    # urlopen would keep the proxies that the environment named at its first use.
    opener = urllib.request.build_opener()
    try:
        response: HTTPResponse = opener.open(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and start:  # Range Not Satisfiable
            return None
        raise FetchError(f"HTTP {error.code} {error.reason}") from error
    except (OSError, HTTPException) as error:
        raise FetchError(_reason(error)) from error
    return response


def _chunks(response: HTTPResponse) -> Iterator[bytes]:
    try:
        while chunk := response.read1(CHUNK_BYTES):
            yield chunk
    except (OSError, HTTPException) as error:
        raise FetchError(_reason(error)) from error


def _reason(error: Exception) -> str:
    match error:
        case urllib.error.URLError(reason=Exception() as cause):
            return _reason(cause)
        case TimeoutError():
            return f"no answer within {TIMEOUT_SECONDS:g} s"
        case OSError(strerror=str() as text):
            return text
    return " ".join(str(error).split()) or type(error).__name__


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0
