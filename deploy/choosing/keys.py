"""What names a bundle before it is built: a hash of all that decides what will be in it."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import deploy
from deploy.backends import packages
from deploy.photos.folder import find_photos
from deploy.photos.samples import SAMPLES
from deploy.pipeline.recipe import Recipe
from deploy.support.errors import PhotosError, UserError
from deploy.support.hashing import sha256_file

_DIGITS = 16


def bundle_key(
    recipe: Recipe, *, photos: str, weights_sha256: str, versions: dict[str, str]
) -> str:
    """The name of the bundle that `recipe` makes, wherever it is written to.

    `photos` is their digest, `weights_sha256` what is published of the weights' file ("" for
    untrained ones), `versions` those of the toolkit and the toolkits.
    """
    network = recipe.network
    said = {
        "network": network.name,
        "width": network.width,
        "padding": network.padding,
        "resolution": network.resolution,
        "weights": network.weights,
        "weights_sha256": weights_sha256,
        "classes": network.classes,
        "labels": None if network.labels is None else _digest_of_file(network.labels),
        "preprocessing": repr(network.preprocessing),
        "seed": network.seed,
        "targets": sorted(target.name for target in recipe.targets),
        "input": recipe.input,
        "int8": recipe.int8,
        "int8_effort": recipe.int8_effort,
        "min_agreement": recipe.min_agreement,
        "photos": photos,
        "versions": versions,
    }
    return digest(said)


def digest(said: object) -> str:
    """A short name for what can be written as JSON."""
    text = json.dumps(said, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def versions_here() -> dict[str, str]:
    """Of this toolkit, and of each that decides what artifacts are."""
    return {"mobile-deploy": deploy.__version__, **{name: version(name) for name in packages()}}


def photos_digest(folder: Path | None) -> str:
    """SHA-256 of the photos to calibrate and to judge with: of their bytes, whatever their names.

    None are the bundled samples. Raises PhotosError as `find_photos`.
    """
    if folder is None:
        hashes = [sample.file.sha256 for sample in SAMPLES]
    else:
        hashes = [_hash_of_photo(path) for path in find_photos(folder)]
    return hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest()


def labelled_digest(folder: Path) -> str:
    """SHA-256 of photos and of what sorts them: their paths in the folder. Raises PhotosError."""
    lines = [
        f"{_hash_of_photo(path)} {path.relative_to(folder).as_posix()}"
        for path in find_photos(folder)
    ]
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _hash_of_photo(path: Path) -> str:
    try:
        return sha256_file(path)
    except OSError as error:
        raise PhotosError(
            f"{path} cannot be read ({error.strerror}): check its permissions"
        ) from error


def _digest_of_file(path: Path) -> str:
    try:
        return sha256_file(path)
    except OSError as error:
        raise UserError(
            f"labels file {path} cannot be read ({error.strerror}): check the path"
        ) from error
