"""Tables on the terminal: no word is broken, whatever the width."""

import io
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from onward.cli import comparing, demo_layers, demo_meshes, shown
from onward.models.judging import Judged
from onward.models.scores import METRICS


def printed(header: Sequence[str], rows: Sequence[Sequence[str]], width: int, *, right: bool = False) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    shown.print_table(console, header, rows, right=right)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def words(lines: Sequence[str]) -> set[str]:
    return {word for line in lines for word in line.split()}


def compared(task: str) -> tuple[list[str], list[list[str]]]:
    names = ("mesh, lm", "deep-supervision", "logistic regression", "MLPClassifier", "most frequent class")
    arms = [[Judged(name, dict.fromkeys(METRICS[task], 0.5 + k / 9), 12345, 0.5, None) for k in (0, 1)] for name in names]
    return comparing.summary(task, arms)


TABLES = {
    "compare classes": compared("classification"),
    "compare numbers": compared("regression"),
    "demo meshes": (list(demo_meshes.HEADER), [["spirals", "3 + 10 + 2", "180", "1.000", "8e-16", "2e-10", "16.8 s"]]),
    "demo layers": (list(demo_layers.HEADER), [["backpropagation", "-", "-", "0.974", "311 kB", "10.7 s"]]),
}


@pytest.mark.parametrize("name", TABLES)
def test_no_word_is_broken_in_80_columns(name: str) -> None:
    header, rows = TABLES[name]
    lines = printed(header, rows, 80, right=True)
    assert words(lines) == {word for cell in (*header, *(cell for row in rows for cell in row)) for word in cell.split()}
    assert max(map(len, lines)) <= 80
    for cell in (cell for row in rows for cell in row[1:] if cell):
        assert any(cell in line for line in lines), "a number stays with its interval or its unit"


@given(
    st.integers(1, 5).flatmap(
        lambda k: st.lists(st.lists(st.text("ab中 ", max_size=30), min_size=k, max_size=k), min_size=1)
    ),
    st.integers(10, 100),
)
def test_whatever_a_table_holds_every_word_is_whole_and_lines_are_as_short_as_words_allow(
    table: list[list[str]], width: int
) -> None:
    lines = printed(table[0], table[1:], width)
    assert words(lines) == {word for row in table for cell in row for word in cell.split()}
    first = max(1, *(cell_len(word) for row in table for word in (*row[0].split(), row[0][: shown.SHORT], "")))
    widest = max(1, *(cell_len(word) for row in table for cell in row for word in (*cell.split(), cell[: shown.SHORT], "")))
    assert all(cell_len(line) <= max(width, first + shown.GAP + widest) for line in lines)


def test_columns_that_do_not_fit_follow_beside_the_first() -> None:
    lines = printed(("name", "one", "two"), [("a", "b" * 9, "c" * 9), ("d", "e", "f")], 20)
    assert lines == ["name   one", "a      bbbbbbbbb", "d      e", "", "name   two", "a      ccccccccc", "d      f"]


def test_a_column_of_one_long_word_keeps_its_width_and_others_are_wrapped() -> None:
    lines = printed(("what", "n"), [("/folder/folder", "a b c d e f g h i j")], 28)
    assert lines == ["what             n", "/folder/folder   a b c d e f", "                 g h i j"]


def test_a_wide_cell_of_spaces_is_empty() -> None:
    assert printed(("name", "what"), [("a", " " * 30)], 20) == ["name   what", "a"]


def test_a_word_wider_than_the_terminal_is_left_to_it() -> None:
    path = "/folder" * 20
    assert printed(("name", "where"), [("a", path)], 80)[1] == f"a      {path}"


def test_what_fits_stands_on_one_line_with_its_columns_on_the_right() -> None:
    lines = printed(("", "score", "n"), [("a b", "0.5", "10"), ("[bold]c", "", "\x1b")], 80, right=True)
    assert lines == ["          score    n", "a b         0.5   10", "[bold]c            \ufffd"]
