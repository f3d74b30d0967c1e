"""Which one is taken: the best within the limits, of one kind of quality, and why none is."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.choosing.decide import Decision, Option, decide
from deploy.choosing.sweep import Requirements


def option(
    name: str,
    *,
    measured: float | None = None,
    published: float | None = None,
    agreement: float | None = None,
    ms: float | None = None,
    mb: float = 1.0,
    macs: int = 100,
    built: bool = True,
) -> Option:
    figures: dict[Any, float | None] = {
        "measured": measured,
        "published": published,
        "agreement": agreement,
    }
    known = {kind: value for kind, value in figures.items() if value is not None}
    return Option(name=name, built=built, macs=macs, megabytes=mb, latency_ms=ms, quality=known)


def names(decision: Decision) -> list[str]:
    return [option.name for option in decision.ranked]


def test_the_best_quality_goes_before_latency_and_that_before_size() -> None:
    found = decide(
        [
            option("small", published=70, ms=5, mb=1),
            option("slow", published=72, ms=9, mb=1),
            option("large", published=72, ms=5, mb=3),
            option("light", published=72, ms=5, mb=2),
        ],
        Requirements(),
    )
    assert names(found) == ["light", "large", "slow", "small"]
    assert found.kind == "published"
    assert "the smallest of 3 with the same" in found.reason


def test_without_latency_multiply_adds_stand_for_it() -> None:
    found = decide(
        [option("many", published=70, macs=9), option("few", published=70, macs=5, mb=2)],
        Requirements(),
    )
    assert names(found) == ["few", "many"]
    assert found.reason.endswith("the one of fewest MACs of 2 with the same")


def test_kinds_of_quality_are_never_mixed() -> None:
    """A published 99 is no better than a measured 50: the two are of other photos and weights."""
    options = [
        option("trained", measured=50, agreement=90),
        option("famous", published=99, agreement=100),
        option("unknown", agreement=100),
    ]
    found = decide(options, Requirements())
    assert found.kind == "measured"
    assert names(found) == ["trained"]
    assert [left.name for left in found.unranked] == ["famous", "unknown"]
    assert decide(options[1:], Requirements()).kind == "published"
    assert decide(options[2:], Requirements()).kind == "agreement"


def test_the_kind_is_that_of_what_the_limits_leave() -> None:
    found = decide(
        [option("trained", measured=70, mb=9), option("famous", published=60, mb=1)],
        Requirements(max_mb=2),
    )
    assert (found.kind, names(found)) == ("published", ["famous"])


def test_a_latency_that_is_not_valid_is_within_no_limit() -> None:
    options = [option("fast", published=60, ms=4), option("noisy", published=70)]
    found = decide(options, Requirements(max_latency_ms=5))
    assert names(found) == ["fast"]
    assert str(found.exceeds["noisy"][0]) == "--max-latency-ms 5: no VALID latency"


def test_a_least_top1_is_asked_of_the_kind_that_ranks() -> None:
    options = [
        option("good", published=71.2),
        option("poor", published=69.9),
        option("unknown", agreement=100),
    ]
    found = decide(options, Requirements(min_top1=70))
    assert names(found) == ["good"]
    assert str(found.exceeds["poor"][0]) == "--min-top1 70: 69.9 % published"
    assert str(found.exceeds["unknown"][0]) == "--min-top1 70: no published top-1"
    alone = decide(options[2:], Requirements(min_top1=70))
    assert "no top-1 is known" in alone.reason


def test_the_frontier_is_what_nothing_beats_in_one_respect_for_free() -> None:
    found = decide(
        [
            option("best", measured=70, ms=9, mb=4),
            option("fast", measured=60, ms=3, mb=2),
            option("beaten", measured=59, ms=3, mb=2),
            option("small", measured=50, ms=5, mb=1),
            option("unmeasured", measured=80, mb=0.5),
        ],
        Requirements(max_mb=3),
    )
    assert found.frontier == {"best", "fast", "small"}


def test_where_accuracy_is_published_float_is_not_beaten_by_an_int8_that_agrees_less() -> None:
    fp32 = option("fp32", published=70, agreement=100, mb=4)
    int8 = option("int8", published=70, agreement=90, mb=1)
    assert decide([fp32, int8], Requirements()).frontier == {"fp32", "int8"}
    worse = option("worse", published=70, agreement=80, mb=1)
    assert decide([fp32, int8, worse], Requirements()).frontier == {"fp32", "int8"}


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (
            {"max_mb": 0.5, "min_top1": 60},
            "--max-mb 0.5 excludes all 2 artifacts: the nearest is near (1 MB for --max-mb 0.5)",
        ),
        (
            {"max_mb": 1, "min_top1": 71},
            "the limits together exclude all 2 artifacts (--min-top1 71 1, --max-mb 1 1): "
            "the nearest is near (70.0 % published for --min-top1 71)",
        ),
    ],
)
def test_impossible_limits_name_the_one_that_excludes_all_and_the_nearest(
    limits: dict[str, float], said: str
) -> None:
    options = [option("near", published=70, mb=1), option("far", published=72, mb=8)]
    found = decide(options, Requirements(**limits))
    assert found.ranked == ()
    assert found.reason == said


def test_what_was_not_built_counts_among_what_a_limit_excludes() -> None:
    options = [
        option("pruned", mb=8, macs=900_000_000, built=False),
        option("slow", published=72, macs=300_000_000, mb=2),
    ]
    found = decide(options, Requirements(max_macs=200e6, max_mb=9))
    assert found.reason.startswith("--max-macs 200M excludes all 2 artifacts: the nearest is slow")


def test_of_nothing_nothing_is_taken() -> None:
    found = decide([], Requirements())
    assert (found.kind, found.ranked, found.reason) == (None, (), "nothing could be built")
