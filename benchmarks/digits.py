"""Real networks in a minute: scikit-learn's handwritten digits, and a training loop for them.

1797 pictures of 8x8 pixels by 43 writers (E. Alpaydin and C. Kaynak, "Optical Recognition of
Handwritten Digits", UCI Machine Learning Repository, 1998), enlarged and cut as a photo would be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from deploy.capture.spec import NetworkSpec
from deploy.photos.images import normalize
from deploy.photos.preprocessing import PreprocessingOptions
from deploy.pipeline.recipe import Recipe, Target
from models.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from models.registry import create

CLASSES = 10
BATCH = 32
LARGEST_RATE = 2e-2
# Of the side: training moves the digits about, so that few are enough.
LARGEST_SHIFT = 1 / 16


@dataclass(frozen=True, kw_only=True)
class Digits:
    """`pictures`, uint8 (N, side, side, 3) RGB, and which digit each shows, int64 (N,)."""

    pictures: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]

    @property
    def side(self) -> int:
        return int(self.pictures.shape[1])

    def first(self, count: int) -> Digits:
        return Digits(pictures=self.pictures[:count], labels=self.labels[:count])


def load_digits(side: int, *, test: int) -> tuple[Digits, Digits]:
    """All the digits, enlarged to `side` and shuffled: those to train on, and `test` others."""
    from sklearn import datasets  # type: ignore[import-untyped]  # It ships no types.

    raw = datasets.load_digits()
    grey = (raw.images * (255 / 16)).astype(np.uint8)
    pictures = np.stack(
        [
            np.array(Image.fromarray(one).resize((side, side), Image.Resampling.BILINEAR))
            for one in grey
        ]
    )
    pictures = pictures[..., None].repeat(3, axis=3)
    labels = raw.target.astype(np.int64)
    order = np.random.default_rng(0).permutation(len(labels))
    return (
        Digits(pictures=pictures[order[test:]], labels=labels[order[test:]]),
        Digits(pictures=pictures[order[:test]], labels=labels[order[:test]]),
    )


def ours(network: str, width: float) -> nn.Module:
    """One of our networks, with the momentum of batch norms that few hundred steps need."""
    return create(network, width=width, classes=CLASSES, bn_momentum=0.1)


def train(make: Callable[[], nn.Module], digits: Digits, path: Path, *, epochs: int) -> None:
    """Train what `make` makes from scratch, and save its weights as safetensors."""
    torch.manual_seed(0)
    # The layers are too small to share, and two threads would wait for each other.
    torch.set_num_threads(1)
    module = make()
    inputs = torch.from_numpy(normalize(digits.pictures, preprocessing(digits.side)))
    labels = torch.from_numpy(digits.labels)
    # A last batch of a few pictures would upset the batch norms: it is left out.
    batches = len(labels) // BATCH
    optimizer = torch.optim.AdamW(module.parameters(), weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LARGEST_RATE, total_steps=epochs * batches
    )
    module.train()
    for _ in range(epochs):
        for chosen in torch.randperm(len(labels))[: batches * BATCH].view(batches, BATCH):
            loss = functional.cross_entropy(module(shifted(inputs[chosen])), labels[chosen])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch gives it none.
            optimizer.step()
            schedule.step()
    save_file(module.state_dict(), path)


def shifted(inputs: torch.Tensor) -> torch.Tensor:
    """A batch (N, 3, H, W) moved by a random vector; the edge fills what it leaves.

    In the memory format in which processors train these networks twice as fast.
    """
    most = int(inputs.shape[2] * LARGEST_SHIFT)
    down, right = torch.randint(-most, most + 1, (2,)).tolist()
    padded = functional.pad(inputs, [most] * 4, mode="replicate")
    moved = padded.roll((down, right), (2, 3))[..., most:-most, most:-most]
    return moved.contiguous(memory_format=torch.channels_last)


def preprocessing(side: int) -> Preprocessing:
    """Ours for a file in our own layout, but for the resize: all of the digit is seen."""
    size = (side, side)
    return Preprocessing(resize=size, crop=size, mean=IMAGENET_MEAN, std=IMAGENET_STD)


def write_by_class(digits: Digits, folder: Path) -> Path:
    """A PNG a digit, in a sub-folder named for what it shows."""
    for index, (picture, label) in enumerate(zip(digits.pictures, digits.labels, strict=True)):
        path = folder / str(label) / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)
    return folder


def recipe(
    network: str,
    output: Path,
    *,
    weights: Path,
    photos: Path,
    side: int,
    targets: tuple[Target, ...],
    width: float = 1.0,
) -> Recipe:
    """What a user would build of these weights, `photos` being pictures of the training."""
    labels = weights.with_name("labels.txt")
    labels.write_text("".join(f"{digit}\n" for digit in range(CLASSES)), encoding="utf-8")
    return Recipe(
        network=NetworkSpec(
            network,
            weights=str(weights),
            labels=labels,
            width=width,
            resolution=(side, side),
            preprocessing=PreprocessingOptions(resize=(side, side)),
        ),
        output=output,
        targets=targets,
        photos=photos,
        # What int8 does to every layer is the question here.
        int8="pure",
    )
