"""A name that the user gives for one of a few things."""

from __future__ import annotations

from collections.abc import Iterable

from deploy.support.errors import UserError


def one_of(option: str, what: str, name: str, choices: Iterable[str]) -> str:
    """`name`, if it is one of `choices`; `what` says of what kind it is. Raises UserError."""
    if name not in (known := sorted(choices)):
        raise UserError(f"{option}: unknown {what} {name!r}: known are {', '.join(known)}")
    return name
