"""The parent's side: start the process, wait for it, take what it left."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

import deploy
from deploy.capture.user.endings import end_in_logits
from deploy.capture.user.reference import Reference
from deploy.support.children import child_environment
from deploy.support.errors import RunError, UserError
from deploy.support.lacking import full_temporary_folder
from deploy.support.temporary import temporary_folder

CHILD = Path(__file__).parent / "child/__main__.py"
OUR_ROOT = Path(deploy.__file__).parent.parent
_STDERR = 2


@dataclass(frozen=True, kw_only=True)
class UserNetwork:
    """`program` as torch.export made it in eval mode, its state dict under the network's own names.

    Takes (1, 3, H, W) float32, gives logits (1, classes). `params` are the network's parameters;
    `told` is what was done to the network, in words that follow its name.
    """

    program: ExportedProgram
    classes: int
    params: int
    told: tuple[str, ...] = ()


def export_user_network(
    reference: Reference,
    crop: tuple[int, int],
    *,
    seed: int,
    weights: Mapping[str, Tensor] | None = None,
    logits: str | None = None,
    one_logit: bool = False,
) -> UserNetwork:
    """Run the user's code in a process of its own and take the network that it makes.

    `logits` names one of several outputs; `one_logit` takes a network that gives one, of yes or no.
    `weights`, by the network's own names, go into it before it is put into eval mode. Started in
    the current folder; what the code prints goes to stderr. Raises UserError for what the user can
    mend in it, RunError where the process ended without an answer.
    """
    with temporary_folder() as scratch:
        folder = Path(scratch)
        if weights is not None:
            torch.save(dict(weights), folder / "weights.pt")
        answer = _ask(
            reference,
            folder,
            wanted="program",
            crop=crop,
            seed=seed,
            logits=logits,
            one_logit=one_logit,
        )
        # A .pt2 may hold pickles: this one is of the code that the user had us run anyway.
        program = torch.export.load(folder / "program.pt2")
    program, told = end_in_logits(program)
    return UserNetwork(
        program=program,
        classes=max(answer["classes"], 2),
        params=answer["params"],
        told=(*answer["told"], *told),
    )


def make_stand_in(reference: Reference, crop: tuple[int, int], *, seed: int) -> nn.Module:
    """A module that has the tensors of the user's network, as its factory makes it, by their names.

    It can be loaded and saved, no more. Raises what `export_user_network` does.
    """
    with temporary_folder() as scratch:
        answer = _ask(reference, Path(scratch), wanted="tensors", crop=crop, seed=seed)
    stand_in = nn.Module()
    for name, (shape, dtype) in answer["tensors"].items():
        *path, last = name.split(".")
        owner = stand_in
        for part in path:
            if part not in owner._modules:
                owner.add_module(part, nn.Module())
            owner = owner.get_submodule(part)
        owner.register_buffer(last, torch.zeros(shape, dtype=getattr(torch, dtype)))
    return stand_in


def size_of_program(reference: Reference) -> tuple[int, int] | None:
    """Height and width of the image that the user's .pt2 takes; None where it takes any.

    Raises what `export_user_network` does.
    """
    with temporary_folder() as scratch:
        answer = _ask(reference, Path(scratch), wanted="size", crop=(0, 0), seed=0)
    return tuple(answer["size"]) if answer["size"] else None


def _ask(
    reference: Reference,
    folder: Path,
    *,
    wanted: str,
    crop: tuple[int, int],
    seed: int,
    **options: str | bool | None,
) -> dict[str, Any]:
    """Run the code for what is `wanted`, as `child.run.main` says."""
    reference.check_file()
    request = {
        "location": reference.location,
        "factory": reference.factory,
        "is_file": reference.is_file,
        "wanted": wanted,
        "crop": crop,
        "seed": seed,
        "our_root": str(OUR_ROOT),
        **options,
    }
    (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
    command = [sys.executable, "-P", str(CHILD), str(folder)]
    # Its stdin says nothing; it ends when we do, and takes the process along.
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=_STDERR, env=_environment(reference)
    ) as process:
        try:
            code = process.wait()
        except BaseException:  # Ctrl-C too: the child ends with us.
            process.kill()
            raise
    file = folder / "answer.json"
    if not file.exists():
        full = full_temporary_folder()
        raise full or RunError(f"the process that makes {reference} {_ending(code)}")
    answer: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    if "error" in answer:
        error = UserError(f"{reference}: {_printable(answer['error'])}")
        error.add_note(f"In its own process:\n{answer['traceback']}")
        raise error
    return answer


def _environment(reference: Reference) -> dict[str, str]:
    """A .pt2 is data, not code that the user would have us run: no pickle in it is executed."""
    forced = {"TORCH_FORCE_WEIGHTS_ONLY_LOAD": "1"} if reference.is_program else {}
    return child_environment() | forced


def _ending(code: int) -> str:
    if code == -signal.SIGKILL:
        return (
            "was killed, most likely for want of memory: close other programs, or give a smaller "
            "--resolution"
        )
    how = f"died of {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    return f"{how} before it had exported the network: see what it prints with --debug"


def _printable(text: str) -> str:
    """An exception of the user's may say anything: no terminal codes, no novels."""
    plain = "".join(char if char.isprintable() else " " for char in text)
    return plain if len(plain) <= 500 else f"{plain[:500]} ..."
