"""Weights: which published file a name means, reading a file safely, fitting it to a network.

A file is data. Pickled code in it is never run: `weights_only=True`, or safetensors.
"""

from deploy.weights.fit import count_classes, load_weights
from deploy.weights.published import fetch_weights, find_source
from deploy.weights.read import read_state_dict

__all__ = ["count_classes", "fetch_weights", "find_source", "load_weights", "read_state_dict"]
