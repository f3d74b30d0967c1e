"""Bias correction: what weight rounding shifts on average, the bias shifts back for nothing."""

from __future__ import annotations

from torch import Tensor


def mean_shift(error: Tensor, input_means: Tensor, groups: int) -> Tensor:
    """How far a weight error moves each output channel on average, (out,).

    `error`, quantized less float weights, is (out, in / groups, ...) of a convolution or (out, in)
    of a linear; `input_means` (in,) are each input channel's mean over the calibration photos.
    A rounding error times an input that is rarely negative (behind a ReLU) does not average out:
    it is the sum over the kernel of error * E[x] (Nagel et al. 2019, arXiv 1906.04721, section
    4.2). Zero padding at the border is neglected.
    """
    taps = error.flatten(2).sum(2) if error.dim() > 2 else error
    per_group = taps.view(groups, -1, taps.shape[1])
    means = input_means.view(groups, 1, taps.shape[1])
    return (per_group * means).sum(2).flatten()
