"""Decoding and preprocessing, against pictures made here and a second implementation."""

from __future__ import annotations

import json
import struct
import warnings
import zlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reference_resize import CASES, FIXTURES, bilinear, cover_and_crop, picture

from deploy.photos import images
from deploy.support.errors import PhotosError
from models.preprocessing import Preprocessing

IMAGENET = Preprocessing(
    resize=(256, 256), crop=(224, 224), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
)


def preprocessing(resize: tuple[int, int], crop: tuple[int, int]) -> Preprocessing:
    return Preprocessing(resize=resize, crop=crop, mean=(0.5, 0.5, 0.5), std=(0.25, 0.5, 1.0))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png(width: int, height: int, depth: int, color: int, rows: bytes, *chunks: bytes) -> bytes:
    """A PNG by hand, for what Pillow does not write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    extra = b"".join(chunk(data[:4], data[4:]) for data in chunks)
    return b"\x89PNG\r\n\x1a\n" + header + extra + body


def decoded(data: bytes) -> np.ndarray:
    image = images.decode(data, "photo")
    assert image.mode == "RGB"
    return np.asarray(image)


# --- decode ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP"])
def test_lossless_formats_decode_to_their_pixels(kind: str) -> None:
    pixels = picture(9, 14)
    options = {"lossless": True} if kind == "WEBP" else {}
    np.testing.assert_array_equal(
        decoded(encoded(Image.fromarray(pixels), kind, **options)), pixels
    )


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_undone(orientation: int, kind: str) -> None:
    upright = np.zeros((32, 48, 3), np.uint8)
    upright[:16, :24] = (250, 0, 0)
    upright[:16, 24:] = (0, 250, 0)
    upright[16:, :24] = (0, 0, 250)
    # EXIF 2.32, 4.6.4: where the camera stored the picture's first row and first column.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: upright.transpose(1, 0, 2)[::-1],
        7: upright.transpose(1, 0, 2)[::-1, ::-1],
        8: upright.transpose(1, 0, 2)[:, ::-1],
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.ascontiguousarray(stored))
    pixels = decoded(encoded(image, kind, exif=exif, quality=95))
    assert pixels.shape == upright.shape
    assert np.abs(pixels.astype(int) - upright)[4:12, 4:20].max() < 30
    assert np.abs(pixels.astype(int) - upright)[4:12, 28:44].max() < 30
    assert np.abs(pixels.astype(int) - upright)[20:28, 4:20].max() < 30


def test_a_cmyk_jpeg_has_the_colours_it_was_made_from() -> None:
    image = Image.new("RGB", (16, 16), (200, 60, 20))
    pixels = decoded(encoded(image.convert("CMYK"), "JPEG", quality=95))
    assert np.abs(pixels.astype(int) - (200, 60, 20)).max() < 12


def test_16_bit_gray_keeps_the_upper_8_bits() -> None:
    values = np.array([[0, 255, 256, 0x1234, 0x80FF, 0xFFFF]], np.uint16)
    rows = b"\0" + values.astype(">u2").tobytes()
    pixels = decoded(png(6, 1, 16, 0, rows))
    np.testing.assert_array_equal(pixels[0, :, 0], [0, 0, 1, 0x12, 0x80, 0xFF])
    np.testing.assert_array_equal(pixels[..., 0], pixels[..., 2])


@pytest.mark.parametrize("order", [">u2", "<u2"])
def test_16_bit_tiff_of_either_byte_order_keeps_the_upper_8_bits(order: str) -> None:
    values = np.array([[0, 0x1234, 0xFFFF, 0x8001]], order)
    data = encoded(Image.fromarray(values), "TIFF")
    np.testing.assert_array_equal(decoded(data)[0, :, 0], [0, 0x12, 0xFF, 0x80])


def test_16_bit_colour_keeps_the_upper_8_bits() -> None:
    values = np.array([0x1234, 0x80FF, 0xFFFF, 0x00FF, 0x0100, 0xFE00], ">u2")
    pixels = decoded(png(2, 1, 16, 2, b"\0" + values.tobytes()))
    np.testing.assert_array_equal(pixels[0], [[0x12, 0x80, 0xFF], [0x00, 0x01, 0xFE]])


def test_alpha_is_composited_over_white() -> None:
    image = Image.new("RGBA", (3, 1))
    image.putdata([(255, 0, 0, 255), (255, 0, 0, 0), (0, 0, 0, 51)])
    np.testing.assert_array_equal(
        decoded(encoded(image, "PNG"))[0], [[255, 0, 0], [255, 255, 255], [204, 204, 204]]
    )


def test_gray_with_alpha_is_composited_over_white() -> None:
    image = Image.new("LA", (2, 1))
    image.putdata([(10, 255), (10, 0)])
    np.testing.assert_array_equal(decoded(encoded(image, "PNG"))[0], [[10] * 3, [255] * 3])


def test_a_transparent_palette_entry_and_a_transparent_colour_turn_white() -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([9, 9, 9, 80, 90, 100])
    palette.putdata([0, 1])
    for kind in ("PNG", "GIF"):
        pixels = decoded(encoded(palette, kind, transparency=0))
        np.testing.assert_array_equal(pixels[0], [[255] * 3, [80, 90, 100]])
    colour = Image.new("RGB", (1, 1), (1, 2, 3))
    np.testing.assert_array_equal(decoded(encoded(colour, "PNG", transparency=(1, 2, 3))), 255)


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_black_and_white_gray_and_palette_become_rgb(mode: str) -> None:
    image = Image.fromarray(np.array([[0, 255]], np.uint8)).convert(mode)
    np.testing.assert_array_equal(decoded(encoded(image, "PNG"))[0], [[0] * 3, [255] * 3])


def test_an_animation_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    pixels = decoded(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    np.testing.assert_array_equal(pixels, np.broadcast_to([255, 0, 0], (8, 8, 3)).astype(np.uint8))


def test_a_phones_jpeg_with_a_second_picture_inside_gives_the_first() -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("white", "black")]
    assert decoded(encoded(frames[0], "MPO", save_all=True, append_images=frames[1:])).min() > 250


def test_nothing_but_pixels_leaves_the_decoder() -> None:
    exif = Image.Exif()
    exif[0x010F] = "a camera that would give its owner away"
    image = Image.new("RGB", (8, 8))
    data = encoded(image, "PNG", exif=exif, icc_profile=b"profile" * 20)
    result = images.decode(data, "photo")
    assert result.info == {}
    assert b"eXIf" not in images.encode_png(result)
    assert b"iCCP" not in images.encode_png(result)


def test_a_photo_is_read_from_a_path(tmp_path: Path) -> None:
    pixels = picture(5, 4)
    path = tmp_path / "späße.png"
    path.write_bytes(encoded(Image.fromarray(pixels), "PNG"))
    np.testing.assert_array_equal(np.asarray(images.decode(path, path.name)), pixels)


BOMB = png(60_000, 60_000, 8, 2, b"")
HUGE = png(20_000, 5_001, 8, 2, b"")
PHOTO = encoded(Image.fromarray(picture(64, 64)), "JPEG")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"just words", "not a picture"),
        (b"", "is empty"),
        (PHOTO[: len(PHOTO) // 2], "truncated"),
        (PHOTO[:20], "truncated|not a picture"),
        (encoded(Image.fromarray(picture(64, 64)), "PNG")[:-3000], "truncated"),
        (b"\0\0\0\x18ftypheic" + bytes(40), "HEIF.*convert it to JPEG"),
        (BOMB, "100 megapixels"),
        (HUGE, "20000 x 5001 pixels, more than the 100 megapixels"),
        (png(0, 5, 8, 2, b""), "not a picture|0 x 5|damaged"),
        (encoded(Image.new("RGB", (1, 65)), "PNG"), "too narrow"),
        (encoded(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF"), "32-bit"),
        (encoded(Image.new("RGB", (4, 4)), "PPM"), "not a picture"),
    ],
)
def test_what_cannot_be_decoded_is_refused_in_one_line(data: bytes, message: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(PhotosError, match=message) as caught:
            images.decode(data, "holi\nday\udcff.jpg")
    assert str(caught.value).startswith("holi?day?.jpg ")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "GIF", "WEBP", "BMP"])
def test_a_damaged_header_never_raises_anything_but_a_photos_error(kind: str) -> None:
    photo = encoded(Image.fromarray(picture(8, 8)), kind)
    for position in range(60):
        for value in (0, 255):
            with suppress(PhotosError):
                images.decode(photo[:position] + bytes([value]) + photo[position + 1 :], "photo")


def test_a_missing_file_and_one_too_large_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PhotosError, match=r"gone\.jpg cannot be read \(No such file"):
        images.decode(tmp_path / "gone.jpg", "gone.jpg")
    monkeypatch.setattr(images, "MAX_FILE_BYTES", 100)
    (tmp_path / "large.jpg").write_bytes(bytes(101))
    with pytest.raises(PhotosError, match=r"large\.jpg is larger than"):
        images.decode(tmp_path / "large.jpg", "large.jpg")


# --- resize and crop ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ((37, 53), (224, 224)),
        ((301, 199), (64, 41)),
        ((480, 640), (31, 33)),
        ((1, 90), (7, 11)),
        ((90, 1), (200, 3)),
        ((1, 1), (5, 9)),
        ((64, 64), (64, 63)),
    ],
)
def test_pillow_resizes_as_the_reference_does(
    source: tuple[int, int], target: tuple[int, int]
) -> None:
    pixels = picture(*source)
    ours = Image.fromarray(pixels).resize(target[::-1], Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(np.asarray(ours), bilinear(pixels, target))


@pytest.mark.parametrize(
    "size", [(427, 640), (640, 427), (300, 451), (257, 255), (40, 39), (9, 500)]
)
@pytest.mark.parametrize("target", [((256, 256), (224, 224)), ((183, 91), (160, 80))])
def test_crops_equal_the_reference_to_the_byte(
    size: tuple[int, int], target: tuple[tuple[int, int], tuple[int, int]]
) -> None:
    pixels = picture(*size)
    ours = images.crop(Image.fromarray(pixels), preprocessing(*target))
    assert ours.dtype == np.uint8
    assert ours.shape == (*target[1], 3)
    np.testing.assert_array_equal(ours, cover_and_crop(pixels, *target))


def test_the_covering_size_covers_and_fits_one_side() -> None:
    for width in range(1, 60):
        for height in range(1, 60):
            for target in ((32, 32), (17, 40), (41, 9)):
                across, down = images.cover((width, height), target)
                assert across >= target[1]
                assert down >= target[0]
                assert across == target[1] or down == target[0]


@pytest.mark.parametrize(("height", "first"), [(37, 2), (39, 4), (38, 3)])
def test_half_a_pixel_of_offset_is_rounded_to_even(height: int, first: int) -> None:
    rows = np.arange(height, dtype=np.uint8)[:, None, None].repeat(32, 1).repeat(3, 2)
    result = images.crop(Image.fromarray(rows), preprocessing((32, 32), (32, 32)))
    assert result[0, 0, 0] == first


@pytest.mark.parametrize("name", CASES)
def test_stored_fixtures_hold(name: str) -> None:
    facts = json.loads((FIXTURES / f"{name}.json").read_text())
    resize, crop = tuple(facts["resize"]), tuple(facts["crop"])
    image = images.decode(FIXTURES / f"{name}.png", name)
    expected = (FIXTURES / f"{name}.rgb").read_bytes()
    assert images.crop(image, preprocessing(resize, crop)).tobytes() == expected
    assert cover_and_crop(np.asarray(image), resize, crop).tobytes() == expected


# --- normalize and the rest -----------------------------------------------------------------


def test_normalize_applies_scale_mean_and_std_per_channel_and_moves_channels_first() -> None:
    crops = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), np.uint8)
    result = images.normalize(crops, IMAGENET)
    assert result.dtype == np.float32
    assert result.shape == (2, 3, 4, 5)
    assert result.flags.c_contiguous
    exact = (crops / 255.0 - IMAGENET.mean) / IMAGENET.std
    np.testing.assert_allclose(result, exact.transpose(0, 3, 1, 2), rtol=1e-5, atol=1e-6)


def test_golden_pictures_are_lossless_and_small() -> None:
    image = Image.fromarray(picture(99, 1000))
    small = images.shrink_to(image, 640)
    assert small.size == (640, 63)
    assert images.shrink_to(small, 640) is small
    assert images.shrink_to(Image.new("RGB", (2000, 1)), 640).size == (640, 1)
    again = images.decode(images.encode_png(small), "golden")
    np.testing.assert_array_equal(np.asarray(again), np.asarray(small))
