"""Weights: which published file a name means, reading a file safely, fitting it to a network.

    name ── published ──┐
    FILE ───────────────┴── read ──> tensors by name ── fit ──> names and axes of our network

A file is data. Pickled code in it is never run: `weights_only=True`, safetensors, or HDF5.

Importing this imports no torch; `deploy.weights.fit` does.
"""

from deploy.weights.choose import ChosenWeights, choose_weights
from deploy.weights.published import fetch_weights, find_known_file, find_source
from deploy.weights.read import read_state_dict

__all__ = [
    "ChosenWeights",
    "choose_weights",
    "fetch_weights",
    "find_known_file",
    "find_source",
    "read_state_dict",
]
