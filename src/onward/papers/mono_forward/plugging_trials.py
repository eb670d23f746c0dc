"""The trials of plugging: a block that is added and trained alone, and classes that come later."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import torch

from onward.blocks.block_by_block import fit_blocks
from onward.blocks.classes import accuracy_on, of_classes
from onward.blocks.plugging import add, with_classes
from onward.experiments.layers import trained, within
from onward.experiments.spec import Outcome, Progress
from onward.experiments.trials import order
from onward.learners.backprop import Backprop
from onward.learners.base import AbstractLearner
from onward.learners.mono_forward import MonoForward
from onward.nets.growing import grown
from onward.nets.layered import LayeredNet
from onward.papers.mono_forward.blocks import each_block
from onward.training.data import Dataset, Split
from onward.training.fit import Recipe, fit
from onward.training.judging import scores_of
from onward.training.metrics import accuracy


def add_a_block(
    seeds: Sequence[int],
    progress: Progress,
    *,
    data: Callable[[int], Dataset],
    net: Callable[..., LayeredNet],
    widths: tuple[int, ...],
    outputs: int,
    recipe: Recipe,
) -> list[Outcome]:
    """Train a net without its last block, add that and train it alone; beside it the whole net, trained at once.

    Args:
        seeds: one after another.
        progress: told the part that is done.
        data: makes the data of a seed.
        net: makes a net of `widths`, `outputs` and a `generator`.
        widths: of all blocks.
        outputs: classes.
        recipe: of each of the three trainings.
    """

    def make(seed: int, depth: int) -> LayeredNet:
        return net(widths=widths[:depth], outputs=outputs, generator=torch.Generator().manual_seed(seed))

    outcomes, early = [], len(widths) - 1
    for done, seed in enumerate(seeds):
        parts = data(seed)
        short, whole = MonoForward(make(seed, early)), MonoForward(make(seed, len(widths)))
        trained(short, parts, recipe, seed, within(progress, 3 * done, 3 * len(seeds), recipe))
        before = _copied(short)
        longer = add(short, make(seed, len(widths)).blocks[-1])
        for epoch in fit_blocks(longer, {early}, parts, recipe, generator=order(seed)):
            progress((3 * done + 1 + epoch.number / recipe.epochs) / (3 * len(seeds)))
        trained(whole, parts, recipe, seed, within(progress, 3 * done + 2, 3 * len(seeds), recipe))
        metrics: dict[str, float | int] = {"changed_weights": _differing(before, longer)}
        metrics["weights_unlike_whole"] = _differing(before, whole)
        metrics["weights"] = sum(weight.numel() for weight in before.values())
        with recipe.autocast(parts.train.x.device):
            for name, learner in (("short", short), ("added", longer), ("whole", whole)):
                metrics |= {f"{name}_{metric}": value for metric, value in each_block(learner, parts).items()}
        outcomes.append(Outcome(metrics, {}))
    return outcomes


def _copied(learner: MonoForward) -> dict[str, torch.Tensor]:
    """The weights of all blocks, named as in any learner of the same first blocks."""
    return {name: weight.detach().clone() for name, weight in learner.net.blocks.named_parameters()}


def _differing(weights: dict[str, torch.Tensor], learner: MonoForward) -> int:
    """Count the weights of a learner's first blocks that are not, bitwise, those of another."""
    own = dict(learner.net.blocks.named_parameters())
    return sum(int((own[name] != weight).sum()) for name, weight in weights.items())


NAMES = {"mf": "Mono-Forward", "bp": "BP"}
ARMS = {
    "mf_all": "Mono-Forward, all blocks, all classes",
    "mf_last": "Mono-Forward, the last block alone, all classes",
    "mf_new": "Mono-Forward, all blocks, the new classes alone",
    "bp_all": "BP, all classes",
    "bp_new": "BP, the new classes alone",
}
AT_ONCE = {f"{rule}_once": f"{words}, all classes at once" for rule, words in NAMES.items()}


