"""From a vision classifier to proven bundles for phones."""

import os

# onnxruntime reports usage to its maker unless told not to before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"
