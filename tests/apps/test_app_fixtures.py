"""The fixtures that the apps' tests read are what the Python code makes and accepts."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest
from app_fixtures import FIXTURES, fixtures, protocol
from app_photos import photos, sides
from app_pictures import stored, upright
from PIL import Image
from pydantic import ValidationError

from deploy.android.parsers.packages import parse_app_version
from deploy.bundle.manifest import Manifest
from deploy.bundle.parse import parse_manifest
from deploy.photos import images
from deploy.protocol.answers import parse_answer
from deploy.protocol.messages import PROTOCOL_VERSION, Answer, Request
from deploy.support.errors import BundleError, PhotosError

FOLDERS = (
    *("exif", "manifests", "order_statistics", "packs"),
    *("photos", "preprocessing", "protocol", "topk", "yuv"),
)


def cases(name: str) -> list[dict[str, Any]]:
    found = json.loads((FIXTURES / name).read_text(encoding="utf-8"))
    assert found
    return found


@pytest.mark.parametrize("name", sorted(fixtures()))
def test_stored_files_are_what_the_code_makes(name: str) -> None:
    assert (FIXTURES / name).read_bytes() == fixtures()[name], "run tests/helpers/app_fixtures.py"


def test_the_fixtures_stay_small() -> None:
    files = [file for folder in FOLDERS for file in (FIXTURES / folder).iterdir()]
    assert sum(file.stat().st_size for file in files) < 1_500_000


@pytest.mark.parametrize("orientation", range(1, 9))
def test_decoding_an_exif_picture_gives_the_upright_one(orientation: int) -> None:
    file = FIXTURES / f"exif/{orientation}.png"
    np.testing.assert_array_equal(images.decode(file, file.name), upright())
    np.testing.assert_array_equal(Image.open(file), stored(orientation))


@pytest.mark.parametrize("case", photos(), ids=lambda case: case["name"])
def test_photos_files_are_taken_or_refused_as_the_apps_do(case: dict[str, Any]) -> None:
    data = base64.b64decode(case["file"])
    says = {"heif": "HEIF", "unknown": "is empty|is not a picture"}
    if case["fault"] in says:
        with pytest.raises(PhotosError, match=says[case["fault"]]):
            images.decode(data, "photo")
    else:
        turned = case["orientation"] in (5, 6, 7, 8)
        assert images.decode(data, "photo").size == ((2, 3) if turned else (3, 2))


@pytest.mark.parametrize("case", sides(), ids=lambda case: f"{case['width']}x{case['height']}")
def test_sides_are_refused_as_the_apps_do(case: dict[str, Any]) -> None:
    size = (case["width"], case["height"])
    if case["fault"] is None:
        images.check_size(size, "photo")
    else:
        says = {"narrow": "too narrow", "large": "megapixels"}[case["fault"]]
        with pytest.raises(PhotosError, match=says):
            images.check_size(size, "photo")


@pytest.mark.parametrize("name", ["good", "user_network", "pixels"])
def test_good_manifests_are_read(name: str) -> None:
    data = (FIXTURES / f"manifests/{name}.json").read_bytes()
    assert isinstance(parse_manifest(data, name), Manifest)


@pytest.mark.parametrize("case", cases("manifests/refused.json"), ids=lambda case: case["name"])
def test_refused_manifests_are_refused(case: dict[str, str]) -> None:
    newer = case["problem"] == "newer"
    with pytest.raises(BundleError, match="newer" if newer else "is wrong at|is not"):
        parse_manifest(case["text"].encode(), "bundle")


def test_requests_and_answers_are_those_of_the_code() -> None:
    texts = protocol()
    asked = Request.model_validate_json(texts["request_golden"])
    assert Request.model_validate_json(texts["request_seed"]).input.seed == 7
    assert Request.model_validate_json(texts["request_pixels"]).pixels is not None
    prepared = Request.model_validate_json(texts["request_preparation"]).preparation
    assert prepared is not None
    assert (prepared.picture, prepared.crop) == ((640, 480), (224, 224))
    times = Answer.model_validate_json(texts["answer_preparation"]).preparation
    assert times is not None
    answer = Answer.model_validate_json(texts["answer_ok"])
    assert answer.runner is not None
    assert parse_app_version(answer.runner.version) is not None
    error = parse_answer(texts["answer_error"].encode(), asked, "the phone").error
    assert error is not None
    assert error.kind == "operator-missing"


@pytest.mark.parametrize(
    "case", cases("protocol/refused_preparations.json"), ids=lambda case: case["name"]
)
def test_refused_preparations_are_refused_for_what_is_wrong_with_them(case: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="preparation"):
        Request.model_validate_json(case["text"])


@pytest.mark.parametrize(
    "case", cases("protocol/refused_requests.json"), ids=lambda case: case["name"]
)
def test_refused_requests_are_refused(case: dict[str, str]) -> None:
    if case["kind"] == "newer-protocol":
        assert json.loads(case["text"])["schema_version"] > PROTOCOL_VERSION
    else:
        with pytest.raises(ValidationError):
            Request.model_validate_json(case["text"])
