"""Lists and masks of cores, and what --cores means on a device."""

from __future__ import annotations

import pytest
from session_results import phone_facts

from deploy.results.cores import (
    cores_of,
    held_cores,
    mask_for,
    mask_of,
    normal_choice,
    parse_core_list,
)
from deploy.results.records import Cluster, DeviceFacts
from deploy.support.errors import UserError


@pytest.mark.parametrize(
    ("text", "cores"),
    [
        ("0-3,7", (0, 1, 2, 3, 7)),
        ("0 1 2\n", (0, 1, 2)),
        ("", ()),
        ("0-99999", ()),
        ("0-9999", ()),
        ("5-4", ()),
        ("1,x", ()),
    ],
)
def test_core_lists(text: str, cores: tuple[int, ...]) -> None:
    assert parse_core_list(text) == cores


@pytest.mark.parametrize("cores", [(0,), (4, 5, 6, 7), (0, 2, 3, 9), (1, 3, 5)])
def test_masks_go_both_ways(cores: tuple[int, ...]) -> None:
    assert cores_of(mask_of(cores)) == cores


def test_masks_are_bare() -> None:
    assert mask_of((4, 5, 6, 7)) == "f0"
    assert cores_of("0xF0") == (4, 5, 6, 7)
    assert cores_of("") == cores_of("-1") == cores_of("f" * 5000) == ()


def device(*clusters: tuple[int, ...]) -> DeviceFacts:
    return phone_facts(
        clusters=[Cluster(cores=cores, max_khz=1000 + len(cores)) for cores in clusters]
    )


THREE = device((0, 1, 2, 3), (4, 5, 6), (7,))


@pytest.mark.parametrize(
    ("cores", "mask", "held"),
    [
        ("little", "f", (0, 1, 2, 3)),
        ("big", "f0", (4, 5, 6, 7)),
        ("all", "ff", tuple(range(8))),
        ("80", "80", (7,)),
        ("0xF0", "f0", (4, 5, 6, 7)),
    ],
)
def test_cores_become_the_mask_that_taskset_takes(
    cores: str, mask: str, held: tuple[int, ...]
) -> None:
    assert mask_for(normal_choice(cores), THREE) == mask
    assert held_cores(normal_choice(cores), THREE) == held


@pytest.mark.parametrize(
    ("cores", "phone", "said"),
    [
        ("100", THREE, "has 8 cores"),
        ("0", THREE, "big, little, all"),
        ("fast", THREE, "big, little, all"),
        ("big", device((0, 1, 2, 3)), "one kind of core"),
        ("big", device(), "does not tell"),
    ],
)
def test_cores_that_cannot_be_had_are_refused(cores: str, phone: DeviceFacts, said: str) -> None:
    with pytest.raises(UserError, match=said):
        mask_for(normal_choice(cores), phone)
