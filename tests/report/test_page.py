"""What stands in a page, in Markdown and in pictures, whoever wrote what they are made of."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from command_line import modules_loaded, run_here
from report_files import HOSTILE, HOSTILE_WORDS, INT8, Words, write_sweep

from deploy.report.page import render as render_module
from deploy.report.page.render import LARGEST
from deploy.report.pictures.points import pictures_of
from deploy.report.write import read_report
from deploy.support.markdown import escaped

Captured = pytest.CaptureFixture[str]
SVG = "{http://www.w3.org/2000/svg}"


class Elements(HTMLParser):
    """Every element's start with its attributes, and the text of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.raw = {"script": "", "style": ""}
        self.text = ""
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside in self.raw:
            self.raw[self._inside] += data
        else:
            self.text += data

    def of(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attributes for name, attributes in self.found if name == tag)


def page_of(folder: Path, capfd: Captured, *paths: Path) -> str:
    output = folder / "page.html"
    done = run_here(capfd, "report", *map(str, paths), "-o", str(output))
    assert done.returncode == 0, done.stderr
    return output.read_text(encoding="utf-8")


def check_inert(text: str) -> Elements:
    """Nothing in the page acts but what is ours, and nothing is fetched."""
    page = Elements(text)
    (policy,) = (
        attributes["content"]
        for attributes in page.of("meta")
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag in ("script", "style"):
        assert len(list(page.of(tag))) == 1
        digest = hashlib.sha256(page.raw[tag].encode()).digest()
        assert f"{tag}-src 'sha256-{base64.b64encode(digest).decode()}'" in policy
    for tag, attributes in page.found:
        assert tag not in ("img", "iframe", "object", "link", "base", "form")
        assert not {name for name in attributes if name.startswith("on")}, (tag, attributes)
        assert "style" not in attributes, (tag, attributes)
        for name in ("href", "src", "xlink:href"):
            assert (attributes.get(name) or "#").startswith("#"), (tag, attributes)
    return page


def test_a_page_names_all_that_was_found(tmp_path: Path, capfd: Captured) -> None:
    choice = write_sweep(tmp_path / "sweep", variants=2)
    page = check_inert(page_of(tmp_path, capfd, tmp_path / "sweep"))
    shown = " ".join(page.text.split())
    for variant in choice.variants:
        assert variant.name in shown
    for word in ("features.0.0", "COMPUTER, no phone", "at most 12 ms", "at least 60 %", "VALID"):
        assert word in shown, word
    ids = [attributes["id"] for _, attributes in page.found if attributes.get("id")]
    assert len(ids) == len(set(ids))
    led_to = {(attributes.get("href") or "")[1:] for attributes in page.of("a")}
    assert led_to <= {*ids, "main"}
    # Every point leads to a variant, and to its row of the table.
    points = [attributes for attributes in page.of("a") if attributes.get("class") == "point"]
    assert {point["data-row"] for point in points} <= set(ids)
    assert all("MB" in (point["aria-label"] or "") for point in points)


@pytest.mark.parametrize("virtual", [True, False])
def test_every_picture_says_whose_times_they_are(
    virtual: bool, tmp_path: Path, capfd: Captured
) -> None:
    write_sweep(tmp_path / "sweep", variants=1, virtual=virtual)
    text = page_of(tmp_path, capfd, tmp_path / "sweep")
    said = "VIRTUAL PHONE" if virtual else "COMPUTER, no phone"
    charts = re.findall(r'<svg[^>]*class="chart".*?</svg>', text, flags=re.S)
    timed = [chart for chart in charts if re.search(r">(median latency|round)", chart)]
    assert len(timed) == 3
    assert all(said in chart for chart in timed)
    assert not any(said in chart for chart in charts if chart not in timed)


def test_what_strangers_wrote_is_text(tmp_path: Path, capfd: Captured) -> None:
    write_sweep(tmp_path / "sweep", variants=2, words=HOSTILE_WORDS)
    page = check_inert(page_of(tmp_path, capfd, tmp_path / "sweep"))
    assert HOSTILE in page.text


def test_no_name_turns_around_what_stands_behind_it(tmp_path: Path, capfd: Captured) -> None:
    """Such as that a phone is virtual. What XML does not take ends no picture."""
    turned = Words(label="Pixel\u202e8", layer="a\u2066b", networks=("net\u202e\uffff",))
    write_sweep(tmp_path / "sweep", variants=1, words=turned, virtual=True)
    text = page_of(tmp_path, capfd, tmp_path / "sweep")
    assert "Pixel?8 (virtual)" in text
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", text)


def test_pictures_are_the_same_every_time(tmp_path: Path) -> None:
    write_sweep(tmp_path / "sweep", variants=2)
    report = read_report([tmp_path / "sweep"])
    drawn = [[picture.draw() for picture in pictures_of(report, report.groups[0])] for _ in "ab"]
    assert drawn[0] == drawn[1]


def test_without_limits_latency_or_quality_there_is_still_a_page(
    tmp_path: Path, capfd: Captured
) -> None:
    write_sweep(tmp_path / "sweep", variants=2, recommended=False)
    (tmp_path / "sweep/choice.json").unlink()
    text = page_of(
        tmp_path,
        capfd,
        tmp_path / "sweep/variants/key0/bundle",
        tmp_path / "sweep/measured/key/results.json",
    )
    assert "agreement with float" in text
    check_inert(text)


def test_markdown_is_for_a_comment(tmp_path: Path, capfd: Captured) -> None:
    write_sweep(tmp_path / "sweep", variants=3, words=Words(reason="a|b <b>@all</b>"))
    done = run_here(capfd, "report", str(tmp_path / "sweep"), "--markdown")
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    assert len(rows) == 2 + 2 * 3
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {9}
    assert r"a\|b \<b\>\@all\</b\>" in done.stdout
    assert "ms, Pixel 8 (computer)" in done.stdout
    assert "pruned" in done.stdout


def test_markdown_takes_no_marks_of_strangers() -> None:
    assert not re.search(r"(?<!\\)[<>|*_`@\[\]]", escaped(HOSTILE))


def test_pictures_are_files_of_their_own(tmp_path: Path, capfd: Captured) -> None:
    write_sweep(tmp_path / "sweep", variants=3, words=HOSTILE_WORDS, virtual=True)
    svg = tmp_path / "made/pictures"
    done = run_here(capfd, "report", str(tmp_path / "sweep"), "--svg", str(svg), "--json")
    assert done.returncode == 0, done.stderr
    pictures = [Path(path) for path in json.loads(done.stdout)["pictures"]]
    assert [path.name for path in pictures] == ["g1-latency-d1.svg", "g1-size.svg"]
    for path in pictures:
        text = path.read_text(encoding="utf-8")
        tags = {element.tag.removeprefix(SVG) for element in ElementTree.fromstring(text).iter()}
        assert not {"script", "image", "foreignObject", "a"} & tags
        assert "var(" not in text
        assert not re.search(r"#0[1-7]0[1-7]0[1-7]|#0a0b", text), "a placeholder is left"
        assert ("VIRTUAL PHONE" in text) == (path == pictures[0])


def test_no_torch_is_needed(tmp_path: Path) -> None:
    write_sweep(tmp_path / "sweep", variants=1)
    loaded = modules_loaded("report", str(tmp_path / "sweep"), "--markdown")
    assert "deploy.report.page.render" in loaded
    assert not {"torch", "onnx", "onnxruntime", "executorch", "coremltools"} & loaded


@pytest.mark.nightly
def test_fifty_variants_fit_into_two_megabytes(tmp_path: Path, capfd: Captured) -> None:
    """As deep as V3-Large, measured as `profile` does by default."""
    write_sweep(tmp_path / "sweep", variants=50, rounds=10, layers=64)
    text = page_of(tmp_path, capfd, tmp_path / "sweep")
    assert len(text.encode()) < LARGEST
    assert text.count('<details class="variant"') == 50
    assert INT8 in text


@pytest.mark.nightly
def test_where_dots_would_be_too_many_blocks_stand_for_them(
    tmp_path: Path, capfd: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sweep(tmp_path / "sweep", variants=2, rounds=10)
    whole = page_of(tmp_path, capfd, tmp_path / "sweep")
    monkeypatch.setattr(render_module, "LARGEST", len(whole) - 1)
    less = page_of(tmp_path, capfd, tmp_path / "sweep")
    assert len(less) < len(whole) - 2 * 10 * 15 * len("M12.3 45.6h0")
    assert "the lowest, the median and the highest are drawn" in less
    assert "the lowest, the median and the highest are drawn" not in whole
