"""mobile-deploy summary"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from deploy.cli.network_options import variant_options
from deploy.cli.options import shared_options
from deploy.cli.output import print_json
from deploy.cli.progress import watched
from deploy.cli.tables.summary import share_of, show_compared, show_cost
from deploy.support.errors import UserError

if TYPE_CHECKING:
    from deploy.capture.summary import CostSummary
    from models.cost_records import NetworkCost


@click.command(epilog="Example: mobile-deploy summary mobilenet_v1:0.5 mobilenet_v2@160 --compare")
@click.argument("networks", nargs=-1, required=True, metavar="NETWORK[:WIDTH][@RESOLUTION]...")
@variant_options
@click.option("--compare", is_flag=True, help="Several networks side by side.")
@shared_options
def summary(
    *,
    networks: tuple[str, ...],
    width: float,
    resolution: tuple[int, int] | None,
    classes: int | None,
    padding: str | None,
    compare: bool,
    as_json: bool,
    debug: bool,
) -> None:
    """Show what a network costs, layer by layer.

    Parameters and multiply-adds (MACs), what they would be with standard convolutions in place
    of depthwise separable ones, and memory. NETWORK is a name, or module:factory or
    file.py:factory for your own.
    """
    if len(networks) > 1 and not compare:
        raise UserError(f"{len(networks)} networks: add --compare to see them side by side")
    with watched(debug) as watcher:
        watcher.stage("counting")
        from deploy.capture.summary import parse_variant, summarize

        variants = [
            parse_variant(
                network, width=width, resolution=resolution, classes=classes, padding=padding
            )
            for network in networks
        ]
        summaries = [summarize(variant) for variant in variants]
    if compare:
        if as_json:
            print_json({"variants": [_facts(summary) for summary in summaries]})
        else:
            show_compared(summaries)
    elif as_json:
        print_json(_facts(summaries[0]) | _layer_facts(summaries[0].cost))
    else:
        show_cost(summaries[0])


def _facts(summary: CostSummary) -> dict[str, object]:
    cost, memory = summary.cost, summary.cost.memory
    return {
        "network": summary.network,
        "width": summary.width,
        "resolution": list(summary.resolution),
        "classes": summary.classes,
        "total": asdict(cost.total),
        "standard": asdict(cost.standard),
        "memory": {
            "weight_bytes": {name: cost.weight_bytes(name) for name in ("fp32", "fp16", "int8")},
            "peak_activation_bytes": {name: memory.peak_bytes(name) for name in ("fp32", "int8")},
            "peak_at": memory.peak_at,
        },
        "published": [
            {"top1": row.top1, "precision": row.precision, "source": row.source}
            for row in summary.published
        ],
    }


def _layer_facts(cost: NetworkCost) -> dict[str, object]:
    return {
        "layers": [
            {
                "name": layer.name,
                "kind": layer.kind,
                "kernel": layer.kernel and list(layer.kernel),
                "stride": layer.stride and list(layer.stride),
                "input": list(layer.input),
                "output": list(layer.output),
                "params": layer.params,
                "macs": layer.macs,
                "share_of_params": share_of(layer.params, cost.total.params),
                "share_of_macs": share_of(layer.macs, cost.total.macs),
            }
            for layer in cost.layers
        ],
        "separable": [
            {
                "depthwise": pair.depthwise.name,
                "pointwise": pair.pointwise.name,
                "in_channels": pair.depthwise.input[0],
                "out_channels": pair.pointwise.output[0],
                **asdict(pair.own),
                "standard": asdict(pair.standard),
                "ratio": pair.ratio,
                "predicted": pair.predicted,
            }
            for pair in cost.separable
        ],
    }
