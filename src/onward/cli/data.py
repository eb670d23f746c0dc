"""`onward data`: which data sets there are, where they are, and fetching some."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from onward.cli.shown import print_table, say
from onward.datasets import catalogue


def show(console: Console) -> None:
    """Print every data set with where it is, or how it would be got."""
    listed = catalogue.entries()
    rows = [(entry.name, _here(entry), entry.about, entry.place) for entry in listed]
    print_table(console, ("name", "here", "what", "where"), rows)
    if not all(entry.read for entry in listed):
        say(
            console,
            "`onward data --fetch NAME` fetches one, or reads what is here to be sure; ONWARD_DATA names a folder of yours.",
        )


def _here(entry: catalogue.Entry) -> str:
    if not entry.here:
        return "no"
    return "yes" if entry.read else "unread"


def fetch(names: Sequence[str], console: Console) -> None:
    """Fetch data sets one after the other, and say where each is; none is fetched if one is not known."""
    for name in names:
        catalogue.fetchable(name)
    for name in names:
        say(console, f"{name} is here: {catalogue.get(name)}")
