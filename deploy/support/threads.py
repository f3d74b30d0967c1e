"""Torch on one thread, for as long as it pays, and then as the caller had it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch computes on one thread inside, or in a function that this decorates.

    Where processes are the parallelism, threads of torch only wait for each other; and some of its
    kernels give other last bits on another number of threads.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
