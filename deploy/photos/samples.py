"""The bundled samples: real photographs that wheels on the Python package index carry.

Everyday scenes only: the wheels' other pictures come from microscopes, telescopes, scanners and
drawing programs. The licences allow redistribution, since crops of them end up in bundles; the
notes are the wheels' own (`skimage/data/_fetchers.py`, `sklearn/datasets/images/README.txt`).
"""

from __future__ import annotations

from dataclasses import dataclass

from models.pinned import PinnedFile, WheelMember


@dataclass(frozen=True, kw_only=True)
class SamplePhoto:
    """A pinned photograph, under what terms it may be used, and whom to credit."""

    file: PinnedFile
    licence: str
    credit: str


def _skimage(name: str, sha256: str, size: int, *, licence: str, credit: str) -> SamplePhoto:
    member = WheelMember(requirement="scikit-image==0.26.0", member=f"skimage/data/{name}")
    return _photo(name, sha256, size, member, licence, credit)


def _sklearn(name: str, sha256: str, size: int, *, licence: str, credit: str) -> SamplePhoto:
    member = WheelMember(
        requirement="scikit-learn==1.9.1", member=f"sklearn/datasets/images/{name}"
    )
    return _photo(name, sha256, size, member, licence, credit)


def _photo(
    name: str, sha256: str, size: int, member: WheelMember, licence: str, credit: str
) -> SamplePhoto:
    file = PinnedFile(name=name, sha256=sha256, bytes=size, addresses=(member,))
    return SamplePhoto(file=file, licence=licence, credit=credit)


SAMPLES: tuple[SamplePhoto, ...] = (
    _skimage(
        "astronaut.png",
        "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
        791555,
        licence="public domain",
        credit="NASA, Eileen Collins",
    ),
    _skimage(
        "brick.png",
        "7966caf324f6ba843118d98f7a07746d22f6a343430add0233eca5f6eaaa8fcf",
        106634,
        licence="CC0",
        credit="cc0textures.com, Bricks25",
    ),
    _skimage(
        "camera.png",
        "b0793d2adda0fa6ae899c03989482bff9a42d3d5690fc7e3648f2795d730c23a",
        139512,
        licence="CC0",
        credit="Lav Varshney",
    ),
    _skimage(
        "chelsea.png",
        "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb",
        240512,
        licence="CC0",
        credit="Stefan van der Walt",
    ),
    _skimage(
        "coffee.png",
        "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
        466706,
        licence="CC0",
        credit="Rachel Michetti, Pikolo Espresso Bar",
    ),
    _skimage(
        "coins.png",
        "f8d773fc9cfa6f4d8e5942dc34d0a0788fcaed2a4fefbbed0aef5398d7ef4cba",
        75825,
        licence="no known copyright restrictions",
        credit="Brooklyn Museum Collection, archives image 51611",
    ),
    _skimage(
        "grass.png",
        "b6b6022426b38936c43a4ac09635cd78af074e90f42ffa8227ac8b7452d39f89",
        217893,
        licence="CC0",
        credit="linolafett, Grass-01",
    ),
    _skimage(
        "gravel.png",
        "c48615b451bf1e606fbd72c0aa9f8cc0f068ab7111ef7d93bb9b0f2586440c12",
        194247,
        licence="CC0",
        credit="cc0textures.com, Gravel04",
    ),
    _skimage(
        "motorcycle_left.png",
        "db18e9c4157617403c3537a6ba355dfeafe9a7eabb6b9b94cb33f6525dd49179",
        644701,
        # https://vision.middlebury.edu/stereo/data/, "How to cite our datasets".
        licence="permission to use and publish granted, citation requested",
        credit="Scharstein et al., High-resolution stereo datasets with subpixel-accurate ground "
        "truth, GCPR 2014",
    ),
    _skimage(
        "rocket.jpg",
        "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c",
        112525,
        licence="public domain",
        credit="SpaceX",
    ),
    _sklearn(
        "china.jpg",
        "8378025ad2519d649d02e32bd98990db4ab572357d9f09841c2fbfbb4fefad29",
        196653,
        licence="CC BY 2.0",
        credit="danielbuechele, https://www.flickr.com/photos/danielbuechele/6061409035/",
    ),
    _sklearn(
        "flower.jpg",
        "a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638",
        142987,
        licence="CC BY 2.0",
        credit="vultilion, https://www.flickr.com/photos/vultilion/6056698931/",
    ),
)


def credits_by_hash() -> dict[str, str]:
    """What to print beside a sample that is shown or passed on, by the file's SHA-256."""
    return {sample.file.sha256: f"{sample.credit} ({sample.licence})" for sample in SAMPLES}
