"""The import statements of a file, without importing it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Import:
    """One statement; `typing` where it is for the type checker alone, `deferred` in a function."""

    statement: ast.Import | ast.ImportFrom
    typing: bool
    deferred: bool

    def names(self, module: str = "") -> Iterator[tuple[str, str]]:
        """Of each name that it imports the module, and the name in it, which may be a module too.

        `module` is the one that it stands in: a relative import begins there.
        """
        if isinstance(self.statement, ast.Import):
            yield from ((alias.name, alias.name) for alias in self.statement.names)
            return
        near = module.rsplit(".", self.statement.level)[0] if self.statement.level else ""
        base = ".".join(filter(None, (near, self.statement.module)))
        yield from ((base, f"{base}.{alias.name}") for alias in self.statement.names)


@cache
def imports_in(file: Path) -> tuple[Import, ...]:
    """All of them, in order, inside functions too."""
    return tuple(_visit(ast.parse(file.read_text(encoding="utf-8")), False, False))


def _visit(node: ast.AST, typing: bool, deferred: bool) -> Iterator[Import]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield Import(statement=node, typing=typing, deferred=deferred)
    typing = typing or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    deferred = deferred or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    for child in ast.iter_child_nodes(node):
        yield from _visit(child, typing, deferred)
