"""Small runs of many kinds, in one process and by ranks, and what can be told of them: their epochs, and digests of their blocks."""

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import lr_scheduler

from onward import pipeline
from onward.kernels.losses import mean_squared_error
from onward.learners.backprop import Backprop
from onward.learners.base import AbstractLearner
from onward.learners.forward_forward import ForwardForward
from onward.learners.local_similarity import LocalSimilarity
from onward.learners.mono_forward import MonoForward
from onward.learners.symba import SymBa
from onward.learners.two_passes import Peers
from onward.nets.builders import cnn, mixer, mlp, vgg8b
from onward.nets.dropout import Dropout
from onward.nets.layered import LayeredNet, generator_of
from onward.nets.readouts import total
from onward.pipeline import holding
from onward.pipeline.partition import Partition
from onward.pipeline.record import to_note
from onward.training.data import Lesson, Split
from onward.training.fit import Epoch, Recipe
from onward.training.fit import fit as fit_whole

ADAM = partial(torch.optim.Adam, lr=0.01)
SGD = partial(torch.optim.SGD, lr=0.05, momentum=0.9, weight_decay=0.01)
WIDTHS = (24, 17, 16, 9)
IMAGE = (1, 8, 8)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def perceptron(features: int = 6) -> LayeredNet:
    return mlp(features, WIDTHS, 3, generator=seeded(3))


def with_dropout() -> LayeredNet:
    net = perceptron()
    blocks = [
        nn.Sequential(block, Dropout(0.3, generator=generator_of(5, k, "dropout"))) for k, block in enumerate(net.blocks)
    ]
    return LayeredNet(blocks, net.head, features=(6,), seed=3)


def convolutional() -> LayeredNet:
    return cnn(IMAGE, 3, channels=(4, 6, 8, 8), generator=seeded(3))


def forward_forward(**options: Any) -> AbstractLearner:
    return ForwardForward(perceptron(9), generator=seeded(4), **options)


def frozen() -> AbstractLearner:
    """The second block does not learn, nor do the statistics that it has."""
    learner = MonoForward(perceptron())
    learner.learning = frozenset((0, 2, 3))
    return learner


def regression() -> AbstractLearner:
    return MonoForward(perceptron(), mean_squared_error)


LEARNERS: dict[str, Callable[[], AbstractLearner]] = {
    "mlp": lambda: MonoForward(perceptron()),
    "float64": lambda: MonoForward(perceptron().double()),
    "cnn": lambda: MonoForward(convolutional()),
    "dropout": lambda: MonoForward(with_dropout()),
    "vgg": lambda: MonoForward(vgg8b(IMAGE, 3, multiplier=1 / 32, dropout=0.2, generator=seeded(3))),
    "mixer": lambda: MonoForward(mixer(IMAGE, 3, width=8, depth=3, token_hidden=4, channel_hidden=6, generator=seeded(3))),
    "total": lambda: MonoForward(perceptron(), readout=total),
    "frozen": frozen,
    "deep": lambda: MonoForward(mlp(6, (4,) * 140, 3, generator=seeded(3))),
    "numbers": regression,
    "ff": forward_forward,
    "ff peers": partial(forward_forward, peers=Peers(), apart=2),
    "symba": lambda: SymBa(perceptron(10), pattern=4, generator=seeded(4)),
    "predsim": lambda: LocalSimilarity(perceptron()),
    "predsim cnn": lambda: LocalSimilarity(convolutional(), weight=0.5, readout=total),
}
RECIPES = {
    "adam": Recipe(ADAM, 3, batch=16),
    "bfloat16": Recipe(ADAM, 2, batch=16, products=torch.bfloat16),
    "sgd": Recipe(
        SGD, 3, batch=16, schedule=partial(lr_scheduler.StepLR, step_size=1, gamma=0.5), drop_last=True, shuffle=False
    ),
    "plateau": Recipe(SGD, 4, batch=16, schedule=partial(lr_scheduler.ReduceLROnPlateau, patience=0, threshold=0.5)),
    "patience": Recipe(partial(torch.optim.Adam, lr=0.3), 30, batch=16, patience=2),
    "long": Recipe(ADAM, 40, batch=16),
}


def noisy(x: Tensor, generator: torch.Generator) -> Tensor:
    return x + 0.1 * torch.randn(x.shape, generator=generator)


def lesson(learner: str, *, importance: bool = False, augment: bool = False, validation: bool = True) -> Lesson:
    """55 examples to learn from, so that the last batch is not whole, and 21 to choose by."""
    image = learner in ("cnn", "vgg", "mixer", "predsim cnn")
    shape = IMAGE if image else (9,) if learner.startswith("ff") else (6,)
    x = torch.randn(76, *shape, generator=seeded(0))
    y = x.flatten(1)[:, :3].argmax(1)
    if learner.startswith("ff"):
        x[:, :3] = 0
    if learner == "float64":
        x = x.double()
    if learner == "numbers":
        y = x[:, :3].sin()
    counts = torch.rand(76, generator=seeded(1), dtype=x.dtype) if importance else None
    parts = (slice(0, 55), slice(55, 76))
    train, judged = (Split(x[part], y[part], importance=None if counts is None else counts[part]) for part in parts)
    return Lesson("made up", train, judged if validation else None, noisy if augment else None)


