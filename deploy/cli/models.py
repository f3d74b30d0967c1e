"""mobile-deploy models"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from deploy.cli.options import shared_options
from deploy.cli.output import echo, print_json, print_table

if TYPE_CHECKING:
    from models.registry import NetworkEntry
    from models.weights.source import WeightSource

# A figure by width, for each thing that has figures and each resolution.
Figures = dict[tuple[str, int], dict[float, str]]


@click.command(epilog="Example: mobile-deploy models --json")
@shared_options
def models(*, as_json: bool, debug: bool) -> None:
    """List the networks: widths, known weights, published accuracy."""
    from models.registry import NETWORKS
    from models.weights import SOURCES

    entries = {
        name: (entry, [source for source in SOURCES if source.network == name])
        for name, entry in NETWORKS.items()
    }
    if as_json:
        print_json({"networks": [_facts(name, *entry) for name, entry in entries.items()]})
        return
    for name, (entry, sources) in entries.items():
        _show(name, entry, sources)
    echo(
        "Top-1 in percent on ImageNet by width, as published, in float unless int8 is said; yes:\n"
        "weights without a published figure. --weights NAME fetches those, for their width and\n"
        "resolution; imagenet, the default, is torchvision's where it has the width, else Keras',\n"
        "else timm's. Other rows say what the network can reach. Any other width builds too, with\n"
        "--weights none or your own."
    )


def _facts(name: str, entry: NetworkEntry, sources: list[WeightSource]) -> dict[str, object]:
    return {
        "name": name,
        "paper": entry.paper,
        "widths": list(entry.widths),
        "resolution": list(entry.resolution),
        "weights": [
            {
                "name": source.name,
                "title": source.title,
                "width": source.width,
                "resolution": list(source.preprocessing.crop),
                "classes": source.classes,
                "top1": source.top1,
                "top5": source.top5,
                "stated": source.stated,
                "publisher": source.publisher,
                "licence": source.licence,
            }
            for source in sources
        ],
        "published": [asdict(row) for row in entry.published],
    }


def _show(name: str, entry: NetworkEntry, sources: list[WeightSource]) -> None:
    weights, published = _of_weights(sources), _of_others(entry, sources)
    known = {width for figures in (weights | published).values() for width in figures}
    widths = sorted(known | set(entry.widths), reverse=True)
    echo(f"{name} ({entry.paper})\n")
    rows = [
        [label, str(side), *(figures.get(width, "") for width in widths)]
        for (label, side), figures in (weights | published).items()
    ]
    print_table(["", "pixels", *(f"{width:g}" for width in widths)], rows)
    echo()


def _of_weights(sources: list[WeightSource]) -> Figures:
    """The default first: of each width the first row of the table."""
    from models.weights.source import DEFAULT_WEIGHTS

    default_row = f"--weights {DEFAULT_WEIGHTS}"
    table: Figures = {}
    for source in sources:
        chosen = table.setdefault((default_row, source.preprocessing.crop[0]), {})
        if not any(
            source.width in row for (label, _), row in table.items() if label == default_row
        ):
            chosen[source.width] = _top1(source)
        if source.name == DEFAULT_WEIGHTS:
            continue
        row = table.setdefault((f"--weights {source.name}", source.preprocessing.crop[0]), {})
        row[source.width] = _top1(source)
    return {key: figures for key, figures in table.items() if figures}


def _top1(source: WeightSource) -> str:
    return f"{source.top1:.1f}" if source.top1 is not None else "yes"


def _of_others(entry: NetworkEntry, sources: list[WeightSource]) -> Figures:
    """Without the figures of the weights, which have rows of their own."""
    of_weights = {(source.width, source.top1) for source in sources}
    table: Figures = {}
    for row in entry.published:
        if (row.width, row.top1) not in of_weights:
            label = row.source if row.precision == "fp32" else f"{row.source}, {row.precision}"
            table.setdefault((label, row.resolution), {})[row.width] = f"{row.top1:.1f}"
    return table
