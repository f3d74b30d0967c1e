"""Weights: which published file a name means, reading a file safely, fitting it to a network.

    name ── published ──┐
    FILE ───────────────┴── read ──> tensors by name ── fit ──> names and axes of our network

A file is data. Pickled code in it is never run: `weights_only=True`, safetensors, or HDF5.
"""

from deploy.weights.choose import ChosenWeights, choose_weights
from deploy.weights.fit import Fitted, fit_weights, load_weights
from deploy.weights.published import fetch_weights, find_known_file, find_source
from deploy.weights.read import read_state_dict

__all__ = [
    "ChosenWeights",
    "Fitted",
    "choose_weights",
    "fetch_weights",
    "find_known_file",
    "find_source",
    "fit_weights",
    "load_weights",
    "read_state_dict",
]