def told(epochs: list[Epoch], learner: AbstractLearner) -> dict[str, Any]:
    """What two runs that are the same have alike: the notes of epochs but for their seconds, and digests of what is here."""
    rule = holding.local(learner)
    blocks = range(len(rule.net.blocks))
    notes = [{name: value for name, value in json.loads(to_note(epoch)).items() if name != "seconds"} for epoch in epochs]
    return {
        "epochs": notes,
        "blocks": {str(k): holding.digest(holding.tensors(rule, k)) for k in blocks if holding.held(rule, k)},
        "shared": holding.digest(holding.shared(learner, rule)),
    }


def whole(learner: str, recipe: str, **options: bool) -> dict[str, Any]:
    """The run in one process."""
    made = LEARNERS[learner]()
    return told(list(fit_whole(made, lesson(learner, **options), RECIPES[recipe], generator=seeded(2))), made)


def apart(
    folder: Path,
    learner: str,
    recipe: str,
    sizes: list[int] | None,
    *,
    gather: bool = False,
    store: bool = False,
    leave: int | None = None,
    slow: float = 0.0,
    body: float = 0.0,
    run: dict[str, Any] | None = None,
    **options: bool,
) -> None:
    """The run by ranks, each of which tells what it has at the end."""
    with pipeline.joined(patience=12) as ranks:
        made = LEARNERS[learner]()
        taught = _slow(made, slow) if slow else []
        data = lesson(learner, **options) if ranks.first else None
        epochs: list[Epoch] = []
        begun = [
            pipeline.fit(
                made,
                data,
                RECIPES[recipe],
                ranks=ranks,
                generator=seeded(2) if ranks.first else None,
                partition=None if sizes is None else Partition(tuple(sizes)),
                folder=folder / "run" if store else None,
                **(run or {}),
            )
        ]
        if not body:
            (folder / f"{ranks.rank}.begun").touch()
        for epoch in begun.pop():  # as a script's own loop, which alone holds the run
            epochs.append(epoch)
            if body:
                (folder / f"{ranks.rank}.begun").touch()
                time.sleep(body)
            if epoch.number == leave:
                break
        here = {**told(epochs, made), "sent": ranks.sent, "taught": taught}
        if gather:
            pipeline.gather(made, ranks)
            here["gathered"] = told([], made)
        (folder / f"{ranks.rank}.json").write_text(json.dumps(here))


def _slow(learner: AbstractLearner, seconds: float) -> list[tuple[float, float]]:
    """Have every block of a rule take its time, in this process; give from when to when each was taught."""
    kind: Any = type(learner)
    teach, found = kind.teach, []

    def slowly(*arguments: Any) -> Any:
        began = time.monotonic()
        time.sleep(seconds)
        passing = teach(*arguments)
        found.append((began, time.monotonic()))
        return passing

    kind.teach = slowly
    return found


def mistake(folder: Path, kind: str) -> None:
    """What a user may do wrong; the sentence is what it ends with."""
    with pipeline.joined(patience=12) as ranks:
        learner, data, recipe = LEARNERS["mlp"](), lesson("mlp"), RECIPES["adam"]
        partition: Any = None
        options: dict[str, Any] = {}
        match kind:
            case "backprop":
                learner = Backprop(perceptron())
            case "ranks":
                learner = MonoForward(mlp(6, (5,), 3))
            case "cover":
                partition = Partition((1, *[1] * (ranks.size - 1)))
            case "sizes":
                partition = Partition((4,))
            case "weights":
                learner = MonoForward(mlp(6, WIDTHS, 3, generator=seeded(ranks.rank)))
            case "recipe":
                recipe = RECIPES["adam" if ranks.first else "sgd"]
            case "labels":
                train = Split(data.train.x, data.train.y + ranks.size)
                data = Lesson("wrong", train)
            case "lbfgs":
                recipe = Recipe(torch.optim.LBFGS, 1)
            case "ahead":
                recipe, options = RECIPES["patience"], {"ahead": 1}
            case "data":
                data = None
            case "tuple":
                partition = (3,)
            case "sooner":
                options = {"ahead": "1"}
            case "half":
                options = {"ahead": 0.5}
            case "places":
                options = {"places": 1.5}
            case "steps":
                options = {"every_steps": "5"}
        for epoch in pipeline.fit(learner, data, recipe, ranks=ranks, generator=seeded(2), partition=partition, **options):
            if kind == "raises" and ranks.rank == 1:
                raise RuntimeError("my own mistake")
            if kind == "leaves" and ranks.rank == 1 and epoch.number == 1:
                break
        if kind == "scores":
            learner.scores(torch.zeros(1, 6))


def diverges(folder: Path, sizes: list[int]) -> None:
    """A run whose weights overflow."""
    with pipeline.joined(patience=12) as ranks:
        recipe = Recipe(partial(torch.optim.SGD, lr=1e30), 5, batch=16)
        learner = LEARNERS["mlp"]()
        for _ in pipeline.fit(
            learner, lesson("mlp"), recipe, ranks=ranks, generator=seeded(2), partition=Partition(tuple(sizes))
        ):
            pass
