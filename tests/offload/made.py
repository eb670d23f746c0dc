"""Small learners of every kind that can live on disk, and what they learn from."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.optim import lr_scheduler

from onward.learners.base import AbstractLearner
from onward.learners.forward_forward import ForwardForward
from onward.learners.local_similarity import LocalSimilarity
from onward.learners.mono_forward import MonoForward
from onward.learners.symba import SymBa
from onward.learners.two_passes import Peers
from onward.nets import draw, projections
from onward.nets.builders import cnn, mixer, mlp
from onward.nets.dropout import Dropout
from onward.nets.layered import LayeredNet
from onward.nets.readouts import total
from onward.training.data import Lesson, Split
from onward.training.fit import Recipe

STEPS = 4  # an epoch
EPOCHS = 3


def seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


ADAM = partial(torch.optim.Adam, lr=0.01)
SGD = partial(torch.optim.SGD, lr=0.05)
RECIPES = {
    "adam": Recipe(ADAM, EPOCHS, 8),
    "fused": Recipe(partial(torch.optim.Adam, lr=0.01, fused=True), EPOCHS, 8),
    "amsgrad": Recipe(partial(torch.optim.Adam, lr=0.01, amsgrad=True, weight_decay=0.01), EPOCHS, 8),
    "adamw": Recipe(partial(torch.optim.AdamW, lr=0.01), EPOCHS, 8, shuffle=False, drop_last=True),
    "sgd": Recipe(SGD, EPOCHS, 8),
    "momentum": Recipe(partial(SGD, momentum=0.9), EPOCHS, 8, schedule=partial(lr_scheduler.StepLR, step_size=1)),
    "dampened": Recipe(partial(SGD, momentum=0.9, dampening=0.5), EPOCHS, 8),
    "rmsprop": Recipe(partial(torch.optim.RMSprop, lr=0.01, centered=True), EPOCHS, 8),
    "nadam": Recipe(partial(torch.optim.NAdam, lr=0.01), EPOCHS, 8),
    "plateau": Recipe(ADAM, EPOCHS, 8, schedule=partial(lr_scheduler.ReduceLROnPlateau, patience=0)),
    "bfloat16": Recipe(ADAM, EPOCHS, 8, products=torch.bfloat16),
}


def perceptron(seed: int = 3) -> MonoForward:
    return MonoForward(mlp(6, (12, 8, 7, 9), 2, generator=seeded(seed)))


def _frozen() -> MonoForward:
    learner = MonoForward(
        mlp(6, (12, 8, 7), 2, normalise=nn.BatchNorm1d, generator=seeded()), projection=projections.frozen
    )
    learner.learning = frozenset({0, 2})
    return learner


def _statistics() -> LayeredNet:
    blocks = [
        nn.Sequential(
            draw.convolution(depth, 3, bias=True, generator=seeded(depth)),
            nn.BatchNorm2d(3),
            nn.ReLU(),
            Dropout(0.2, generator=seeded()),
        )
        for depth in (1, 3, 3)
    ]
    head = nn.Sequential(nn.Flatten(), draw.linear(18, 2, bias=True, generator=seeded()))
    return LayeredNet(blocks, head, features=(1, 2, 3))


LEARNERS: dict[str, Callable[[], AbstractLearner]] = {
    "perceptron": perceptron,
    "double": lambda: MonoForward(mlp(6, (12, 8, 7), 2, generator=seeded())).double(),
    "sum of blocks": lambda: MonoForward(mlp(6, (12, 8), 2, generator=seeded()), readout=total),
    "one block": lambda: MonoForward(mlp(6, (12,), 2, generator=seeded())),
    "batch norm": lambda: MonoForward(mlp(6, (12, 8, 7), 2, normalise=nn.BatchNorm1d, generator=seeded())),
    "layer norm": lambda: MonoForward(mlp(6, (12, 8, 7), 2, normalise=nn.LayerNorm, generator=seeded())),
    "some blocks rest": _frozen,
    "convolutions": lambda: MonoForward(cnn((1, 2, 3), 2, channels=(3, 4, 5), generator=seeded())),
    "batch norm and dropout": lambda: MonoForward(_statistics()),
    "mixer": lambda: MonoForward(mixer((1, 2, 3), 2, patch=1, width=4, depth=2, token_hidden=3, channel_hidden=3)),
    "pred and sim": lambda: LocalSimilarity(mlp(6, (12, 8, 7), 2, generator=seeded())),
    "forward-forward": lambda: ForwardForward(mlp(6, (12, 8, 7), 2, generator=seeded()), peers=Peers(), generator=seeded()),
    "symba": lambda: SymBa(mlp(9, (12, 8), 2, generator=seeded()), pattern=3, generator=seeded()),
}
MAPS = {"convolutions", "batch norm and dropout", "mixer"}


def lesson(kind: str = "perceptron", *, weighted: bool = False) -> Lesson:
    x = torch.randn(44, 6, generator=seeded(0), dtype=torch.float64 if kind == "double" else torch.float32)
    y = (x[:, 0] * x[:, 1] > 0).long()
    counts = torch.rand(44, generator=seeded(5)) if weighted else None
    x = x.view(44, 1, 2, 3) if kind in MAPS else x
    parts = (slice(0, 30), slice(30, 44))
    train, validation = (Split(x[p], y[p], importance=None if counts is None else counts[p]) for p in parts)
    return Lesson("signs", train, validation)


def same(one: AbstractLearner, other: AbstractLearner) -> bool:
    """Whether two learners hold the same numbers, bitwise."""
    its, mine = one.state_dict(), other.state_dict()
    return its.keys() == mine.keys() and all(bits(its[name], mine[name]) for name in its)


def bits(one: Tensor, other: Tensor) -> bool:
    flat = [t.detach().contiguous().view(-1).view(torch.uint8) for t in (one, other)]
    return one.dtype == other.dtype and one.shape == other.shape and torch.equal(*flat)
