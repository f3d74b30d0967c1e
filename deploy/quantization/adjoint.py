"""How far an error anywhere in the network moves its logits, without running it once per error.

The logits' change by a small error e in a tensor is J e, with J the derivative of the logits by
the tensor. For a random vector v of signs, E[(v J e)^2] = |J e|^2 (Hutchinson 1989), and v J for
all tensors at once is one backward pass. A few passes a photo thus price any number of candidate
errors, a dot product each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule, Interpreter, Node
from torch.fx.node import map_arg

PROBES = 4

# Called with a photo's tensors by node name, and the gradients of each by the nodes that read it,
# (PROBES, *shape): an error that only one of the readers sees moves the logits by its path alone.
Gradients = dict[str, dict[str, Tensor]]
Visit = Callable[[dict[str, Tensor], Gradients], None]


def visit_gradients(
    module: GraphModule,
    names: Iterable[str],
    photos: Tensor,
    visit: Visit,
    *,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> float:
    """Show `visit` the tensors of `names`, weights among them, photo by photo (N, C, H, W).

    Tensors that the logits do not depend on are left out. Returns the logits' energy, the sum of
    their squares over the photos: what the energies of the errors compare to.
    """
    recorder = _Recorder(module, set(names))
    generator = torch.Generator().manual_seed(seed)
    energy = 0.0
    for done, photo in enumerate(photos, start=1):
        recorder.values.clear()
        recorder.copies.clear()
        logits = recorder.run(photo[None])
        energy += float(logits.detach().square().sum())
        copies = list(recorder.copies.values())
        passes = []
        for probe in range(PROBES):
            signs = torch.randint(0, 2, logits.shape, generator=generator) * 2.0 - 1
            passes.append(
                torch.autograd.grad(
                    logits, copies, signs, retain_graph=probe < PROBES - 1, allow_unused=True
                )
            )
        gradients: Gradients = {}
        edges = zip(recorder.copies, zip(*passes, strict=True), strict=True)
        for (name, reader), parts in edges:
            if parts[0] is not None:
                gradients.setdefault(name, {})[reader] = torch.stack(parts)
        visit({name: recorder.values[name] for name in gradients}, gradients)
        if progress:
            progress(done, len(photos))
    return energy


def project(error: Tensor, gradients: Tensor) -> Tensor:
    """What each probe sees of `error` in the logits: (..., PROBES) of gradients (..., PROBES, *).

    Errors that come together are added before they are squared; the mean square over the probes
    is the energy that they add to the logits.
    """
    return gradients.flatten(-error.dim()) @ error.flatten()


class _Recorder(Interpreter):
    """Runs the graph with gradients, keeping the tensors asked for. Weights are tensors too.

    Each reader of a tensor reads a copy of its own, by whose gradient its path is told from the
    others'.
    """

    def __init__(self, module: GraphModule, names: set[str]) -> None:
        super().__init__(module)
        self._names = names
        self.values: dict[str, Tensor] = {}
        self.copies: dict[tuple[str, str], Tensor] = {}

    def run_node(self, n: Node) -> object:
        value = super().run_node(n)
        if n.name in self._names:
            assert isinstance(value, Tensor)
            self.values[n.name] = value.detach()
            if not value.requires_grad:
                value = value.detach().requires_grad_()
        return value

    def fetch_args_kwargs_from_env(self, n: Node) -> tuple[tuple[Any, ...], dict[str, Any]]:
        def read(node: Node) -> Any:
            value = self.env[node]
            if node.name not in self._names:
                return value
            return self.copies.setdefault((node.name, n.name), value.view_as(value))

        return map_arg(n.args, read), map_arg(n.kwargs, read)
