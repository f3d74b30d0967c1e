"""docs/troubleshooting.md: each message there is one that the product says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest
from command_line import run_process
from places import ROOT

PAGE = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
MESSAGES = re.findall(r"^### `(.*)`$", PAGE, flags=re.M)


@cache
def said() -> str:
    """Every text in our code, a line each, with ... for what is filled in."""
    files = sorted((ROOT / "deploy").rglob("*.py"))
    texts = (text for file in files for text in _texts(ast.parse(file.read_text("utf-8"))))
    return "\n".join(" ".join(text.split()) for text in texts)


def _texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (
                part.value if isinstance(part, ast.Constant) else "..." for part in node.values
            )
            yield "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_there_are_the_twenty_likeliest() -> None:
    assert len(MESSAGES) == len(set(MESSAGES)) == 20


@pytest.mark.parametrize("message", MESSAGES)
def test_the_product_says_it(message: str) -> None:
    assert message in said()


def test_the_shell_is_told_how_to_complete() -> None:
    (line,) = re.findall(r"_MOBILE_DEPLOY_COMPLETE=(\w+) .*# ~/\.bashrc", PAGE.replace(')"', " "))
    done = run_process(_MOBILE_DEPLOY_COMPLETE=line)
    assert "complete -o nosort -F" in done.stdout
    done = run_process(
        _MOBILE_DEPLOY_COMPLETE="bash_complete", COMP_WORDS="mobile-deploy ev", COMP_CWORD="1"
    )
    assert done.stdout == "plain,evaluate\n"
