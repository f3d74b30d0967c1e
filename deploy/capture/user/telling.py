"""What fails in our own steps on the user's program, said of their code: the layer and the line."""

from __future__ import annotations

import os
import re
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from deploy.support.errors import DeployError, UserError
from deploy.support.lacking import lacking
from deploy.support.telling import telling_line

# As torch keeps the trace of a node: in its errors as in its graphs.
_LINE = re.compile(r'File "([^"]+)", line (\d+), in ')


@contextmanager
def telling_where(name: str, step: str) -> Iterator[None]:
    """Make a UserError that names the file and line of what torch raises at a node of `name`.

    `step` ends "cannot be ...". Errors that are of no node, and so of no line, pass as they are.
    """
    try:
        yield
    except DeployError:
        raise
    except Exception as error:  # torch raises whatever it stumbles on in the user's graph.
        if lack := lacking(error):
            raise lack from error
        if not (place := users_line(str(error))):
            raise
        raise UserError(
            f"{name} cannot be {step}: {telling_line(error)} ({place}): write that line in another "
            "way, or report it to us"
        ) from error


def users_line(text: str) -> str | None:
    """The innermost line of the user's own in the traces that `text` holds; else of a library's."""
    libraries = [sysconfig.get_path(kind) for kind in ("stdlib", "purelib", "platlib")]
    torch_folder = f"{Path(torch.__file__).parent}{os.sep}"  # And not torchvision's.
    lines = [
        (file, line) for file, line in _LINE.findall(text) if not file.startswith(torch_folder)
    ]
    theirs = [
        (file, line) for file, line in lines if not any(file.startswith(path) for path in libraries)
    ]
    if not lines:
        return None
    file, line = (theirs or lines)[-1]
    return f"{file} line {line}"
