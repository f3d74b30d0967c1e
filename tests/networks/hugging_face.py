"""Small, untrained networks of transformers, as a user would hand them over."""

from __future__ import annotations

from torch import Tensor
from transformers import (
    ConvNextConfig,
    ConvNextForImageClassification,
    ResNetConfig,
    ResNetForImageClassification,
)


class ResNet(ResNetForImageClassification):
    def forward(self, image: Tensor) -> Tensor:
        return super().forward(image).logits


class ConvNext(ConvNextForImageClassification):
    def forward(self, image: Tensor) -> Tensor:
        return super().forward(image).logits


def resnet() -> ResNet:
    return ResNet(
        ResNetConfig(
            embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", num_labels=5
        )
    )


def convnext() -> ConvNext:
    """Its layer scales as training leaves them: they begin at 1e-6, where float16 ends."""
    return ConvNext(
        ConvNextConfig(
            hidden_sizes=[8, 16],
            depths=[1, 1],
            num_stages=2,
            num_labels=5,
            initializer_range=0.2,
            layer_scale_init_value=1.0,
        )
    )
