"""Every kind of network that people bring, built in all formats: the table of docs/networks.md.

    python benchmarks/network_kinds.py [KIND ...]

The networks are small, seeded ones of `tests/networks/kinds.py`, at 32 pixels, and the photos
coloured blobs: what is shown is that a kind is built, with every gate passed, or refused in one
line, and what its artifacts keep. One row a kind, in Markdown, as it comes. `--int8 auto`. Exits
with 1 where a kind that should be built is not, or one that should be refused is.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from shared import machine, print_header, print_row

from deploy.capture.spec import NetworkSpec
from deploy.pipeline.build import Built, build
from deploy.pipeline.recipe import Recipe, make_targets
from deploy.support.errors import DeployError
from deploy.support.workers import in_process

ROOT = Path(__file__).parents[1]
NETWORKS = ROOT / "tests/networks/kinds.py"
SIDE, PHOTOS = 32, 32
FORMATS = ("executorch", "onnx", "coreml")
ARTIFACTS = ("executorch-fp32", "executorch-int8", "onnx-fp32", "onnx-int8", "coreml-fp16",
             "coreml-int8")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Kind:
    """`factory` is a function of `NETWORKS`; `spec` are fields of its NetworkSpec.

    `least_db` is what its int8 artifacts keep at least; `refused` a part of the line that refuses
    it, where it is to be; `exported` hands it over as a .pt2.
    """

    factory: str
    spec: dict[str, Any] = field(default_factory=dict)
    least_db: float = 25.0
    refused: str | None = None
    exported: bool = False


KINDS: dict[str, Kind] = {
    "grouped convolutions": Kind(factory="grouped"),
    "dilated convolutions": Kind(factory="dilated"),
    "transposed convolution": Kind(factory="transposed"),
    "channel shuffle": Kind(factory="channel_shuffle"),
    "squeeze-excite, odd shapes": Kind(factory="squeeze_excite_of_odd_shapes"),
    "average pools: padding, ceil mode": Kind(factory="average_pools"),
    "RepVGG in training form": Kind(factory="repvgg"),
    "MobileOne in training form": Kind(factory="mobileone"),
    "two outputs": Kind(factory="two_outputs", refused="say which one the logits are"),
    "two outputs, `--logits logits`": Kind(factory="two_outputs", spec={"logits": "logits"}),
    "softmax at the end": Kind(factory="softmax"),
    "log-softmax at the end": Kind(factory="log_softmax"),
    "sigmoid at the end": Kind(factory="sigmoid"),
    "one logit": Kind(factory="one_logit", refused="--classes 2"),
    "one logit, `--classes 2`": Kind(factory="one_logit", spec={"classes": 2}, least_db=15),
    "one probability, `--classes 2`": Kind(
        factory="one_probability", spec={"classes": 2}, least_db=15
    ),
    "1000 classes": Kind(factory="classes_1000"),
    "1001 classes": Kind(factory="classes_1001"),
    "dropout, in training mode": Kind(factory="dropout"),
    "dropout that eval() does not reach": Kind(
        factory="functional_dropout", refused="training=self.training"
    ),
    "float16": Kind(factory="half"),
    "bfloat16": Kind(factory="bfloat16"),
    "torch.compile": Kind(factory="compiled"),
    "DataParallel": Kind(factory="data_parallel"),
    "a .pt2": Kind(factory="grouped", exported=True),
    "32 x 48 pixels": Kind(factory="grouped", spec={"resolution": (32, 48)}),
    "two TransformerEncoderLayer": Kind(factory="encoder_layers"),
    "vision transformer": Kind(factory="vision_transformer"),
    "the same, attention in products": Kind(factory="vision_transformer_in_products"),
    "MobileViT's block": Kind(factory="mobilevit"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS))
    wanted = parser.parse_args().kinds or list(KINDS)
    print(f"{machine()}; dB against the float network, of int8 by auto\n")
    print_header("kind", *ARTIFACTS)
    failed = []
    with tempfile.TemporaryDirectory() as scratch:
        photos = write_photos(Path(scratch, "photos"))
        for number, name in enumerate(wanted):
            kind = KINDS[name]
            try:
                built = build_kind(kind, photos, Path(scratch, str(number)))
            except DeployError as error:
                text = str(error).replace(str(NETWORKS), NETWORKS.name)
                print_row(name, f"refused: {text}")
                if kind.refused is None or kind.refused not in text:
                    failed.append(name)
                continue
            print_row(name, *decibels(built).values())
            if kind.refused is not None or worst_int8(built) < kind.least_db:
                failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def build_kind(kind: Kind, photos: Path, folder: Path) -> Built:
    """Its bundle, in the new `folder`. Raises DeployError where it is refused, or fails a gate."""
    folder.mkdir()
    network = f"{NETWORKS}:{kind.factory}"
    spec: dict[str, Any] = {"resolution": (SIDE, SIDE)} | kind.spec
    if kind.exported:
        network = str(export(kind, folder / "network.pt2", spec.pop("resolution")))
    recipe = Recipe(
        network=NetworkSpec(network, **spec),
        output=folder / "bundle",
        targets=make_targets(FORMATS),
        photos=photos,
    )
    return build(recipe, processes=in_process)


def export(kind: Kind, path: Path, size: tuple[int, int]) -> Path:
    """The kind's network as a .pt2, as its user would write it."""
    sys.path.insert(0, str(ROOT))
    from tests.networks import kinds

    torch.manual_seed(0)
    network = getattr(kinds, kind.factory)().eval()
    torch.export.save(torch.export.export(network, (torch.zeros(1, 3, *size),)), path)
    return path


def decibels(built: Built) -> dict[str, str]:
    """dB of each artifact by its name, in words."""
    found = {}
    for artifact in built.manifest.artifacts:
        assert artifact.measured is not None
        reached = artifact.measured.sqnr_db
        found[artifact.name] = "equal" if reached is None else f"{reached:.1f}"
    return found


def worst_int8(built: Built) -> float:
    """The fewest dB of an int8 artifact."""
    measured = [a.measured for a in built.manifest.artifacts if a.precision == "int8"]
    return min(m.sqnr_db for m in measured if m is not None and m.sqnr_db is not None)


def write_photos(folder: Path) -> Path:
    """Coloured blobs, all different."""
    folder.mkdir()
    coarse = np.random.default_rng(0).integers(0, 256, (PHOTOS, 6, 8, 3), np.uint8)
    for index, pixels in enumerate(coarse):
        Image.fromarray(pixels).resize((80, 60)).save(folder / f"{index}.png")
    return folder


if __name__ == "__main__":
    sys.exit(main())
