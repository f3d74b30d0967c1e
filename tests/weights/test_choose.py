"""From what --weights says to weights, and to a row of the table of published ones."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from weight_files import save, write_hdf5

import deploy.weights.choose
from deploy.support.errors import UserError
from deploy.support.reporter import Silent
from deploy.weights import ChosenWeights, choose_weights, find_known_file, find_source
from deploy.weights.published import names_a_file
from models.mobilenet_v2 import mobilenet_v2
from models.pinned import Url, WheelMember
from models.registry import NETWORKS, create
from models.weights import SOURCES
from models.weights.layouts import from_ours


class Warned(Silent):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, message: str) -> None:
        self.warnings.append(message)


RESOLUTION = (96, 128)


def test_a_files_layout_tells_what_it_needs(tmp_path: Path) -> None:
    network = create("mobilenet_v2", width=0.35, classes=4)
    floats = {k: t for k, t in network.state_dict().items() if t.is_floating_point()}
    imagenet = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    half = ((0.5,) * 3, (0.5,) * 3)
    for layout, (mean, std), options in (
        ("torchvision", imagenet, {}),
        ("timm", imagenet, {"padding": "symmetric", "bn_eps": 1e-5}),
        ("keras", half, {"padding": "same", "bn_eps": 1e-3}),
    ):
        theirs = {k: t.contiguous() for k, t in from_ours(floats, network, layout).items()}
        path = tmp_path / layout
        if layout == "keras":
            write_hdf5(path, **{k.replace("/", "__"): t.numpy() for k, t in theirs.items()})
        else:
            save_file(theirs, path)
        chosen = choose_weights(
            "mobilenet_v2", str(path), width=0.35, resolution=RESOLUTION, reporter=Silent()
        )
        assert chosen.source == f"file, {layout} layout"
        assert (chosen.layout, chosen.classes, chosen.options) == (layout, 4, options)
        assert (chosen.preprocessing.mean, chosen.preprocessing.std) == (mean, std)
        assert (chosen.preprocessing.crop, chosen.preprocessing.resize) == (RESOLUTION, (109, 146))
        assert all(torch.equal(chosen.state_dict[k], t) for k, t in floats.items())


def test_a_published_file_is_known_wherever_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """timm's converted files bear the names of its others: only the hash tells their padding."""
    network = create("mobilenet_v3_small", width=0.75, classes=1000)
    floats = {k: t for k, t in network.state_dict().items() if t.is_floating_point()}
    theirs = from_ours(floats, network, "timm")
    save_file({k: t.contiguous() for k, t in theirs.items()}, tmp_path / "mine")
    row = find_source("mobilenet_v3_small", "timm-tf", 0.75)

    def choose() -> deploy.weights.ChosenWeights:
        return choose_weights(
            "mobilenet_v3_small",
            str(tmp_path / "mine"),
            width=0.75,
            resolution=(224, 224),
            reporter=Silent(),
        )

    assert choose().options["padding"] == "symmetric"
    monkeypatch.setattr(
        deploy.weights.choose, "sha256_file", lambda _: row.file.sha256.ljust(64, "0")
    )
    assert choose().options["padding"] == "same"
    assert choose().preprocessing.mean == (0.5, 0.5, 0.5)


def choose_timm(
    folder: Path, network_name: str, padding: str | None = None
) -> tuple[ChosenWeights, list[str]]:
    """What a fine-tuned file in timm's layout is taken for, and the warnings about it."""
    network = create(network_name, width=0.35, classes=2)
    theirs = from_ours(network.state_dict(), network, "timm")
    path = save(folder, theirs, "mine.pth")
    reporter = Warned()
    chosen = choose_weights(
        network_name,
        str(path),
        width=0.35,
        resolution=RESOLUTION,
        padding=padding,
        reporter=reporter,
    )
    return chosen, reporter.warnings


@pytest.mark.parametrize("network", ["mobilenet_v3_large", "mobilenet_v3_small"])
def test_padding_tells_which_of_timms_twins_a_file_is_of(tmp_path: Path, network: str) -> None:
    own = {"padding": "symmetric", "bn_eps": 1e-5}
    guessed, (warning,) = choose_timm(tmp_path, network)
    assert guessed.options == own
    assert warning == (
        f"mine.pth has the names of timm's {network} and of its tf_ twin alike: taken for the "
        "first, --padding symmetric; if it is of the twin give --padding same"
    )
    symmetric, warnings = choose_timm(tmp_path, network, "symmetric")
    assert (symmetric.options, symmetric.preprocessing, warnings) == (
        own,
        guessed.preprocessing,
        [],
    )
    same, warnings = choose_timm(tmp_path, network, "same")
    assert (same.options, warnings) == ({"padding": "same", "bn_eps": 1e-3}, [])
    assert same.preprocessing.mean == (0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("network", "options"),
    [
        ("mobilenet_v1", {"padding": "symmetric", "bn_eps": 1e-5}),
        ("mobilenet_v2", {"padding": "symmetric", "bn_eps": 1e-5}),
        ("mobilenet_v3_large_minimalistic", {"padding": "same", "bn_eps": 1e-3}),
        ("mobilenet_v3_small_minimalistic", {"padding": "same", "bn_eps": 1e-3}),
    ],
)
def test_where_timm_has_no_twins_nothing_is_asked_and_padding_is_only_that(
    tmp_path: Path, network: str, options: dict[str, str | float]
) -> None:
    chosen, warnings = choose_timm(tmp_path, network)
    assert (chosen.options, warnings) == (options, [])
    for padding in ("symmetric", "same"):
        other, warnings = choose_timm(tmp_path, network, padding)
        assert (other.options, warnings) == (options | {"padding": padding}, [])
        assert other.preprocessing == chosen.preprocessing


