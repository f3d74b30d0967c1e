"""A folder whose sub-folders say what its photos show."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.photos.folder import check_folder, find_photos, name_some, photos_below
from deploy.support.errors import PhotosError
from deploy.support.printable import printable

# The class that a sub-folder's name stands for, None where it stands for none.
_Scheme = Callable[[str], int | None]


@dataclass(frozen=True, kw_only=True)
class LabelledPhoto:
    """A photo and the index of its class, None where the folder has no classes."""

    path: Path
    label: int | None


@dataclass(frozen=True, kw_only=True)
class LabelledPhotos:
    """A folder's photos, at least one. Either all have a label (`labelled`), or none."""

    photos: tuple[LabelledPhoto, ...]
    labelled: bool
    warnings: tuple[str, ...]


def find_labelled(
    folder: Path, labels: Sequence[str], wordnet_ids: Sequence[str] | None = None
) -> LabelledPhotos:
    """The photos of a folder, with classes where it has sub-folders with photos.

    A sub-folder is named by a label (in any case, `_` for a space), a WordNet id (`n01440764`) or
    a class index (`7`, `007`). One of the three is taken for all: the first, in this order, that
    knows every sub-folder; so `1` is the label "1" in a folder of digits, and class 1 in a folder
    that also has a `0` where no label is "0". A mixed folder, in which none of the three knows
    every name, has each name read by the first that knows it. `labels` and `wordnet_ids` are in
    the order of the network's classes. Photos beside the sub-folders are passed over, with a
    warning.

    Raises PhotosError for a folder without photos, and for a sub-folder with photos that names no
    class, or two.
    """
    check_folder(folder)
    found = {child: photos_below(child) for child in _sub_folders(folder)}
    classes = {child: photos for child, photos in found.items() if photos}
    if not classes:
        unlabelled = [LabelledPhoto(path=path, label=None) for path in find_photos(folder)]
        return LabelledPhotos(photos=tuple(unlabelled), labelled=False, warnings=())
    indices = _resolve(list(classes), labels, wordnet_ids)
    return LabelledPhotos(
        photos=tuple(
            LabelledPhoto(path=path, label=indices[child])
            for child, photos in classes.items()
            for path in photos
        ),
        labelled=True,
        warnings=_beside(folder, classes),
    )


def _sub_folders(folder: Path) -> list[Path]:
    try:
        return sorted(
            child for child in folder.iterdir() if child.is_dir() and not child.name.startswith(".")
        )
    except OSError as error:
        raise PhotosError(
            f"{printable(str(folder))} cannot be read ({error.strerror}): check its permissions"
        ) from error


def _resolve(
    folders: Sequence[Path], labels: Sequence[str], wordnet_ids: Sequence[str] | None
) -> dict[Path, int]:
    schemes = (_by_label(labels), _by_wordnet_id(wordnet_ids or ()), _by_index(len(labels)))
    for scheme in schemes:
        known = {folder: index for folder in folders if (index := scheme(folder.name)) is not None}
        if len(known) == len(folders):
            return known
    return {folder: _resolve_alone(folder, schemes, labels, wordnet_ids) for folder in folders}


def _resolve_alone(
    folder: Path,
    schemes: Sequence[_Scheme],
    labels: Sequence[str],
    wordnet_ids: Sequence[str] | None,
) -> int:
    for scheme in schemes:
        index = scheme(folder.name)
        if index is not None:
            return index
    raise PhotosError(_unknown(folder, labels, wordnet_ids))


def _by_label(labels: Sequence[str]) -> _Scheme:
    exact = {label: index for index, label in enumerate(labels)}
    folded: defaultdict[str, list[int]] = defaultdict(list)
    for index, label in enumerate(labels):
        folded[_fold(label)].append(index)

    def resolve(name: str) -> int | None:
        if name in exact:
            return exact[name]
        indices = folded.get(_fold(name), [])
        if len(indices) > 1:
            raise PhotosError(
                f"the sub-folder {printable(name)} names the classes "
                f"{' and '.join(map(str, indices))}: name it by the index of one"
            )
        return indices[0] if indices else None

    return resolve


def _by_wordnet_id(wordnet_ids: Sequence[str]) -> _Scheme:
    indices = {wordnet_id: index for index, wordnet_id in enumerate(wordnet_ids)}
    return lambda name: indices.get(name.lower())


def _by_index(classes: int) -> _Scheme:
    def resolve(name: str) -> int | None:
        return int(name) if re.fullmatch("[0-9]+", name) and int(name) < classes else None

    return resolve


def _fold(name: str) -> str:
    """What two spellings of a label have in common; macOS decomposes accents in file names."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().replace("_", " ").split())


def _unknown(folder: Path, labels: Sequence[str], wordnet_ids: Sequence[str] | None) -> str:
    candidates = {_fold(name): name for name in (*labels, *(wordnet_ids or ()))}
    near = difflib.get_close_matches(_fold(folder.name), candidates, n=3)
    hint = f"did you mean {' or '.join(candidates[name] for name in near)}? " if near else ""
    wordnet = ", a WordNet id" if wordnet_ids else ""
    return (
        f"the sub-folder {printable(str(folder))} is no class of this network: {hint}name it by a "
        f"label{wordnet} or an index from 0 to {len(labels) - 1}"
    )


def _beside(folder: Path, classes: dict[Path, list[Path]]) -> tuple[str, ...]:
    within = {path for photos in classes.values() for path in photos}
    beside = [path.name for path in photos_below(folder) if path not in within]
    if not beside:
        return ()
    return (
        f"left out, beside the class folders ({len(beside)}): {name_some(beside)}; "
        "move them into the folder of their class",
    )
