"""Which test files are of pure logic: `make check` runs those alone, told from what they import.

A file is not where its imports, or those of our modules behind them, lead to a toolkit that
captures, lowers or runs networks or to worker processes, or where a test forks, asks for a build
or a phone, or is marked `builds`, since a process that it starts does. What our modules import
inside functions does not count: it is put there so that it is seldom needed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from imports import Import, imports_in
from places import HELPERS, ROOT

HEAVY = (
    *("torch.export", "torch.fx", "torchao", "executorch", "coremltools"),
    *("onnx", "onnxscript", "onnxruntime", "keras", "transformers", "sklearn"),
    "deploy.support.workers",
)
FIXTURES = {"real_build", "command_build", "phone_bundle", "adb_server", "phone"}


def is_pure_logic(file: Path) -> bool:
    """Of a test file."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    asked = {argument.arg for node in ast.walk(tree) for argument in _arguments(node)}
    called = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    if asked & FIXTURES or called & {"fork", "builds"}:
        return False
    return not any(map(_leads_to_heavy, _names(imports_in(file))))


def _arguments(node: ast.AST) -> list[ast.arg]:
    return node.args.args if isinstance(node, ast.FunctionDef) else []


@cache
def _leads_to_heavy(module: str) -> bool:
    waiting, seen = [module], set[str]()
    while waiting:
        name = waiting.pop()
        if any(f"{name}.".startswith(f"{heavy}.") for heavy in HEAVY):
            return True
        if name in seen or (source := _source(name)) is None:
            continue
        seen.add(name)
        on_import = [found for found in imports_in(source) if not found.typing | found.deferred]
        waiting += _names(on_import)
        waiting.append(name.rpartition(".")[0])
    return False


def _source(module: str) -> Path | None:
    """The file of one of our modules; None for others, and for what is a name in a module."""
    for folder in (ROOT, HELPERS, ROOT / "benchmarks"):
        place = folder.joinpath(*module.split("."))
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if module and file.is_file():
                return file
    return None


def _names(imports: Iterable[Import]) -> Iterator[str]:
    """Names count as modules, since they may be."""
    for found in imports:
        for names in found.names():
            yield from names
