"""The report in each of its forms: a page, pictures, Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from deploy.report.gather import gather
from deploy.report.markdown import markdown
from deploy.report.model import Report
from deploy.report.page.render import render
from deploy.report.pictures.points import pictures_of
from deploy.report.pictures.theme import standing_alone
from deploy.report.sources import read_sources
from deploy.support.errors import UserError
from deploy.support.output_file import check_output, write_output
from deploy.support.printable import printable


def read_report(paths: Sequence[Path]) -> Report:
    """Everything in `paths`, files and folders. Raises what `read_sources` does."""
    return gather(read_sources(paths))


def write_page(report: Report, path: Path) -> int:
    """Write the page, whole or not at all, and give its size in bytes.

    Raises UserError for a path that cannot be written to, StorageError where it was not.
    """
    check_output(path)
    # What came from a file name that is no UTF-8 is shown as such, not refused.
    data = render(report).encode("utf-8", "replace")
    write_output(path, data)
    return len(data)


def write_pictures(report: Report, folder: Path) -> list[Path]:
    """Write each frontier as an SVG file into `folder`, which is made if need be.

    Raises UserError where there is nothing to draw or no folder can be made, StorageError where a
    file was not written.
    """
    pictures = [picture for group in report.groups for picture in pictures_of(report, group)]
    if not pictures:
        raise UserError(
            "there is nothing to draw: a picture needs agreement or accuracy, of choose or of build"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{printable(str(folder))} cannot be made ({error.strerror}): name another folder"
        ) from error
    written = []
    for picture in pictures:
        path = folder / f"{re.sub('[^a-z0-9-]', '', picture.name)}.svg"
        write_output(path, standing_alone(picture.draw(alone=True)).encode())
        written.append(path)
    return written


__all__ = ["markdown", "read_report", "write_page", "write_pictures"]
