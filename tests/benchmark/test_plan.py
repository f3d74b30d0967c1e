"""What is said of artifacts before they are measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from bundle_factory import make_bundle

from deploy.benchmark.bundles import Opened
from deploy.benchmark.plan import untested
from deploy.bundle.open import open_bundle
from deploy.native_runner.targets import EXECUTORCH


@pytest.mark.parametrize(
    ("version", "told"), [("1.4.1", False), (EXECUTORCH, False), ("1.3.0", True)]
)
def test_a_pte_that_the_native_runner_is_not_known_to_load_is_told(
    version: str, told: bool, tmp_path: Path
) -> None:
    make_bundle(tmp_path)
    bundle = open_bundle(tmp_path)
    artifact = bundle.manifest.artifacts[0]
    runtime = artifact.runtime.model_copy(update={"version": version})
    of_pte = artifact.model_copy(update={"format": "executorch", "runtime": runtime})
    opened = Opened(bundle=bundle, id="0" * 64, label="b", artifacts=(of_pte,))
    said = untested([opened], "native")
    assert (said is not None) == told
    assert said is None or "written by ExecuTorch 1.3.0" in said
    assert untested([opened], "host") is None
    assert untested([replace(opened, artifacts=())], "native") is None
