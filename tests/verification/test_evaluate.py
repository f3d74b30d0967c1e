"""Labelled folders, hits and intervals, and scores over real decoding and preprocessing."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deploy.photos import LabelledPhoto, LabelledPhotos, find_labelled
from deploy.statistics.accuracy import Share, share, top_k, wilson_interval
from deploy.support.errors import PhotosError, UserError
from deploy.verification.answers import answer, batches
from deploy.verification.answers_file import answers_file, check_answers_file
from deploy.verification.evaluate import Evaluation, evaluate
from models.preprocessing import Preprocessing

LABELS = ("tench", "tabby cat", "crane", "Crane", "café", "8", "9")
WORDNET_IDS = tuple(f"n0000000{index}" for index in range(7))

PREPROCESSING = Preprocessing(resize=(9, 9), crop=(8, 8), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def write_photo(path: Path, level: int = 0) -> None:
    """A plain gray photo, so that a network can be written down that knows it by its level."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (12, 10), (level, level, level)).save(path, "PNG")


def labels_by_folder(folder: Path, *, wordnet_ids: tuple[str, ...] | None = None) -> dict[str, int]:
    found = find_labelled(folder, LABELS, wordnet_ids)
    assert found.labelled
    labels = {photo.path.relative_to(folder).parts[0]: photo.label for photo in found.photos}
    return {name: label for name, label in labels.items() if label is not None}


# --- labelled folders -----------------------------------------------------------------------


def test_sub_folders_are_labels_in_any_spelling(tmp_path: Path) -> None:
    names = {"TENCH": 0, "tabby_cat": 1, "cafe\u0301": 4}
    for name in names:
        write_photo(tmp_path / name / "deeper" / "a.png")
    assert labels_by_folder(tmp_path) == names


@pytest.mark.parametrize(("name", "label"), [("crane", 2), ("Crane", 3)])
def test_case_tells_labels_apart_that_differ_in_nothing_else(
    tmp_path: Path, name: str, label: int
) -> None:
    write_photo(tmp_path / name / "a.png")
    assert labels_by_folder(tmp_path) == {name: label}


def test_sub_folders_are_class_indices(tmp_path: Path) -> None:
    for name in ("0", "003", "06"):
        write_photo(tmp_path / name / "a.png")
    assert labels_by_folder(tmp_path) == {"0": 0, "003": 3, "06": 6}


def test_sub_folders_are_wordnet_ids(tmp_path: Path) -> None:
    for name in ("n00000004", "N00000001"):
        write_photo(tmp_path / name / "a.png")
    labels = labels_by_folder(tmp_path, wordnet_ids=WORDNET_IDS)
    assert labels == {"n00000004": 4, "N00000001": 1}


def test_a_number_is_a_label_where_all_names_are_labels(tmp_path: Path) -> None:
    labels = ("1", "2", "0")
    for name in labels:
        write_photo(tmp_path / name / "a.png")
    found = find_labelled(tmp_path, labels)
    assert {photo.path.parent.name: photo.label for photo in found.photos} == {
        "1": 0,
        "2": 1,
        "0": 2,
    }


def test_a_number_is_an_index_where_not_all_names_are_labels(tmp_path: Path) -> None:
    for name in ("0", "1"):
        write_photo(tmp_path / name / "a.png")
    found = find_labelled(tmp_path, ("1", "2"))
    assert [photo.label for photo in found.photos] == [0, 1]


def test_in_a_mixed_folder_each_name_is_read_by_itself(tmp_path: Path) -> None:
    for name in ("tench", "n00000002", "003", "8"):
        write_photo(tmp_path / name / "a.png")
    labels = labels_by_folder(tmp_path, wordnet_ids=WORDNET_IDS)
    assert labels == {"tench": 0, "n00000002": 2, "003": 3, "8": 5}


