"""Keras' weights, as of Keras 3.15 (`keras/src/applications/mobilenet*.py`).

Keras publishes no SHA-256 of them (MD5 for V3, nothing for V1 and V2), so none stands here.
"""

from __future__ import annotations

from models.pinned import PinnedFile, Url
from models.weights.source import TENSORFLOW, WeightSource, preprocess

_FOLDER = "https://storage.googleapis.com/tensorflow/keras-applications"
# Measured on these very files at 224x224; the table gives errors, 100 less the accuracy.
_MEASURED = "https://github.com/keras-team/keras-applications README.md"
_DOCSTRING = "keras/src/applications/mobilenet_v3.py"
# "The weights are translated from TensorFlow checkpoints": the checkpoints' figures.
_CHECKPOINTS = "tensorflow/python/keras/applications/mobilenet_v2.py"

# (top-1, top-5) at 224.
_V1 = {1.0: (70.424, 89.504), 0.75: (68.412, 88.242), 0.5: (64.292, 85.624), 0.25: (51.582, 75.792)}
_V2 = {
    1.4: (75.230, 92.422),
    1.3: (74.680, 92.122),
    1.0: (71.336, 90.142),
    0.75: (69.532, 89.176),
    0.5: (65.194, 86.062),
    0.35: (60.086, 82.432),
}
# (top-1, top-5) at 192, 160, 128 and 96.
_V2_SMALLER = {
    1.0: ((70.7, 90.1), (68.8, 89.0), (65.3, 86.9), (60.3, 83.2)),
    0.75: ((68.7, 88.9), (66.4, 87.3), (63.2, 85.3), (58.8, 81.6)),
    0.5: ((63.9, 85.4), (61.0, 83.2), (57.7, 80.8), (51.2, 75.8)),
    0.35: ((58.2, 81.2), (55.7, 79.1), (50.8, 75.0), (45.5, 70.4)),
}
# (network, width, what the file is called, top-1)
_V3 = (
    ("mobilenet_v3_large", 1.0, "large_224_1.0", 75.6),
    ("mobilenet_v3_large", 0.75, "large_224_0.75", 73.3),
    ("mobilenet_v3_small", 1.0, "small_224_1.0", 68.1),
    ("mobilenet_v3_small", 0.75, "small_224_0.75", 65.4),
    ("mobilenet_v3_large_minimalistic", 1.0, "large_minimalistic_224_1.0", 72.3),
    ("mobilenet_v3_small_minimalistic", 1.0, "small_minimalistic_224_1.0", 61.9),
)


def _row(
    network: str,
    folder: str,
    file_name: str,
    *,
    width: float,
    resolution: int = 224,
    accuracy: tuple[float | None, float | None],
    stated: str,
) -> WeightSource:
    """`keras` is the file for 224x224, `keras-SIDE` one trained on smaller photos."""
    return WeightSource(
        name="keras" if resolution == 224 else f"keras-{resolution}",
        title=f"Keras {file_name.removesuffix('.h5')}",
        network=network,
        width=width,
        file=PinnedFile(
            name=file_name, sha256="", addresses=(Url(url=f"{_FOLDER}/{folder}/{file_name}"),)
        ),
        layout="keras",
        convention=TENSORFLOW,
        preprocessing=preprocess(TENSORFLOW, (resolution, resolution)),
        top1=accuracy[0],
        top5=accuracy[1],
        stated=stated,
        measured_with=None,
        publisher="Keras",
        licence="Apache-2.0",
    )


def _v1(width: float, resolution: int) -> WeightSource:
    text = {1.0: "1_0", 0.75: "7_5", 0.5: "5_0", 0.25: "2_5"}[width]
    return _row(
        "mobilenet_v1",
        "mobilenet",
        f"mobilenet_{text}_{resolution}_tf.h5",
        width=width,
        resolution=resolution,
        accuracy=_V1[width] if resolution == 224 else (None, None),
        stated=_MEASURED,
    )


def _v2(width: float, resolution: int, accuracy: tuple[float, float], stated: str) -> WeightSource:
    return _row(
        "mobilenet_v2",
        "mobilenet_v2",
        f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{width}_{resolution}.h5",
        width=width,
        resolution=resolution,
        accuracy=accuracy,
        stated=stated,
    )


KERAS_SOURCES = (
    *(_v1(width, resolution) for resolution in (224, 192, 160, 128) for width in _V1),
    *(_v2(width, 224, accuracy, _MEASURED) for width, accuracy in _V2.items()),
    *(
        _v2(width, resolution, accuracy, _CHECKPOINTS)
        for width, row in _V2_SMALLER.items()
        for resolution, accuracy in zip((192, 160, 128, 96), row, strict=True)
    ),
    *(
        _row(
            network,
            "mobilenet_v3",
            f"weights_mobilenet_v3_{text}_float.h5",
            width=width,
            accuracy=(top1, None),
            stated=_DOCSTRING,
        )
        for network, width, text, top1 in _V3
    ),
)
