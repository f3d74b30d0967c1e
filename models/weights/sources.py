"""The table of published weights: one row a file. Imports no torch.

Where several rows are of one network and width, `--weights imagenet` means the first.
"""

from __future__ import annotations

from models.weights.of_keras import KERAS_SOURCES
from models.weights.of_timm import TIMM_SOURCES
from models.weights.of_torchvision import TORCHVISION_SOURCES
from models.weights.source import WeightSource

__all__ = ["SOURCES", "WeightSource"]

SOURCES = (*TORCHVISION_SOURCES, *KERAS_SOURCES, *TIMM_SOURCES)
