"""Folders of photos, the bundled samples, and the split."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deploy.assets import fetch_all
from deploy.photos import PhotoSet, find_photos, load_photos, read
from deploy.photos.crops import crops_each, rectangles
from deploy.photos.images import crop, decode
from deploy.photos.samples import SAMPLES
from deploy.support.errors import PhotosError
from models.preprocessing import Preprocessing

SMALL = Preprocessing(resize=(36, 36), crop=(32, 32), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))

Fill = Callable[[int], Path]


def write_photo(path: Path, seed: int, size: tuple[int, int] = (60, 45)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    Image.fromarray(pixels).save(path, "PNG")
    return path


@pytest.fixture
def fill(tmp_path: Path) -> Fill:
    """Write so many photos, all different, and give their folder."""

    def write(count: int) -> Path:
        for seed in range(count):
            write_photo(tmp_path / f"{seed:03}.png", seed)
        return tmp_path

    return write


def hashes(folder: Path) -> list[str]:
    return sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*.png"))


# --- folders --------------------------------------------------------------------------------


def test_photos_are_found_in_sub_folders_in_one_order_and_nothing_else_is(tmp_path: Path) -> None:
    for name in ("b/z.JPG", "b/a.jpeg", "a.webp", "ünï cödé '\".png", "b/c/d/x.tiff", "-rf.png"):
        write_photo(tmp_path / name, 0)
    for name in ("notes.txt", ".hidden.png", ".thumbs/t.png", "b/._a.jpeg", "jpg", "a.png.txt"):
        write_photo(tmp_path / name, 0)
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "dangling.png").symlink_to("nowhere")
    found = [path.relative_to(tmp_path).as_posix() for path in find_photos(tmp_path)]
    names = ["-rf.png", "a.webp", "b/a.jpeg", "b/c/d/x.tiff", "b/z.JPG", "ünï cödé '\".png"]
    assert found == names


def test_links_that_lead_in_circles_end(tmp_path: Path) -> None:
    write_photo(tmp_path / "a" / "photo.png", 0)
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "twin").symlink_to(tmp_path / "a")
    assert find_photos(tmp_path) == [tmp_path / "a" / "photo.png"]


@pytest.mark.parametrize(
    ("name", "message"),
    [("none", "does not exist"), ("file", "is not a folder"), ("empty", "holds no photos")],
)
def test_a_folder_without_photos_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    with pytest.raises(PhotosError, match=message) as caught:
        load_photos(tmp_path / name, SMALL)
    assert str(caught.value).isprintable()


def test_a_folder_without_a_readable_photo_is_refused_by_the_first_reason(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("words")
    (tmp_path / "b.heic").write_bytes(b"\0\0\0\x18ftypheic")
    with pytest.raises(PhotosError, match=r"none of the 2 photos.*(a\.jpg|b\.heic)"):
        load_photos(tmp_path, SMALL)
    (tmp_path / "a.jpg").unlink()
    with pytest.raises(PhotosError, match=r"b\.heic is HEIF.*convert it to JPEG"):
        load_photos(tmp_path, SMALL)


def test_unreadable_photos_are_left_out_before_the_split_and_named(fill: Fill) -> None:
    without = load_photos(fill(40), SMALL)
    for index in range(5):
        (fill(0) / f"bad{index}.jpg").write_bytes(b"not a photo %d" % index)
    (fill(0) / "odd\n.jpg").write_bytes(b"nor this")
    photos = load_photos(fill(0), SMALL)
    assert photos.digest == without.digest
    (warning,) = photos.warnings
    assert "unreadable (6)" in warning
    assert "and 3 more" in warning
    assert warning.isprintable()


# --- crops ----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(640, 427), (427, 640), (1, 1), (1, 7), (9, 2)])
def test_rectangles_stay_inside_and_are_never_empty(size: tuple[int, int]) -> None:
    assert rectangles(size)[0] == (0, 0, *size)
    for left, top, right, bottom in rectangles(size):
        assert 0 <= left < right <= size[0]
        assert 0 <= top < bottom <= size[1]


def test_rectangles_of_a_photo_are_all_different() -> None:
    assert len(set(rectangles((640, 427)))) == crops_each(1)


# --- the split ------------------------------------------------------------------------------


def test_every_fourth_photo_by_hash_is_held_back(fill: Fill) -> None:
    folder = fill(20)
    photos = load_photos(folder, SMALL)
    held_back = hashes(folder)[3::4]
    assert {sample.photo_sha256 for sample in photos.held_back} == set(held_back)
    assert {sample.photo_sha256 for sample in photos.calibration} == set(hashes(folder)) - set(
        held_back
    )
    assert (photos.calibration_photos, photos.held_back_photos) == (15, 5)
    assert (photos.source, photos.held_back_source) == ("folder", "folder")


@pytest.mark.parametrize("count", [8, 12, 100])
def test_the_split_and_its_order_depend_on_contents_alone(
    fill: Fill, tmp_path: Path, count: int
) -> None:
    first = load_photos(fill(count), SMALL)
    for index, path in enumerate(sorted(tmp_path.glob("*.png"), reverse=True)):
        (tmp_path / "moved").mkdir(exist_ok=True)
        path.rename(tmp_path / "moved" / f"renamed-{index}.png")
    again = load_photos(tmp_path, SMALL)
    assert again.digest == first.digest
    assert len(again.digest) == 64
    for side in ("calibration", "held_back"):
        for one, other in zip(getattr(first, side), getattr(again, side), strict=True):
            np.testing.assert_array_equal(one.crop, other.crop)
    write_photo(tmp_path / "one more.png", 999)
    assert load_photos(tmp_path, SMALL).digest != first.digest


def test_few_photos_give_many_crops_and_many_give_one(fill: Fill) -> None:
    assert len(load_photos(fill(8), SMALL).calibration) == 60
    assert len(load_photos(fill(40), SMALL).calibration) == 90
    assert len(load_photos(fill(130), SMALL).calibration) == 98


def test_samples_are_the_preprocessed_rectangles_and_photos_take_turns(fill: Fill) -> None:
    folder = fill(9)
    photos = load_photos(folder, SMALL)
    for sample in photos.calibration:
        part = decode(folder / sample.photo, "").crop(sample.rectangle)
        np.testing.assert_array_equal(sample.crop, crop(part, SMALL))
    assert len({sample.photo for sample in photos.calibration[:7]}) == 7
    assert all(sample.rectangle == (0, 0, 45, 60) for sample in photos.calibration[:7])


def test_copies_count_once(fill: Fill, tmp_path: Path) -> None:
    once = load_photos(fill(12), SMALL)
    write_photo(tmp_path / "zz-copy.png", 3)
    photos = load_photos(tmp_path, SMALL)
    assert photos.digest == once.digest
    assert any("copies of other photos (1): zz-copy.png;" in text for text in photos.warnings)
    assert all(sample.photo != "zz-copy.png" for sample in photos.calibration + photos.held_back)


def test_of_very_many_photos_the_first_by_hash_are_used(
    fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "MAX_PHOTOS", 10)
    folder = fill(15)
    photos = load_photos(folder, SMALL)
    used = {sample.photo_sha256 for sample in photos.calibration + photos.held_back}
    assert used == set(hashes(folder)[:10])
    assert any("used 10 of 15" in text for text in photos.warnings)


def test_few_and_blank_photos_are_warned_of(fill: Fill, tmp_path: Path) -> None:
    Image.new("RGB", (20, 20), (2, 2, 2)).save(tmp_path / "lens cap.png")
    Image.new("RGB", (20, 20), (90, 120, 200)).save(tmp_path / "sky.png")
    few, blank = sorted(load_photos(fill(10), SMALL).warnings)
    assert few.startswith("a folder of 12 is small")
    assert blank.startswith("nearly black or of one colour (2): ")
    assert "lens cap.png" in blank
    assert "sky.png" in blank


def test_enough_good_photos_raise_no_warning(fill: Fill) -> None:
    assert load_photos(fill(32), SMALL).warnings == ()


def test_progress_reaches_its_end(fill: Fill) -> None:
    seen: list[tuple[str, int, int | None]] = []
    load_photos(fill(9), SMALL, progress=lambda *step: seen.append(step))
    assert ("photo hashes", 9, 9) in seen
    assert seen[-1] == ("photos", 9, 9)


# --- golden pictures ------------------------------------------------------------------------


def assert_golden(photos: PhotoSet) -> None:
    assert len(photos.golden) == 8
    calibrated = {sample.photo_sha256 for sample in photos.calibration}
    held_back = {sample.photo_sha256 for sample in photos.held_back}
    for golden in photos.golden:
        assert golden.photo_sha256 in held_back
        assert golden.photo_sha256 not in calibrated
        image = decode(golden.png, "golden")
        assert max(image.size) <= 640
        np.testing.assert_array_equal(crop(image, SMALL), golden.crop)
    assert len({golden.png for golden in photos.golden}) == 8
    varied = {golden.photo_sha256 for golden in photos.golden}
    assert len(varied) == min(8, photos.held_back_photos)


@pytest.mark.parametrize("count", [8, 36])
def test_there_are_always_eight_golden_pictures_that_repeat_their_crop(
    fill: Fill, count: int
) -> None:
    photos = load_photos(fill(count), SMALL)
    assert_golden(photos)
    assert all(golden.credit is None for golden in photos.golden)
    for golden, sample in zip(photos.golden, photos.held_back, strict=False):
        np.testing.assert_array_equal(golden.crop, sample.crop)


def test_a_large_photo_becomes_a_small_golden_picture(fill: Fill, tmp_path: Path) -> None:
    for seed in range(8):
        write_photo(tmp_path / f"large{seed}.png", seed, size=(50, 1300))
    assert_golden(load_photos(tmp_path, SMALL))


# --- the bundled samples --------------------------------------------------------------------


def test_the_bundled_samples_hold_back_three_photos_that_calibration_never_sees() -> None:
    photos = load_photos(None, SMALL)
    assert (photos.source, photos.held_back_source) == ("bundled samples", "bundled samples")
    assert (len(photos.calibration), len(photos.held_back)) == (90, 30)
    assert {sample.photo for sample in photos.held_back} == {
        "astronaut.png",
        "coins.png",
        "rocket.jpg",
    }
    assert_golden(photos)
    assert photos.golden[0].credit == "NASA, Eileen Collins (public domain)"
    (warning,) = photos.warnings
    assert "--photos" in warning


def test_fewer_than_eight_photos_calibrate_and_the_bundled_samples_judge(fill: Fill) -> None:
    photos = load_photos(fill(7), SMALL)
    assert (photos.source, photos.held_back_source) == ("folder", "bundled samples")
    assert (photos.calibration_photos, photos.held_back_photos) == (7, len(SAMPLES))
    assert len(photos.calibration) == 70
    assert len(photos.held_back) == 3 * len(SAMPLES)
    assert_golden(photos)
    assert any("too small to hold photos back" in text for text in photos.warnings)


def test_a_sample_in_the_users_folder_does_not_judge_itself(tmp_path: Path) -> None:
    bundled = load_photos(None, SMALL)
    golden = bundled.golden[0]
    paths = fetch_all([sample.file for sample in SAMPLES if sample.file.name == golden.photo])
    (tmp_path / "mine.png").write_bytes(paths[0].read_bytes())
    photos = load_photos(tmp_path, SMALL)
    assert photos.held_back_photos == len(SAMPLES) - 1
    assert_golden(photos)


def test_every_sample_states_its_terms() -> None:
    assert all(sample.licence and sample.credit for sample in SAMPLES)
    assert len({sample.file.sha256 for sample in SAMPLES}) == len(SAMPLES)
    assert all(len(sample.file.sha256) == 64 for sample in SAMPLES)
