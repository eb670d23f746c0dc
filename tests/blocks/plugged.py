"""Nets and data for tests of plugging, and what is compared bitwise."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from onward.learners.mono_forward import MonoForward
from onward.nets.builders import cnn, mlp
from onward.nets.layered import LayeredNet
from onward.training.data import Dataset, Split
from onward.training.fit import Recipe, fit

CLASSES = 3
PERCEPTRON = (12, 10, 9, 8)
MAPS = (4, 5, 6, 7)


def perceptron(depth: int, seed: int = 2) -> LayeredNet:
    return mlp(7, PERCEPTRON[:depth], CLASSES, generator=torch.Generator().manual_seed(seed))


def convolutional(depth: int, seed: int = 2) -> LayeredNet:
    generator = torch.Generator().manual_seed(seed)
    return cnn((2, 8, 8), CLASSES, channels=MAPS[:depth], generator=generator)


NETS: dict[str, Callable[..., LayeredNet]] = {"mlp": perceptron, "cnn": convolutional}


def data_for(net: LayeredNet, examples: int = 48) -> Dataset:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(examples, *net.shapes[0], generator=generator)
    y = x.flatten(1)[:, :CLASSES].argmax(1)
    split = Split(x, y)
    return Dataset("largest", split, split, split)


ADAM = partial(torch.optim.Adam, lr=0.02)
RECIPE = Recipe(ADAM, epochs=2, batch=16)


def train(learner: MonoForward, recipe: Recipe = RECIPE, seed: int = 5) -> MonoForward:
    list(fit(learner, data_for(learner.net), recipe, generator=torch.Generator().manual_seed(seed)))
    return learner


def state_of(modules: Sequence[nn.Module]) -> list[Tensor]:
    """The parameters and buffers of modules, copied."""
    return [value.clone() for module in modules for value in module.state_dict().values()]


def parts_of(learner: MonoForward, blocks: int) -> list[nn.Module]:
    """The first blocks of a learner and their projections."""
    return [*list(learner.net.blocks)[:blocks], *(learner.projection_of(k) for k in range(blocks))]


def same(one: Sequence[Tensor], other: Sequence[Tensor]) -> bool:
    """Whether tensors are equal, bitwise."""
    return len(one) == len(other) and all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
