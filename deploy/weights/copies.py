"""Finding a network's tensors among all that a checkpoint holds.

A checkpoint may put a prefix before the names (`model.`, `state_dict.module.`), hold the network
more than once (student and teacher), and hold what is none of the network (a loss, a metric).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.support.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

# Sizes, None for one that the file may choose (classes).
Shape = tuple[int | None, ...]

# Counters that some files carry and others do not; no output depends on them.
_COUNTERS = ("num_batches_tracked", "n_averaged")
# Where training scripts keep the averaged network beside the other. It is the one meant, since
# scripts report its accuracy (timm's order too).
_AVERAGED = ("state_dict_ema", "model_ema", "ema", "ema_state_dict")
# Modules that DataParallel, torch.compile, FSDP and the like put around the network or its parts.
_WRAPPERS = {
    *("module", "_orig_mod", "_forward_module"),
    *("_fsdp_wrapped_module", "_checkpoint_wrapped_module"),
}
# What quantization-aware training keeps beside the float weights, to choose int8's ranges.
_OBSERVERS = ("activation_post_process", "fake_quant", "observer")
# Words in the names of what training scripts keep beside a network.
_OF_TRAINING = {
    *("criterion", "loss", "losses", "metric", "metrics", "acc", "accuracy", "auroc", "f1"),
    *("aux", "ema", "decay", "optimizer", "scheduler", "lr", "epoch", "step", "steps"),
}
_NAMES_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Copy:
    """The tensors that stand under `prefix`, without it: the network's own and others inside.

    `found` of those wanted are there by name; `fits`: all of them, in their shapes.
    """

    prefix: str
    tensors: Mapping[str, Tensor]
    found: int
    fits: bool


def find_copies(tensors: Mapping[str, Tensor], wanted: Mapping[str, Shape]) -> list[Copy]:
    """Wherever tensors of the network are, the fullest first, under the shortest prefix.

    `wanted` are its names and shapes.
    """
    found: Counter[str] = Counter()
    for name in tensors:
        start = 0
        while True:
            if name[start:] in wanted:
                found[name[:start]] += 1
            start = name.find(".", start) + 1
            if not start:
                break
    prefixes = sorted(found, key=lambda prefix: (-found[prefix], len(prefix)))
    return [_copy(tensors, wanted, prefix, found[prefix]) for prefix in prefixes]


def choose_copy(
    tensors: Mapping[str, Tensor],
    wanted: Mapping[str, Shape],
    *,
    prefix: str | None,
    file_name: str,
) -> Copy:
    """The copy that is meant: the one that fits, else the fullest, which may be empty.

    `prefix` is what the user says, None for nothing. Raises WeightsError where several fit that
    differ, and where `prefix` names none.
    """
    copies = find_copies(tensors, wanted)
    if prefix is not None:
        copies = _under(prefix, copies, file_name)
    fitting = _meant([copy for copy in copies if copy.fits])
    if len(fitting) > 1 and not all(_equal(fitting[0], other, wanted) for other in fitting[1:]):
        names = [copy.prefix.removesuffix(".") for copy in fitting]
        raise WeightsError(
            f"{file_name} holds {len(names)} networks that fit, under "
            f"{' and '.join(show(name) or 'no prefix' for name in names)}: "
            f"choose one, such as --weights-prefix {show(names[-1]) or '.'}"
        )
    nothing = Copy(prefix="", tensors=tensors, found=0, fits=False)
    return next(iter([*fitting, *copies]), nothing)


def without_counters(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if not name.endswith(_COUNTERS)}


def without_wrappers(
    tensors: Mapping[str, Tensor], wanted: Collection[str]
) -> Mapping[str, Tensor]:
    """Names without the modules that wrap parts of the network, unless it has such itself."""
    if any(_WRAPPERS & set(name.split(".")) for name in wanted):
        return tensors
    bare = {
        ".".join(part for part in name.split(".") if part not in _WRAPPERS): tensor
        for name, tensor in tensors.items()
    }
    # Else two copies would become one.
    return bare if len(bare) == len(tensors) else tensors


def of_the_network(left_over: Collection[str], wanted: Collection[str]) -> list[str]:
    """Those of the tensors beside the network's, which it has no use for, that are its own.

    Then the file's network computes something else: a bias more, a layer, a neck before the head.
    What training keeps there is told by its name, such as a loss or a metric; and what makes up
    the whole network once more is another copy.
    """
    root = _common_prefix(wanted)
    copies = _whole_copies(set(left_over), wanted)
    return [
        name
        for name in left_over
        if not name.startswith(copies)
        and not any(part in name for part in _OBSERVERS)
        and not _OF_TRAINING & set(name.removeprefix(root).partition(".")[0].lower().split("_"))
    ]


def _whole_copies(names: Collection[str], wanted: Collection[str]) -> tuple[str, ...]:
    """The prefixes under which all of the wanted are among the names."""
    one = next(iter(wanted), "")
    prefixes = {name.removesuffix(one) for name in names if name.endswith(f".{one}")}
    return tuple(p for p in prefixes if all(f"{p}{name}" in names for name in wanted))


def some(names: Collection[str], *, separator: str = ", ") -> str:
    """The first few of the names, fit to be shown."""
    shown = [show(name) for name in list(names)[:_NAMES_SHOWN]]
    more = ["..."] if len(names) > len(shown) else []
    return separator.join([*shown, *more])


def show(name: str) -> str:
    """A file may name its tensors anything: no line breaks or terminal codes into our message."""
    return name if name.isprintable() else ascii(name)


def _copy(
    tensors: Mapping[str, Tensor], wanted: Mapping[str, Shape], prefix: str, found: int
) -> Copy:
    inside = {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
    fits = found == len(wanted) and all(
        _has_shape(inside[name], shape) for name, shape in wanted.items()
    )
    return Copy(prefix=prefix, tensors=inside, found=found, fits=fits)


def _has_shape(tensor: Tensor, shape: Shape) -> bool:
    return tensor.dim() == len(shape) and all(
        wanted in (None, size) for wanted, size in zip(shape, tensor.shape, strict=True)
    )


def _under(prefix: str, copies: Sequence[Copy], file_name: str) -> list[Copy]:
    """Those with the prefix that the user says, or else with it somewhere in theirs."""
    said = "".join(f"{part}." for part in prefix.split(".") if part and part not in _WRAPPERS)
    exact = [copy for copy in copies if copy.prefix in (said, f"{prefix.rstrip('.')}.")]
    within = [copy for copy in copies if f".{said}" in f".{copy.prefix}"] if said else []
    if not exact and not within:
        known = [copy.prefix.removesuffix(".") or "no prefix" for copy in copies]
        there = f"they are under {some(known)}" if known else "it has none of this network"
        raise WeightsError(
            f"{file_name} has no tensors of this network under --weights-prefix {prefix}: {there}"
        )
    return exact or within


def _meant(fitting: Sequence[Copy]) -> Sequence[Copy]:
    """The averaged network, where one is among them."""

    def rank(copy: Copy) -> int:
        outermost = copy.prefix.partition(".")[0]
        return _AVERAGED.index(outermost) if outermost in _AVERAGED else len(_AVERAGED)

    best = min(map(rank, fitting), default=0)
    return [copy for copy in fitting if rank(copy) == best]


def _equal(one: Copy, other: Copy, wanted: Collection[str]) -> bool:
    """The same numbers: one module under two names, or an average before its first step."""
    return all(_same(one.tensors[name], other.tensors[name]) for name in wanted)


def _same(one: Tensor, other: Tensor) -> bool:
    import torch

    return one.dtype == other.dtype and torch.equal(one, other)


def _common_prefix(names: Collection[str]) -> str:
    """The modules that all names begin with, their dots included, or "".

    Up to the first of a sequence: it may be the only layer of one.
    """
    first = next(iter(names), "")
    prefix = ""
    for part in first.split(".")[:-1]:
        longer = f"{prefix}{part}."
        if part.isdecimal() or not all(name.startswith(longer) for name in names):
            break
        prefix = longer
    return prefix