def test_two_sub_folders_may_name_one_class(tmp_path: Path) -> None:
    for name in ("tench", "000"):
        write_photo(tmp_path / name / "a.png")
    assert [photo.label for photo in find_labelled(tmp_path, LABELS).photos] == [0, 0]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tabby_cats", r"tabby_cats is no class of this network: did you mean tabby cat\?"),
        ("7", "7 is no class.*an index from 0 to 6"),
        ("-1", "-1 is no class"),
        ("²", "is no class"),
        ("n00000009", "n00000009 is no class"),
        ("CRANE", "CRANE names the classes 2 and 3: name it by the index"),
        ("od\nd", r"od\?d is no class"),
    ],
)
def test_a_sub_folder_that_names_no_class_is_refused(
    tmp_path: Path, name: str, message: str
) -> None:
    write_photo(tmp_path / "tench" / "a.png")
    write_photo(tmp_path / name / "a.png")
    with pytest.raises(PhotosError, match=message) as caught:
        find_labelled(tmp_path, LABELS, WORDNET_IDS)
    assert str(caught.value).isprintable()


def test_a_folder_without_sub_folders_has_no_labels(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.png")
    write_photo(tmp_path / ".thumbnails" / "a.png")
    (tmp_path / "notes").mkdir()
    found = find_labelled(tmp_path, LABELS)
    assert not found.labelled
    assert [photo.label for photo in found.photos] == [None]


def test_photos_beside_the_class_folders_are_left_out_with_a_warning(tmp_path: Path) -> None:
    write_photo(tmp_path / "tench" / "a.png")
    write_photo(tmp_path / "stray.png")
    found = find_labelled(tmp_path, LABELS)
    assert [photo.path.name for photo in found.photos] == ["a.png"]
    assert "stray.png" in found.warnings[0]


def test_an_empty_or_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PhotosError, match="holds no photos"):
        find_labelled(tmp_path, LABELS)
    with pytest.raises(PhotosError, match="does not exist"):
        find_labelled(tmp_path / "none", LABELS)


# --- intervals and hits ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [
        # R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (29, 29, 1 - 0.1170, 1.0),
    ],
)
def test_wilson_intervals_are_the_published_ones(
    hits: int, total: int, low: float, high: float
) -> None:
    assert wilson_interval(hits, total) == pytest.approx((low, high), abs=5e-5)


