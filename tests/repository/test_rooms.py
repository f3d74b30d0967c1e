"""Who imports whom: a room imports only those above it in CONTRIBUTING.md's table."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from imports import imports_in
from places import ROOT

TABLE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
ORDER = re.findall(r"^\| `([a-z_]+)(?:/|\.py)` \|", TABLE, flags=re.M)
# Right of the bundle: works from its folder alone, where no network was ever built.
AFTER_THE_BUNDLE = (
    "bundle",
    "native_runner",
    "protocol",
    "runtimes",
    "emulation",
    "verification",
    "results",
    "benchmark",
    "android",
    "virtual_phone",
    "apps",
)
BEFORE_THE_BUNDLE = {"capture", "quantization", "exporters", "pipeline", "weights"}
FACTS_WITHOUT_NETWORKS = {"models", "models.preprocessing", "models.pinned"}


@dataclass(frozen=True, kw_only=True)
class Arrow:
    """A line of ours that imports a module of ours; `typing` where it is for the type checker."""

    source: str
    target: str
    line: str
    typing: bool


def modules() -> dict[str, Path]:
    """Ours by name; a package is its `__init__`."""
    found = {}
    for package in ("deploy", "models"):
        for file in sorted(ROOT.glob(f"{package}/**/*.py")):
            parts = file.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


MODULES = modules()


def arrows_from(module: str) -> Iterator[Arrow]:
    """Also inside functions, and to a module by its name in its package."""
    file = MODULES[module]
    for found in imports_in(file):
        line = f"{file.relative_to(ROOT)}:{found.statement.lineno}: {ast.unparse(found.statement)}"
        for package, name in found.names(module):
            target = name if name in MODULES else package
            if target in MODULES and target != module:
                yield Arrow(source=module, target=target, line=line, typing=found.typing)


# What users import names everything, and is asked for the version alone.
ARROWS = [arrow for module in MODULES if module != "deploy" for arrow in arrows_from(module)]
TARGETS: dict[str, set[str]] = defaultdict(set)
for arrow in ARROWS:
    TARGETS[arrow.source].add(arrow.target)


def room_of(module: str) -> str:
    package, _, rest = module.partition(".")
    return package if package == "models" else rest.partition(".")[0]


def follow(module: str) -> set[str]:
    """Our modules that this one imports, and those import, and so on, with their packages."""
    reached: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name and name not in reached:
            reached.add(name)
            waiting += [*TARGETS[name], name.rpartition(".")[0]]
    return reached


def test_every_room_is_in_the_table_once() -> None:
    rooms = {room_of(module) for module in MODULES} - {""}
    assert sorted(ORDER) == sorted(rooms)


def test_a_room_imports_only_rooms_above_it() -> None:
    """Names the line, and the one the other way, if there is one, with which it closes a ring."""
    place = {room: index for index, room in enumerate(ORDER)}
    wrong = []
    for found in ARROWS:
        room, other = room_of(found.source), room_of(found.target)
        if other and room != other and place[other] > place[room]:
            back = [
                one.line
                for one in ARROWS
                if (room_of(one.source), room_of(one.target)) == (other, room)
            ]
            wrong.append("\n".join([found.line, *back[:1]]))
    assert not wrong, "imports of rooms that stand below:\n" + "\n\n".join(wrong)


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph: dict[str, set[str]] = defaultdict(set)
    for found in ARROWS:
        if not found.typing:
            graph[found.source].add(found.target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        ring = error.args[1]
        pairs = {(ring[i + 1], ring[i]) for i in range(len(ring) - 1)}
        lines = [found.line for found in ARROWS if (found.source, found.target) in pairs]
        lines += [found.line for found in ARROWS if (found.target, found.source) in pairs]
        pytest.fail("a ring of imports:\n" + "\n".join(dict.fromkeys(lines)))


@pytest.mark.parametrize("room", AFTER_THE_BUNDLE)
def test_what_reads_a_bundle_needs_no_network_no_quantization_no_exporter(room: str) -> None:
    for module in MODULES:
        if room_of(module) == room:
            followed = follow(module)
            assert not {name for name in followed if room_of(name) in BEFORE_THE_BUNDLE}, module
            networks = {name for name in followed if room_of(name) == "models"}
            assert networks <= FACTS_WITHOUT_NETWORKS, module


def test_statistics_know_arrays_alone() -> None:
    followed = {
        name for module in MODULES if room_of(module) == "statistics" for name in follow(module)
    }
    assert {room_of(name) for name in followed} <= {"statistics", ""}


def test_each_room_says_what_it_is_for() -> None:
    for module, file in MODULES.items():
        if file.name == "__init__.py":
            assert ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))), module


def test_no_name_is_a_class_of_two_things() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for module, file in MODULES.items():
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(module)
    assert not {name: found for name, found in places.items() if len(found) > 1}
