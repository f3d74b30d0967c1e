"""What is found in folders and files, and what is refused, in one line."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from bundle_factory import make_bundle
from command_line import run_here
from report_files import INT8, measured, write_sweep
from session_results import session

from deploy.report.gather import gather
from deploy.report.markdown import markdown
from deploy.report.model import Report
from deploy.report.pictures.points import pictures_of
from deploy.report.sources import read_sources

Captured = pytest.CaptureFixture[str]


def report_of(*paths: Path) -> Report:
    return gather(read_sources(paths))


def test_a_sweep_brings_its_bundles_and_its_session(tmp_path: Path) -> None:
    write_sweep(tmp_path / "sweep", variants=3)
    # Left by an earlier sweep in the same folder: of no variant of this one.
    make_bundle(tmp_path / "sweep/variants/other/bundle", seed=99)
    found = report_of(tmp_path)
    (group,) = found.groups
    assert [variant.state for variant in group.variants] == ["built"] * 3 + ["pruned"]
    for variant, artifact in group.rows():
        assert variant.proofs is not None
        assert len(variant.proofs.layers) == 12
        assert [len(timing.blocks) for timing in artifact.timings] == [6] * (artifact.name == INT8)
    assert group.best is not None
    assert group.best[1].name == INT8
    assert [kind for _, kind, _ in found.files] == ["choose", "build", "build", "build", "profile"]
    assert found.notes == ()


def test_a_bundle_and_its_session_meet_by_the_hash(tmp_path: Path) -> None:
    """Whatever their folders are called, and in whatever order they are named."""
    choice = write_sweep(tmp_path / "sweep", variants=2)
    bundle = shutil.copytree(tmp_path / "sweep/variants/key1/bundle", tmp_path / "shipped")
    results = tmp_path / "monday.json"
    id = choice.variants[1].manifest_sha256
    assert id is not None
    results.write_text(measured([id], "Pixel 8").to_json(), encoding="utf-8")
    for paths in ((results, bundle), (bundle, results), (bundle / "manifest.json", results)):
        (group,) = report_of(*paths).groups
        (variant,) = group.variants
        assert variant.name == "shipped"
        timed = [artifact.name for artifact in variant.artifacts if artifact.timings]
        assert timed == [INT8]
        assert group.quality == "agreement"


def test_the_same_file_named_twice_is_one(tmp_path: Path) -> None:
    write_sweep(tmp_path / "sweep", variants=1)
    shutil.copy(tmp_path / "sweep/measured/key/results.json", tmp_path / "copy.json")
    found = report_of(tmp_path / "sweep", tmp_path, tmp_path / "sweep/choice.json")
    assert len(found.groups) == 1
    assert len(found.devices) == 1


def test_a_session_without_its_bundles_is_shown_alone(tmp_path: Path) -> None:
    (tmp_path / "before.json").write_text(session((1.0, 1.1)).to_json(), encoding="utf-8")
    found = report_of(tmp_path)
    (group,) = found.groups
    assert [variant.name for variant in group.variants] == ["bundle-0", "bundle-1"]
    assert group.quality is None
    # And compared, as `profile` does.
    ((path, compared),) = found.comparisons
    assert Path(path).name == "before.json"
    (arm,) = compared.arms
    assert (arm.a, arm.b, arm.verdict) == ("bundle-0", "bundle-1", "slower")
    assert arm.ratio == pytest.approx(1.1, rel=0.02)


def test_the_bundles_of_a_sweep_are_not_compared_pair_by_pair(tmp_path: Path) -> None:
    write_sweep(tmp_path / "sweep", variants=2)
    assert report_of(tmp_path / "sweep").comparisons == ()


def test_a_sweep_that_was_moved_says_what_is_missing(tmp_path: Path) -> None:
    """What choice.json itself says of latency is shown, and that there are no samples."""
    write_sweep(tmp_path / "sweep", variants=2)
    shutil.move(tmp_path / "sweep/choice.json", tmp_path / "kept.json")
    found = report_of(tmp_path / "kept.json")
    assert any("bundle" in note for note in found.notes)
    assert any("no samples" in note for note in found.notes)
    (group,) = found.groups
    timings = [timing for _, artifact in group.rows() for timing in artifact.timings]
    assert {timing.p50 for timing in timings} == {5.0}
    assert found.device(timings[0].device).origin == "host"
    assert "is not there" in markdown(found)
    # INVALID without a reason, as no choice of ours says it, is INVALID all the same.
    said = (tmp_path / "kept.json").read_text(encoding="utf-8")
    (tmp_path / "kept.json").write_text(re.sub(r'"valid": true', '"valid": false', said))
    assert "INVALID: choice.json does not say why" in markdown(report_of(tmp_path / "kept.json"))


def test_what_others_call_a_manifest_is_none(tmp_path: Path) -> None:
    """Such as a web page's, beside results or above them."""
    (tmp_path / "manifest.json").write_text('{"name": "app", "icons": []}', encoding="utf-8")
    (tmp_path / "a.json").write_text(session().to_json(), encoding="utf-8")
    make_bundle(tmp_path / "below/bundle")
    assert [kind for _, kind, _ in report_of(tmp_path).files] == ["profile", "build"]


