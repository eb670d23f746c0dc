"""The trial of damage: nets of both rules are trained, a block of each is damaged, looked at, and retrained in several ways.

Backpropagation is retrained for as many multiply-adds as each of Mono-Forward's ways takes, counted as they are run: seconds
on a machine that runs other things are measured too, but decide nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from onward.blocks.block_by_block import fit_blocks
from onward.blocks.plugging import cut
from onward.blocks.transparency import judge_blocks
from onward.experiments.layers import trained
from onward.experiments.spec import Outcome, Progress
from onward.experiments.trials import order
from onward.learners.backprop import Backprop
from onward.learners.base import AbstractLearner
from onward.learners.mono_forward import MonoForward
from onward.nets.cost import counted
from onward.nets.damage import clear_outliers
from onward.nets.layered import LayeredNet
from onward.papers.mono_forward.harms import Harm
from onward.training.data import Dataset, Lesson
from onward.training.fit import Recipe, Training, fit, steps_an_epoch
from onward.training.judging import evaluate

POSITIONS = ("first", "middle", "last")
OUTLIER = 1000  # times the largest weight before the damage, beyond which nothing can be learned from


@dataclass(frozen=True)
class Again:
    """A length of retraining.

    Attributes:
        passes: of Mono-Forward's ways.
        recipe: makes the recipe of so many passes.
    """

    passes: int
    recipe: Callable[[int], Recipe]


@dataclass(frozen=True)
class Patients:
    """Two nets of which a block is damaged, one of each rule, what they learn from, and in what order."""

    ours: MonoForward
    theirs: Backprop
    parts: Dataset
    seed: int

    @property
    def lesson(self) -> Lesson:
        """What is learned from, without what nothing is chosen by."""
        return Lesson(self.parts.name, self.parts.train)


def damage_and_retrain(
    seeds: Sequence[int],
    progress: Progress,
    *,
    data: Callable[[int], Dataset],
    net: Callable[..., LayeredNet],
    harms: Mapping[str, Harm],
    recipe: Recipe,
    lengths: Mapping[str, Again],
) -> list[Outcome]:
    """Train a net by each rule; damage one block after another, in every way, and retrain.

    The metrics of a case are `harm_position_...`: `damaged` and `mended` (weights that nothing can be learned from set to 0),
    then for every length `length_alone`, `length_onward`, `length_bp_as_alone`, `length_bp_as_onward` and `length_bp_block`.

    Args:
        seeds: one after another.
        progress: told the part that is done.
        data: makes the data of a seed; its validation part is not used.
        net: makes a net of three blocks or more, given a `generator`.
        harms: ways of damage.
        recipe: of the first training.
        lengths: of the retraining, by name.
    """
    outcomes = []
    for done, seed in enumerate(seeds):
        parts = replace(data(seed), validation=None)
        ours = MonoForward(net(generator=torch.Generator().manual_seed(seed)))
        theirs = Backprop(net(generator=torch.Generator().manual_seed(seed)))
        for learner in (ours, theirs):
            trained(learner, parts, recipe, seed, lambda epoch: None)
        patients, metrics = Patients(ours, theirs, parts, seed), {}
        metrics |= _looked("before", ours, parts, recipe) | _looked("bp_before", theirs, parts, recipe)
        cases = [(name, *where) for name in harms for where in _positions(ours.net).items()]
        for number, (name, position, block) in enumerate(cases, 1):
            found = _case(patients, harms[name], block, recipe, lengths)
            metrics |= {f"{name}_{position}_{key}": one for key, one in found.items()}
            progress((done + number / len(cases)) / len(seeds))
        outcomes.append(Outcome(metrics, {}))
    return outcomes


def _case(
    patients: Patients, harm: Harm, block: int, recipe: Recipe, lengths: Mapping[str, Again]
) -> dict[str, float | int]:
    """Damage a block of both nets, look, retrain in every way, and put the nets back as they were."""
    ours, theirs, parts, seed = patients.ours, patients.theirs, patients.parts, patients.seed
    whole = _state(ours), _state(theirs)
    found: dict[str, float | int] = {}
    for name, learner in (("", ours), ("bp_", theirs)):
        weights = _net(learner).blocks[block]
        limit = max(weight.abs().max().item() for weight in weights.parameters())
        harm(learner, block, parts.train, order(seed))
        found |= _looked(f"{name}damaged", learner, parts, recipe)
        if any(not weight.isfinite().all() or weight.abs().max() > OUTLIER * limit for weight in weights.parameters()):
            clear_outliers(weights, limit)
        found |= _looked(f"{name}mended", learner, parts, recipe)
    damaged = _state(ours), _state(theirs)
    for name, again in lengths.items():
        retrained = _retrained(patients, damaged, block, again)
        found |= {f"{name}_{key}": one for key, one in retrained.items()}
    ours.load_state_dict(whole[0])
    theirs.load_state_dict(whole[1])
    return found


def _retrained(
    patients: Patients, damaged: tuple[dict[str, torch.Tensor], ...], block: int, again: Again
) -> dict[str, float | int]:
    """Retrain the damaged block, it and all later ones, and backpropagation for as many multiply-adds; then its block alone."""
    ours, theirs, parts, lesson = patients.ours, patients.theirs, patients.parts, patients.lesson
    recipe = again.recipe(again.passes)
    found: dict[str, float | int] = {}
    ways = {"alone": {block}, "onward": set(range(block, len(ours.net.blocks)))}
    for way, blocks in ways.items():
        if way == "onward" and blocks == ways["alone"]:
            found |= {key.replace("alone", "onward"): one for key, one in found.items()}
            continue
        ours.load_state_dict(damaged[0])
        began = time.perf_counter()
        list(fit_blocks(ours, blocks, lesson, recipe, generator=order(patients.seed)))
        found[f"{way}_seconds"] = time.perf_counter() - began
        found |= _looked(way, ours, parts, recipe)
        part = cut(ours, len(ours.net.blocks))
        part.learning = frozenset(blocks)
        share = cost_of_learning(part, lesson) / cost_of_learning(theirs, lesson)
        theirs.load_state_dict(damaged[1])
        began = time.perf_counter()
        found[f"bp_as_{way}_passes"] = _for_passes(theirs, lesson, again, again.passes * share, order(patients.seed))
        found[f"bp_as_{way}_seconds"] = time.perf_counter() - began
        found |= _looked(f"bp_as_{way}", theirs, parts, recipe)
    theirs.load_state_dict(damaged[1])
    _block_of_backprop(theirs, block, lesson, recipe, order(patients.seed))
    return found | _looked("bp_block", theirs, parts, recipe)


@torch.no_grad()
def cost_of_learning(learner: AbstractLearner, lesson: Lesson) -> float:
    """Give the multiply-adds that the credit of one example takes, counted as it is computed; without those of the optimiser."""
    x, y = lesson.train.take(torch.arange(min(10, len(lesson.train)), device=lesson.train.x.device))
    return counted(lambda: list(learner.credit(x, y))) / len(x)


def _for_passes(learner: Backprop, lesson: Lesson, again: Again, passes: float, generator: torch.Generator) -> float:
    """Train for a part of passes, at least a step, by the recipe of as many whole ones; give the passes that were made."""
    steps = max(1, round(passes * steps_an_epoch(lesson.train, again.recipe(1))))
    run = Training(learner, lesson, again.recipe(math.ceil(passes)), generator=generator)
    for taken, _ in enumerate(run.steps(), 1):
        if taken == steps:
            break
    return run.stepper.seen / len(lesson.train)


def _block_of_backprop(learner: Backprop, block: int, lesson: Lesson, recipe: Recipe, generator: torch.Generator) -> None:
    """Retrain one block of backpropagation while all other weights are frozen by hand."""
    net = _net(learner)
    net.requires_grad_(False)
    net.blocks[block].requires_grad_(True)
    list(fit(learner, lesson, recipe, generator=generator))
    net.requires_grad_(True)


def _looked(name: str, learner: AbstractLearner, parts: Dataset, recipe: Recipe) -> dict[str, float]:
    """Measure a net, named so, and where its blocks predict each of them too."""
    with recipe.autocast(parts.test.x.device):
        if not isinstance(learner, MonoForward):
            _, right = evaluate(learner, parts.test)
            assert right is not None  # noqa: S101
            return {name: right.item()}
        judged = judge_blocks(learner, parts.test)
    found = {f"{name}_block_{k}": one.accuracy for k, one in enumerate(judged.blocks, 1) if one.accuracy is not None}
    return found | {name: found[f"{name}_block_{len(judged.blocks)}"]}


def _state(learner: AbstractLearner) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in learner.state_dict().items()}


def _net(learner: AbstractLearner) -> LayeredNet:
    net = learner.net
    assert isinstance(net, LayeredNet)  # noqa: S101
    return net


def _positions(net: LayeredNet) -> dict[str, int]:
    last = len(net.blocks) - 1
    return dict(zip(POSITIONS, (0, last // 2, last), strict=True))
