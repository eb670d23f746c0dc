"""Table 1: accuracy on the spirals against the number of hidden neurons, as published and under a sound protocol."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from onward import graphs
from onward.experiments.spec import Experiment
from onward.experiments.trials import train
from onward.learners.backprop import Backprop
from onward.learners.forward_only import ForwardOnly
from onward.nets import initialise
from onward.nets.mesh import MeshNet
from onward.papers.mesh_neural_networks.data import fresh_spirals, spirals_as_published
from onward.papers.mesh_neural_networks.recipes import as_published, sound
from onward.topology import Topology
from onward.training import datasets

PRINTED = {5: (0.75, 0.079), 7: (0.95, 0.029), 10: (0.94, 0.039), 13: (0.95, 0.026), 15: (0.99, 0.011)}
SEEDS = 20

# (hidden layers of an MLP of about the mesh's number of parameters), one hidden layer and two
EQUAL_PARAMETERS = {5: ([14], [6, 6]), 7: ([21], [8, 7]), 10: ([36], [10, 11]), 13: ([54], [14, 13]), 15: ([68], [15, 16])}

ARMS: dict[str, tuple[str, Callable[[int], tuple[Topology, int]]]] = {
    "mesh": ("mesh, forward-only", lambda h: (graphs.mesh(2, h, 2), 3)),
    "mlp-hidden-1": ("MLP, as many hidden neurons, 1 layer", lambda h: (graphs.layered(2, [h], 2), 2)),
    "mlp-hidden-2": ("MLP, as many hidden neurons, 2 layers", lambda h: (graphs.layered(2, [(h + 1) // 2, h // 2], 2), 3)),
    "mlp-parameters-1": ("MLP, as many parameters, 1 layer", lambda h: (graphs.layered(2, EQUAL_PARAMETERS[h][0], 2), 2)),
    "mlp-parameters-2": ("MLP, as many parameters, 2 layers", lambda h: (graphs.layered(2, EQUAL_PARAMETERS[h][1], 2), 3)),
    "cascade": ("cascade, as many hidden neurons", lambda h: (graphs.cascade(2, h, 2), h + 1)),
}


def sound_experiment(arm: str, hidden: int) -> Experiment:
    """One arm at one size: the mesh learns forward-only, its rivals by backprop, with the same recipes to choose from."""
    topology, ticks = ARMS[arm][1](hidden)
    trial = partial(
        train,
        data=datasets.spirals,
        net=partial(MeshNet, topology, ticks),
        rule=ForwardOnly if arm == "mesh" else Backprop,
        recipes=sound(epochs=300, batch=32),
    )
    return Experiment(f"mnn/table-1/sound/{arm}-{hidden:02d}", trial, seeds=SEEDS, together=SEEDS)


def published_experiment(hidden: int) -> Experiment:
    """The authors' settings, with the true gradient."""
    trial = partial(
        train,
        data=spirals_as_published,
        net=partial(MeshNet, graphs.mesh(2, hidden, 2), 3, output="relu", initialise=initialise.uniform),
        rule=ForwardOnly,
        recipes=as_published(epochs=1000),
        also=fresh_spirals,
    )
    return Experiment(f"mnn/table-1/as-published/mesh-{hidden:02d}", trial, seeds=SEEDS, together=SEEDS)


SOUND = {(arm, hidden): sound_experiment(arm, hidden) for arm in ARMS for hidden in PRINTED}
AS_PUBLISHED = {hidden: published_experiment(hidden) for hidden in PRINTED}
