"""The grid and its names: what is refused, what makes another bundle, what is left out unbuilt."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_photos import write_photos

from deploy.capture.spec import NetworkSpec
from deploy.choosing.cost import VariantCost, over_cost
from deploy.choosing.keys import bundle_key, labelled_digest, photos_digest
from deploy.choosing.sweep import Requirements, Sweep
from deploy.photos.preprocessing import PreprocessingOptions
from deploy.pipeline.recipe import Recipe, make_targets
from deploy.support.errors import UserError


def test_a_grid_is_every_network_at_every_width_and_resolution_once() -> None:
    sweep = Sweep(
        networks=("mobilenet_v1", "mobilenet_v2"),
        widths=(1.0, 0.5, 1.0),
        resolutions=((96, 96), (64, 48)),
    )
    names = [variant.name for variant in sweep.variants()]
    assert names == [
        *("mobilenet_v1:1@96", "mobilenet_v1:1@64x48"),
        *("mobilenet_v1:0.5@96", "mobilenet_v1:0.5@64x48"),
        *("mobilenet_v2:1@96", "mobilenet_v2:1@64x48"),
        *("mobilenet_v2:0.5@96", "mobilenet_v2:0.5@64x48"),
    ]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"networks": ()}, "--networks: there is none"),
        ({"widths": ()}, "--widths: there is none"),
        ({"resolutions": ()}, "--resolutions: there is none"),
        ({"targets": ()}, "targets: nothing to make"),
        ({"networks": "mobilenet_v1"}, "networks: give several"),
        ({"networks": ("mobilenet_v9",)}, "unknown network 'mobilenet_v9': did you mean"),
        ({"networks": ("nets.py:make",)}, "--networks: nets.py:make is your own"),
        ({"widths": (9.0,)}, "--width 9 is out of range"),
        ({"resolutions": ((8, 8),)}, "--resolution 8 is out of range"),
        ({"weights": "my_weights.pth"}, "--weights my_weights.pth: a file is of one network"),
        ({"weights": "imagenet", "classes": 10}, "--classes 10 contradicts the published weights"),
        ({"int8": "maybe"}, "--int8: unknown mode"),
    ],
)
def test_what_cannot_be_swept_is_refused_in_one_line(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as caught:
        Sweep(**fields)
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("limits", [{"max_mb": 0}, {"max_macs": -1}, {"min_top1": 101}])
def test_limits_that_are_none_are_refused(limits: dict[str, float]) -> None:
    with pytest.raises(UserError):
        Requirements(**limits)


RECIPE = Recipe(
    network=NetworkSpec("mobilenet_v1", weights="none", resolution=(96, 96)),
    output=Path("somewhere"),
    targets=make_targets(["onnx"]),
)
FACTS: dict[str, Any] = {"photos": "a", "weights_sha256": "", "versions": {"torch": "1"}}


def of_network(**changes: Any) -> Recipe:
    return replace(RECIPE, network=replace(RECIPE.network, **changes))


@pytest.mark.parametrize(
    ("recipe", "facts"),
    [
        (of_network(width=0.5), {}),
        (of_network(resolution=(96, 128)), {}),
        (of_network(name="mobilenet_v2"), {}),
        (of_network(weights="imagenet"), {}),
        (of_network(classes=10), {}),
        (of_network(padding="same"), {}),
        (of_network(seed=1), {}),
        (of_network(preprocessing=PreprocessingOptions(mean=(0.0, 0.0, 0.0))), {}),
        (replace(RECIPE, targets=make_targets(["onnx"], ["int8"])), {}),
        (replace(RECIPE, int8="pure"), {}),
        (replace(RECIPE, int8_effort="high"), {}),
        (replace(RECIPE, min_agreement=0.5), {}),
        (RECIPE, {"photos": "b"}),
        (RECIPE, {"weights_sha256": "c"}),
        (RECIPE, {"versions": {"torch": "2"}}),
    ],
)
def test_whatever_changes_the_bundle_changes_its_key(recipe: Recipe, facts: dict[str, Any]) -> None:
    assert bundle_key(recipe, **{**FACTS, **facts}) != bundle_key(RECIPE, **FACTS)


def test_where_it_is_written_and_in_which_order_changes_no_key() -> None:
    same = replace(RECIPE, output=Path("elsewhere"), targets=RECIPE.targets[::-1])
    assert bundle_key(same, **FACTS) == bundle_key(RECIPE, **FACTS)


def test_labels_count_by_what_they_say(tmp_path: Path) -> None:
    one, same, other = (tmp_path / name for name in ("one.txt", "same.txt", "other.txt"))
    one.write_text("cat\ndog\n")
    same.write_text("cat\ndog\n")
    other.write_text("cat\ncow\n")
    keys = [bundle_key(of_network(labels=path), **FACTS) for path in (one, same, other)]
    assert keys[0] == keys[1] != keys[2]


def test_photos_count_by_their_bytes_and_labelled_ones_by_their_folders_too(
    tmp_path: Path,
) -> None:
    photos = write_photos(tmp_path / "photos", 6, classes=2)
    before, sorted_before = photos_digest(photos), labelled_digest(photos)
    shutil.move(photos / "0" / "0.png", photos / "1" / "renamed.png")
    assert photos_digest(photos) == before != photos_digest(None)
    assert labelled_digest(photos) != sorted_before
    (photos / "1" / "renamed.png").unlink()
    assert photos_digest(photos) != before


COST = VariantCost(params=1_100_000, macs=50_000_000, kernels=1_000_000, classes=1000)


@pytest.mark.parametrize(
    ("limits", "precision", "said"),
    [
        ({"max_mb": 3.9}, "fp32", ["--max-mb 3.9: at least 4 MB"]),
        ({"max_mb": 4}, "fp32", []),
        ({"max_mb": 1.9}, "fp16", ["--max-mb 1.9: at least 2 MB"]),
        ({"max_mb": 1}, "int8", []),
        ({"max_mb": 0.9}, "w8", ["--max-mb 0.9: at least 1 MB"]),
        ({"max_macs": 40e6}, "int8", ["--max-macs 40M: 50 M"]),
        ({"max_macs": 50e6}, "int8", []),
    ],
)
def test_what_cannot_be_within_a_limit_is_known_before_it_is_built(
    limits: dict[str, float], precision: Any, said: list[str]
) -> None:
    assert over_cost(COST, precision, Requirements(**limits)) == said
