"""Photos' files as Python, Kotlin and Swift must take or refuse them, before any decoding.

Each is a picture of 3 x 2 pixels, written here byte by byte, so that it is the same with every
version of Pillow. `deploy.photos.images` has the rules.
"""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

WIDTH, HEIGHT = 3, 2

# Of a grey one, as Pillow writes it: after its first marker, up to its end.
_JPEG = base64.b64decode(
    "/9sAQwAIBgYHBgUIBwcHCQkICgwUDQwLCwwZEhMPFB0aHx4dGhwcICQuJyAiLCMcHCg3KSwwMTQ0NB8nOT04MjwuMzQy"
    "/8AACwgAAgADAQERAP/EABQAAQAAAAAAAAAAAAAAAAAAAAX/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/9oACAEBAAA/AA3/2Q"
    "=="
)
# Of one colour, without loss.
_WEBP = base64.b64decode("VlA4TBEAAAAvAkAAAAdQiirUo/+BiOh/AAA=")


def photos() -> list[dict[str, Any]]:
    """Name, bytes, and the number of EXIF's orientation, or why it is refused: `heif` and
    `unknown` everywhere, `deep` by the apps, whose systems round 16 bits as each likes."""
    files: dict[str, tuple[bytes, int]] = {
        "a .png without EXIF": (_png(), 1),
        **{f"a .png turned {tag}": (_png(_exif(tag)), tag) for tag in range(1, 9)},
        "a .png whose EXIF comes last": (_png(_exif(6), last=True), 6),
        "a .png in big-endian": (_png(_exif(8, ">")), 8),
        "a .jpg without EXIF": (_jpeg(), 1),
        "a .jpg turned": (_jpeg(b"Exif\0\0" + _exif(6)), 6),
        "a .jpg in big-endian": (_jpeg(b"Exif\0\0" + _exif(5, ">")), 5),
        "a .jpg with XMP first": (
            _jpeg(b"http://ns.adobe.com/xap/1.0/\0", b"Exif\0\0" + _exif(3)),
            3,
        ),
        "a .webp without EXIF": (_webp(), 1),
        "a .webp turned": (_webp(_exif(6)), 6),
        "a .webp turned, as cameras write it": (_webp(b"Exif\0\0" + _exif(7)), 7),
        "a .tif turned": (_tiff(8), 8),
        "a .bmp": (_bmp(), 1),
        "a .gif": (_gif(), 1),
        "an orientation that EXIF does not know": (_png(_exif(9)), 1),
        "an orientation of nothing": (_png(_exif(0)), 1),
        "an orientation as a long": (_png(_exif(6, kind=4)), 6),
        "EXIF without entries": (_png(b"II*\0\x08\0\0\0\0\0"), 1),
        "EXIF that ends in its table": (_png(_exif(6)[:-8]), 1),
        "EXIF whose table lies beyond its end": (_png(b"II*\0\xff\xff\xff\x7f"), 1),
        "EXIF of nothing": (_png(b""), 1),
        "EXIF that is no TIFF": (_png(b"hello there"), 1),
        "EXIF that is no TIFF, in a .jpg": (_jpeg(b"Exif\0\0hello there"), 1),
        "EXIF that ends in its header": (_png(b"II*\0\x08"), 1),
    }
    refused = {
        "a photo of an iPhone": (_heif("heic"), "heif"),
        "a sequence of HEIF": (_heif("msf1"), "heif"),
        "an .avif": (_heif("avif"), "heif"),
        "an empty file": (b"", "unknown"),
        "a text": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unknown"),
        "a sound in RIFF": (b"RIFF\4\0\0\0WAVE", "unknown"),
        "a .png of 16 bits": (_png(depth=16), "deep"),
    }
    return [
        *(_case(name, data, orientation, None) for name, (data, orientation) in files.items()),
        *(_case(name, data, 1, fault) for name, (data, fault) in refused.items()),
    ]


