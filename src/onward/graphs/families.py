"""Named families of graphs: perceptron, recurrent net, cascade, full mesh, randomly pruned mesh.

All take the number of `features` (inputs without the bias) and, unless told otherwise, add a bias that feeds every free
neuron. Neurons are numbered inputs, bias, hidden, outputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch

from onward import given
from onward.naming import suggest
from onward.topology import Topology

PAPER_BLOCKS = ("input-hidden", "input-output", "hidden-hidden", "hidden-output")
LARGE = 2**24  # pairs, of which no permutation is drawn for a few edges
BLOCKS = (*PAPER_BLOCKS, "output-hidden", "output-output")


def layered(features: int, hidden: Sequence[int], outputs: int, *, bias: bool = True) -> Topology:
    """A multi-layer perceptron (figure 1): every layer feeds the next. Its outputs are ready after len(hidden)+1 ticks."""
    _at_least_one(features=features, outputs=outputs)
    hidden = given.several("hidden", hidden, "layer", "[8, 8]")
    starts = np.cumsum([features + bias, *hidden]).tolist()
    layers = [range(start, start + size) for start, size in zip(starts, [*hidden, outputs], strict=True)]
    pairs = (_all_pairs(layer, after) for layer, after in pairwise([range(features), *layers]))
    return _topology(features, sum(hidden), outputs, bias, pairs)


def recurrent(features: int, hidden: int, outputs: int, *, bias: bool = True) -> Topology:
    """A vanilla recurrent net: inputs to hidden, hidden to hidden with self-loops, hidden to outputs."""
    _at_least_one(features=features, hidden=hidden, outputs=outputs)
    i, h, o = _ranges(features, hidden, outputs, bias)
    return _topology(features, hidden, outputs, bias, [_all_pairs(i, h), _all_pairs(h, h), _all_pairs(h, o)])


def cascade(features: int, hidden: int, outputs: int, *, bias: bool = True) -> Topology:
    """A fully connected cascade: every neuron feeds all later hidden ones and all outputs. Ready after hidden+1 ticks."""
    _at_least_one(features=features, outputs=outputs)
    given.whole("hidden", hidden, 0)
    i, h, o = _ranges(features, hidden, outputs, bias)
    every = _all_pairs(h, h)
    later = every[every[:, 0] < every[:, 1]]
    return _topology(features, hidden, outputs, bias, [_all_pairs(i, [*h, *o]), later, _all_pairs(h, o)])


def mesh(features: int, hidden: int, outputs: int, *, bias: bool = True) -> Topology:
    """The full mesh: every neuron, outputs and itself included, feeds every free neuron (section 4.1)."""
    _at_least_one(features=features, outputs=outputs)
    given.whole("hidden", hidden, 0)
    i, h, o = _ranges(features, hidden, outputs, bias)
    return _topology(features, hidden, outputs, bias, [_all_pairs([*i, *h, *o], [*h, *o])])


def random(
    features: int,
    hidden: int,
    outputs: int,
    density: float | Mapping[str, float],
    *,
    generator: torch.Generator,
    bias: bool = True,
) -> Topology:
    """A randomly pruned mesh: every block keeps a random `round(density * size)` of its edges; biases are never pruned.

    Args:
        features: number of inputs without the bias.
        hidden: number of hidden neurons.
        outputs: number of output neurons.
        density: part of the edges kept, in [0, 1]: one number for the four blocks that the paper keeps (section 4.2:
            input-hidden, input-output, hidden-hidden, hidden-output), or a number for each block by name
            (output-hidden and output-output as well; a block left out has no edges).
        generator: source of the choice.
        bias: whether a constant input feeds every free neuron.

    Raises:
        ValueError: a density outside [0, 1], or an unknown block.
    """
    _at_least_one(features=features, outputs=outputs)
    given.whole("hidden", hidden, 0)
    given.drawn_from(generator)
    i, h, o = _ranges(features, hidden, outputs, bias)
    member: dict[str, range] = {"input": i, "hidden": h, "output": o}
    wanted = dict(density) if isinstance(density, Mapping) else dict.fromkeys(PAPER_BLOCKS, density)
    pairs = []
    for block, part in wanted.items():
        if block not in BLOCKS:
            raise ValueError(f"unknown block {block!r}, expected one of {', '.join(BLOCKS)}{suggest(block, BLOCKS)}")
        given.share(f"the density of {block}", part)
        sources, targets = (member[kind] for kind in block.split("-"))
        size = len(sources) * len(targets)
        kept = _drawn(size, round(part * size), generator)
        pairs.append(np.stack([sources.start + kept // len(targets), targets.start + kept % len(targets)], axis=1))
    return _topology(features, hidden, outputs, bias, pairs)


def lattice(
    features: int, sides: tuple[int, int], outputs: int, *, generator: torch.Generator, rewired: float = 0.0
) -> Topology:
    """A torus of hidden neurons, each fed by its eight neighbours and one input, each feeding one output; no bias.

    With some edges rewired it is a small world (Watts and Strogatz, Nature 393, 1998): their targets are drawn anew from all
    hidden neurons, so that a neuron still feeds eight.

    Args:
        features: number of inputs.
        sides: rows and columns of hidden neurons, at least 3.
        outputs: number of outputs.
        generator: source of which input feeds a neuron, which output it feeds, and of the rewiring.
        rewired: part of the edges between hidden neurons that are rewired, in [0, 1].

    Raises:
        ValueError: sides below 3, no inputs or outputs, or a part outside [0, 1].
    """
    _at_least_one(features=features, outputs=outputs)
    found = given.several("sides", sides, "side", "(100, 100)")
    if len(found) != 2:
        raise ValueError(f"a lattice has two sides, rows and columns of hidden neurons, got {found}")
    rows, columns = found
    if min(sides) < 3:
        raise ValueError(f"neighbours on a torus are eight only where both sides are at least 3, got {rows} x {columns}")
    given.share("the part of edges that are rewired", rewired)
    given.drawn_from(generator)
    hidden = rows * columns
    there = np.arange(hidden)
    row, column = there // columns, there % columns
    steps = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if (down, right) != (0, 0)]
    feeds = np.stack([(row + down) % rows * columns + (column + right) % columns for down, right in steps], axis=1)
    _rewire(feeds, rewired, generator)
    first, last = features, features + hidden
    drawn = [torch.randint(count, (hidden,), generator=generator).numpy() for count in (features, outputs)]
    pairs = [
        np.stack([drawn[0], first + there], axis=1),
        np.stack([first + np.repeat(there, len(steps)), first + feeds.ravel()], axis=1),
        np.stack([first + there, last + drawn[1]], axis=1),
    ]
    return _topology(features, hidden, outputs, bias=False, pairs=pairs)


def _drawn(size: int, count: int, generator: torch.Generator) -> np.ndarray:
    """Draw different numbers below a size; where a permutation of all would be large beside them, by drawing until there are enough."""
    if size <= LARGE or count > size // 8:
        return torch.randperm(size, generator=generator)[:count].numpy()
    found = np.empty(0, np.int64)
    while len(found) < count:
        more = torch.randint(size, (count - len(found),), generator=generator).numpy()
        found = np.unique(np.concatenate([found, more]))
    return found


def _rewire(feeds: np.ndarray, part: float, generator: torch.Generator) -> None:
    """Draw some targets anew, as often as it takes for no neuron to feed another twice."""
    hidden = len(feeds)
    chosen = torch.rand(feeds.shape, generator=generator, dtype=torch.float64).numpy() < part
    while chosen.any():
        feeds[chosen] = torch.randint(hidden, (int(chosen.sum()),), generator=generator).numpy()
        order = np.argsort(feeds, axis=1, kind="stable")
        ordered = np.take_along_axis(feeds, order, axis=1)
        twice = np.zeros_like(chosen)
        np.put_along_axis(twice, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], axis=1)
        chosen = twice


def _topology(features: int, hidden: int, outputs: int, bias: bool, pairs: Iterable[np.ndarray]) -> Topology:
    inputs = features + bias
    from_bias = _all_pairs([features] if bias else [], range(inputs, inputs + hidden + outputs))
    edges = np.concatenate([from_bias, *pairs])
    return Topology(inputs, hidden, outputs, edges[:, 0], edges[:, 1], bias=bias)


def _ranges(features: int, hidden: int, outputs: int, bias: bool) -> tuple[range, range, range]:
    first = features + bias
    return range(features), range(first, first + hidden), range(first + hidden, first + hidden + outputs)


def _all_pairs(sources: Sequence[int], targets: Sequence[int]) -> np.ndarray:
    """Every source with every target: an array of two columns."""
    ends = np.meshgrid(np.array(sources, np.int64), np.array(targets, np.int64), indexing="ij")
    return np.stack(ends, axis=-1).reshape(-1, 2)


def _at_least_one(**counts: int) -> None:
    for name, count in counts.items():
        given.whole(name, count)