def test_what_is_no_json_beside_results_is_left_out_by_name(
    tmp_path: Path, capfd: Captured
) -> None:
    for name in ("tsconfig.json", "manifest.json"):
        (tmp_path / name).write_text("{ // a comment\n}", encoding="utf-8")
    done = run_here(capfd, "report", str(tmp_path), "--markdown")
    assert done.returncode == 2
    assert "nothing to report" in done.stderr
    assert "manifest.json is not JSON" in done.stderr
    (tmp_path / "a.json").write_text(session().to_json(), encoding="utf-8")
    found = report_of(tmp_path)
    assert [kind for _, kind, _ in found.files] == ["profile"]
    assert [note for note in found.notes if "tsconfig.json is not JSON" in note]
    done = run_here(capfd, "report", str(tmp_path / "tsconfig.json"), "--markdown")
    assert (done.returncode, "is not JSON" in done.stderr) == (2, True)


def test_a_bundle_built_anew_since_is_not_taken_for_the_one_chosen(tmp_path: Path) -> None:
    write_sweep(tmp_path / "sweep", variants=1)
    shutil.rmtree(tmp_path / "sweep/variants/key0/bundle")
    make_bundle(tmp_path / "sweep/variants/key0/bundle", seed=7)
    found = report_of(tmp_path / "sweep")
    assert found.groups[0].variants[0].proofs is None
    assert "built anew" in found.notes[0]


def test_what_compare_and_diff_print_is_known_by_its_fields(
    tmp_path: Path, capfd: Captured
) -> None:
    for name, seed in (("a", 0), ("b", 1)):
        (tmp_path / f"{name}.json").write_text(session(seed=seed).to_json(), encoding="utf-8")
        make_bundle(tmp_path / name, seed=seed)
    said = tmp_path / "said"
    said.mkdir()
    for name, line in (
        ("one.json", ("compare", str(tmp_path / "a.json"), str(tmp_path / "b.json"))),
        ("two.json", ("diff", str(tmp_path / "a"), str(tmp_path / "b"), "--max-db-loss", "1")),
    ):
        done = run_here(capfd, *line, "--json")
        assert done.returncode == 0, done.stderr
        (said / name).write_text(done.stdout, encoding="utf-8")
    found = report_of(said)
    assert found.comparisons[0][1].arms
    assert found.diffs[0][1].checks
    counts = {"processor": "cortex-a53", "artifact": INT8, "unit": "instructions"}
    printed = json.loads((said / "one.json").read_text(encoding="utf-8"))
    printed["instructions"] = [counts | {"emulated": True, "a": 4_000_000, "b": 0, "ratio": 0.0}]
    (said / "one.json").write_text(json.dumps(printed), encoding="utf-8")
    text = markdown(report_of(said))
    assert "| executorch\\_int8 | cortex-a53 (emulated) | 4 M | 0 | 0.000 |" in text


