"""What is timed on one rank and on two: a net, a batch, and how many steps and turns; made-up data, as times do not depend on what is learned."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from onward.nets.builders import cnn, mlp
from onward.nets.cost import counted
from onward.nets.layered import LayeredNet
from onward.training.data import Lesson, Split
from onward.training.fit import Recipe

OUTPUTS = 10
PIECES = (2, 4, 8, 16)
ADAM = partial(torch.optim.Adam, lr=0.0001, fused=True)


@dataclass(frozen=True)
class Case:
    """A net and how it is timed.

    Attributes:
        features: shape of an example: a vector for a perceptron, channels x height x width for a convolutional net.
        sizes: widths of the layers, or maps of the convolutions.
        batch: examples a step.
        steps: in an epoch of the pipeline; more than the batches that can wait between two ranks, so that none is idle when one is timed.
        turns: of all ways one after another.
        compiled: whether BP in one process is also tried compiled.
        pieces: numbers of micro-batches that pipelines of BP are tried in, of which the quickest counts.
        passes: steps of which the times of BP's parts are taken in a turn.
    """

    features: tuple[int, ...]
    sizes: tuple[int, ...]
    batch: int
    steps: int = 8
    turns: int = 3
    compiled: bool = True
    pieces: tuple[int, ...] = PIECES
    passes: int = 3

    @property
    def few(self) -> int:
        """Steps that are timed of what needs no time to fill: half of those of an epoch, and no fewer than three."""
        return max(3, self.steps // 2)

    def net(self, seed: int) -> LayeredNet:
        """Make the net, without biases."""
        generator = torch.Generator().manual_seed(seed)
        if len(self.features) == 1:
            return mlp(self.features, self.sizes, OUTPUTS, bias=False, generator=generator)
        return cnn(self.features, OUTPUTS, channels=self.sizes, generator=generator)

    def data(self, seed: int, steps: int) -> Lesson:
        """Draw examples for so many steps."""
        generator = torch.Generator().manual_seed(1_000_003 + seed)
        count = self.batch * steps
        x = torch.randn(count, *self.features, generator=generator)
        return Lesson("made up", Split(x, torch.randint(OUTPUTS, (count,), generator=generator)))

    def recipe(self, epochs: int) -> Recipe:
        """Give the recipe of Mono-Forward: fused Adam, batches in order, float32 products."""
        return Recipe(ADAM, epochs, self.batch, shuffle=False)


def parts_of(net: LayeredNet) -> list[nn.Module]:
    """Give the blocks of a net, the head with the last one."""
    blocks = list(net.blocks.children())
    return [*blocks[:-1], nn.Sequential(blocks[-1], net.get_submodule("head"))]


def backward_products(net: LayeredNet, x: Tensor) -> list[int]:
    """Give the multiply-adds of each part in a step of BP: its products forward, for its weights, and for its input, which the first needs not."""
    found = []
    for part in parts_of(net):
        forward = counted(partial(part, x))
        found.append(forward * (3 if found else 2))
        x = part(x).detach()
    return found
