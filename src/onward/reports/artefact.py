"""A table or figure of a paper: the experiments behind it, and how their results are shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from matplotlib.figure import Figure

from onward.experiments.result import Result
from onward.experiments.spec import Experiment

Cell = str


@dataclass(frozen=True)
class Table:
    """Rows of text under a header; the first column names the row."""

    caption: str
    header: Sequence[Cell]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True)
class Picture:
    """A drawn figure and what it shows."""

    caption: str
    figure: Figure


@dataclass(frozen=True)
class Film:
    """An animation, as the bytes of a WebP file, and what it shows."""

    caption: str
    webp: bytes


@dataclass(frozen=True)
class Text:
    """A paragraph; in Markdown."""

    words: str


Element = Table | Picture | Film | Text
Results = Mapping[str, Sequence[Result]]  # by the name of the experiment


@dataclass(frozen=True)
class Artefact:
    """Something that a paper printed, regenerated.

    Attributes:
        name: what the command line calls it.
        title: a line that says what it is.
        source: paper, and table or figure.
        experiments: what has to be run.
        render: shows stored results, as *paper | onward ± 95 % | difference* where the paper printed a number. An
            experiment without results has an empty list.
    """

    name: str
    title: str
    source: str
    experiments: Sequence[Experiment] = field(repr=False)
    render: Callable[[Results], Sequence[Element]] = field(repr=False)
