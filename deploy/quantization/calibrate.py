"""Running photos through the float program and keeping what range setting needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor
from torch.fx import GraphModule, Interpreter, Node

from deploy.quantization.ranges import TensorStatistics

# Values kept of each tensor and photo: enough to place a clipping bound, small enough that
# a hundred photos of MobileNetV2 fit in 200 MB.
VALUES_PER_PHOTO = 4096


class Observer(Interpreter):
    """Runs a graph and shows each node's tensor to `observe(name, value)`."""

    def __init__(self, module: GraphModule, observe: Callable[[str, Tensor], None]) -> None:
        super().__init__(module)
        self._observe = observe

    def run_node(self, n: Node) -> object:
        value = super().run_node(n)
        if isinstance(value, Tensor):
            self._observe(n.name, value)
        return value


def run_photos(
    interpreter: Interpreter,
    photos: Tensor,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> list[Tensor]:
    """What `interpreter` gives for each of `photos` (N, C, H, W), one after another."""
    results = []
    with torch.inference_mode():
        for done, photo in enumerate(photos, start=1):
            results.append(interpreter.run(photo[None]))
            if progress:
                progress(done, len(photos))
    return results


def observe_tensors(
    module: GraphModule,
    names: Iterable[str],
    photos: Tensor,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, TensorStatistics]:
    """Statistics of the tensors `names` over `photos` (N, C, H, W) float32, one photo at a time."""
    wanted = set(names)
    lows = dict.fromkeys(wanted, torch.inf)
    highs = dict.fromkeys(wanted, -torch.inf)
    kept: dict[str, list[Tensor]] = {name: [] for name in wanted}

    def observe(name: str, value: Tensor) -> None:
        if name not in wanted:
            return
        low, high = torch.aminmax(value)
        lows[name], highs[name] = min(lows[name], float(low)), max(highs[name], float(high))
        flat = value.flatten()
        # An odd stride visits all channels and positions, whatever the layout.
        stride = max(1, flat.numel() // VALUES_PER_PHOTO) | 1
        kept[name].append(flat[::stride].clone())

    run_photos(Observer(module, observe), photos, progress=progress)
    return {
        name: TensorStatistics(low=lows[name], high=highs[name], values=torch.cat(kept[name]))
        for name in wanted
    }