def sides() -> list[dict[str, Any]]:
    """Pictures' widths and heights in pixels: which are refused, and by what power of two the apps
    subsample the others while they decode them."""
    return [
        {"width": width, "height": height, "fault": fault, "subsampled": subsampled}
        for width, height, fault, subsampled in (
            (1, 1, None, 1),
            (64, 1, None, 1),
            (65, 1, "narrow", 1),
            (1, 64, None, 1),
            (2, 129, "narrow", 1),
            (2000, 2000, None, 1),
            (2001, 2001, None, 2),
            (4000, 3000, None, 2),
            (8064, 6048, None, 4),
            (10_000, 10_000, None, 8),
            (12_500, 8_000, None, 8),
            (10_001, 10_000, "large", 8),
            (100_000, 100_000, "large", 64),
        )
    ]


def _case(name: str, data: bytes, orientation: int, fault: str | None) -> dict[str, Any]:
    file = base64.b64encode(data).decode()
    return {"name": name, "file": file, "orientation": orientation, "fault": fault}


def _exif(orientation: int, order: str = "<", kind: int = 3) -> bytes:
    """EXIF 2.32 as TIFF 6.0 has it: one entry, of a short or a long."""
    head = b"II" if order == "<" else b"MM"
    entry = struct.pack(order + "HHI", 0x0112, kind, 1)
    value = struct.pack(order + ("HH" if kind == 3 else "I"), *((orientation, 0)[: 5 - kind]))
    return head + struct.pack(order + "HIH", 42, 8, 1) + entry + value + bytes(4)


def _png(exif: bytes | None = None, *, last: bool = False, depth: int = 8) -> bytes:
    rows = b"".join(b"\0" + bytes(range(WIDTH * 3 * depth // 8)) for _ in range(HEIGHT))
    chunks = [(b"IHDR", struct.pack(">2I5B", WIDTH, HEIGHT, depth, 2, 0, 0, 0))]
    chunks.append((b"IDAT", zlib.compress(rows, 0)))
    if exif is not None:
        chunks.insert(len(chunks) if last else 1, (b"eXIf", exif))
    chunks.append((b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def _jpeg(*segments: bytes) -> bytes:
    head = b"".join(b"\xff\xe1" + struct.pack(">H", len(each) + 2) + each for each in segments)
    return b"\xff\xd8" + head + _JPEG


def _webp(exif: bytes | None = None) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)

    body = _WEBP
    if exif is not None:
        size = struct.pack("<I", WIDTH - 1)[:3] + struct.pack("<I", HEIGHT - 1)[:3]
        body = chunk(b"VP8X", b"\x08\0\0\0" + size) + _WEBP + chunk(b"EXIF", exif)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _tiff(orientation: int) -> bytes:
    pixels = bytes(range(WIDTH * HEIGHT))
    entries = {
        0x100: WIDTH, 0x101: HEIGHT, 0x102: 8, 0x103: 1, 0x106: 1, 0x111: 8,
        0x112: orientation, 0x115: 1, 0x116: HEIGHT, 0x117: len(pixels),
    }  # fmt: skip
    table = struct.pack("<H", len(entries))
    for tag, value in entries.items():
        table += struct.pack("<HHIHH", tag, 3, 1, value, 0)
    return b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels + table + bytes(4)


def _bmp() -> bytes:
    rows = (bytes(range(WIDTH * 3)) + bytes(-WIDTH * 3 % 4)) * HEIGHT
    head = struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, 24, 0, len(rows), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(rows), 0, 0, 54) + head + rows


def _gif() -> bytes:
    screen = struct.pack("<HHBBB", WIDTH, HEIGHT, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    image = b"," + struct.pack("<HHHHB", 0, 0, WIDTH, HEIGHT, 0)
    return b"GIF89a" + screen + image + b"\x08\x06\x00\x01\x08\x1c\x18\x10\x00;"


def _heif(brand: str) -> bytes:
    return struct.pack(">I", 24) + b"ftyp" + brand.encode() + bytes(4) + b"mif1" + brand.encode()
