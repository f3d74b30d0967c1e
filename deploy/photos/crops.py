"""Several samples from one photo: rectangles, preprocessed like photos of their own."""

from __future__ import annotations

# About as many samples as calibration profits from; with as many photos, each gives one.
_SAMPLES = 128

# left, top, right, bottom in eighths: the whole first, then parts at several scales and places.
_EIGHTHS = (
    (0, 0, 8, 8),
    (2, 2, 6, 6),
    (0, 0, 5, 5),
    (3, 3, 8, 8),
    (3, 0, 8, 5),
    (0, 3, 5, 8),
    (1, 1, 7, 7),
    (0, 2, 3, 5),
    (5, 2, 8, 5),
    (3, 5, 6, 8),
)

Rectangle = tuple[int, int, int, int]


def crops_each(photos: int) -> int:
    """How many crops each of so many photos gives: few photos give many, many give one.

    >>> [crops_each(photos) for photos in (1, 12, 40, 128, 256)]
    [10, 10, 3, 1, 1]
    """
    return max(1, min(len(_EIGHTHS), _SAMPLES // photos))


def rectangles(size: tuple[int, int]) -> list[Rectangle]:
    """Ten (left, top, right, bottom) in pixels of a (width, height) picture, never empty."""
    width, height = size
    return [
        (left * width // 8, top * height // 8, -(-right * width // 8), -(-bottom * height // 8))
        for left, top, right, bottom in _EIGHTHS
    ]
