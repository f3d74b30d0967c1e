"""The page's text: everything that a bundle or a device says is escaped, and nothing is fetched."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from deploy.report import words
from deploy.report.model import Report
from deploy.report.page.views import GroupView, group_view
from deploy.report.pictures.points import series_of
from deploy.report.pictures.theme import SHAPES, Styles
from deploy.support.printable import shown

_HERE = Path(__file__).parent
# Characters, nearly all of which are bytes: of this size it still goes into a mail.
LARGEST = 2_000_000
_LONGEST = 60


def render(report: Report) -> str:
    """HTML in which `<script>` and `<style>` are ours alone, by their hashes: see the policy.

    Where single inferences would make it larger than a page should be, blocks stand for them.
    """
    page = _render(report, dots=True)
    return page if len(page) <= LARGEST else _render(report, dots=False)


def _render(report: Report, *, dots: bool) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["w"] = words
    styles = Styles()
    groups: list[GroupView] = [
        group_view(report, group, styles, dots=dots) for group in report.groups
    ]
    # After the pictures, whose classes it holds.
    sheet = (_HERE / "style.css").read_text(encoding="utf-8") + styles.sheet()
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    text = environment.get_template("page.html").render(
        report=report,
        subtitle=_subtitle(report),
        dots=dots,
        groups=groups,
        series=series_of(report),
        sheet=Markup(sheet),
        script=Markup(script),
        policy=policy(sheet, script),
        shapes=[Markup(shape) for shape in SHAPES],
        origins=dict.fromkeys(device.origin for device in report.devices),
    )
    # Nothing turns text around: it could hide that a phone is virtual.
    return shown(text)


def _subtitle(report: Report) -> str:
    """How much there is, and where latency is from."""
    variants = [variant for group in report.groups for variant in group.variants]
    rows = [row for group in report.groups for row in group.rows()]
    said = [
        ", ".join([words.counted(len(variants), "variant"), words.counted(len(rows), "artifact")])
        if variants
        else "",
        *dict.fromkeys(f"{one.model[:_LONGEST]}{words.mark(one)}" for one in report.devices),
        words.counted(len(report.comparisons), "comparison") if report.comparisons else "",
        words.counted(len(report.diffs), "change of a bundle") if report.diffs else "",
    ]
    return " · ".join(filter(None, said))


def policy(sheet: str, script: str) -> str:
    """A Content-Security-Policy that lets this style sheet and this script in, and nothing else."""
    return (
        f"default-src 'none'; style-src '{_hash(sheet)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
