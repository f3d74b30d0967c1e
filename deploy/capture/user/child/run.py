"""Exports the user's network: reads a request, writes a program and an answer, all as files."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

# Before the user's folder is on the path, where a file may be named like a module of torch's.
import torch
import torch.export

from .blame import Mistake, blaming_layers
from .check import check_inputs, check_output, check_program, check_same
from .find import find_network
from .merge import merge_branches
from .path import set_path
from .program import Program, exported_before, load_program, size_of
from .unwrap import pick_logits, unwrap, widen


def main(folder: Path) -> None:
    """Read folder/request.json; write folder/program.pt2 and, last, folder/answer.json.

    request: location, factory, is_file, crop (height, width), seed, our_root, logits (which of
    several outputs, or null), one_logit (whether that is enough), and what is wanted: the program;
    the names, shapes and dtypes of what a weights file must hold; the size of a .pt2's image.
    answer: params, classes and told (lines), or tensors, or size; or error (a line) and traceback.
    Where there is folder/weights.pt, the network takes its tensors before anything else.
    """
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    _end_with_parent()
    sys.argv = [request["location"]]
    sys.dont_write_bytecode = True
    set_path(Path(request["location"]) if request["is_file"] else None, request["our_root"])
    torch.manual_seed(request["seed"])
    try:
        answer = answer_request(request, folder)
    except Mistake as mistake:
        answer = {"error": str(mistake), "traceback": traceback.format_exc()}
    (folder / "answer.tmp").write_text(json.dumps(answer), encoding="utf-8")
    os.replace(folder / "answer.tmp", folder / "answer.json")


def _end_with_parent() -> None:
    # Ctrl-C reaches the whole group: the parent alone decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The user's code may read its stdin, which is then empty.
    parent = os.dup(0)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)

    def watch() -> None:
        os.read(parent, 1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def answer_request(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Make the network and give what is wanted of it. Raises Mistake."""
    if request["location"].endswith(".pt2"):
        program = load_program(Path(request["location"]))
        if request["wanted"] == "size":
            return {"size": size_of(program)}
        network: torch.nn.Module = Program(program)
    else:
        found = find_network(request["location"], request["factory"], is_file=request["is_file"])
        network = unwrap(found)
    initialize(network, request["crop"])
    if request["wanted"] == "tensors":
        return {"tensors": describe_tensors(network)}
    return export_network(
        network,
        request["crop"],
        folder,
        logits=request.get("logits"),
        one_logit=request.get("one_logit", False),
    )


def initialize(network: torch.nn.Module, crop: tuple[int, int]) -> None:
    """Give lazy layers their shapes, which they take from a first image. Raises Mistake."""
    if any(map(torch.nn.parameter.is_lazy, [*network.parameters(), *network.buffers()])):
        what = f"cannot run on an image of {crop[0]}x{crop[1]}"
        with torch.no_grad(), blaming_layers(network, what):
            network.eval()(torch.zeros((1, 3, *crop)))
        network.train()


def describe_tensors(network: torch.nn.Module) -> dict[str, tuple[list[int], str]]:
    """Shape and dtype of all that the network's state dict holds, by name."""
    return {
        name: (list(tensor.shape), str(tensor.dtype).removeprefix("torch."))
        for name, tensor in network.state_dict().items()
        if isinstance(tensor, torch.Tensor)
    }


def export_network(
    network: torch.nn.Module,
    crop: tuple[int, int],
    folder: Path,
    *,
    logits: str | None = None,
    one_logit: bool = False,
) -> dict[str, Any]:
    """Prove the network fit for phones and write its program to folder/program.pt2.

    Returns the answer. Raises Mistake.
    """
    if (weights := folder / "weights.pt").exists():
        # In training form, and before `eval`, in which some networks merge what they have learned.
        network.load_state_dict(torch.load(weights, weights_only=True), strict=False)
    network.eval().cpu()
    shape = (1, 3, *crop)
    example = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    told = widen(network, example)
    network, merged = merge_branches(network, example)
    pick_logits(network, logits)
    check_inputs(network, example)
    # Without gradients: what the user has under torch.no_grad() is then exported like the rest.
    with torch.no_grad():
        with blaming_layers(network, f"cannot run on an image of {shape[2]}x{shape[3]}"):
            output: object = network(example)
        answer = check_output(network, output, one_logit=one_logit)
        with blaming_layers(network, "cannot be exported", export=True):
            program = torch.export.export(network, (torch.zeros(shape),))
        with exported_before(network):
            check_program(program)
        check_same(network, program, example, answer)
    torch.export.save(program, folder / "program.pt2")
    return {
        "params": sum(parameter.numel() for parameter in network.parameters()),
        "classes": answer.shape[1],
        "told": told + merged,
    }