def refusal(capfd: Captured, folder: Path, *paths: Path) -> str:
    done = run_here(capfd, "report", *map(str, paths), "-o", str(folder / "page.html"))
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert not (folder / "page.html").exists()
    return done.stderr


def test_nothing_to_report(tmp_path: Path, capfd: Captured) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/other.json").write_text('{"name": "app"}', encoding="utf-8")
    # Reading it would wait for ever.
    os.mkfifo(tmp_path / "empty/pipe.json")
    assert "nothing to report" in refusal(capfd, tmp_path, tmp_path / "empty")
    assert "no result that we know" in refusal(capfd, tmp_path, tmp_path / "empty/other.json")
    assert "no plain file" in refusal(capfd, tmp_path, tmp_path / "empty/pipe.json")
    assert "cannot read" in refusal(capfd, tmp_path, tmp_path / "missing")
    assert "cannot read" in refusal(capfd, tmp_path, tmp_path / ("long" * 100))


@pytest.mark.parametrize("text", ["", "{", "\udcff", '{"a": NaN', "[" * 100_000])
def test_broken_json(text: str, tmp_path: Path, capfd: Captured) -> None:
    broken = tmp_path / "results.json"
    broken.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert "results.json is not JSON" in refusal(capfd, tmp_path, tmp_path)


def test_a_newer_schema_among_others_is_named(tmp_path: Path, capfd: Captured) -> None:
    write_sweep(tmp_path / "sweep", variants=1)
    for name, version in (("choice.json", 99), ("measured/key/results.json", 99)):
        file = tmp_path / "sweep" / name
        before = file.read_text(encoding="utf-8")
        file.write_text(json.dumps(json.loads(before) | {"schema_version": version}))
        said = refusal(capfd, tmp_path, tmp_path / "sweep")
        assert name.rpartition("/")[2] in said
        assert "newer" in said
        file.write_text(before)


def test_altered_proofs_are_not_shown(tmp_path: Path, capfd: Captured) -> None:
    write_sweep(tmp_path / "sweep", variants=1)
    file = tmp_path / "sweep/variants/key0/bundle/verification.json"
    file.write_text(file.read_text().replace("25.0 dB", "99.0 dB"))
    done = run_here(capfd, "report", str(tmp_path / "sweep"), "-o", str(tmp_path / "page.html"))
    assert done.returncode == 1
    assert "verification.json" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "say what to write"),
        (("-o", "page.pdf"), "no page"),
        (("--markdown", "--json"), "exclude each other"),
    ],
)
def test_options_that_say_nothing(
    options: tuple[str, ...], said: str, tmp_path: Path, capfd: Captured
) -> None:
    done = run_here(capfd, "report", str(tmp_path), *options)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_limit_of_latency_is_of_the_device_that_was_chosen_on(tmp_path: Path) -> None:
    """The same bundles measured on another one stand beside it, without that line."""
    choice = write_sweep(tmp_path / "sweep", variants=2)
    ids = [variant.manifest_sha256 or "" for variant in choice.variants[:2]]
    other = measured(ids, "Pixel 9", virtual=True, rounds=7)
    (tmp_path / "other.json").write_text(other.to_json(), encoding="utf-8")
    report = report_of(tmp_path)
    pictures = pictures_of(report, report.groups[0])
    limits = {
        picture.x.partition(" on ")[2]: [limit.text for limit in picture.limits]
        for picture in pictures
    }
    assert limits == {
        "Pixel 8": ["at most 12 ms", "at least 60 %"],
        "Pixel 9": ["at least 60 %"],
        "": ["at most 4 MB", "at least 60 %"],
    }
