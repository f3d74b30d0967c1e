"""One photo on its way to a network's input: decode, resize, crop, normalize.

This is the one definition of preprocessing. The apps repeat it in Kotlin and Swift and agree with
it to the byte up to the crop; `tests/fixtures/preprocessing/` holds the pictures that prove it.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from deploy.backends import InputForm
from deploy.support.errors import PhotosError
from deploy.support.printable import printable
from models.preprocessing import Preprocessing

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")

# An RGB picture of this many pixels takes 300 MB, and compositing its alpha three times that.
MAX_PIXELS = 100_000_000
MAX_FILE_BYTES = 512 * 2**20

# The narrower a picture, the larger it grows when its shorter side becomes the network's: one
# pixel by a million would need gigabytes. Panoramas stay below 20.
MAX_ASPECT = 64

_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif")


def decode(source: Path | bytes, name: str) -> Image.Image:
    """Decode a photo to an upright 8-bit RGB image without metadata.

    EXIF orientation is applied, alpha is composited over white, an animation gives its first
    frame; EXIF that cannot be read is none. Of 16 bits the upper 8 are kept, which is what Pillow
    itself does for colour. Colour profiles are ignored, as they were when the published weights
    were trained, and left out of the result, as is all else that a photo tells about its owner.

    `name` is what errors call the photo. Raises PhotosError for a file that cannot be read, is
    no picture of one of FORMATS, is damaged, or is beyond MAX_FILE_BYTES, MAX_PIXELS or
    MAX_ASPECT; the number of pixels is judged by the header, before anything is decoded. Not for
    several threads at once: it holds back Python's warnings, which is a setting of the process.
    """
    name = printable(name)
    data = source if isinstance(source, bytes) else _read(source, name)
    with warnings.catch_warnings():
        # Pillow warns of large pictures and of broken EXIF; we judge the first ourselves.
        warnings.simplefilter("ignore")
        try:
            image = Image.open(BytesIO(data), formats=FORMATS)
        except UnidentifiedImageError:
            raise PhotosError(_unidentified(data, name)) from None
        except Image.DecompressionBombError:
            raise PhotosError(_too_large(name, "far more than")) from None
        except Exception as error:  # A damaged header makes Pillow raise whatever it stumbles on.
            raise PhotosError(_damaged(name, error)) from error
        check_size(image.size, name)
        try:
            image.load()
            # What it stumbles on now is EXIF that cannot be read: as good as none.
            with suppress(Exception):
                ImageOps.exif_transpose(image, in_place=True)
            return _to_rgb(image, name)
        except PhotosError:
            raise
        except Exception as error:  # So do damaged pixels.
            raise PhotosError(_damaged(name, error)) from error


def crop(image: Image.Image, preprocessing: Preprocessing) -> npt.NDArray[np.uint8]:
    """Resize an RGB image to cover `resize`, then cut out its centre: uint8 (H, W, 3).

    Pillow's bilinear filter, widened when it shrinks. The offset of the cut is half the surplus,
    a half rounded to even, as torchvision's CenterCrop does.
    """
    height, width = preprocessing.crop
    size = cover(image.size, preprocessing.resize)
    resized = image.resize(size, Image.Resampling.BILINEAR)
    left, top = round((size[0] - width) / 2), round((size[1] - height) / 2)
    assert left >= 0, f"crop {preprocessing.crop} exceeds resize {preprocessing.resize}"
    assert top >= 0, f"crop {preprocessing.crop} exceeds resize {preprocessing.resize}"
    return np.array(resized.crop((left, top, left + width, top + height)))


def cover(size: tuple[int, int], target: tuple[int, int]) -> tuple[int, int]:
    """The smallest (width, height) in the proportions of `size` that covers `target`.

    `size` is (width, height) and `target` (height, width), each in Pillow's and in our own order.
    One side fits exactly, the other is truncated to whole pixels, which never uncovers it.

    >>> cover((640, 427), (256, 256))
    (383, 256)
    """
    width, height = size
    target_height, target_width = target
    if target_width * height > target_height * width:
        return target_width, height * target_width // width
    return width * target_height // height, target_height


def normalize(
    crops: npt.NDArray[np.uint8], preprocessing: Preprocessing
) -> npt.NDArray[np.float32]:
    """Crops, uint8 (N, H, W, 3), as the network's input, float32 (N, 3, H, W), C-contiguous.

    `(x * scale - mean) / std`, each step rounded to float32.
    """
    mean = np.array(preprocessing.mean, np.float32)
    std = np.array(preprocessing.std, np.float32)
    values = (crops.astype(np.float32) * np.float32(preprocessing.scale) - mean) / std
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2))


def with_alpha(crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Crops, uint8 (N, H, W, 3), as bitmaps have them: (N, H, W, 4), the fourth byte 255."""
    return np.pad(crops, [(0, 0), (0, 0), (0, 0), (0, 1)], constant_values=255)


