import re
from pathlib import Path

import pytest

from deploy.labels import default_labels, imagenet_labels, imagenet_wordnet_ids, read_labels
from deploy.support.errors import UserError


def test_imagenets_labels_are_1000_distinct_even_without_case() -> None:
    labels = imagenet_labels()
    assert len({label.casefold() for label in labels}) == len(labels) == 1000
    assert all(label == label.strip() and label.isprintable() for label in labels)


def test_imagenets_labels_stand_in_the_order_of_the_outputs() -> None:
    labels, ids = imagenet_labels(), imagenet_wordnet_ids()
    assert ids == sorted(ids)
    assert len(set(ids)) == 1000
    assert all(re.fullmatch(r"n\d{8}", wordnet_id) for wordnet_id in ids)
    known = {0: "tench", 1: "goldfish", 281: "tabby", 985: "daisy", 999: "toilet tissue"}
    assert {index: labels[index] for index in known} == known
    assert ids[0] == "n01440764"


def test_names_that_two_classes_share_are_told_apart() -> None:
    by_id = dict(zip(imagenet_wordnet_ids(), imagenet_labels(), strict=True))
    assert by_id["n02012849"] == "crane (bird)"
    assert by_id["n03126707"] == "crane (machine)"
    assert by_id["n03710637"] == "maillot (tights)"
    assert by_id["n03710721"] == "maillot (tank suit)"
    assert by_id["n02113186"] == "Cardigan Welsh corgi"


def test_labels_nobody_named_are_numbers() -> None:
    assert default_labels(2) == ["class 0", "class 1"]


def write(folder: Path, content: bytes) -> Path:
    path = folder / "labels.txt"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        b"daisy\nrose\n",
        b"daisy\nrose",
        b"daisy\r\n rose \r\n",
        b"\xef\xbb\xbfdaisy\nrose\n",
        b"daisy\nrose\n\n",
        b"daisy\r\nrose\r\n\r\n",
    ],
    ids=[
        "plain",
        "no line end at the end",
        "written on Windows",
        "byte order mark",
        "one blank line at the end",
        "the same on Windows",
    ],
)
def test_a_users_labels_are_read(tmp_path: Path, content: bytes) -> None:
    assert read_labels(write(tmp_path, content), 2) == ["daisy", "rose"]


def test_labels_keep_their_letters(tmp_path: Path) -> None:
    content = "Gänseblümchen\n薔薇\u3000赤\n".encode()
    assert read_labels(write(tmp_path, content), 2) == ["Gänseblümchen", "薔薇\u3000赤"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"daisy\nrose\n", r"holds 2 labels but the network has 3 classes: write one"),
        (b"a\nb\nc\nd\n", r"holds 4 labels but the network has 3 classes: write one"),
        (b"", r"holds 0 labels"),
        (b"a\n\nc\n", r"line 2 is empty: write"),
        (b"a\nb\nc\n\n\n", r"line 4 is empty: write"),
        (b"a\nb\na\n", r"lines 1 and 3 are both 'a': make"),
        (b"a\nb\tx\nc\n", r"line 2 holds a control character: remove"),
        (b"a\nb\xe2\x80\xa8x\nc\n", r"line 2 holds a control character: remove"),
        (b"a\n\xff\nc\n", r"is not UTF-8 text: save"),
    ],
)
def test_bad_labels_are_refused_by_line(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_labels(write(tmp_path, content), 3)


def test_a_missing_labels_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no\.txt cannot be read \(No such file"):
        read_labels(tmp_path / "no.txt", 3)
    with pytest.raises(UserError, match="cannot be read"):
        read_labels(tmp_path, 3)
