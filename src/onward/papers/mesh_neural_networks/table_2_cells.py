"""The cells of Table 2: which net on which features, trained how, and what goes beyond the paper on the same features.

*As described*: what the paper's text says, with the true forward-only gradient. *As published*: what the authors' script does (`script`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import torch

from onward.experiments.side_by_side import Learners, train_side_by_side
from onward.experiments.spec import Experiment, Trial
from onward.papers.mesh_neural_networks import classifiers, script
from onward.papers.mesh_neural_networks.classifiers import counted, equal
from onward.papers.mesh_neural_networks.features import SCALES, encoded
from onward.papers.mesh_neural_networks.magnitude import train_prune_train
from onward.papers.mesh_neural_networks.online_magnitude import train_while_pruning
from onward.papers.mesh_neural_networks.solvers import on_one_thread
from onward.training.data import Dataset
from onward.training.fit import Recipe
from onward.training.second_order import LevenbergMarquardt

SETS = tuple(SCALES)
SEEDS, FEW = 10, 5
TICKS = 3
EPOCHS, BATCH = 10, 32
RATES = (0.003, 0.01, 0.03)
PUBLISHED_EPOCHS = 20
DENSE_EPOCHS = 3  # of all, before a mesh is pruned by magnitude
# Connections of a mesh of 32 + 50 + 10 neurons and a bias, and the part of each block that is kept.
DENSITIES = {798: 0.15, 1044: 0.2, 1536: 0.3, 2028: 0.4, 2520: 0.5, 3012: 0.6}
PRINTED_SIZES = (798, 1044)
LONGER = (4, 6)
LEARNED = 10_000  # examples that second order learns from
PASSES = (25, 50, 100)  # over them, of its rival


def adam(epochs: int, batch: int, rates: Sequence[float]) -> tuple[Recipe, ...]:
    """Adam with cosine decay at several rates; validation chooses the rate and the epoch, for every seed anew."""
    decay = partial(torch.optim.lr_scheduler.CosineAnnealingLR, T_max=epochs)
    return tuple(
        Recipe(partial(torch.optim.Adam, lr=rate, fused=True), epochs, batch, schedule=decay, patience=epochs)
        for rate in rates
    )


SOUND = adam(EPOCHS, BATCH, RATES)
PUBLISHED = (Recipe(partial(torch.optim.Adam, lr=0.001, fused=True), PUBLISHED_EPOCHS, BATCH),)
SECOND_ORDER = (Recipe(LevenbergMarquardt(damping=0.1), epochs=25, batch=2_500, patience=25),)
FIRST_ORDER = tuple(recipe for passes in PASSES for recipe in adam(passes, BATCH, RATES))
AFTER = adam(EPOCHS - DENSE_EPOCHS, BATCH, RATES)
TO_THE_END = tuple(replace(recipe, patience=None) for recipe in SOUND)
BEFORE = Recipe(partial(torch.optim.Adam, lr=0.01, fused=True), DENSE_EPOCHS, BATCH)


def own_autoencoder(seed: int, *, pictures: str) -> Dataset:
    """Features of an autoencoder that is the trial's own."""
    return encoded(seed, pictures=pictures, autoencoder=seed)


def _experiment(
    name: str,
    data: Callable[[int], Dataset],
    learner: Learners,
    recipes: Sequence[Recipe] = SOUND,
    *,
    seeds: int = SEEDS,
    together: int = SEEDS,
) -> Experiment:
    trial = partial(train_side_by_side, data=data, learner=learner, recipes=recipes, also=counted)
    return _alone(name, trial, seeds, together)


def _alone(name: str, trial: Trial, seeds: int, together: int) -> Experiment:
    """Small nets gain nothing from a second thread."""
    return Experiment(f"mnn/table-2/{name}", partial(on_one_thread, trial=trial), seeds=seeds, together=together)