def codes(crops: npt.NDArray[np.uint8], *, signed: bool) -> npt.NDArray[np.uint8 | np.int8]:
    """Crops with alpha as a network of pixels takes them, (N, H, W, 4): the bytes as they are, or
    as int8, each less 128."""
    bitmaps = with_alpha(crops)
    return (bitmaps ^ 128).view(np.int8) if signed else bitmaps


def shares(crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Crops with alpha as shares of 255: uint8 (N, H, W, 3) to float32 (N, 4, H, W)."""
    values = with_alpha(crops).astype(np.float32) / np.float32(255)
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2))


def feed(
    crops: npt.NDArray[np.uint8], preprocessing: Preprocessing, form: InputForm
) -> npt.NDArray[np.float32]:
    """Crops, uint8 (N, H, W, 3), as a program of `form` takes them: float32 (N, channels, H, W)."""
    return normalize(crops, preprocessing) if form == "tensor" else shares(crops)


def shrink_to(image: Image.Image, longest: int) -> Image.Image:
    """The image, its longer side at most `longest` pixels; a smaller one is returned as it is."""
    if max(image.size) <= longest:
        return image
    width, height = (max(1, side * longest // max(image.size)) for side in image.size)
    return image.resize((width, height), Image.Resampling.BILINEAR)


def encode_png(image: Image.Image) -> bytes:
    """The image as a PNG file."""
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _read(path: Path, name: str) -> bytes:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            limit = MAX_FILE_BYTES // 2**20
            raise PhotosError(
                f"{name} is larger than {limit} MiB: leave it out, or save it smaller"
            )
        return path.read_bytes()
    except OSError as error:
        raise PhotosError(
            f"{name} cannot be read ({error.strerror}): check the file and its permissions"
        ) from error


def check_size(size: tuple[int, int], name: str) -> None:
    """Raise PhotosError for a picture of no pixels, too many, or sides too unlike each other.

    `size` is (width, height). The apps have the same limits.
    """
    width, height = size
    if min(size) < 1:
        raise PhotosError(f"{name} is {width} x {height} pixels: leave it out")
    if width * height > MAX_PIXELS:
        raise PhotosError(_too_large(name, f"{width} x {height} pixels, more than"))
    if max(size) > MAX_ASPECT * min(size):
        raise PhotosError(
            f"{name} is {width} x {height} pixels, too narrow for a photo: crop it or leave it out"
        )


def _to_rgb(image: Image.Image, name: str) -> Image.Image:
    if image.mode in ("I", "F"):
        raise PhotosError(
            f"{name} has 32-bit pixels, for which white is not defined: save it with 8 or 16 bits"
        )
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("RGB")
    image.info = {}
    return image


def _too_large(name: str, excess: str) -> str:
    limit = MAX_PIXELS // 1_000_000
    return f"{name} is {excess} the {limit} megapixels we decode: save it smaller or leave it out"


def _unidentified(data: bytes, name: str) -> str:
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        return f"{name} is HEIF, which is not supported: convert it to JPEG"
    if not data:
        return f"{name} is empty: leave it out"
    return f"{name} is not a picture we can read ({', '.join(FORMATS)}): convert it to JPEG"


def _damaged(name: str, error: Exception) -> str:
    reason = printable(str(error).partition("\n")[0]) or type(error).__name__
    return f"{name} is truncated or damaged ({reason}): copy it again or leave it out"
