"""Published weights: one row a file, and what belongs to it. Imports no torch.

Where several rows are of one network and width, `--weights imagenet` means the first.
"""

from models.weights.of_keras import KERAS_SOURCES
from models.weights.of_timm import TIMM_SOURCES
from models.weights.of_torchvision import TORCHVISION_SOURCES

SOURCES = (*TORCHVISION_SOURCES, *KERAS_SOURCES, *TIMM_SOURCES)
