"""A small network, and the files that its trained weights come in."""

from pathlib import Path

import h5py
import pytest
import torch
from torch import Tensor, nn

from deploy.support.errors import WeightsError
from deploy.weights import read_state_dict
from deploy.weights.fit import load_weights

ROW = torch.ones(3)


class Tiny(nn.Module):
    """Four tensors and a batch norm, named like our networks."""

    def __init__(self, *, channels: int = 4, classes: int = 3) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, channels, 3), nn.BatchNorm2d(channels))
        self.classifier = nn.Sequential(nn.Dropout(), nn.Linear(channels, classes))


def save(folder: Path, content: object, name: str = "w.pth") -> Path:
    torch.save(content, folder / name)
    return folder / name


def assert_loads(path: Path) -> None:
    """The file's tensors, `Tiny`'s of `torch.manual_seed(1)`, arrive in another `Tiny`."""
    network = Tiny()
    load_weights(network, read_state_dict(path), file_name=path.name)
    wanted = trained().state_dict()
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, wanted[name]), name


def trained() -> Tiny:
    torch.manual_seed(1)
    return Tiny()


def prefixed(prefix: str) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in trained().state_dict().items()}


def beside(**others: Tensor) -> dict[str, Tensor]:
    return {name.replace("__", "."): tensor for name, tensor in others.items()}


def averaged(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: tensor + 1 if tensor.is_floating_point() else tensor for name, tensor in state.items()
    }


def misfit(state: dict[str, Tensor], network: nn.Module | None = None) -> str:
    """The refusal's message; the network must be untouched."""
    network = network or Tiny()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(WeightsError) as caught:
        load_weights(network, state, file_name="w.pth")
    assert all(torch.equal(before[name], now) for name, now in network.state_dict().items())
    assert str(caught.value).startswith("w.pth")
    assert str(caught.value).isprintable()
    return str(caught.value)


def refusal(path: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        read_state_dict(path)
    message = str(caught.value)
    assert path.name in message
    assert "\n" not in message
    return message


def write_hdf5(path: Path, **arrays: object) -> Path:
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name.replace("__", "/")] = array
    return path