def learn_new_classes(
    seeds: Sequence[int],
    progress: Progress,
    *,
    data: Callable[[int], Dataset],
    net: Callable[..., LayeredNet],
    widths: tuple[int, ...],
    later: tuple[int, ...],
    classes: int,
    first: Recipe,
    again: Recipe,
    at_once: Recipe,
) -> list[Outcome]:
    """Train on some classes, grow by the others with rows of zeros, train again; old and new classes are judged apart.

    The metrics of an arm are its accuracy on old examples `before`, `grown` and after (`old`), on new ones (`new`), and on old ones
    when only the scores of old classes are read (`apart`): what is lost there was forgotten, the rest of the loss is the
    harder question.

    Args:
        seeds: one after another.
        progress: told the part that is done.
        data: makes the data of a seed.
        net: makes a net of `widths`, `outputs` and a `generator`.
        widths: of all blocks.
        later: the classes that come later, the last ones of `classes`.
        classes: how many there are in the end.
        first: of the training on the old classes.
        again: of the training after growing.
        at_once: of nets that know all classes from the start.
    """
    outcomes, old = [], range(classes - len(later))
    rules: dict[str, Callable[[LayeredNet], AbstractLearner]] = {"mf": MonoForward, "bp": Backprop}
    for done, seed in enumerate(seeds):
        parts = data(seed)
        metrics: dict[str, float | int] = {}
        taught: dict[str, AbstractLearner] = {}
        for name, rule in rules.items():
            taught[name] = rule(net(widths=widths, outputs=len(old), generator=torch.Generator().manual_seed(seed)))
            _run(taught[name], _only(parts, old), first, seed)
            whole = rule(net(widths=widths, outputs=classes, generator=torch.Generator().manual_seed(seed)))
            _run(whole, parts, at_once, seed)
            metrics |= _after(f"{name}_once", whole, parts, old, later)
        for number, name in enumerate(ARMS):
            learner = copy.deepcopy(taught[name[:2]])
            metrics[f"{name}_before"] = accuracy_on(learner, parts.test, old)
            learner = _grown(learner, classes)
            metrics[f"{name}_grown"] = accuracy_on(learner, parts.test, old)
            if name.endswith("last"):
                assert isinstance(learner, MonoForward)  # noqa: S101
                learner.learning = frozenset({len(widths) - 1})
            _run(learner, _only(parts, later) if name.endswith("new") else parts, again, seed)
            metrics |= _after(name, learner, parts, old, later)
            progress((done + (number + 1) / len(ARMS)) / len(seeds))
        outcomes.append(Outcome(metrics, {}))
    return outcomes


def _after(
    name: str, learner: AbstractLearner, parts: Dataset, old: Iterable[int], later: Iterable[int]
) -> dict[str, float]:
    return {
        f"{name}_old": accuracy_on(learner, parts.test, old),
        f"{name}_new": accuracy_on(learner, parts.test, later),
        f"{name}_apart": accuracy_among(learner, parts.test, old),
    }


def accuracy_among(learner: AbstractLearner, split: Split, classes: Iterable[int]) -> float:
    """Give the accuracy on the examples of some classes when only their scores are read. Errors as for `of_classes`."""
    wanted = sorted(set(classes))
    part = of_classes(split, wanted)
    scores = scores_of(learner, part)
    allowed = torch.full_like(scores, -torch.inf)
    allowed[:, wanted] = scores[:, wanted]
    return accuracy(allowed, part.y).item()


def _grown(learner: AbstractLearner, classes: int) -> AbstractLearner:
    if isinstance(learner, MonoForward):
        return with_classes(learner, classes)
    net = learner.net
    assert isinstance(net, LayeredNet)  # noqa: S101
    assert net.head is not None  # noqa: S101
    return Backprop(net.truncate(len(net.blocks), grown(net.head, classes)))


def _only(data: Dataset, classes: Iterable[int]) -> Dataset:
    """The data of some classes; without validation, since nothing is chosen here."""
    wanted = list(classes)
    return replace(data, train=of_classes(data.train, wanted), test=of_classes(data.test, wanted), validation=None)


def _run(learner: AbstractLearner, data: Dataset, recipe: Recipe, seed: int) -> None:
    for _ in fit(learner, replace(data, validation=None), recipe, generator=order(seed)):
        pass
