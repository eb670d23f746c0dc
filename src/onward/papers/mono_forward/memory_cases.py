"""What memory is counted of: families of nets, depths, batches, ways of learning; and what the paper printed.

The paper states neither the unit nor the batch of its slopes, 204.00 and 16.16; both follow from a batch of 50,000.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from onward.experiments.spec import Experiment
from onward.learners.mono_forward import MonoForward
from onward.nets import projections
from onward.nets.layered import LayeredNet
from onward.papers.mono_forward.memory_trials import (
    OPTIMISERS,
    against_depth,
    convolutional,
    in_pieces,
    over_a_step,
    perceptron,
)
from onward.training.ways import PIECES, TITLES, WAYS, Rule

DEPTHS = (4, 8, 16)
PUBLISHED_BATCH = 50_000
PUBLISHED = {"bp": 204.00, "mf": 16.16}
BATCHES = (32, 128, 512, 1024, 2048, 4096, 8192, 16384, PUBLISHED_BATCH)
CNN_BATCHES = (32, 128, 512)
SHOWN = {"mlp": (128, 4096, PUBLISHED_BATCH), "cnn": CNN_BATCHES}  # batches whose peaks are shown themselves
COURSE_BATCH = 30_000  # of figures 1 and 2
NAMES = TITLES | {
    "mf-pooled": "Mono-Forward, maps pooled for the projection",
    "mf-pieces": f"Mono-Forward, batch in {PIECES} pieces",
}


@dataclass(frozen=True)
class Case:
    """A family of nets and what they are fed.

    Attributes:
        title: in reports.
        net: makes a net of some depth.
        batches: examples a step.
        ways: of learning.
    """

    title: str
    net: Callable[[int], LayeredNet]
    batches: tuple[int, ...]
    ways: Mapping[str, Rule]


CASES = {
    "mlp": Case(
        "layers of 1000 neurons on 784 inputs",
        partial(perceptron, features=784, width=1000, outputs=10),
        BATCHES,
        WAYS,
    ),
    "cnn": Case(
        "3x3 convolutions of 64 maps on 32 x 32 pictures, no pooling between",
        partial(convolutional, maps=64, side=32, outputs=10),
        CNN_BATCHES,
        WAYS | {"mf-pooled": partial(MonoForward, projection=projections.pooled)},
    ),
}
COURSE = Experiment(
    "mf/memory/step",
    partial(
        over_a_step,
        net=partial(perceptron, 5, features=784, width=2000, outputs=10),
        batch=COURSE_BATCH,
        ways=WAYS,
        recipe=OPTIMISERS["adam"],
    ),
    seeds=1,
    together=1,
)
DEPTH = {
    name: Experiment(
        f"mf/memory/depth/{name}",
        partial(against_depth, net=case.net, depths=DEPTHS, batches=case.batches, ways=case.ways, recipes=OPTIMISERS),
        seeds=1,
        together=1,
    )
    for name, case in CASES.items()
}
PIECED = {
    name: Experiment(
        f"mf/memory/pieces/{name}",
        partial(
            against_depth,
            net=case.net,
            depths=DEPTHS,
            batches=SHOWN[name],
            ways={"mf-pieces": partial(in_pieces, pieces=PIECES)},
            recipes={"adam": OPTIMISERS["adam"]},
        ),
        seeds=1,
        together=1,
    )
    for name, case in CASES.items()
}
