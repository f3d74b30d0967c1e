"""Every kind of network that people bring: built in all formats with all gates, or refused."""

from __future__ import annotations

from pathlib import Path

import network_kinds
import pytest
from small_photos import write_photos

from deploy.support.errors import DeployError


@pytest.mark.nightly
@pytest.mark.parametrize("name", network_kinds.KINDS)
def test_a_kind_is_built_in_every_format_or_refused_in_one_line(name: str, tmp_path: Path) -> None:
    kind = network_kinds.KINDS[name]
    photos = write_photos(tmp_path / "photos", network_kinds.PHOTOS)
    if kind.refused is not None:
        with pytest.raises(DeployError) as caught:
            network_kinds.build_kind(kind, photos, tmp_path / "kind")
        assert kind.refused in str(caught.value)
        assert "\n" not in str(caught.value)
        return
    built = network_kinds.build_kind(kind, photos, tmp_path / "kind")
    assert set(network_kinds.decibels(built)) == set(network_kinds.ARTIFACTS)
    assert network_kinds.worst_int8(built) >= kind.least_db
