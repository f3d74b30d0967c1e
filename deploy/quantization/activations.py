"""Scale and zero point of every tensor, by the error that each choice makes in the logits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.fx import GraphModule

from deploy.quantization.adjoint import PROBES, Gradients, project, visit_gradients
from deploy.quantization.kernels import Kernel, only_read_by_hardswish
from deploy.quantization.ranges import INT8_MAX, INT8_MIN, QParams, TensorStatistics
from deploy.quantization.sensitivity.energies import Sensitivity, TensorError

# A gate has all of [0, 1] whatever the photos show: what it lets through is a share.
GATE = (0.0, 1.0)
# hardswish is 0 from here down, so codes for smaller inputs would say nothing.
HARDSWISH_ZERO = -3.0
# Of the least and the largest logit seen. The best class must not saturate together with the second
# best on a photo not seen before: of a class that no photo showed, its logits are larger still.
LOGITS_HEADROOM = (1.1, 1.4)
# What clipping costs counts as often as it adds up: a photo that is loud in one tensor is in many,
# and is made quieter in each, while roundings are noise, of which each costs what it costs alone.
CLIPPING = 3.0
# Values at a time: with a few dozen candidates a megabyte or two.
CHUNK = 16384

RangeSetting = Literal["measured", "mse", "min-max"]


def choose_activations(
    module: GraphModule,
    kernels: Sequence[Kernel],
    statistics: Mapping[str, TensorStatistics],
    weight_errors: Mapping[str, Mapping[str, Tensor]],
    photos: Tensor,
    *,
    setting: RangeSetting,
    learned: Mapping[str, QParams],
    progress: Callable[[int, int], None] | None,
) -> tuple[dict[str, QParams], Sensitivity]:
    """Parameters of every tensor of a kernel, in graph order, and what each tensor costs.

    "measured" tries a few dozen ranges a tensor and takes the one whose error, followed to the
    logits of `photos`, is least, where clipping counts CLIPPING times; "mse" the least error in the
    tensor itself; "min-max" none. Tensors that are in `learned` have what it says. `weight_errors`
    holds for each kernel what quantization adds to its weight and bias, by the names of the nodes
    that read them.
    """
    moved: dict[str, tuple[str, str]] = {}
    for kernel in kernels:
        if kernel.kind == "pass":
            (name,) = kernel.inputs
            moved[kernel.output] = moved.get(name, (name, kernel.reader))
    candidates = _candidates(module, kernels, statistics, moved, setting, learned)
    grams: dict[str, Tensor] = {}
    clipping: dict[str, Tensor] = {}
    readers: dict[str, tuple[str, ...]] = {}
    of_weights = dict.fromkeys(weight_errors, 0.0)

    def visit(values: dict[str, Tensor], gradients: Gradients) -> None:
        for name, value in values.items():
            if name not in candidates:
                continue
            readers[name] = tuple(gradients[name])
            by_reader = torch.stack(list(gradients[name].values()))
            seen, clipped = _project_each(value, candidates[name], by_reader)
            gram = (seen @ seen.mT) / PROBES
            grams[name] = grams[name] + gram if name in grams else gram
            alone = clipped.sum(1).square().mean(1)
            clipping[name] = clipping[name] + alone if name in clipping else alone
        for kernel, errors in weight_errors.items():
            parts = [
                project(error, gradients[name][kernel])
                for name, error in errors.items()
                if kernel in gradients.get(name, ())
            ]
            of_weights[kernel] += float(torch.stack(parts).sum(0).square().mean()) if parts else 0.0

    names = {*candidates, *(name for errors in weight_errors.values() for name in errors)}
    logits = visit_gradients(module, names, photos, visit, progress=progress)
    best = {
        name: int((gram.sum((1, 2)) + (CLIPPING - 1) * clipping[name]).argmin())
        for name, gram in grams.items()
    }
    chosen: dict[str, QParams] = {}
    for kernel in kernels:
        for name in kernel.tensors:
            if name in moved:
                chosen[name] = chosen[moved[name][0]]
            elif name not in chosen:
                # The logits do not depend on one that is not among the best.
                chosen[name] = candidates[name][best.get(name, 0)]
    return chosen, Sensitivity(
        logits=logits,
        tensors={
            name: TensorError(readers=readers[name], gram=grams[name][i].double().numpy())
            for name, i in best.items()
        },
        weights=of_weights,
        moved=moved,
    )


def _project_each(
    value: Tensor, candidates: Sequence[QParams], gradients: Tensor
) -> tuple[Tensor, Tensor]:
    """`project` of the error of each of `candidates`, (candidates, readers, PROBES), and of what
    clipping alone makes of it.

    In chunks that stay in the cache, which is ten times as quick as tensor by tensor.
    """
    scales = torch.tensor([q.scale for q in candidates])[:, None]
    zero_points = torch.tensor([float(q.zero_point) for q in candidates])[:, None]
    low, high = INT8_MIN - zero_points, INT8_MAX - zero_points
    least, largest = low * scales, high * scales
    flat, rows = value.flatten(), gradients.flatten(0, 1).flatten(1)
    seen = torch.zeros(len(candidates), len(rows))
    clipped = torch.zeros_like(seen)
    for values, columns in zip(
        torch.split(flat, CHUNK), torch.split(rows, CHUNK, dim=1), strict=True
    ):
        codes = (values * (1 / scales)).round_()
        errors = codes.clamp_(low, high).mul_(scales).sub_(values)
        seen.addmm_(errors, columns.T)
        clipped.addmm_(values.clamp(least, largest).sub_(values), columns.T)
    shape = (len(candidates), *gradients.shape[:2])
    return seen.view(shape), clipped.view(shape)


def with_measured_ranges(
    module: GraphModule, kernels: Iterable[Kernel], moved: Mapping[str, tuple[str, str]]
) -> set[str]:
    """Tensors of `kernels` whose range photos alone set: no rule says anything of it."""
    kernels = list(kernels)
    names = {name for kernel in kernels for name in kernel.tensors}
    ruled = only_read_by_hardswish(module) | _logits(module, moved) | _gates(kernels)
    return names - ruled - moved.keys()


def _logits(module: GraphModule, moved: Mapping[str, tuple[str, str]]) -> set[str]:
    (output,) = module.graph.find_nodes(op="output")
    return {moved.get(node.name, (node.name, ""))[0] for node in output.all_input_nodes}


def _gates(kernels: Iterable[Kernel]) -> set[str]:
    return {kernel.output for kernel in kernels if kernel.bounds == GATE}


def _candidates(
    module: GraphModule,
    kernels: Iterable[Kernel],
    statistics: Mapping[str, TensorStatistics],
    moved: Mapping[str, tuple[str, str]],
    setting: RangeSetting,
    learned: Mapping[str, QParams],
) -> dict[str, list[QParams]]:
    before_hardswish = only_read_by_hardswish(module)
    logits, gates = _logits(module, moved), _gates(kernels)
    candidates: dict[str, list[QParams]] = {}
    for kernel in kernels:
        for name in kernel.tensors:
            if name in candidates or name in moved:
                continue
            seen = statistics[name]
            if name in before_hardswish:
                seen = seen.clamped(HARDSWISH_ZERO)
            if name in learned:
                candidates[name] = [learned[name]]
            elif name in gates:
                candidates[name] = [QParams.from_range(*GATE)]
            elif name in logits:
                below, above = LOGITS_HEADROOM
                candidates[name] = [QParams.from_range(seen.low * below, seen.high * above)]
            elif setting == "measured":
                candidates[name] = seen.candidates()
            else:
                range_ = (
                    seen.range() if setting == "mse" else QParams.from_range(seen.low, seen.high)
                )
                candidates[name] = [range_]
    return candidates
