"""A user's network in a file, exported as we do it."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

from deploy.capture.user.child.run import answer_request
from deploy.capture.user.export import UserNetwork, export_user_network
from deploy.capture.user.reference import parse_reference

CROP = (32, 32)


def write(path: str, code: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(textwrap.dedent(code))


def export(network: str) -> UserNetwork:
    reference = parse_reference(network)
    assert reference is not None
    return export_user_network(reference, CROP, seed=0)


def export_here(factory: str, *, location: str = "nets.py") -> dict[str, Any]:
    """What the child does, in this process: quicker, and the same but for the path."""
    request = {
        "location": location,
        "factory": factory,
        "is_file": location.endswith(".py"),
        "crop": CROP,
    }
    return answer_request(request | {"wanted": "program"}, Path())
