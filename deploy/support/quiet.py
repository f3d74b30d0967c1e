"""Keeping to ourselves what the toolkits print: on import, on loading a model, from C++ too."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from deploy.support.streams import FIT, Lenient

_STDOUT, _STDERR = 1, 2


@contextmanager
def hidden_output() -> Iterator[TextIO]:
    """Send all that the process prints nowhere; yields a stream to the stderr of before.

    For file descriptors, since coremltools and torch log through Python but ExecuTorch, torchao
    and cpuinfo write to stderr from C++, where no setting stops them. Whatever stands in stdout
    is ours alone, so that it can be parsed. Not for several threads at once.
    """
    _flush()
    stdout, stderr = os.dup(_STDOUT), os.dup(_STDERR)
    with Lenient(open(stderr, "wb"), encoding=sys.stderr.encoding, errors=FIT) as stream:
        try:
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), _STDOUT)
                os.dup2(nowhere.fileno(), _STDERR)
            yield stream
        finally:
            _flush()
            os.dup2(stdout, _STDOUT)
            os.dup2(stderr, _STDERR)
            os.close(stdout)


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    # C's own buffer, which would otherwise be written after the descriptors are put back.
    ctypes.CDLL(None).fflush(None)
