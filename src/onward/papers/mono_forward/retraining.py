"""The trial of damage: nets of both rules are trained, a block of each is damaged, looked at, and retrained in several ways."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from onward.blocks.attack import attack
from onward.blocks.block_by_block import fit_blocks, fit_from
from onward.blocks.transparency import judge_blocks
from onward.experiments.layers import trained
from onward.experiments.spec import Outcome, Progress
from onward.experiments.trials import order
from onward.kernels.damage import Damage
from onward.learners.backprop import Backprop
from onward.learners.base import AbstractLearner
from onward.learners.mono_forward import MonoForward
from onward.nets.damage import clear_outliers, damage
from onward.nets.layered import LayeredNet
from onward.training.data import Dataset, Lesson, Split
from onward.training.fit import Recipe, Training, fit
from onward.training.judging import evaluate

POSITIONS = ("first", "middle", "last")
Harm = Callable[[AbstractLearner, int, Split, torch.Generator], None]


def unharmed(learner: AbstractLearner, block: int, split: Split, generator: torch.Generator) -> None:
    """Do nothing: what retraining alone does to a net."""


def hurt(learner: AbstractLearner, block: int, split: Split, generator: torch.Generator, *, how: Damage) -> None:
    """Damage the weights of a block at random."""
    damage(_net(learner).blocks[block], how, generator=generator)


def perturb(learner: AbstractLearner, block: int, split: Split, generator: torch.Generator, *, strength: float) -> None:
    """Move the weights of a block up the loss that they learned from."""
    attack(learner, block, split, strength=strength, generator=generator)


@dataclass(frozen=True)
class Patients:
    """Two nets before the damage, one of each rule, and what they learn from."""

    ours: MonoForward
    theirs: Backprop
    parts: Dataset
    seed: int


def damage_and_retrain(
    seeds: Sequence[int],
    progress: Progress,
    *,
    data: Callable[[int], Dataset],
    net: Callable[..., LayeredNet],
    harms: dict[str, Harm],
    recipe: Recipe,
    again: Recipe,
) -> list[Outcome]:
    """Train a net by each rule; damage one block after another, in every way, and retrain.

    Args:
        seeds: one after another.
        progress: told the part that is done.
        data: makes the data of a seed.
        net: makes a net of three blocks or more, given a `generator`.
        harms: ways of damage.
        recipe: of the first training.
        again: of the retraining; backpropagation has as many seconds as it takes for the damaged block alone.
    """
    outcomes = []
    for done, seed in enumerate(seeds):
        parts = data(seed)
        ours = MonoForward(net(generator=torch.Generator().manual_seed(seed)))
        theirs = Backprop(net(generator=torch.Generator().manual_seed(seed)))
        for learner in (ours, theirs):
            trained(learner, parts, recipe, seed, lambda epoch: None)
        patients, metrics = Patients(ours, theirs, parts, seed), {}
        metrics |= _blocks("before", ours, parts, again) | {"bp_before": _accuracy(theirs, parts, again)}
        cases = [(name, block) for name in harms for block in _positions(ours.net)]
        for number, (name, block) in enumerate(cases, 1):
            found = _case(patients, harms[name], block, again)
            metrics |= {f"{name}_{POSITIONS[_positions(ours.net).index(block)]}_{key}": one for key, one in found.items()}
            progress((done + number / len(cases)) / len(seeds))
        outcomes.append(Outcome(metrics, {}))
    return outcomes


def _case(patients: Patients, harm: Harm, block: int, again: Recipe) -> dict[str, float]:
    """Damage a block of both nets, look, retrain in every way, and put the nets back as they were."""
    ours, theirs, parts, seed = patients.ours, patients.theirs, patients.parts, patients.seed
    whole, whole_theirs = _state(ours), _state(theirs)
    found: dict[str, float] = {}
    for name, learner in (("", ours), ("bp_", theirs)):
        weights = _net(learner).blocks[block]
        limit = max(weight.abs().max().item() for weight in weights.parameters())
        harm(learner, block, parts.train, order(seed))
        found |= _looked(f"{name}damaged", learner, parts, again)
        if any(not weight.isfinite().all() or weight.abs().max() > 1e3 * limit for weight in weights.parameters()):
            clear_outliers(weights, limit)  # nothing can be learned from such weights
        found |= _looked(f"{name}mended", learner, parts, again)
    hurt_ours, hurt_theirs = _state(ours), _state(theirs)
    lesson = Lesson(parts.name, parts.train)
    began = time.perf_counter()
    list(fit_blocks(ours, {block}, lesson, again, generator=order(seed)))
    seconds = time.perf_counter() - began
    found |= _blocks("alone", ours, parts, again) | {"alone_seconds": seconds}
    if block + 1 < len(ours.net.blocks):
        ours.load_state_dict(hurt_ours)
        list(fit_from(ours, block, lesson, again, generator=order(seed)))
    found |= _blocks("onward", ours, parts, again)
    found["bp_passes"] = _for_seconds(theirs, lesson, again, seconds, order(seed))
    found["bp_all"] = _accuracy(theirs, parts, again)
    theirs.load_state_dict(hurt_theirs)
    _block_of_backprop(theirs, block, lesson, again, order(seed))
    found["bp_alone"] = _accuracy(theirs, parts, again)
    ours.load_state_dict(whole)
    theirs.load_state_dict(whole_theirs)
    return found


def _for_seconds(learner: Backprop, lesson: Lesson, recipe: Recipe, seconds: float, generator: torch.Generator) -> float:
    """Train for a time, at least a step; give the passes that it was enough for."""
    began = time.perf_counter()
    passes = 0.0
    while passes == 0 or time.perf_counter() - began < seconds:
        run = Training(learner, lesson, recipe, generator=generator)
        for _ in run.steps():
            if time.perf_counter() - began >= seconds:
                break
        passes += run.stepper.seen / len(lesson.train)
    return passes


def _block_of_backprop(learner: Backprop, block: int, lesson: Lesson, recipe: Recipe, generator: torch.Generator) -> None:
    """Retrain one block of backpropagation while all other weights are frozen by hand."""
    net = _net(learner)
    net.requires_grad_(False)
    net.blocks[block].requires_grad_(True)
    list(fit(learner, lesson, recipe, generator=generator))
    net.requires_grad_(True)


def _looked(name: str, learner: AbstractLearner, parts: Dataset, recipe: Recipe) -> dict[str, float]:
    if isinstance(learner, MonoForward):
        return _blocks(name, learner, parts, recipe)
    return {name: _accuracy(learner, parts, recipe)}


def _blocks(name: str, learner: MonoForward, parts: Dataset, recipe: Recipe) -> dict[str, float]:
    with recipe.autocast(parts.test.x.device):
        judged = judge_blocks(learner, parts.test)
    found = {f"{name}_block_{k}": one.accuracy for k, one in enumerate(judged.blocks, 1) if one.accuracy is not None}
    return found | {f"{name}_last": found[f"{name}_block_{len(judged.blocks)}"]}


def _accuracy(learner: AbstractLearner, parts: Dataset, recipe: Recipe) -> float:
    with recipe.autocast(parts.test.x.device):
        _, right = evaluate(learner, parts.test)
    assert right is not None  # noqa: S101
    return right.item()


def _state(learner: AbstractLearner) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in learner.state_dict().items()}


def _net(learner: AbstractLearner) -> LayeredNet:
    net = learner.net
    assert isinstance(net, LayeredNet)  # noqa: S101
    return net


def _positions(net: LayeredNet) -> list[int]:
    last = len(net.blocks) - 1
    return [0, last // 2, last]