def test_padding_goes_before_that_of_a_layout_without_twins(tmp_path: Path) -> None:
    path = save(tmp_path, mobilenet_v2(width=0.35, classes=2).state_dict())
    chosen = choose_weights(
        "mobilenet_v2",
        str(path),
        width=0.35,
        resolution=RESOLUTION,
        padding="same",
        reporter=Silent(),
    )
    assert chosen.options == {"padding": "same"}
    assert chosen.preprocessing.mean == (0.485, 0.456, 0.406)


def test_the_digest_is_shown_where_none_is_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = create("mobilenet_v1", width=0.25)
    floats = {k: t for k, t in network.state_dict().items() if t.is_floating_point()}
    theirs = from_ours(floats, network, "keras")
    arrays = {k.replace("/", "__"): t.numpy() for k, t in theirs.items()}
    path = write_hdf5(tmp_path / "mobilenet_2_5_160_tf.h5", **arrays)
    monkeypatch.setattr(deploy.weights.choose, "fetch_weights", lambda *_, **__: path)
    reporter = Warned()
    chosen = choose_weights(
        "mobilenet_v1", "keras-160", width=0.25, resolution=(224, 224), reporter=reporter
    )
    (warning,) = reporter.warnings
    assert chosen.sha256 in warning
    assert chosen.source == "Keras mobilenet_2_5_160_tf"
    assert chosen.preprocessing.crop == (160, 160)
    assert chosen.options == {"padding": "same", "bn_eps": 1e-3}


# The table of sources


def test_a_name_leads_to_its_source() -> None:
    source = find_source("mobilenet_v2", "imagenet", 1.0)
    assert source.file.name == "mobilenet_v2-b0353104.pth"
    assert [type(address) for address in source.file.addresses] == [Url, WheelMember]
    assert source.preprocessing.resize == (256, 256)


def test_a_published_name_means_those_weights_whatever_lies_in_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("imagenet").mkdir()
    Path("imagenet-v2").touch()
    Path("my_weights").touch()
    names = ("imagenet", "imagenet-v2", "./imagenet-v2", "my_weights", "gone", "gone.pth")
    assert [names_a_file(name) for name in names] == [False, False, True, True, False, True]


@pytest.mark.parametrize(
    ("network", "name", "width", "message"),
    [
        ("mobilenet_v2", "imagnet", 1.0, "no weights named 'imagnet'.* did you mean imagenet"),
        ("mobilenet_v2", "imagenet-v2", 0.5, "at width 1, not 0.5: choose that width, or"),
        ("mobilenet_v1", "imagenet", 0.3, r"at width 1, 0\.75, 0\.5, 0\.25, 1\.25, not 0\.3"),
        ("my_net", "imagenet", 1.0, "no published weights are known for my_net: give --weights"),
    ],
)
def test_a_name_without_a_source_gets_the_alternatives(
    network: str, name: str, width: float, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        find_source(network, name, width)


@pytest.mark.parametrize(
    ("network", "width", "publisher"),
    [
        ("mobilenet_v1", 0.25, "Keras"),
        ("mobilenet_v1", 1.25, "timm"),
        ("mobilenet_v2", 1.0, "torchvision"),
        ("mobilenet_v2", 0.35, "Keras"),
        ("mobilenet_v3_large", 1.0, "torchvision"),
        ("mobilenet_v3_small", 0.5, "timm"),
        ("mobilenet_v3_large_minimalistic", 1.0, "Keras"),
    ],
)
def test_imagenet_names_the_first_source_of_any_network_and_width(
    network: str, width: float, publisher: str
) -> None:
    assert find_source(network, "imagenet", width).publisher == publisher


def test_a_file_is_known_by_its_published_hash_only() -> None:
    known = find_known_file("7ebf99e0".ljust(64, "0"))
    assert known is not None
    assert known.name == "imagenet-v2"
    assert find_known_file("0" * 64) is None


def test_each_source_is_distinct_and_complete() -> None:
    keys = [(source.network, source.name, source.width) for source in SOURCES]
    assert len(set(keys)) == len(keys)
    files = [source.file.name for source in SOURCES]
    assert len(set(files)) == len(files)
    assert {source.network for source in SOURCES} == set(NETWORKS)
    for source in SOURCES:
        assert isinstance(source.file.addresses[0], Url)
        assert source.file.addresses[0].url.startswith("https://")
        assert source.preprocessing.mean == source.convention.mean
        assert source.file.sha256 == "" or source.file.sha256[:8] in source.file.name
        for address in source.file.addresses:
            if isinstance(address, WheelMember):
                assert "==" in address.requirement


@pytest.mark.parametrize("network", NETWORKS)
def test_the_table_asks_only_for_what_its_network_takes(network: str) -> None:
    asked = {
        (source.width, *source.convention.options.items())
        for source in SOURCES
        if source.network == network
    }
    for width, *options in asked:
        with torch.device("meta"):
            create(network, width=width, classes=2, **dict(options))
