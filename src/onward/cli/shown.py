"""Text of a person's own data, which is never markup, as tables on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
from typing import TypeVar

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

GAP = 3  # spaces between the columns of a table
SHORT = 16  # letters of a cell that is never wrapped


def plain(text: str) -> str:
    """Give a text with a replacement in place of characters that cannot be printed, which could steer a terminal."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def print_table(console: Console, header: Sequence[str], rows: Iterable[Sequence[str]], *, right: bool = False) -> None:
    """Print a table in which no word is broken; all columns but the first stand on the right if asked for.

    Columns that do not fit beside each other follow below, beside the first one again. A word that is wider than the
    terminal is left to the terminal.
    """
    cells = [[plain(cell) for cell in row] for row in rows]
    spans = [_span(name, [row[k] for row in cells]) for k, name in enumerate(header)]
    for number, group in enumerate(_groups([least for least, _ in spans], console.width)):
        widths = _widths([spans[k] for k in group], console.width)
        if number:
            console.print()
        for row in (header, *cells):
            columns = [_wrapped(row[k], width) for k, width in zip(group, widths, strict=True)]
            for line in zip_longest(*columns, fillvalue=""):
                padded = [_padded(text, width, right and k) for text, width, k in zip(line, widths, group, strict=True)]
                told = Text((" " * GAP).join(padded).rstrip(), style="bold" if row is header else "")
                console.print(told, soft_wrap=True)


def _wrapped(text: str, width: int) -> list[str]:
    """The lines of a cell, parted between words alone."""
    if cell_len(text) <= width:
        return [text]
    words = text.split()
    made = words[:1]
    for word in words[1:]:
        if cell_len(f"{made[-1]} {word}") <= width:
            made[-1] += f" {word}"
        else:
            made.append(word)
    return made


def _padded(text: str, width: int, right: bool | int) -> str:
    space = " " * (width - cell_len(text))
    return space + text if right else text + space


def _span(name: str, cells: Sequence[str]) -> tuple[int, int]:
    """The least and the whole width of a column: short cells, as numbers with their units, stay in one piece."""
    words = [name.split(), *([cell] if cell_len(cell) <= SHORT else cell.split() for cell in cells)]
    least = max((cell_len(word) for part in words for word in part), default=0)
    return max(1, least), max(1, least, *(cell_len(cell) for cell in (name, *cells)))


def _groups(least: Sequence[int], room: int) -> list[list[int]]:
    """The columns that are printed beside each other: the first, and as many of the others as fit."""
    groups = [[0]]
    for k in range(1, len(least)):
        if sum(least[one] + GAP for one in groups[-1]) + least[k] > room and len(groups[-1]) > 1:
            groups.append([0])
        groups[-1].append(k)
    return groups


def _widths(spans: Sequence[tuple[int, int]], room: int) -> list[int]:
    """Take from the widest column that can be narrower, until all fit."""
    widths = [whole for _, whole in spans]
    while sum(widths) + GAP * (len(widths) - 1) > room:
        wide = [k for k, (least, _) in enumerate(spans) if widths[k] > least]
        if not wide:
            break
        widths[max(wide, key=widths.__getitem__)] -= 1
    return widths


def say(console: Console, sentence: str) -> None:
    """Print a sentence as it is."""
    console.print(plain(sentence), markup=False, highlight=False, soft_wrap=True)


def number(value: float) -> str:
    """Show a score: three decimals, or four figures if it is large; a dash where there is none."""
    if value != value:  # NaN
        return "-"
    return f"{value:.3f}" if abs(value) < 100 else f"{value:.4g}"


One = TypeVar("One")
Made = TypeVar("Made")


def one_by_one(
    ones: Sequence[One], make: Callable[[One], Made], name: Callable[[One], str], console: Console
) -> list[Made]:
    """Make something of each of a few things that take their time, with a bar that says which is under way."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    made = []
    with Progress(*columns, console=console) as bars:
        task = bars.add_task("", total=len(ones))
        for one in ones:
            bars.update(task, description=f"tuning and training: {plain(name(one))}")
            made.append(make(one))
            bars.advance(task)
        bars.update(task, description="tuned and trained")
    return made