def test_wilson_intervals_hold_the_share_and_shrink_with_photos() -> None:
    for total in (1, 7, 1000):
        for hits in {0, 1, total // 2, total}:
            low, high = wilson_interval(hits, total)
            assert 0 <= low <= hits / total <= high <= 1
    assert share(500, 1000).high - share(500, 1000).low < share(5, 10).high - share(5, 10).low
    assert wilson_interval(5, 10, confidence=0.5)[0] > wilson_interval(5, 10)[0]


def test_the_k_largest_stand_in_their_order() -> None:
    logits = np.array([[0.1, 0.9, 0.5], [3.0, 2.0, 1.0]], np.float32)
    assert top_k(logits, 1).tolist() == [[1], [0]]
    assert top_k(logits, 2).tolist() == [[1, 2], [0, 1]]
    assert top_k(logits, 5).tolist() == [[1, 2, 0], [0, 1, 2]]


def test_of_equal_logits_the_lower_class_ranks_first() -> None:
    assert top_k(np.zeros((1, 4), np.float32), 3).tolist() == [[0, 1, 2]]
    assert top_k(np.array([[-0.0, 0.0, 1.0]]), 3).tolist() == [[2, 0, 1]]
    infinite = np.array([[np.inf, -np.inf, np.inf]])
    assert top_k(infinite, 3).tolist() == [[0, 2, 1]]


def test_a_nan_anywhere_leaves_no_answer() -> None:
    logits = np.array([[np.nan, 1.0, 0.0], [0.0, np.nan, 5.0], [0.0, 1.0, 2.0]])
    assert top_k(logits, 2).tolist() == [[-1, -1], [-1, -1], [2, 1]]


# --- scores ---------------------------------------------------------------------------------


def classify(
    wrong: tuple[int, ...] = (), broken: tuple[int, ...] = ()
) -> Callable[..., np.ndarray]:
    """A network of 10 classes that answers level // 10, one class too high for some levels."""

    def run(crops: np.ndarray) -> np.ndarray:
        assert crops.dtype == np.uint8
        assert crops.shape[1:] == (8, 8, 3)
        assert len(crops) <= 8
        levels = crops[:, 0, 0, 0].astype(int)
        answers = levels // 10 + np.isin(levels, wrong)
        logits = -np.abs(np.arange(10) - answers[:, None]).astype(np.float32)
        logits[np.isin(levels, broken)] = np.nan
        return logits

    return run


@pytest.fixture
def digits(tmp_path: Path) -> LabelledPhotos:
    """20 photos of 10 classes, of the levels 0, 5, 10, 15, ..."""
    for level in range(0, 100, 5):
        write_photo(tmp_path / str(level // 10) / f"{level}.png", level)
    return find_labelled(tmp_path, [f"digit {index}" for index in range(10)])


def scores(evaluation: Evaluation) -> dict[str, tuple[Share | None, ...]]:
    return {score.name: (score.top1, score.top5, score.agreement) for score in evaluation.scores}


def test_accuracy_and_agreement_are_counted_over_all_batches(digits: LabelledPhotos) -> None:
    artifacts = {"float": classify(wrong=(5, 10)), "int8": classify(wrong=(5, 15, 20))}
    seen: list[tuple[str, int, int | None]] = []
    result = evaluate(
        artifacts,
        digits,
        PREPROCESSING,
        reference="float",
        progress=lambda *step: seen.append(step),
    )
    assert (result.photos, result.labelled, result.notes) == (20, True, ())
    assert scores(result) == {
        "float": (share(18, 20), share(20, 20), None),
        "int8": (share(17, 20), share(20, 20), share(17, 20)),
    }
    assert seen == [("photos", done, 20) for done in (8, 16, 20)]


def test_what_changed_and_the_worst_classes_are_known(digits: LabelledPhotos) -> None:
    artifacts = {"float": classify(wrong=(5, 10)), "int8": classify(wrong=(5, 15), broken=(40,))}
    result = evaluate(
        artifacts, digits, PREPROCESSING, reference="float", labels=list("0123456789")
    )
    changed = {one.path.stem: (one.label, one.reference, one.answers) for one in result.changed}
    assert changed == {
        "10": (1, 2, {"int8": 1}),
        "15": (1, 1, {"int8": 2}),
        "40": (4, 4, {"int8": -1}),
    }
    assert (result.name(2), result.name(-1)) == ("2", "NaN")
    worst = [(one.index, one.photos, one.hits) for one in result.classes[:4]]
    assert worst == [
        (0, 2, {"float": 1, "int8": 1}),
        (1, 2, {"float": 1, "int8": 1}),
        (4, 2, {"float": 2, "int8": 1}),
        (2, 2, {"float": 2, "int8": 2}),
    ]


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_each_photos_answers_are_kept(digits: LabelledPhotos, tmp_path: Path, kind: str) -> None:
    digits.photos[3].path.write_bytes(b"gone bad")
    file = tmp_path / f"answers.{kind}"
    with answers_file(file, [f"digit {index}" for index in range(10)]) as keep:
        for batch in batches(digits.photos):
            keep(answer({"int8": classify(wrong=(5,), broken=(40,))}, batch, PREPROCESSING))
        assert not file.exists(), "it is there once it is whole"
    if kind == "csv":
        rows = list(csv.reader(file.read_text(encoding="utf-8").splitlines()))
        assert rows[0] == ["photo", "class", "int8", "int8 value"]
        found = {Path(row[0]).stem: row[1:] for row in rows[1:]}
        assert found["5"] == ["digit 0", "digit 1", "-0"]
        assert found["40"] == ["digit 4", "NaN", ""]
    else:
        objects = json.loads(file.read_text(encoding="utf-8"))
        answers = {Path(one["photo"]).stem: one["answers"]["int8"] for one in objects}
        assert answers["5"][0]["class"] == "digit 1"
        assert len(answers["5"]) == 5
        assert answers["40"] == []
        found = answers
    assert len(found) == 19


def test_no_cell_of_an_answers_file_is_a_formula(
    digits: LabelledPhotos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Labels are of whoever made the bundle, file names of whoever took the photos."""
    monkeypatch.chdir(tmp_path)
    Path("=1.png").write_bytes(digits.photos[0].path.read_bytes())
    photo = LabelledPhoto(path=Path("=1.png"), label=0)
    with answers_file(Path("a.csv"), ["=HYPERLINK(0)"] * 10) as keep:
        keep(answer({"int8": classify()}, [photo], PREPROCESSING))
    _, row = csv.reader(Path("a.csv").read_text(encoding="utf-8").splitlines())
    assert row[:3] == ["'=1.png", "'=HYPERLINK(0)", "'=HYPERLINK(0)"]


def test_an_answers_file_is_csv_or_json_and_no_other(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"unknown kind of file '.txt': known are .csv, .json"):
        check_answers_file(tmp_path / "answers.txt")
    with pytest.raises(UserError, match="is no folder"):
        check_answers_file(tmp_path / "nowhere" / "answers.csv")


def test_a_broken_off_evaluation_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), answers_file(tmp_path / "a.csv", []):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_classes_gives_agreement_alone(tmp_path: Path) -> None:
    for level in (0, 10, 20):
        write_photo(tmp_path / f"{level}.png", level)
    photos = find_labelled(tmp_path, LABELS)
    artifacts = {"int8": classify(wrong=(10,)), "float": classify()}
    result = evaluate(artifacts, photos, PREPROCESSING, reference="float")
    assert scores(result) == {"int8": (None, None, share(2, 3)), "float": (None, None, None)}
    assert "agreement with the float artifact alone" in result.notes[0]


def test_without_a_float_artifact_accuracy_stands_alone(digits: LabelledPhotos) -> None:
    result = evaluate({"int8": classify()}, digits, PREPROCESSING, reference=None)
    assert scores(result) == {"int8": (share(20, 20), share(20, 20), None)}
    assert "no float artifact" in result.notes[0]


def test_with_neither_classes_nor_a_float_artifact_there_is_nothing_to_evaluate(
    tmp_path: Path,
) -> None:
    write_photo(tmp_path / "a.png")
    photos = find_labelled(tmp_path, LABELS)
    with pytest.raises(UserError, match="nothing to evaluate"):
        evaluate({"int8": classify()}, photos, PREPROCESSING, reference=None)


def test_nan_is_a_miss_for_its_artifact_and_never_agreement(digits: LabelledPhotos) -> None:
    artifacts = {"float": classify(broken=(30,)), "int8": classify(broken=(30, 40))}
    result = evaluate(artifacts, digits, PREPROCESSING, reference="float")
    assert scores(result) == {
        "float": (share(19, 20), share(19, 20), None),
        "int8": (share(18, 20), share(18, 20), share(18, 20)),
    }
    assert [score.not_numbers for score in result.scores] == [1, 2]
    assert any("int8 gave NaN for 2 of 20 photos" in text for text in result.warnings)


def test_five_classes_have_no_top_5(tmp_path: Path) -> None:
    write_photo(tmp_path / "0" / "a.png")
    photos = find_labelled(tmp_path, ["a", "b", "c", "d", "e"])
    run = classify()
    result = evaluate({"x": lambda crops: run(crops)[:, :5]}, photos, PREPROCESSING, reference=None)
    assert scores(result) == {"x": (share(1, 1), None, None)}


def test_unreadable_photos_are_left_out_and_named(digits: LabelledPhotos) -> None:
    digits.photos[0].path.write_bytes(b"gone bad")
    digits.photos[-1].path.unlink()
    result = evaluate({"x": classify()}, digits, PREPROCESSING, reference=None)
    assert result.photos == 18
    assert scores(result) == {"x": (share(18, 18), share(18, 18), None)}
    assert "unreadable (2): 0.png, 95.png" in result.warnings[0]


def test_a_folder_in_which_nothing_can_be_read_is_refused(digits: LabelledPhotos) -> None:
    for photo in digits.photos:
        photo.path.write_bytes(b"words")
    with pytest.raises(PhotosError, match="none of the 20 photos can be read"):
        evaluate({"x": classify()}, digits, PREPROCESSING, reference=None)
