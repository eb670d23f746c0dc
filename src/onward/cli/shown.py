"""Text of a person's own data, which is never markup, as tables on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table as Shown
from rich.text import Text


def plain(text: str) -> str:
    """Give a text with a replacement in place of characters that cannot be printed, which could steer a terminal."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def print_table(console: Console, header: Sequence[str], rows: Iterable[Sequence[str]], *, right: bool = False) -> None:
    """Print a table; all columns but the first stand on the right if asked for."""
    table = Shown(box=None, header_style="bold", padding=(0, 3, 0, 0))
    for k, name in enumerate(header):
        table.add_column(name, justify="right" if right and k else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    console.print(table)


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
