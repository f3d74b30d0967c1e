"""A small trained-like network that has each kind of int8 unit, for tests that need no real one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from deploy.capture.program import capture, graph_module
from deploy.capture.simplify import simplify
from deploy.photos.images import normalize
from deploy.quantization.train import hold_out
from deploy.statistics.error_statistics import sqnr_db
from models.layers import ConvBNAct, global_average_pool
from models.preprocessing import Preprocessing

SIDE, CLASSES = 32, 5
LABELS = tuple(f"class {i}" for i in range(CLASSES))
PREPROCESSING = Preprocessing(
    resize=(36, 36), crop=(SIDE, SIDE), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
)


class Small(nn.Module):
    """A stem, an inverted residual with its shortcut, a pooled head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvBNAct(3, 8, kernel=3, stride=2)
        self.block = nn.Sequential(
            ConvBNAct(8, 16),
            ConvBNAct(16, 16, kernel=3, groups=16),
            ConvBNAct(16, 8, activation=None),
        )
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        logits: Tensor = self.head(global_average_pool(x + self.block(x)))
        return logits


class SmallV3(nn.Module):
    """The same with hard-swish, a squeeze-excite and a two-layer head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvBNAct(3, 8, kernel=3, stride=2, activation=nn.Hardswish)
        self.expand = ConvBNAct(8, 16, kernel=5, activation=nn.Hardswish)
        self.squeeze, self.excite = nn.Conv2d(16, 8, 1), nn.Conv2d(8, 16, 1)
        self.project = ConvBNAct(16, 8, activation=None)
        self.head = nn.Sequential(nn.Linear(8, 12), nn.Hardswish(), nn.Linear(12, CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.expand(x)
        gate = self.squeeze(y.mean((2, 3), keepdim=True)).relu()
        y = y * nn.functional.hardsigmoid(self.excite(gate))
        logits: Tensor = self.head(global_average_pool(x + self.project(y)))
        return logits


def small_program(network: type[nn.Module] = Small) -> ExportedProgram:
    torch.manual_seed(0)
    return simplify(capture(network(), (1, 3, SIDE, SIDE)))


def crops(count: int, *, seed: int = 0) -> npt.NDArray[np.uint8]:
    """Smooth coloured blobs, uint8 (count, SIDE, SIDE, 3), all different."""
    coarse = np.random.default_rng(seed).integers(0, 256, (count, 4, 4, 3), np.uint8)
    return coarse.repeat(SIDE // 4, axis=1).repeat(SIDE // 4, axis=2)


def inputs(count: int, *, seed: int = 0) -> Tensor:
    """The same, normalized: float32 (count, 3, SIDE, SIDE)."""
    return torch.from_numpy(normalize(crops(count, seed=seed), PREPROCESSING))


def every_fourth(photos: Tensor) -> Tensor:
    """Which of `photos` are held out from learning, (N,) bool, where each is a photo of its own."""
    return hold_out([str(i) for i in range(len(photos))])


def run(program: ExportedProgram, photos: Tensor) -> Tensor:
    """Logits (N, classes) of a program for inputs (N, 3, SIDE, SIDE)."""
    module = graph_module(program)
    with torch.inference_mode():
        return torch.cat([module(photo[None]) for photo in photos])


def decibels(reference: Tensor, other: Tensor) -> float:
    """Signal to error, of two sets of logits."""
    return sqnr_db(reference.double().numpy(), (other - reference).double().numpy())
