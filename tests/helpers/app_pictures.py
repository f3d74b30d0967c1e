"""The stored pictures that Python, Kotlin and Swift must agree on: crops normalized, camera frames
turned upright, EXIF's orientations undone. Those of resizing are reference_resize's.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from deploy.photos.images import cover, normalize
from models.preprocessing import Preprocessing

Pixels = npt.NDArray[np.uint8]


def normalized() -> dict[str, Any]:
    """A crop of every 8-bit value in every channel, and the network's input made of it."""
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    crop = np.stack([values, values[::-1], values.T], axis=-1)
    preprocessing = Preprocessing(
        resize=(16, 16), crop=(16, 16), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
    )
    return {
        "height": 16,
        "width": 16,
        "rgb": _base64(crop.tobytes()),
        "scale": preprocessing.scale,
        "mean": preprocessing.mean,
        "std": preprocessing.std,
        "input": _base64(normalize(crop[None], preprocessing).astype("<f4").tobytes()),
    }


# --- camera frames --------------------------------------------------------------------------

# name: (height, width), bytes a row has beyond its pixels, bytes between two values of colour,
# the degrees at which the sensor is built in and the display turned, whether a front camera.
_FRAMES = {
    "planar": ((12, 16), 0, 1, 0, 0, False),
    "semi_planar_rotated": ((12, 16), 0, 2, 90, 0, False),
    "padded_odd": ((11, 15), 9, 2, 90, 180, False),
    "padded_planar_landscape": ((10, 14), 5, 1, 90, 90, False),
    "front_portrait": ((12, 16), 4, 2, 270, 0, True),
    "front_landscape": ((12, 16), 0, 1, 270, 90, True),
    "front_upside_down": ((11, 15), 3, 2, 270, 180, True),
}


def frames() -> Iterator[tuple[str, dict[str, Any], bytes, bytes]]:
    """Name, layout, planes as they lie in memory, and the upright RGB picture that they show."""
    for name, (size, padding, step, sensor, display, front) in _FRAMES.items():
        random = np.random.default_rng(size)
        half = ((size[0] + 1) // 2, (size[1] + 1) // 2)
        y = random.integers(0, 256, size, np.uint8)
        u, v = random.integers(0, 256, (2, *half), np.uint8)
        data, planes = _lay_out(y, u, v, padding, step)
        facts = {
            "height": size[0],
            "width": size[1],
            "planes": planes,
            "sensor_degrees": sensor,
            "display_degrees": display,
            "front": front,
        }
        yield name, facts, data, _as_seen(_bt601(y, u, v), sensor, display, front).tobytes()


def _lay_out(
    y: Pixels, u: Pixels, v: Pixels, padding: int, step: int
) -> tuple[bytes, dict[str, dict[str, int]]]:
    """Planes as a phone hands them over: padded rows, V before U where the two are interleaved.

    A plane ends with its last value: no padding follows the last row.
    """
    data = bytearray()
    planes = {}

    def place(values: Pixels, offset: int, pixel_stride: int) -> dict[str, int]:
        row_stride = values.shape[1] * pixel_stride + padding
        length = (values.shape[0] - 1) * row_stride + (values.shape[1] - 1) * pixel_stride + 1
        data.extend(bytes(max(0, offset + length - len(data))))
        for row, line in enumerate(values):
            begin = offset + row * row_stride
            for column, value in enumerate(line):
                data[begin + column * pixel_stride] = value
        return {
            "offset": offset,
            "length": length,
            "row_stride": row_stride,
            "pixel_stride": pixel_stride,
        }

    planes["y"] = place(y, 0, 1)
    if step == 1:
        planes["u"] = place(u, len(data), 1)
        planes["v"] = place(v, len(data), 1)
    else:
        planes["v"] = place(v, len(data), step)
        planes["u"] = place(u, planes["v"]["offset"] + 1, step)
    return bytes(data), planes


def _bt601(y: Pixels, u: Pixels, v: Pixels) -> Pixels:
    """Full range (ITU-T T.871, section 7), each colour value for its square of four pixels."""
    height, width = y.shape
    cb, cr = (
        plane.repeat(2, 0).repeat(2, 1)[:height, :width].astype(np.float64) - 128
        for plane in (u, v)
    )
    red = y + 1.402 * cr
    green = y - 0.344136 * cb - 0.714136 * cr
    blue = y + 1.772 * cb
    return np.clip(np.floor(np.stack([red, green, blue], -1) + 0.5), 0, 255).astype(np.uint8)


def _as_seen(stored: Pixels, sensor: int, display: int, front: bool) -> Pixels:
    """Turned clockwise as Camera2's documentation has it; a front camera's is mirrored."""
    turn = (sensor + display if front else sensor - display) % 360
    upright = np.rot90(stored, -turn // 90)
    return np.ascontiguousarray(upright[:, ::-1] if front else upright)


def upright() -> Pixels:
    """The picture that every exif/K.png, stored in orientation K, shows."""
    return np.random.default_rng(3).integers(0, 256, (5, 7, 3), np.uint8)


def stored(orientation: int) -> Pixels:
    """`upright` as a camera stores it (EXIF 2.32, 4.6.4: its first row and first column)."""
    pixels, turned = upright(), upright().transpose(1, 0, 2)
    views = (
        pixels,
        pixels[:, ::-1],
        pixels[::-1, ::-1],
        pixels[::-1],
        turned,
        turned[::-1],
        turned[::-1, ::-1],
        turned[:, ::-1],
    )
    return np.ascontiguousarray(views[orientation - 1])


def seen() -> list[dict[str, Any]]:
    """Which part of pictures of some sizes the network sees: from the left and the top, width and
    height, in shares of the picture's own."""
    cases = []
    for width, height, resize, crop in (
        (640, 480, (256, 256), (224, 224)),
        (480, 640, (256, 256), (224, 224)),
        (1280, 720, (232, 232), (224, 224)),
        (479, 641, (30, 46), (27, 41)),
        (16, 16, (16, 16), (16, 16)),
    ):
        across, down = cover((width, height), resize)
        left, top = round((across - crop[1]) / 2), round((down - crop[0]) / 2)
        shares = (left / across, top / down, crop[1] / across, crop[0] / down)
        part = [float(f"{share:.12g}") for share in shares]
        cases.append(
            {"width": width, "height": height, "resize": resize, "crop": crop, "part": part}
        )
    return cases


def cmyk() -> dict[str, str]:
    """Inks, four bytes a pixel, and the red, green and blue that Pillow makes of them.

    Its arithmetic: what an ink leaves of the light that black leaves, rounded. No profile.
    """
    levels = np.array([0, 1, 50, 127, 128, 200, 254, 255], np.uint8)
    inks = np.stack(np.meshgrid(levels, levels, levels, levels), -1).reshape(-1, 1, 4)
    image = Image.frombytes("CMYK", (inks.shape[1], inks.shape[0]), inks.tobytes())
    return {"cmyk": _base64(inks.tobytes()), "rgb": _base64(image.convert("RGB").tobytes())}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
