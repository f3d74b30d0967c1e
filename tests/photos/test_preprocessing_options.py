"""What the user says of preprocessing: by options, in a file, over what belongs to the weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.photos.preprocessing import (
    PreprocessingOptions,
    choose_preprocessing,
    default_preprocessing,
    parse_preprocessing,
    read_preprocessing,
)
from deploy.support.errors import UserError
from models.preprocessing import Preprocessing

PUBLISHED = Preprocessing(resize=(232, 232), crop=(224, 224), mean=(0.5,) * 3, std=(0.5,) * 3)


def test_options_are_read_as_text_and_as_toml_has_them(tmp_path: Path) -> None:
    options = parse_preprocessing(
        {"resize": "256x320", "scale": "1/255", "mean": "127", "std": "1,2,3"}, "--"
    )
    assert options == PreprocessingOptions(
        resize=(256, 320), scale=1 / 255, mean=(127.0,) * 3, std=(1.0, 2.0, 3.0)
    )
    file = tmp_path / "nets.toml"
    file.write_text('resize = [256, 320]\nscale = "1/255"\nmean = 127\nstd = [1, 2, 3.0]\n')
    assert read_preprocessing(file) == options


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("resize", "31", "--resize: '31' will not do: give 32 to 4096 pixels"),
        ("resize", "256x", "--resize: '256x' will not do"),
        ("scale", "0", "--scale: '0' will not do: give a factor above 0"),
        ("scale", "1/0", "--scale: '1/0' will not do"),
        ("scale", "nan", "--scale: 'nan' will not do"),
        ("mean", "1,2", "--mean: '1,2' will not do: give a number, or three"),
        ("mean", "red", "--mean: 'red' will not do"),
        ("std", "1,0,1", "--std: '1,0,1' will not do: give a number above 0"),
    ],
)
def test_a_value_that_cannot_be_is_named(name: str, value: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_preprocessing({name: value}, "--")
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("scael = 1", "nets.toml: unknown key 'scael': known are resize, crop, scale, mean, std"),
        ("mean = true", "nets.toml: mean: True will not do"),
        ("crop = 224.5", "nets.toml: crop: 224.5 will not do"),
        ("std = []", "nets.toml: std: [] will not do"),
        ("crop = [224, 224, 3]", "nets.toml: crop: [224, 224, 3] will not do"),
        ("crop: 224", "is not TOML"),
        ("mean = [[1], 2, 3]", "nets.toml: mean: [[1], 2, 3] will not do"),
    ],
)
def test_a_file_that_cannot_be_is_named(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "nets.toml"
    file.write_text(text)
    with pytest.raises(UserError) as caught:
        read_preprocessing(file)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        read_preprocessing(tmp_path / "none.toml")
    with pytest.raises(UserError, match="cannot be read"):
        read_preprocessing(tmp_path)


def test_options_go_before_the_file_and_the_file_before_the_weights(tmp_path: Path) -> None:
    file = tmp_path / "nets.toml"
    file.write_text("mean = 1\nstd = 2")
    chosen = choose_preprocessing(PUBLISHED, PreprocessingOptions(mean=(3.0,) * 3), file)
    assert chosen.mean == (3.0,) * 3
    assert chosen.std == (2.0,) * 3
    assert (chosen.resize, chosen.crop) == ((232, 232), (224, 224))


def test_the_resize_belongs_to_the_crop_unless_it_is_said() -> None:
    other = PreprocessingOptions(crop=(160, 192))
    assert other.applied_to(PUBLISHED).resize == (182, 219)
    same = PreprocessingOptions(crop=(224, 224))
    assert same.applied_to(PUBLISHED).resize == (232, 232)
    said = PreprocessingOptions(resize=(240, 240)).applied_to(PUBLISHED)
    assert (said.resize, said.crop) == ((240, 240), (224, 224))
    with pytest.raises(UserError, match="a photo resized to 200x200 has no crop of 224x224"):
        PreprocessingOptions(resize=(200, 200)).applied_to(default_preprocessing((224, 224)))
