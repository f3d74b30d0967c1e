"""A sweep from its grid to choice.json, with builds that take no time: what is kept, what is made
again, what fails alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from places import ROOT
from small_photos import write_photos
from tiny_sweeps import TARGETS, Builder, one_thread

from deploy.capture.spec import UNTRAINED
from deploy.choosing import choose as module
from deploy.choosing.choose import choose
from deploy.choosing.file import read_choice
from deploy.choosing.job import VariantJob, complete
from deploy.choosing.latency import Measuring
from deploy.choosing.records import Choice, VariantRecord
from deploy.choosing.sweep import Requirements, Sweep
from deploy.choosing.weights import SettledWeights
from deploy.cli.tables.choice import show_choice
from deploy.pipeline.recipe import Recipe, make_targets
from deploy.support.errors import GateError, RunError, UserError
from deploy.support.json_text import json_text
from deploy.weights import find_source

NOT_MEASURED = Measuring(device="none")


@pytest.fixture
def builder() -> Builder:
    return Builder()


Run = Callable[..., Choice]


@pytest.fixture
def run(builder: Builder, tmp_path: Path) -> Run:
    def run(requirements: Requirements | None = None, **fields: Any) -> Choice:
        said: dict[str, Any] = {
            "networks": ("mobilenet_v1", "mobilenet_v2"),
            "widths": (0.25,),
            "resolutions": ((96, 96), (128, 128)),
            "weights": UNTRAINED,
            "targets": TARGETS,
        }
        return choose(
            Sweep(**{**said, **fields}),
            tmp_path / "sweep",
            requirements=requirements,
            measuring=NOT_MEASURED,
            executor=one_thread,
            work=builder.work,
        )

    return run


def test_a_sweep_that_is_there_is_not_made_again(
    run: Run, builder: Builder, tmp_path: Path
) -> None:
    first = run()
    assert sorted(builder.made) == [
        *("mobilenet_v1@128", "mobilenet_v1@96", "mobilenet_v2@128", "mobilenet_v2@96")
    ]
    again = run()
    assert len(builder.made) == 4
    assert again.model_copy(update={"written": first.written}) == first
    assert read_choice(tmp_path / "sweep") == again


def test_a_changed_option_makes_what_it_touches(run: Run, builder: Builder) -> None:
    run()
    builder.made.clear()
    run(resolutions=((96, 96), (160, 160)))
    assert sorted(builder.made) == ["mobilenet_v1@160", "mobilenet_v2@160"]
    builder.made.clear()
    run(networks=("mobilenet_v1",), seed=1)
    assert sorted(builder.made) == ["mobilenet_v1@128", "mobilenet_v1@96"]


def test_limits_and_figures_change_no_bundle(run: Run, builder: Builder) -> None:
    run()
    run(Requirements(max_mb=5, min_top1=10))
    assert len(builder.made) == 4


def test_the_record_holds_every_figure_and_where_its_bundle_is(run: Run, tmp_path: Path) -> None:
    choice = run()
    variant = choice.variants[1]
    assert (variant.name, variant.state) == ("mobilenet_v1:0.25@128", "built")
    assert variant.bundle is not None
    assert (tmp_path / "sweep" / variant.bundle / "manifest.json").is_file()
    assert variant.warnings == ("of mobilenet_v1@128", "of all")
    assert [one.artifact for one in variant.candidates] == [target.name for target in TARGETS]
    int8 = variant.candidates[1]
    assert (int8.bytes, int8.agreement, int8.sqnr_db, int8.photos) == (100, 0.875, 23.5, 8)


def test_a_variant_that_fails_is_told_stops_nothing_and_is_tried_again(
    run: Run, builder: Builder
) -> None:
    builder.broken = {
        "mobilenet_v1@96": GateError("onnx-fp32: too far\nfrom float"),
        "mobilenet_v2@96": ZeroDivisionError("a bug"),
    }
    choice = run()
    states = {variant.name: variant.state for variant in choice.variants}
    assert states == {
        "mobilenet_v1:0.25@96": "failed",
        "mobilenet_v1:0.25@128": "built",
        "mobilenet_v2:0.25@96": "failed",
        "mobilenet_v2:0.25@128": "built",
    }
    assert choice.variants[0].why == "onnx-fp32: too far from float"
    assert choice.variants[2].why == "ZeroDivisionError: a bug"
    assert choice.recommended is not None
    builder.broken.clear()
    builder.made.clear()
    assert all(variant.state == "built" for variant in run().variants)
    assert sorted(builder.made) == ["mobilenet_v1@96", "mobilenet_v2@96"]


def test_where_all_fail_the_first_reason_is_given(run: Run, builder: Builder) -> None:
    builder.broken = {
        f"mobilenet_v{number}@{side}": RunError("no memory")
        for number in (1, 2)
        for side in (96, 128)
    }
    choice = run()
    assert choice.recommended is None
    assert choice.reason == "nothing could be built: no memory"


def test_a_process_that_dies_is_a_failed_variant(run: Run, builder: Builder) -> None:
    dying = {"mobilenet_v1:0.25@96"}
    alive = builder.work

    def work(job: VariantJob) -> VariantRecord:
        if job.name in dying:
            raise RunError("a process that exports was killed")
        return alive(job)

    builder.work = work  # type: ignore[method-assign]
    choice = run()
    assert [variant.state for variant in choice.variants].count("failed") == 1
    dying.clear()
    assert all(variant.state == "built" for variant in run().variants)
    assert len(builder.made) == 4


def test_a_bundle_that_was_removed_or_altered_is_built_again(
    run: Run, builder: Builder, tmp_path: Path
) -> None:
    first, second = run().variants[:2]
    assert first.bundle is not None
    assert second.bundle is not None
    shutil.rmtree(tmp_path / "sweep" / first.bundle)
    (tmp_path / "sweep" / second.bundle / "manifest.json").write_text("{}")
    builder.made.clear()
    run()
    assert sorted(builder.made) == ["mobilenet_v1@128", "mobilenet_v1@96"]


def test_what_cannot_be_within_the_limits_is_not_built(run: Run, builder: Builder) -> None:
    choice = run(Requirements(max_macs=10e6), networks=("mobilenet_v1",))
    assert builder.made == ["mobilenet_v1@96"]
    built, pruned = choice.variants
    assert (built.state, pruned.state) == ("built", "pruned")
    assert pruned.why == "over --max-macs 10M: 13.57 M"
    assert all(one.exceeds and one.bytes is None for one in pruned.candidates)


def test_impossible_limits_build_nothing_and_name_the_nearest(run: Run, builder: Builder) -> None:
    choice = run(Requirements(max_mb=0.001))
    assert builder.made == []
    assert choice.variants[0].why == "over --max-mb 0.001: at least 0.4636 MB"  # int8's.
    assert choice.recommended is None
    assert choice.reason.startswith(
        "--max-mb 0.001 excludes all 12 artifacts: the nearest is mobilenet_v"
    )


def test_an_untrained_variant_has_no_measured_top1_and_says_so(run: Run) -> None:
    choice = run(networks=("mobilenet_v1",))
    low, high = choice.variants
    assert (high.weights, high.untrained_because) == (None, "untrained weights were asked for")
    top1 = high.candidates[0].top1
    assert top1 is not None
    assert (top1.kind, top1.percent, top1.these_weights) == ("published", 41.5, False)
    assert low.candidates[0].top1 is None  # Nobody has published one at 96 pixels.
    assert choice.quality_by == "published"
    assert any("untrained" in note for note in choice.notes)
    assert any("not ranked" in note for note in choice.notes)


def test_of_own_classes_nothing_is_published(run: Run) -> None:
    choice = run(classes=10)
    assert all(one.top1 is None for variant in choice.variants for one in variant.candidates)
    assert choice.quality_by == "agreement"


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> None:
    """V2 at width 1 has its weights, though nothing is fetched."""
    source = find_source("mobilenet_v2", "imagenet", 1.0)

    def settle(sweep: Sweep, network: str, width: float, progress: object) -> SettledWeights:
        if (network, width) == ("mobilenet_v2", 1.0):
            return SettledWeights(name="imagenet", source=source)
        return SettledWeights(untrained_because="none are known")

    monkeypatch.setattr(module, "settle_weights", settle)


GRID = {"widths": (1.0,), "resolutions": ((224, 224), (128, 128)), "weights": "auto"}


@pytest.mark.usefixtures("trained")
def test_top1_is_measured_where_weights_are_and_once(
    run: Run, builder: Builder, tmp_path: Path
) -> None:
    labelled = tmp_path / "labelled"
    shutil.move(write_photos(tmp_path / "all", 4), labelled / "espresso")
    run = partial(run, **GRID)
    run()
    choice = run(labelled=labelled)
    assert len(builder.made) == 4, "evaluating builds nothing"
    assert len(builder.evaluated) == 2, "untrained ones are not evaluated"
    run(labelled=labelled)
    assert len(builder.evaluated) == 2
    v1, _, v2, _ = choice.variants
    measured, unmeasured = v2.candidates[0].top1, v2.candidates[2].top1
    assert measured is not None
    assert (measured.kind, measured.percent, measured.photos) == ("measured", 72.0, 9)
    assert unmeasured is not None
    assert (unmeasured.kind, unmeasured.percent) == ("published", 71.878)
    assert v1.candidates[0].top1 is not None
    assert v1.candidates[0].top1.kind == "published"
    assert choice.quality_by == "measured"
    assert any(note.startswith("measured top-1 is of 9 photos") for note in choice.notes)
    assert choice.recommended is not None
    assert choice.recommended.variant.startswith("mobilenet_v2:1@")
    (labelled / "espresso" / "0.png").unlink()
    run(labelled=labelled)
    assert len(builder.evaluated) == 4, "other photos, other figures"


@pytest.mark.usefixtures("trained")
def test_a_published_top1_is_of_its_own_weights_and_resolution(run: Run) -> None:
    choice = run(**GRID)
    _, _, at_224, at_128 = choice.variants
    own, others = at_224.candidates[0].top1, at_128.candidates[0].top1
    assert own is not None
    assert (own.source, own.these_weights) == ("MobileNet_V2_Weights.IMAGENET1K_V1", True)
    assert others is not None
    assert (others.percent, others.these_weights) == (65.3, False)


@pytest.mark.usefixtures("trained")
def test_labelled_photos_that_do_not_fit_are_refused_before_anything_is_built(
    run: Run, builder: Builder, tmp_path: Path
) -> None:
    flat = write_photos(tmp_path / "flat", 3)
    with pytest.raises(UserError, match="has no sub-folders"):
        run(labelled=flat, **GRID)
    wrong = tmp_path / "wrong"
    shutil.move(write_photos(tmp_path / "more", 3), wrong / "my garden gnome")
    with pytest.raises(UserError, match="is no class of this network"):
        run(labelled=wrong, **GRID)
    assert builder.made == []


def test_names_of_classes_that_do_not_match_are_refused_before_anything_is_built(
    run: Run, builder: Builder, tmp_path: Path
) -> None:
    (tmp_path / "two.txt").write_text("cat\ndog\n")
    with pytest.raises(UserError, match="holds 2 labels but the network has 10 classes"):
        run(labels=tmp_path / "two.txt", classes=10)
    assert builder.made == []


def test_records_of_another_schema_are_told_in_one_line(run: Run, tmp_path: Path) -> None:
    run()
    path = tmp_path / "sweep" / "choice.json"
    newer = {**json.loads(path.read_text()), "schema_version": 2}
    path.write_text(json.dumps(newer))
    with pytest.raises(UserError, match=r"newer mobile-deploy \(schema 2, this one reads 1\)"):
        read_choice(path)
    path.write_text("[]")
    with pytest.raises(UserError, match="is not a JSON object"):
        read_choice(path)
    record = next((tmp_path / "sweep" / "variants").glob("*/record.json"))
    record.write_text(json.dumps({**json.loads(record.read_text()), "schema_version": 2}))
    with pytest.raises(UserError, match="is of a newer mobile-deploy"):
        run()


def test_the_table_is_narrow_and_says_what_each_figure_is(
    run: Run, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    choice = run(
        Requirements(max_macs=12e6),
        networks=("mobilenet_v3_small",),
        widths=(0.75,),
        resolutions=((96, 96), (224, 224)),
    )
    show_choice(choice, tmp_path)
    shown = capfd.readouterr().out
    header, *rows = shown.partition("\n\n")[0].splitlines()
    assert header.split() == [
        "variant",
        "artifact",
        "MB",
        "M",
        "MACs",
        "dB",
        "agree",
        "%",
        "top-1",
        "%",
    ]
    assert len(rows) == 3
    assert max(map(len, shown.partition("note:")[0].splitlines())) <= 92
    assert max(map(len, [header, *rows])) <= 80
    assert [row[0] for row in rows].count(">") == 1
    assert all(row.endswith(" u") for row in rows)
    assert "not built: mobilenet_v3_small:0.75@224: over --max-macs 12M" in shown
    assert "of untrained weights: build it with trained ones before you ship it" in shown


def test_the_published_schema_is_the_codes() -> None:
    published = (ROOT / "docs/schema/choice.schema.json").read_text(encoding="utf-8")
    assert published == json_text(Choice.json_schema()), (
        "run: python -m deploy.choosing.records > docs/schema/choice.schema.json"
    )


def test_two_sweeps_do_not_share_a_folder(run: Run, builder: Builder) -> None:
    alive = builder.work

    def work(job: VariantJob) -> VariantRecord:
        with pytest.raises(RunError, match="another sweep is at work"):
            run()
        return alive(job)

    builder.work = work  # type: ignore[method-assign]
    assert run().recommended is not None


def test_a_latency_limit_needs_a_device(run: Run) -> None:
    with pytest.raises(UserError, match="--max-latency-ms needs measuring"):
        run(Requirements(max_latency_ms=5))


def test_core_ml_alone_asks_for_no_device(builder: Builder, tmp_path: Path) -> None:
    """The iOS app measures it."""
    targets = make_targets(["coreml"], ["int8"])
    choice = choose(
        Sweep(networks=("mobilenet_v1",), weights=UNTRAINED, targets=targets, classes=3),
        tmp_path / "sweep",
        measuring=replace(NOT_MEASURED, device="a phone that is not there"),
        executor=one_thread,
        work=lambda job: complete(job, only_core_ml(builder)),
    )
    assert choice.device is None
    assert choice.variants[0].candidates[0].bytes


def only_core_ml(builder: Builder) -> Callable[[Recipe], tuple[str, ...]]:
    def build(recipe: Recipe) -> tuple[str, ...]:
        warnings = builder.build(recipe)
        path = recipe.output / "manifest.json"
        manifest = json.loads(path.read_text())
        manifest["artifacts"] = [one for one in manifest["artifacts"] if one["format"] == "coreml"]
        manifest["golden"]["logits"] = [
            one for one in manifest["golden"]["logits"] if one["artifact"] == "coreml-int8"
        ]
        path.write_text(json.dumps(manifest))
        return warnings

    return build
