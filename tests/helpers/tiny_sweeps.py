"""Sweeps whose bundles take no time: tiny ones, written in the job's place."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bundle_factory import make_bundle

from deploy.choosing.job import Labelled, VariantJob, complete
from deploy.choosing.records import LabelledScores, ScoredArtifact, VariantRecord
from deploy.pipeline.recipe import Recipe, Target
from deploy.support.workers import Pool

# As `make_bundle` has them.
TARGETS = (
    Target(format="onnx", precision="fp32"),
    Target(format="executorch", precision="int8"),
    Target(format="coreml", precision="int8"),
)


@dataclass
class Builder:
    """Writes tiny bundles, and remembers of which networks; `broken` ones it refuses."""

    made: list[str] = field(default_factory=list)
    evaluated: list[str] = field(default_factory=list)
    broken: dict[str, Exception] = field(default_factory=dict)

    def build(self, recipe: Recipe) -> tuple[str, ...]:
        assert recipe.network.resolution is not None
        name = f"{recipe.network.name}@{recipe.network.resolution[0]}"
        self.made.append(name)
        if name in self.broken:
            raise self.broken[name]
        shutil.rmtree(recipe.output, ignore_errors=True)
        make_bundle(recipe.output, seed=len(self.made))
        path = recipe.output / "manifest.json"
        text = path.read_text()
        for format, precision in (("onnx", "fp32"), ("executorch", "int8"), ("coreml", "int8")):
            for key in ("name", "artifact"):
                text = text.replace(
                    f'"{key}": "{format}_{precision}"', f'"{key}": "{format}-{precision}"'
                )
        path.write_text(text)
        return (f"of {name}", "of all")

    def evaluate(self, bundle: Path, labelled: Labelled) -> LabelledScores:
        self.evaluated.append(labelled.digest)
        scores = [("onnx-fp32", 72.0), ("executorch-int8", 71.0)]
        return LabelledScores(
            labelled=labelled.digest,
            photos=9,
            scores=tuple(
                ScoredArtifact(artifact=name, top1=top1, low=60.0, high=80.0)
                for name, top1 in scores
            ),
        )

    def work(self, job: VariantJob) -> VariantRecord:
        return complete(job, self.build, self.evaluate)


@contextmanager
def one_thread(jobs: int, scratch: Path, **_: object) -> Iterator[Pool]:
    with ThreadPoolExecutor(1) as pool:
        yield pool
