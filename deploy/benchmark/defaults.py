"""What a session does unless it is told otherwise. docs/measuring.md has the reasons."""

from __future__ import annotations

ROUNDS = 10  # Blocks of each arm.
ITERATIONS = 20  # Timed inferences of a block.
WARMUP = 5  # Inferences that are not timed, after the first.
COOL_BELOW_C = 38.0  # Of the battery, in degrees Celsius, before a block begins.
COOL_TIMEOUT_S = 120.0  # How long a block waits for that.
