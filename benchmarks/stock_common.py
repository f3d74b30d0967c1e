"""What the stock scripts share: the network, stock quantization, times of their stages."""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.fx import GraphModule

from models.registry import create

# As many as the toolkits' own examples calibrate on, and like them random: what the values are
# changes the accuracy, not the time.
CALIBRATION_INPUTS = 100
EXAMPLE = (torch.randn(1, 3, 224, 224),)

_seconds: dict[str, float] = {}


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Time a part of the script."""
    start = time.perf_counter()
    yield
    _seconds[name] = time.perf_counter() - start


def arguments() -> tuple[Path, Path]:
    """The weights file and the folder for results, from the command line."""
    warnings.filterwarnings("ignore")
    weights, folder = sys.argv[1:]
    return Path(weights), Path(folder)


def finish(path: Path) -> None:
    """Write the seconds of each stage to `path`, as JSON."""
    path.write_text(json.dumps(_seconds))


def load_network(weights: Path) -> nn.Module:
    network = create("mobilenet_v2")
    network.load_state_dict(torch.load(weights, weights_only=True))
    return network.eval()


def quantize(network: nn.Module) -> ExportedProgram:
    """int8 of the stock scripts, calibrated on random inputs."""
    exported = torch.export.export(network, EXAMPLE).module()
    return quantize_exported(
        exported, (torch.randn(1, 3, 224, 224) for _ in range(CALIBRATION_INPUTS))
    )


def quantize_exported(exported: GraphModule, images: Iterable[Tensor]) -> ExportedProgram:
    """int8 as ExecuTorch's XNNPACK examples do it: per channel, prepare, calibrate, convert.

    `images` are float32 (1, 3, H, W), of one size.
    """
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    quantizer = XNNPACKQuantizer()
    quantizer.set_global(get_symmetric_quantization_config(is_per_channel=True))
    prepared = prepare_pt2e(exported, quantizer)
    with torch.no_grad():
        for image in images:
            prepared(image)
    return torch.export.export(convert_pt2e(prepared), (image,))
