"""What `summary` shows people: tables of at most 100 columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING

from deploy.cli.output import echo, percent, print_table

if TYPE_CHECKING:
    from deploy.capture.summary import CostSummary
    from models.cost_records import Cost, Layer, NetworkCost, Separable, Shape

# So that a row of the widest table fits into 100 columns.
LONGEST_NAME = 24


def show_cost(summary: CostSummary) -> None:
    """One network: its layers, their kinds, its separable pairs, memory, published accuracy."""
    cost = summary.cost
    width = "" if summary.width is None else f", width {summary.width:g}"
    echo(
        f"{summary.network}{width}, {_product(summary.resolution)} pixels, "
        f"{summary.classes} classes\n"
    )
    _show_layers(cost)
    echo()
    _show_kinds(cost)
    if cost.separable:
        echo("\nDepthwise separable convolutions, and the standard ones (std) that they replace:\n")
        _show_separable(cost.separable)
        echo()
        _show_standard(cost.total, cost.standard)
    echo()
    _show_memory(cost)
    for row in summary.published:
        echo(f"published top-1: {row.top1:.1f} % in {row.precision} ({row.source})")


def _show_layers(cost: NetworkCost) -> None:
    rows = [
        [
            _short(layer.name) or "-",
            layer.kind,
            _kernel(layer),
            _product(layer.input),
            _product(layer.output),
            f"{layer.params:,}",
            f"{layer.macs:,}",
            percent(share_of(layer.macs, cost.total.macs)),
        ]
        for layer in cost.layers
    ]
    total = ["total", "", "", "", "", f"{cost.total.params:,}", f"{cost.total.macs:,}", "100.0"]
    print_table(
        ["layer", "kind", "kernel", "input", "output", "params", "MACs", "MACs %"], [*rows, total]
    )
    echo("\n3x3/2: a kernel of 3 x 3 pixels at stride 2. Params include batch norms'.")


def _show_kinds(cost: NetworkCost) -> None:
    rows = []
    for kind in dict.fromkeys(layer.kind for layer in cost.layers):
        layers = [layer for layer in cost.layers if layer.kind == kind]
        params, macs = sum(layer.params for layer in layers), sum(layer.macs for layer in layers)
        rows.append(
            [
                kind,
                str(len(layers)),
                percent(share_of(params, cost.total.params)),
                percent(share_of(macs, cost.total.macs)),
            ]
        )
    print_table(["kind", "layers", "params %", "MACs %"], rows)


def _show_separable(pairs: Sequence[Separable]) -> None:
    rows = [
        [
            _short(_common_name(pair)),
            _kernel(pair.depthwise),
            f"{pair.depthwise.input[0]}->{pair.pointwise.output[0]}",
            f"{pair.own.params:,}",
            f"{pair.standard.params:,}",
            f"{pair.own.macs / 1e6:.2f}",
            f"{pair.standard.macs / 1e6:.1f}",
            f"{pair.ratio:.4f}",
            f"{pair.predicted:.4f}",
        ]
        for pair in pairs
    ]
    print_table(
        ["block", "kernel", "M->N", "params", "std", "MACs M", "std M", "ratio", "1/N+1/Dk^2"], rows
    )
    echo("\nratio: of the MACs, as counted; beside it what the MobileNet paper predicts.")


def _show_standard(own: Cost, standard: Cost) -> None:
    print_table(
        ["", "params", "MACs"],
        [
            ["as it is", f"{own.params:,}", f"{own.macs:,}"],
            ["of standard convolutions", f"{standard.params:,}", f"{standard.macs:,}"],
            [
                "times as many",
                f"{standard.params / own.params:.1f}",
                f"{standard.macs / own.macs:.1f}",
            ],
        ],
    )


def _show_memory(cost: NetworkCost) -> None:
    weights = [_megabytes(cost.weight_bytes(name)) for name in ("fp32", "fp16", "int8")]
    peak = [_megabytes(cost.memory.peak_bytes(name)) for name in ("fp32", "int8")]
    echo(
        f"weights: {weights[0]} MB in fp32, {weights[1]} in fp16, {weights[2]} in int8\n"
        "  batch norms folded; int8: 1 byte each, 4 more for each channel's scale and each bias\n"
        f"activations at their peak: {peak[0]} MB in fp32, {peak[1]} in int8 "
        f"(at {cost.memory.peak_at})"
    )


def show_compared(summaries: Sequence[CostSummary]) -> None:
    """Several networks, one a row."""
    first = [summary.published[0] for summary in summaries if summary.published]
    sources = list(dict.fromkeys(row.source for row in first))
    print_table(
        ["network", "params M", "MACs M", "weights MB", "peak MB", "top-1 %"],
        [_compared(summary, sources) for summary in summaries],
    )
    echo("\nMB: in fp32 / int8. peak: of the activations that are alive at once.")
    for number, source in enumerate(sources, start=1):
        echo(f"[{number}] published: {source}")


def _compared(summary: CostSummary, sources: Sequence[str]) -> list[str]:
    cost, peak = summary.cost, summary.cost.memory.peak_bytes
    width = "" if summary.width is None else f":{summary.width:g}"
    top1 = "-"
    if summary.published:
        row = summary.published[0]
        top1 = f"{row.top1:.1f} [{sources.index(row.source) + 1}]"
    return [
        f"{summary.network}{width}@{_size(summary.resolution)}",
        f"{cost.total.params / 1e6:.2f}",
        f"{cost.total.macs / 1e6:.1f}",
        f"{_megabytes(cost.weight_bytes('fp32'))} / {_megabytes(cost.weight_bytes('int8'))}",
        f"{_megabytes(peak('fp32'))} / {_megabytes(peak('int8'))}",
        top1,
    ]


def _megabytes(count: int) -> str:
    """Three digits, for networks large and tiny.

    >>> _megabytes(16_884_128), _megabytes(2_000), _megabytes(1_234_567_890)
    ('16.9', '0.00200', '1235')
    """
    megabytes = count / 1e6
    return f"{megabytes:.0f}" if megabytes >= 100 else f"{megabytes:#.3g}"


def _kernel(layer: Layer) -> str:
    if layer.kernel is None:
        return ""
    stride = layer.stride or (1, 1)
    return _product(layer.kernel) + (f"/{_size(stride)}" if stride != (1, 1) else "")


def _common_name(pair: Separable) -> str:
    """The block that holds both layers.

    features.1.0.0 and features.1.1.0 are of features.1
    """
    both = zip(pair.depthwise.name.split("."), pair.pointwise.name.split("."), strict=False)
    same = takewhile(lambda parts: parts[0] == parts[1], both)
    return ".".join(part for part, _ in same) or pair.depthwise.name


def _short(name: str) -> str:
    """The end of a long name says more than its beginning."""
    return name if len(name) <= LONGEST_NAME else ".." + name[2 - LONGEST_NAME :]


def _product(sizes: Iterable[int]) -> str:
    return "x".join(map(str, sizes))


def _size(height_and_width: Shape) -> str:
    """One number for a square."""
    return _product(dict.fromkeys(height_and_width))


def share_of(part: int, whole: int) -> float:
    """Of nothing, nothing."""
    return part / whole if whole else 0.0
