"""From the name of a network to the network."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import os
import pkgutil
import sys
from pathlib import Path
from types import ModuleType

from torch import nn

from .blame import Mistake, a, blaming


def find_network(location: str, factory: str, *, is_file: bool) -> nn.Module:
    """Import the module or the file, find the factory in it and call it. Raises Mistake."""
    module = _import_file(Path(location)) if is_file else _import_module(location)
    return _make(_find_factory(module, location, factory), factory)


def _import_file(path: Path) -> ModuleType:
    name = path.stem if path.stem not in sys.modules else f"user_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # Where dataclasses and pickle look for it.
    with blaming(f"importing {path}"):
        spec.loader.exec_module(module)
    return module


def _import_module(name: str) -> ModuleType:
    with blaming(f"importing {name}"):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            # Theirs is missing; else theirs was found, and what it imports is missing.
            if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
                raise Mistake(
                    f"there is no module {error.name!r} in {os.getcwd()}: "
                    + _hint(error.name, _modules_beside(error.name), "start in the folder it is in")
                ) from error
            raise


def _modules_beside(name: str) -> list[str]:
    parent, _, _ = name.rpartition(".")
    where = list(sys.modules[parent].__path__) if parent in sys.modules else [sys.path[0]]
    return [f"{parent}.{m.name}" if parent else m.name for m in pkgutil.iter_modules(where)]


def _find_factory(module: ModuleType, location: str, factory: str) -> object:
    found: object = module
    for part in factory.split("."):
        if not hasattr(found, part):
            own = [name for name in dir(found) if callable(getattr(found, name, None))]
            hint = _hint(part, own, "check its name")
            raise Mistake(f"{location} has no {factory!r}: {hint}")
        found = getattr(found, part)
    return found


def _make(factory: object, name: str) -> nn.Module:
    if isinstance(factory, nn.Module):
        return factory
    if not callable(factory):
        raise Mistake(f"{name} is {a(factory)}: name a function that returns a torch.nn.Module")
    try:
        inspect.signature(factory).bind()
    except TypeError as error:
        raise Mistake(
            f"{name} cannot be called without arguments ({error}): "
            "name a function that takes none and makes the network"
        ) from error
    except ValueError:
        pass  # Some classes tell no signature; calling them does.
    with blaming(f"{name}()"):
        network: object = factory()
    if not isinstance(network, nn.Module):
        raise Mistake(f"{name}() returns {a(network)}, not a torch.nn.Module: return the network")
    return network


def _hint(wrong: str, known: list[str], otherwise: str) -> str:
    near = difflib.get_close_matches(wrong, known, n=3)
    return f"did you mean {' or '.join(near)}?" if near else otherwise
