"""Saying what went wrong in the user's code, in which layer and on which line."""

from __future__ import annotations

import os
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn


class Mistake(Exception):  # noqa: N818 - the user's, who is told so.
    """What the user can mend; the message is one line."""


@contextmanager
def blaming(what: str) -> Iterator[None]:
    """Make a Mistake of whatever the user's code raises, SystemExit included."""
    try:
        yield
    except Mistake:
        raise
    except BaseException as error:  # The user's code may raise anything, SystemExit too.
        raise Mistake(f"{what} raises {_said(error)}{_where(error)}{_remedy(error)}") from error


@contextmanager
def blaming_layers(network: nn.Module, failure: str, *, export: bool = False) -> Iterator[None]:
    """The same for a run of the network, naming the innermost layer at work."""
    names = {module: name for name, module in network.named_modules()}
    stack: list[nn.Module] = []

    def leave(module: nn.Module, *_: object) -> None:
        # More than one: code that caught an exception goes on from further out.
        while stack and stack.pop() is not module:
            pass

    hooks = nn.modules.module
    handles = [
        hooks.register_module_forward_pre_hook(lambda module, _: stack.append(module)),
        hooks.register_module_forward_hook(leave),
    ]
    try:
        yield
    except BaseException as error:  # The user's layers may raise anything.
        known = [module for module in stack if module in names]
        layer = _layer(names[known[-1]], class_of(known[-1])) if known else class_of(network)
        if export and "data-dependent" in str(error):
            raise Mistake(
                f"{layer} decides by the values of its input{_where(error)}, which an exported "
                "program cannot: compute both ways and choose with torch.where"
            ) from error
        raise Mistake(f"{layer} {failure}: {_said(error)}{_where(error)}") from error
    finally:
        for handle in handles:
            handle.remove()


def _layer(name: str, kind: str) -> str:
    return f"layer {name} ({kind})" if name else kind


def layer_of(node: torch.fx.Node) -> str:
    stack = list(node.meta.get("nn_module_stack", {}).values())
    if not stack:
        return "the network"
    name, kind = stack[-1]
    return _layer(name, str(kind).rpartition(".")[2])


def line_of(node: torch.fx.Node) -> str:
    """The user's own line that a node comes from, out of the trace that torch keeps as text."""
    lines = [line.split('"') for line in str(node.meta.get("stack_trace")).splitlines()]
    own = [part for part in lines if part[0].strip() == "File" and _is_theirs(part[1])]
    return f" ({_short(own[-1][1])}{own[-1][2].split(', in ')[0].replace(',', '')})" if own else ""


def _where(error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        return f" ({_short(error.filename)} line {error.lineno})"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if _is_theirs(f.filename)]
    return f" ({_short(frames[-1].filename)} line {frames[-1].lineno})" if frames else ""


def _is_theirs(file: str) -> bool:
    # Torch may lie elsewhere: an environment may stand on another.
    libraries = [sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")]
    libraries.append(str(Path(torch.__file__).parents[1]))
    return (
        os.path.isfile(file)
        and not any(
            os.path.realpath(file).startswith(os.path.realpath(known) + os.sep)
            for known in libraries
        )
        and not Path(file).is_relative_to(Path(__file__).parent)
    )


def _short(file: str) -> str:
    """Relative to the folder we are in, if it is in it."""
    path, here = os.path.realpath(file), os.path.realpath(os.getcwd())
    return os.path.relpath(path, here) if path.startswith(here + os.sep) else path


def _said(error: BaseException) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    first = text.strip().partition("\n")[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _remedy(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f": install it for {sys.executable}"
    return ": mend it there"


def a(value: object) -> str:
    """Such as `a dict`."""
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def class_of(module: nn.Module) -> str:
    return type(module).__name__
