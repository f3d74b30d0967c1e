"""Weights files are read as data: what is taken from them, and what is refused by name."""

import argparse
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from weight_files import Tiny, assert_loads, prefixed, refusal, save, trained, write_hdf5

from deploy.weights import read_state_dict


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_a_state_dict_is_read(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "w.pth"
    torch.save(trained().state_dict(), path, _use_new_zipfile_serialization=zipped)
    assert_loads(path)


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_safetensors_are_known_by_content(tmp_path: Path, name: str) -> None:
    save_file(trained().state_dict(), tmp_path / name)
    assert_loads(tmp_path / name)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda: {"state_dict": trained().state_dict(), "epoch": 3},
        lambda: {"model": trained().state_dict(), "optimizer": {"state": {}, "param_groups": []}},
        lambda: {"model": trained().state_dict(), "args": argparse.Namespace(lr=0.1)},
        lambda: {"model_state": trained().state_dict()},
        lambda: {"model": {"state_dict": trained().state_dict()}},
        lambda: {"model": Tiny().state_dict(), "model_ema": trained().state_dict()},
        lambda: {"model_ema": {"n_averaged": torch.tensor(7), **prefixed("module.")}},
        lambda: {"ema": trained().state_dict()},
        lambda: prefixed("module."),
        lambda: {"state_dict": prefixed("model.")},
        lambda: prefixed("module._orig_mod."),
        lambda: {k: v for k, v in trained().state_dict().items() if "num_batches" not in k},
        lambda: {**trained().state_dict(), "epoch": 3},
    ],
)
def test_wrappers_of_training_scripts_are_understood(
    tmp_path: Path, wrap: Callable[[], object]
) -> None:
    assert_loads(save(tmp_path, wrap()))


class Marker:
    """Creates a file where its pickle is run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("how", ["torch", "torch legacy", "plain pickle", "named safetensors"])
def test_pickled_code_is_named_and_not_run(tmp_path: Path, how: str) -> None:
    marker = tmp_path / "was-run"
    content = {"features.0.weight": torch.ones(1), "x": Marker(marker)}
    path = tmp_path / ("w.safetensors" if how == "named safetensors" else "w.pth")
    if how == "plain pickle":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=how != "torch legacy")
    message = refusal(path)
    assert not marker.exists()
    assert "never run" in message
    assert "state_dict()" in message
    assert how == "plain pickle" or "mkdir" in message

    # The marker is able to tell: an unsafe reader does run it.
    if how == "plain pickle":
        pickle.loads(path.read_bytes())  # noqa: S301
        assert marker.exists()


def test_a_whole_pickled_network_is_refused_by_its_class(tmp_path: Path) -> None:
    assert "pickled Python code (torch.nn.modules" in refusal(save(tmp_path, nn.ReLU()))


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_a_torchscript_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    torch.jit.trace(nn.Linear(2, 2), torch.ones(1, 2)).save(path)
    assert "is a TorchScript program: save its tensors" in refusal(path)


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
@pytest.mark.parametrize("keep", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_refused(tmp_path: Path, kind: str, keep: float) -> None:
    path = tmp_path / "w.bin"
    if kind == "safetensors":
        save_file(trained().state_dict(), path)
    else:
        torch.save(trained().state_dict(), path, _use_new_zipfile_serialization=kind == "zip")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    message = refusal(path)
    assert "fetch or save it again" in message or "never run" in message


def test_what_is_not_weights_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.pth"
    page.write_bytes(b"<html>404</html>")
    assert "neither a PyTorch, safetensors nor Keras file" in refusal(page)
    assert "does not exist: check the path" in refusal(tmp_path / "missing.pth")
    assert "is a folder" in refusal(tmp_path)


def test_a_file_without_named_tensors_is_refused(tmp_path: Path) -> None:
    itself: dict[str, object] = {}
    itself["model"] = itself
    for content in ({"epoch": 3}, [torch.ones(1)], torch.ones(1), {1: torch.ones(1)}, itself):
        assert "holds no tensors" in refusal(save(tmp_path, content))
    save_file({}, tmp_path / "e.safetensors")
    assert "holds no tensors" in refusal(tmp_path / "e.safetensors")


# HDF5, as Keras writes it


def test_only_numbers_and_no_training_state_are_taken_from_hdf5(tmp_path: Path) -> None:
    path = write_hdf5(
        tmp_path / "w.bin",
        conv__kernel=np.ones((1, 1, 2, 3), np.float32),
        seeds__state=np.ones(2, np.int64),
        text=b"no tensor",
        optimizer__vars__0=np.ones(2, np.float32),
    )
    tensors = read_state_dict(path)
    assert {name: tuple(tensor.shape) for name, tensor in tensors.items()} == {
        "conv/kernel": (1, 1, 2, 3)
    }


def test_hdf5_without_weights_is_refused(tmp_path: Path) -> None:
    assert "HDF5 file without weights" in refusal(write_hdf5(tmp_path / "w.h5", step=np.int64(1)))


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.99])
def test_truncated_hdf5_is_refused(tmp_path: Path, keep: float) -> None:
    path = write_hdf5(tmp_path / "w.h5", conv__kernel=np.ones((64, 64), np.float32))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    assert "damaged or truncated Keras file" in refusal(path)


def test_hdf5_cannot_reach_into_other_files(tmp_path: Path) -> None:
    secret = write_hdf5(tmp_path / "secret.h5", x=np.ones(4, np.float32))
    raw = tmp_path / "raw"
    raw.write_bytes(bytes(16))
    path = tmp_path / "w.h5"
    with h5py.File(path, "w") as file:
        file["linked"] = h5py.ExternalLink(str(secret), "/x")
        file["model_weights"] = h5py.ExternalLink(str(secret), "/")
    assert "without weights" in refusal(path)
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (4,), np.float32, external=[(str(raw), 0, 16)])
    assert "keeps 'x' in another file" in refusal(path)
    with h5py.File(path, "w") as file:
        layout = h5py.VirtualLayout((4,), np.float32)
        layout[:] = h5py.VirtualSource(str(secret), "x", (4,))
        file.create_virtual_dataset("x", layout)
    assert "keeps 'x' in another file" in refusal(path)


def test_a_size_that_no_mobilenet_has_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "w.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (1 << 40,), np.float32, chunks=(1024,), compression="gzip")
    assert path.stat().st_size < 100_000
    assert "more than 1 GiB of weights" in refusal(path)


def test_a_damaged_keras_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.weights.h5", b"\x89HDF\r\n\x1a\n and no more")
    assert "damaged or truncated Keras file" in refusal(path)
