"""What costs nothing to look at is looked at before torch is imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deploy.capture.given import check_given
from deploy.capture.spec import NetworkSpec
from deploy.support.errors import PhotosError, UserError, WeightsError


def test_labels_are_held_against_the_classes_that_are_known(tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("a\nb\n")
    for weights in (None, "none", "keras"):
        with pytest.raises(UserError, match="holds 2 labels but the network has 1000 classes"):
            check_given(NetworkSpec("mobilenet_v2", weights=weights, labels=labels), None)
    check_given(NetworkSpec("mobilenet_v2", weights="none", classes=2, labels=labels), None)
    # Of a file's classes nothing is known yet: empty labels alone are refused.
    weights_file = tmp_path / "w.pth"
    weights_file.write_bytes(b"anything")
    own = NetworkSpec("mobilenet_v2", weights=str(weights_file), labels=labels)
    check_given(own, None)
    labels.write_text("\n")
    with pytest.raises(UserError, match="holds 0 labels, and a network has at least 2"):
        check_given(own, None)


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    untrained = NetworkSpec("mobilenet_v2", weights="none")
    with pytest.raises(PhotosError, match="none does not exist"):
        check_given(untrained, tmp_path / "none")
    with pytest.raises(WeightsError, match="does not exist"):
        check_given(NetworkSpec("mobilenet_v2", weights="none.pth"), None)
    with pytest.raises(UserError, match="has no weights named 'imagnet'"):
        check_given(NetworkSpec("mobilenet_v2", weights="imagnet"), None)
    with pytest.raises(UserError, match=r"not 0\.33"):
        check_given(NetworkSpec("mobilenet_v2", width=0.33), None)
    with pytest.raises(UserError, match=r"--classes 10 contradicts .*, whose head has 1000"):
        check_given(NetworkSpec("mobilenet_v2", weights="keras", classes=10), None)
    (tmp_path / "nets.py").touch()
    for name in ("nest.py:make_net", "nets.pt2"):
        with pytest.raises(UserError, match=r"is not a file: (did you mean .*nets\.py|check)"):
            check_given(NetworkSpec(str(tmp_path / name)), None)
    check_given(untrained, tmp_path)


def test_looking_imports_no_torch() -> None:
    code = "import sys, deploy.capture.given; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
