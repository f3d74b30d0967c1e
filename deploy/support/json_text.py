"""JSON as our files have it."""

from __future__ import annotations

import json
import math


def json_text(value: object) -> str:
    """`value` as the JSON text that our files hold. Raises ValueError for what is not finite."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def finite(value: float | None) -> float | None:
    """The value, or None where JSON has no way to write it.

    >>> finite(math.inf), finite(2.5)
    (None, 2.5)
    """
    return value if value is not None and math.isfinite(value) else None
