"""From a vision classifier to proven bundles for phones.

What users import stands here (docs/python.md), and is imported when it is asked for. Which room
holds what, and what a room may import, stands in CONTRIBUTING.md.
"""

from __future__ import annotations

import importlib
import os

# As of `typing`, which takes longer to import than all that Ctrl-C may come before.
TYPE_CHECKING = False

# onnxruntime reports usage to its maker unless told not to before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"

if TYPE_CHECKING:
    from typing import Any

    from deploy.android.measure import profile_bundles as profile
    from deploy.bundle.open import Bundle, open_bundle
    from deploy.capture.spec import NetworkSpec
    from deploy.capture.summary import CostSummary, summarize
    from deploy.choosing.choose import choose
    from deploy.choosing.file import read_choice
    from deploy.choosing.latency import Measuring
    from deploy.choosing.sweep import Requirements, Sweep
    from deploy.photos.preprocessing import PreprocessingOptions
    from deploy.pipeline.build import Built, build
    from deploy.pipeline.recipe import Recipe, make_targets
    from deploy.quantization.sensitivity.report import measure_sensitivity
    from deploy.results.compare import compare_files
    from deploy.results.file import read_results, write_results
    from deploy.results.judge import judge
    from deploy.support.errors import DeployError, GateError, UserError
    from deploy.support.reporter import DeployWarning, Reporter
    from deploy.support.workers import in_process
    from deploy.verification.bundle import verify
    from deploy.verification.evaluate import Evaluation
    from deploy.verification.evaluate import evaluate_bundle as evaluate

__all__ = [
    "Built",
    "Bundle",
    "CostSummary",
    "DeployError",
    "DeployWarning",
    "Evaluation",
    "GateError",
    "Measuring",
    "NetworkSpec",
    "PreprocessingOptions",
    "Recipe",
    "Reporter",
    "Requirements",
    "Sweep",
    "UserError",
    "build",
    "choose",
    "compare_files",
    "evaluate",
    "in_process",
    "judge",
    "make_targets",
    "measure_sensitivity",
    "open_bundle",
    "profile",
    "read_choice",
    "read_results",
    "summarize",
    "verify",
    "write_results",
]

# Where each is, and what it is called there if that is another name.
_HOMES = {
    "Built": "deploy.pipeline.build",
    "Bundle": "deploy.bundle.open",
    "CostSummary": "deploy.capture.summary",
    "DeployError": "deploy.support.errors",
    "DeployWarning": "deploy.support.reporter",
    "Evaluation": "deploy.verification.evaluate",
    "GateError": "deploy.support.errors",
    "Measuring": "deploy.choosing.latency",
    "NetworkSpec": "deploy.capture.spec",
    "PreprocessingOptions": "deploy.photos.preprocessing",
    "Recipe": "deploy.pipeline.recipe",
    "Reporter": "deploy.support.reporter",
    "Requirements": "deploy.choosing.sweep",
    "Sweep": "deploy.choosing.sweep",
    "UserError": "deploy.support.errors",
    "build": "deploy.pipeline.build",
    "choose": "deploy.choosing.choose",
    "compare_files": "deploy.results.compare",
    "evaluate": "deploy.verification.evaluate:evaluate_bundle",
    "in_process": "deploy.support.workers",
    "judge": "deploy.results.judge",
    "make_targets": "deploy.pipeline.recipe",
    "measure_sensitivity": "deploy.quantization.sensitivity.report",
    "open_bundle": "deploy.bundle.open",
    "profile": "deploy.android.measure:profile_bundles",
    "read_choice": "deploy.choosing.file",
    "read_results": "deploy.results.file",
    "summarize": "deploy.capture.summary",
    "verify": "deploy.verification.bundle",
    "write_results": "deploy.results.file",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, own_name = _HOMES[name].partition(":")
    return getattr(importlib.import_module(module), own_name or name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
