"""What is done to a block of a trained net: weights lost, noise, bits turned over, and a step up the loss it learned from."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch

from onward.blocks.attack import attack
from onward.kernels.damage import Damage, bits_flipped, noisy, zeroed
from onward.learners.base import AbstractLearner
from onward.nets.damage import damage
from onward.nets.layered import LayeredNet
from onward.training.data import Split

Harm = Callable[[AbstractLearner, int, Split, torch.Generator], None]  # to a block, counted from 0


def unharmed(learner: AbstractLearner, block: int, split: Split, generator: torch.Generator) -> None:
    """Do nothing: what retraining alone does to a net."""


def hurt(learner: AbstractLearner, block: int, split: Split, generator: torch.Generator, *, how: Damage) -> None:
    """Damage the weights of a block at random."""
    assert isinstance(learner.net, LayeredNet)  # noqa: S101
    damage(learner.net.blocks[block], how, generator=generator)


def perturb(learner: AbstractLearner, block: int, split: Split, generator: torch.Generator, *, strength: float) -> None:
    """Move the weights of a block up the loss that they learned from."""
    attack(learner, block, split, strength=strength, generator=generator)


UNHARMED = "none"
# Strong enough to be seen on a development seed: half of the weights lost, or noise as large as they are, change nothing there.
HARMS: dict[str, Harm] = {
    UNHARMED: unharmed,
    "zeroed": partial(hurt, how=partial(zeroed, part=0.9)),
    "noise": partial(hurt, how=partial(noisy, scale=8.0)),
    "bits": partial(hurt, how=partial(bits_flipped, probability=1e-5)),
    "attack": partial(perturb, strength=0.3),
}
TITLES = {
    UNHARMED: "none",
    "zeroed": "nine tenths of the weights lost",
    "noise": "Gaussian noise of 8 times the weights",
    "bits": "one of 100,000 bits flipped",
    "attack": "a step up the loss of 0.3 of the weights' length",
}
