"""Nothing is broken within a cell or a word, however narrow the terminal."""

from __future__ import annotations

import click
import pytest

from deploy.cli.width import columns_of, fold, table_lines

COLUMNS = ["artifact", "threads", "p50 ms", "95 %", "verdict"]
ROWS = [
    ["executorch-int8", "1", "9.78", "9.69-9.84", "VALID"],
    ["onnx-int8", "4", "-", "", "INVALID"],
]


def test_a_table_that_fits_is_one() -> None:
    for width in (None, 200, 52):
        head, *rows = table_lines(COLUMNS, ROWS, width)
        assert click.unstyle(head) == "artifact         threads  p50 ms       95 %  verdict"
        assert rows[0] == "executorch-int8        1    9.78  9.69-9.84    VALID"


@pytest.mark.parametrize("width", [40, 20])
def test_in_a_narrow_terminal_each_row_is_a_paragraph_of_whole_cells(width: int) -> None:
    lines = table_lines(COLUMNS, ROWS, width)
    assert max(map(columns_of, lines)) <= width
    text = "\n".join(lines)
    for cell in ("threads: 1", "p50 ms: 9.78", "95 %: 9.69-9.84", "verdict: INVALID"):
        assert cell in text
    assert "p50 ms: -" not in text, "what is not known is left out"


def test_wide_letters_count_two() -> None:
    assert table_lines(["a", "b"], [["薔薇", "1"], ["x", "2"]], None)[1:] == ["薔薇  1", "x     2"]


def test_lines_are_folded_between_words_and_commands_stay() -> None:
    text = "warning: few photos\n  mobile-deploy verify bundles/mobilenet_v2\n"
    assert fold(text, 12) == ("warning: few\nphotos\n  mobile-deploy verify bundles/mobilenet_v2\n")
    assert fold(text, None) == text
    row = "| onnx-int8 | 2.56 | VALID |"
    assert fold(row, 12) == row, "Markdown to copy into a comment"
    assert fold(click.style("error:", fg="red") + " no", 9) == "\x1b[31merror:\x1b[0m no"
