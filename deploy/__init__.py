"""From a vision classifier to proven bundles for phones."""

__version__ = "0.1.0"
