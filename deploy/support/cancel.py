"""What is given up because the user has had enough."""

from __future__ import annotations


class CancelledError(Exception):
    """The user pressed Ctrl-C while something was at work: no failure, and so no DeployError."""