def _described(name: str) -> dict[str, Experiment]:
    """The paper's table and its sweep as described, by the arm and its connections."""
    data = partial(encoded, pictures=name)
    made = {"linear": _experiment(f"{name}/linear", data, partial(classifiers.perceptrons, widths=()))}
    for edges, density in DENSITIES.items():
        trials = SEEDS if edges in PRINTED_SIZES else FEW
        mesh = partial(classifiers.meshes, density=density, ticks=TICKS)
        made[f"mesh-{edges}"] = _experiment(f"{name}/mesh-{edges:04d}", data, mesh, seeds=trials, together=trials)
        for layers in (1, 2) if edges in PRINTED_SIZES else (2,):
            rival, cell = partial(classifiers.perceptrons, widths=equal(edges, layers)), f"{name}/mlp-{layers}-{edges:04d}"
            made[f"mlp-{layers}-{edges}"] = _experiment(cell, data, rival, seeds=trials, together=trials)
    two = partial(classifiers.meshes, density=DENSITIES[1044], ticks=2)
    made["mesh-2-ticks"] = _experiment(f"{name}/mesh-1044-2-ticks", data, two)
    return made


def _published(name: str) -> dict[str, Experiment]:
    """The paper's table as the authors' script makes it: features not scaled, no part that chooses, the last weights."""
    data = partial(encoded, pictures=name, standardise=False, validation=0)
    made = {}
    for edges in PRINTED_SIZES:
        mesh = partial(script.meshes, density=DENSITIES[edges])
        made[f"mesh-{edges}"] = _experiment(f"{name}/as-published/mesh-{edges:04d}", data, mesh, PUBLISHED)
        rival = partial(script.perceptrons, widths=equal(edges, 2))
        made[f"mlp-2-{edges}"] = _experiment(f"{name}/as-published/mlp-{edges:04d}", data, rival, PUBLISHED)
    return made


def _other_features(name: str) -> dict[str, Experiment]:
    """The larger cells again, with an autoencoder of its own for every trial."""
    data = partial(own_autoencoder, pictures=name)
    made: dict[str, Learners] = {
        "linear": partial(classifiers.perceptrons, widths=()),
        "mesh-1044": partial(classifiers.meshes, density=DENSITIES[1044], ticks=TICKS),
        "mlp-2-1044": partial(classifiers.perceptrons, widths=equal(1044, 2)),
    }
    return {
        arm: _experiment(f"{name}/own-autoencoder/{arm}", data, learner, seeds=FEW, together=FEW)
        for arm, learner in made.items()
    }


def _beyond(name: str) -> dict[str, Experiment]:
    """What the paper does not try on these features: more ticks, second order, pruning by magnitude before and during training."""
    data = partial(encoded, pictures=name)
    few = partial(encoded, pictures=name, learned=LEARNED)
    made = {}
    for ticks in LONGER:
        mesh = partial(classifiers.meshes, density=DENSITIES[1044], ticks=ticks)
        made[f"mesh-{ticks}-ticks"] = _experiment(f"{name}/mesh-1044-{ticks}-ticks", data, mesh, seeds=FEW, together=FEW)
    alone = partial(classifiers.mesh, density=DENSITIES[1044], ticks=TICKS)
    beside = partial(classifiers.meshes, density=DENSITIES[1044], ticks=TICKS)
    made |= {
        "second-order": _experiment(f"{name}/mesh-1044-second-order", few, alone, SECOND_ORDER, seeds=FEW, together=1),
        "few": _experiment(f"{name}/mesh-1044-few", few, beside, FIRST_ORDER, seeds=FEW, together=FEW),
    }
    for edges in PRINTED_SIZES:
        trial = partial(train_prune_train, data=data, ticks=TICKS, keep=edges, before=BEFORE, recipes=AFTER)
        made[f"magnitude-{edges}"] = _alone(f"{name}/magnitude-{edges:04d}", trial, SEEDS, SEEDS)
        trial = partial(train_while_pruning, data=data, ticks=TICKS, keep=edges, recipes=TO_THE_END)
        made[f"online-{edges}"] = _alone(f"{name}/online-magnitude-{edges:04d}", trial, SEEDS, SEEDS)
    return made


DESCRIBED = {name: _described(name) for name in SETS}
AS_PUBLISHED = {name: _published(name) for name in SETS}
OTHER_FEATURES = {name: _other_features(name) for name in SETS}
BEYOND = {name: _beyond(name) for name in SETS}
