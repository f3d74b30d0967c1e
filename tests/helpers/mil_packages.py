"""Core ML packages made with coremltools, and how near what they compute is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import coremltools as ct
import torch
from torch import Tensor, nn


def convert(
    module: nn.Module, example: Tensor, path: Path, *, float16: bool = False, **options: Any
) -> Path:
    exported = torch.export.export(module.eval(), (example,)).run_decompositions({})
    precision = ct.precision.FLOAT16 if float16 else ct.precision.FLOAT32
    options.setdefault("inputs", [ct.TensorType(name="x", shape=tuple(example.shape))])
    model = ct.convert(
        exported,
        minimum_deployment_target=ct.target.iOS17,
        compute_precision=precision,
        skip_model_load=True,
        **options,
    )
    model.save(str(path))
    return path


def sqnr_db(got: Tensor, wanted: Tensor) -> float:
    noise = (got.double() - wanted.double()).square().sum()
    return float(10 * torch.log10(wanted.double().square().sum() / noise))
