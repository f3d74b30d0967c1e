"""Photos: folders of them, the bundled samples, and which ones the calibration must not see."""

from deploy.photos.folder import check_folder, find_photos
from deploy.photos.labelled import LabelledPhoto, LabelledPhotos, find_labelled
from deploy.photos.load import GoldenPicture, PhotoSet, load_photos
from deploy.photos.read import Sample

__all__ = [
    "GoldenPicture",
    "LabelledPhoto",
    "LabelledPhotos",
    "PhotoSet",
    "Sample",
    "check_folder",
    "find_labelled",
    "find_photos",
    "load_photos",
]
