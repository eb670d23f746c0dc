"""Meshes named by a word, as `mesh:2-5-2`: their edges are counted from the word, and graphs that memory cannot hold are refused before they are made."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import isqrt

import torch

from onward import graphs
from onward.graphs.families import LARGE, PAPER_BLOCKS
from onward.kernels.plan import si
from onward.meters.process import available
from onward.naming import suggest
from onward.topology import Topology

KINDS = ("mesh", "layered", "cascade", "recurrent", "random", "lattice")
LAYERED = ("mlp", "cnn")  # kinds of nets of blocks, which `nets` reads
MAKING = 160  # bytes a pair of neurons that is laid out while a graph is made and looked at, measured
MOST = 10**9  # pairs that are tried where the system does not tell its memory
LARGEST = 10**9  # of a size


@dataclass(frozen=True)
class Word:
    """What a word says of a mesh.

    Attributes:
        text: the word.
        kind: one of `KINDS`.
        features: inputs without the bias.
        hidden: hidden neurons, a number a layer; of a lattice rows and columns.
        outputs: output neurons.
        part: density of a random mesh, part of the edges of a lattice that are rewired.
        bias: whether a constant input feeds every free neuron; a lattice has none.
    """

    text: str
    kind: str
    features: int
    hidden: tuple[int, ...]
    outputs: int
    part: float
    bias: bool

    @property
    def inside(self) -> int:
        """Number of hidden neurons."""
        return self.hidden[0] * self.hidden[1] if self.kind == "lattice" else sum(self.hidden)

    @property
    def edges(self) -> int:
        """Number of edges."""
        i, h, o = self.features, self.inside, self.outputs
        if self.kind == "lattice":
            return 10 * h  # eight neighbours, an input and an output
        counts = {
            "mesh": (i + h + o) * (h + o),
            "layered": sum(one * after for one, after in pairwise((i, *self.hidden, o))),
            "cascade": i * (h + o) + h * (h - 1) // 2 + h * o,
            "recurrent": (i + h + o) * h,
            "random": sum(round(self.part * size) for size in self._blocks),
        }
        return counts[self.kind] + self.bias * (h + o)

    @property
    def making(self) -> int:
        """Bytes that making its graph takes, about."""
        drawn = [size for size in self._blocks if size <= LARGE or self.part * size > size // 8]
        permuted = max(drawn, default=0) if self.kind == "random" else 0
        unused = self.inside * (self.inside + 1) // 2 if self.kind == "cascade" else 0  # pairs of which half become edges
        return MAKING * (self.edges + unused) + 8 * permuted

    @property
    def _blocks(self) -> list[int]:
        """Pairs in the blocks of a random mesh."""
        sizes = {"input": self.features, "hidden": self.inside, "output": self.outputs}
        return [sizes[source] * sizes[target] for source, target in (block.split("-") for block in PAPER_BLOCKS)]

    def make(self, seed: int) -> Topology:
        """Make the graph, if memory can hold it.

        Raises:
            ValueError: memory cannot hold it, or the graph cannot be had: no inputs, sides of a lattice below 3.
        """
        self._check_room()
        generator = torch.Generator().manual_seed(seed)
        if self.kind == "lattice":
            sides = (self.hidden[0], self.hidden[1])
            return graphs.lattice(self.features, sides, self.outputs, generator=generator, rewired=self.part)
        if self.kind == "layered":
            return graphs.layered(self.features, self.hidden, self.outputs, bias=self.bias)
        sizes = self.features, self.hidden[0], self.outputs
        if self.kind == "random":
            return graphs.random(*sizes, self.part, generator=generator, bias=self.bias)
        family = {"mesh": graphs.mesh, "cascade": graphs.cascade, "recurrent": graphs.recurrent}[self.kind]
        return family(*sizes, bias=self.bias)

    def _check_room(self) -> None:
        told = available()
        room = MAKING * MOST if told is None else told
        if self.making <= room:
            return
        rows = max(3, isqrt(self.inside))
        columns = max(3, -(-self.inside // rows))
        name = f"lattice:{self.features}-{rows}x{columns}-{self.outputs}"
        fewer = Word(name, "lattice", self.features, (rows, columns), self.outputs, 0.0, bias=False)
        if self.kind != "lattice" and fewer.edges < self.edges and fewer.making <= room:
            advice = f"a lattice ({name}) or a small world ({name}@0.1) of about as many neurons has {fewer.edges:,} edges"
        else:
            advice = "take fewer neurons"
        free = f"more than the {si(room)}B that are tried" if told is None else f"and {si(told)}B are free here"
        raise ValueError(
            f"{self.text!r} has {self.edges:,} edges, and making its graph takes about {si(self.making)}B, {free}; {advice}"
        )


def parse(text: str, *, bias: bool) -> Word:
    """Read a word like `mesh:2-5-2`, `random:32-50-10@0.15` or `lattice:784-100x100-10@0.1`.

    Raises:
        ValueError: an unknown kind, sizes that are none or too large, or a density that is none.
    """
    kind, _, rest = text.partition(":")
    if kind not in KINDS:
        every = (*KINDS, *LAYERED)
        raise ValueError(
            f"unknown kind of topology {kind!r}, expected one of {', '.join(KINDS)}, or {' or '.join(LAYERED)} for a layered net"
            f"{suggest(kind.lower(), every)}"
        )
    sizes, _, part = rest.partition("@")
    if kind == "lattice":
        return _lattice(text, sizes, part)
    try:
        features, *hidden, outputs = (int(size) for size in sizes.split("-"))
    except ValueError:
        raise ValueError(f"expected sizes like 2-5-2 (features, hidden, outputs) in {text!r}, got {sizes!r}") from None
    if part and kind != "random":
        raise ValueError(f"only a random mesh takes a density, got {text!r}")
    if kind != "layered" and len(hidden) != 1:
        raise ValueError(f"a {kind} takes features-hidden-outputs, three sizes, got {sizes!r}")
    density = 1.0
    if kind == "random":
        try:
            density = float(part)
        except ValueError:
            raise ValueError(f"a random mesh takes a density, as in random:{sizes}@0.15, got {text!r}") from None
        if not 0 <= density <= 1:
            raise ValueError(f"the density of a random mesh must be between 0 and 1, got {density}")
    return _sized(Word(text, kind, features, tuple(hidden), outputs, density, bias))


def _lattice(text: str, sizes: str, rewired: str) -> Word:
    """Read a lattice, which has no bias; what follows the @ is the part of its edges that are rewired."""
    try:
        features, sides, outputs = sizes.split("-")
        rows, columns = (int(side) for side in sides.split("x"))
        found = Word(text, "lattice", int(features), (rows, columns), int(outputs), float(rewired or 0), bias=False)
    except ValueError:
        raise ValueError(
            f"a lattice is written like lattice:784-100x100-10, or with a part of its edges rewired like lattice:784-100x100-10@0.1, got {text!r}"
        ) from None
    return _sized(found)


def _sized(word: Word) -> Word:
    if max(word.features, word.outputs, *word.hidden) > LARGEST:
        raise ValueError(f"sizes go up to {LARGEST:,}, got {word.text!r}")
    return word
