"""Versions and hashes: what somebody needs to build and measure the same again."""

from __future__ import annotations

from deploy.choosing.records import Choice
from deploy.report.sources import ReadBundle
from deploy.report.words import size

Facts = tuple[tuple[str, str], ...]


def bundle_facts(bundle: ReadBundle) -> Facts:
    """Of one bundle, from its manifest."""
    manifest = bundle.manifest
    calibration, weights, taken = manifest.calibration, manifest.weights, manifest.input
    return (
        ("bundle", str(bundle.path.parent)),
        ("manifest.json, SHA-256", bundle.id),
        ("weights", weights.source),
        *([("weights' file", weights.file)] if weights.file else []),
        *([("weights' SHA-256", weights.sha256)] if weights.sha256 else []),
        (
            "input",
            f"resize {size(taken.resize)}, crop {size(taken.crop)}, mean {_three(taken.mean)}, "
            f"std {_three(taken.std)}",
        ),
        (
            "calibration",
            f"{calibration.samples} crops of {calibration.photos} photos ({calibration.source}); "
            f"judged on {calibration.held_back_samples} held back "
            f"({calibration.held_back_source}); {calibration.split}",
        ),
        ("calibration photos, digest", calibration.digest),
        ("classes", str(manifest.network.classes)),
        (
            "versions",
            ", ".join(
                f"{name} {version}"
                for name, version in (
                    (manifest.tool.name, manifest.tool.version),
                    *manifest.toolkits.items(),
                )
            ),
        ),
    )


def choice_facts(choice: Choice) -> Facts:
    """Of a sweep."""
    return (
        ("written", choice.written),
        ("photos, digest", choice.photos),
        *([("labelled photos, digest", choice.labelled)] if choice.labelled else []),
        ("versions", ", ".join(f"{name} {text}" for name, text in choice.versions.items())),
    )


def _three(values: tuple[float, float, float]) -> str:
    return "/".join(f"{value:g}" for value in values)
