"""The page in a real Chromium: what it does when it is read, and that it does nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser import PHONE, chromium, opened
from report_files import HOSTILE_WORDS, INT8, write_sweep

from deploy.report.write import read_report, write_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["chromium"]

ROWS = "#g1-rows tbody tr"
POINT = ".wide .point"


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    write_sweep(folder / "sweep", variants=4, virtual=True)
    write_page(read_report([folder / "sweep"]), folder / "page.html")
    return folder / "page.html"


@pytest.fixture
def page(chromium: Browser, page_file: Path) -> Iterator[Page]:
    with opened(chromium, page_file) as page:
        yield page


def sizes(page: Page) -> list[float]:
    """The column of MB, of the rows that are shown."""
    return [
        float(text) for text in page.locator(f"{ROWS}:visible td:nth-child(3)").all_inner_texts()
    ]


def test_it_sorts_filters_tells_and_is_worked_by_keys(page: Page) -> None:
    """The one that runs by day: each of these has a closer look by night."""
    assert page.locator(ROWS).count() == 8
    by_size = page.get_by_role("button", name="MB")
    by_size.click()
    assert sizes(page) == sorted(sizes(page))
    by_size.press("Enter")
    assert sizes(page) == sorted(sizes(page), reverse=True)
    assert page.locator("#g1-rows th[aria-sort]").all_inner_texts() == ["MB"]

    page.get_by_label("Precision").select_option("int8")
    assert len(sizes(page)) == 4
    # The pictures above follow.
    assert page.locator(f"{POINT}.off").count() == 4
    page.get_by_label("Precision").select_option("")

    point = page.locator(f"{POINT}[aria-label*='recommended']").first
    point.hover()
    tip = page.get_by_role("tooltip")
    assert "(recommended)" in tip.inner_text()
    assert "ms (virtual)" in tip.inner_text()
    row = page.locator("#" + (point.get_attribute("data-row") or ""))
    assert "lit" in (row.get_attribute("class") or "")
    page.mouse.move(0, 0)
    assert tip.is_hidden()

    first = page.locator(f"{POINT}[tabindex='0']").first
    first.focus()
    before = tip.inner_text()
    page.keyboard.press("ArrowRight")
    assert tip.is_visible()
    assert tip.inner_text() != before
    leads_to = page.evaluate("document.activeElement.getAttribute('href')")
    page.keyboard.press("Enter")
    page.wait_for_function(f"document.querySelector('{leads_to}').open")


def by_number(text: str) -> list[tuple[int, float, str]]:
    """For sorting: v1@96 before v1@128."""
    parts = re.findall(r"(\d+)|(\D+)", text.casefold())
    return [(0, float(number), "") if number else (1, 0.0, word) for number, word in parts]


@pytest.mark.nightly
def test_every_column_sorts_and_what_has_no_figure_stays_last(page: Page) -> None:
    heads = page.locator("#g1-rows thead button")
    for column in range(heads.count()):
        for order in ("ascending", "descending"):
            heads.nth(column).click()
            head = page.locator("#g1-rows thead th").nth(column)
            assert head.get_attribute("aria-sort") == order
            cells = page.locator(f"{ROWS} > :nth-child({column + 1})")
            if head.get_attribute("class") == "n":
                values = cells.evaluate_all("all => all.map(one => one.dataset.v ?? null)")
                known = [float(value) for value in values if value is not None]
                assert values == [*values[: len(known)], *[None] * (len(values) - len(known))]
            else:
                known = [by_number(text) for text in cells.all_inner_texts()]
            assert known == sorted(known, reverse=order == "descending")


@pytest.mark.nightly
def test_filters_add_up_and_say_how_many_are_left(page: Page) -> None:
    page.get_by_label("Find").fill(f"v1:1@ {INT8}")
    count = page.locator(f"{ROWS}:visible").count()
    assert page.get_by_role("status").inner_text() == f"{count} of 8"
    page.get_by_label("Find").fill("v9")
    assert page.locator(f"{ROWS}:visible").count() == 0
    page.get_by_label("Find").fill("")
    page.get_by_label("on the frontier").check()
    assert 0 < page.locator(f"{ROWS}:visible").count() < 8


@pytest.mark.nightly
def test_all_parts_open_and_close(page: Page) -> None:
    page.get_by_role("button", name="Open all").click()
    assert page.locator("details.variant:not([open])").count() == 0
    assert page.get_by_text("Cost by layer").first.is_visible()
    page.get_by_role("button", name="Close all").click()
    assert page.locator("details.variant[open]").count() == 0


def contrast(page: Page, selector: str) -> float:
    """Of a text against what is behind it (WCAG 2.2, contrast ratio)."""
    ratio: float = page.locator(selector).first.evaluate(
        """element => {
            const light = colour => {
                const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map(value => {
                    const share = value / 255;
                    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
                });
                return 0.2126 * r + 0.7152 * g + 0.0722 * b;
            };
            let behind = element;
            while (/rgba\\(.*, 0\\)/.test(getComputedStyle(behind).backgroundColor)) {
                behind = behind.parentElement;
            }
            const style = getComputedStyle(element);
            const ink = element instanceof SVGElement ? style.fill : style.color;
            const [a, b] = [light(ink), light(getComputedStyle(behind).backgroundColor)];
            return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        }"""
    )
    return ratio


@pytest.mark.nightly
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_can_be_read_in_light_and_in_dark(
    scheme: str, chromium: Browser, page_file: Path
) -> None:
    with opened(chromium, page_file, color_scheme=scheme) as page:
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (dark != "rgb(245, 246, 248)") == (scheme == "dark")
        for selector in (
            "h1", ".small", ".warn", ".rows td", ".rows th a", ".verdict .over", ".pick dt",
            ".wide .chart text", ".times .chart text", "nav a", ".legend span", ".facts dt",
        ):  # fmt: skip
            assert contrast(page, selector) >= 4.5, selector


@pytest.mark.nightly
@pytest.mark.parametrize("width", [320, 360, 768, 1280])
def test_the_page_is_never_wider_than_the_screen(
    width: int, chromium: Browser, page_file: Path
) -> None:
    with opened(chromium, page_file, size=(width, 740)) as page:
        page.get_by_role("button", name="Open all").click()
        for inner in page.locator("details.inner").all():
            inner.evaluate("one => one.open = true")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator(".narrow").first.is_visible() == (width <= 544)
        bar = page.locator(".layers rect").first.bounding_box()
        assert bar is not None
        assert bar["x"] + bar["width"] <= width


@pytest.mark.nightly
def test_texts_of_pictures_are_of_a_size_that_can_be_read(
    chromium: Browser, page_file: Path
) -> None:
    for size in (PHONE, (1280, 900)):
        with opened(chromium, page_file, size=size) as page:
            heights = page.locator(".chart:visible text").evaluate_all(
                "all => all.filter(one => one.getScreenCTM().a > 0)"
                ".map(one => one.getScreenCTM().a * parseFloat(getComputedStyle(one).fontSize))"
            )
            assert len(heights) > 20
            assert min(heights) >= 9


@pytest.mark.nightly
def test_names_of_points_cover_no_other_text(chromium: Browser, page_file: Path) -> None:
    with opened(chromium, page_file) as page:
        boxes = (
            page.locator(".wide .chart")
            .first.locator("text")
            .evaluate_all("all => all.map(one => one.getBoundingClientRect().toJSON())")
        )
        for number, one in enumerate(boxes):
            for other in boxes[:number]:
                apart = (
                    one["left"] >= other["right"] - 1
                    or other["left"] >= one["right"] - 1
                    or one["top"] >= other["bottom"] - 2
                    or other["top"] >= one["bottom"] - 2
                )
                assert apart, (one, other)


@pytest.mark.nightly
def test_on_paper_it_is_dark_on_white_without_what_is_to_be_clicked(
    chromium: Browser, page_file: Path, tmp_path: Path
) -> None:
    with opened(chromium, page_file, color_scheme="dark") as page:
        page.emulate_media(media="print")
        for selector in ("nav", ".filter", ".tools", ".tip"):
            assert page.locator(selector).first.is_hidden(), selector
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == (
            "rgb(255, 255, 255)"
        )
        paper = page.pdf(format="A4", print_background=False)
        assert paper.startswith(b"%PDF")


@pytest.mark.nightly
def test_without_scripts_tables_and_parts_are_there(chromium: Browser, page_file: Path) -> None:
    with opened(chromium, page_file, java_script_enabled=False) as page:
        assert page.locator(f"{ROWS}:visible").count() == 8
        assert page.locator(".filter").first.is_hidden()
        page.locator("details.variant:not([open]) > summary").first.click()
        assert page.locator("details.variant[open]").count() == 2
        assert page.locator(f"{POINT} title").count() == 8 + 4


@pytest.mark.nightly
def test_what_strangers_wrote_does_nothing(chromium: Browser, tmp_path: Path) -> None:
    write_sweep(tmp_path / "sweep", variants=2, words=HOSTILE_WORDS)
    write_page(read_report([tmp_path / "sweep"]), tmp_path / "page.html")
    with opened(chromium, tmp_path / "page.html") as page:
        page.get_by_role("button", name="Open all").click()
        page.locator(POINT).first.hover()
        assert page.evaluate("window.hacked") is None
        assert page.locator("img, script:not(:last-child)").count() == 0


@pytest.mark.nightly
def test_the_policy_keeps_out_what_is_not_ours(chromium: Browser, page_file: Path) -> None:
    """Were something of a stranger's to get in, it would not run."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(page_file.resolve().as_uri())
    page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.hacked = 1";
            document.body.append(script);
            document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='hacked=2'>");
        }"""
    )
    page.wait_for_timeout(200)
    assert page.evaluate("window.hacked") is None
    context.close()
