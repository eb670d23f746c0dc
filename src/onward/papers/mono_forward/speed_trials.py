"""How long steps and epochs take, and when each block of a net is updated: ways of training that take turns in one run.

A turn is many steps of one way on one batch; then comes the next way, round after round, so that what the machine does otherwise
meets all of them. Freed memory is kept by the process for all ways alike (`training.allocator`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from statistics import median

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from onward.experiments.spec import Outcome, Progress
from onward.learners.backprop import Backprop
from onward.learners.backprop_by_block import BackpropByBlock
from onward.learners.base import AbstractLearner
from onward.learners.mono_forward import MonoForward
from onward.meters.rate import copied_per_second
from onward.nets.layered import LayeredNet
from onward.pipeline.measuring import measured
from onward.pipeline.partition import balanced
from onward.pipeline.threads import fit_in_threads
from onward.training.allocator import keep_freed_memory
from onward.training.data import Dataset, Split
from onward.training.fit import Recipe, fit
from onward.training.step_cost import step_cost
from onward.training.steps import GradientSteps

STEPS = 50  # of a turn, the least; fewer where they would take longer than a turn may
RATE = 0.0001
FUSED = partial(torch.optim.Adam, lr=RATE, fused=True)
Steps = Callable[[int], None]  # takes so many steps
MakeNet = Callable[..., LayeredNet]  # of a `generator`


@dataclass(frozen=True)
class Turns:
    """How often ways take turns.

    Attributes:
        rounds: turns of each way.
        seconds: that a turn may take at the longest, if that is more than one step.
    """

    rounds: int
    seconds: float


def measure_steps(
    seeds: Sequence[int],
    progress: Progress,
    *,
    net: MakeNet,
    batch: int,
    threads: int,
    products: torch.dtype | None,
    turns: Turns,
    parallel: bool,
) -> list[Outcome]:
    """Time a step of Mono-Forward and of backpropagation, each written in several ways.

    The history holds the seconds a step of each turn, as `mf` and `bp_fused`, and as `adam` of the optimiser alone; the metrics `steps` of
    a turn, bytes `copied_a_second` where memory alone is at work, and for `Backprop` and `MonoForward` the multiply-adds of a step, the
    bytes that it moves and the most that are alive in it, as `Backprop_products`, `Backprop_moved` and `Backprop_peak`; with blocks in
    parallel also `slowest_part`, the seconds of the blocks of the slower thread, each timed alone.

    Args:
        seeds: of weights and inputs.
        progress: told the part that is done.
        net: makes the net.
        batch: examples in a step.
        threads: that PyTorch may use for one product.
        products: dtype of products, None for that of the weights.
        turns: how many, and how long.
        parallel: whether Mono-Forward is also run with its blocks in parallel, on two threads, one product on each.
    """
    with _alone(threads):
        return [_steps(seed, progress, net, batch, products, turns, parallel=parallel) for seed in seeds]


def measure_epochs(
    seeds: Sequence[int], progress: Progress, *, net: MakeNet, examples: int, batch: int, threads: int, rounds: int
) -> list[Outcome]:
    """Time an epoch: order drawn, batches gathered, all of them learned from. The history holds seconds an epoch.

    Args:
        seeds: of weights and inputs.
        progress: told the part that is done.
        net: makes the net.
        examples: in an epoch.
        batch: examples in a step.
        threads: that PyTorch may use for one product.
        rounds: epochs of each way, after a first one that does not count.
    """
    with _alone(threads):
        return [_epochs(seed, progress, net, examples, batch, rounds) for seed in seeds]


def measure_delays(
    seeds: Sequence[int], progress: Progress, *, net: MakeNet, batch: int, threads: int, steps: int
) -> list[Outcome]:
    """Time from the arrival of a batch to the update of each block: the history holds medians in seconds, first block first.

    Args:
        seeds: of weights and inputs.
        progress: told the part that is done.
        net: makes the net.
        batch: examples in a step.
        threads: that PyTorch may use for one product.
        steps: that are timed of each rule.
    """
    with _alone(threads):
        return [_delays(seed, progress, net, batch, steps) for seed in seeds]


@contextmanager
def _alone(threads: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    keep_freed_memory()
    torch.compiler.reset()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def made(net: MakeNet, seed: int) -> LayeredNet:
    """Make the net of a seed."""
    return net(generator=torch.Generator().manual_seed(seed))


def noise(net: LayeredNet, examples: int, seed: int) -> tuple[Tensor, Tensor]:
    """Draw inputs for a net, and classes."""
    drawn = torch.Generator().manual_seed(seed)
    x = torch.randn(examples, *net.shapes[0], generator=drawn)
    return x, torch.randint(net.outputs, (examples,), generator=drawn)


def _steps(
    seed: int, progress: Progress, net: MakeNet, batch: int, products: torch.dtype | None, turns: Turns, *, parallel: bool
) -> Outcome:
    make = partial(made, net, seed)
    x, y = noise(make(), batch, seed)
    recipe = Recipe(FUSED, 1, batch=batch, shuffle=False, products=products)
    compiled = MonoForward(make())
    compiled.compile()
    ways: dict[str, Steps] = {
        "bp_first": backprop_steps(make(), recipe, x, y, fused=None, compiled=False),
        "bp_fused": backprop_steps(make(), recipe, x, y, fused=True, compiled=False),
        "bp_compiled": backprop_steps(make(), recipe, x, y, fused=True, compiled=True),
        "mf": learner_steps(MonoForward(make()), recipe, x, y),
        "mf_compiled": learner_steps(compiled, recipe, x, y),
    }
    metrics: dict[str, float | int] = {}
    if parallel:
        ways["mf_parallel"], metrics["slowest_part"] = _parallel(MonoForward(make()), recipe, x, y)
    ways["adam"] = _updates(make())
    count, history = _in_turns(ways, turns, progress)
    metrics |= {"steps": count, "copied_a_second": copied_per_second(x.device)}
    plain = make()
    for rule in (Backprop, MonoForward):
        cost = step_cost(rule(plain), recipe, plain.shapes[0], batch, plain.outputs)
        found = {"products": cost.products[-1], "moved": cost.moved, "peak": cost.peak}
        metrics |= {f"{rule.__name__}_{name}": value for name, value in found.items()}
    return Outcome(metrics, history)


def _in_turns(ways: Mapping[str, Steps], turns: Turns, progress: Progress) -> tuple[int, dict[str, list[float | int]]]:
    """Give the steps of a turn, and the seconds a step of every turn; the first steps of each way compile and warm up, and so does a first turn."""
    slowest = 0.0
    for steps in ways.values():
        steps(2)
        slowest = max(slowest, _timed(steps, 1))
    count = max(1, min(STEPS, int(turns.seconds / slowest)))
    history: dict[str, list[float | int]] = {name: [] for name in ways}
    for number in range(turns.rounds + 1):
        for k, (name, steps) in enumerate(ways.items()):
            seconds = _timed(steps, count) / count
            if number:
                history[name].append(seconds)
            progress((number + (k + 1) / len(ways)) / (turns.rounds + 1))
    return count, history


def _timed(steps: Steps, count: int) -> float:
    began = time.perf_counter()
    steps(count)
    return time.perf_counter() - began


def backprop_steps(net: LayeredNet, recipe: Recipe, x: Tensor, y: Tensor, *, fused: bool | None, compiled: bool) -> Steps:
    """Backpropagation by hand, as it is usually written; what checks the inputs of a `LayeredNet` is left out."""
    step = _step(net, recipe, fused=fused, compiled=compiled)

    def steps(count: int) -> None:
        for _ in range(count):
            step(x, y)

    return steps


def _step(net: LayeredNet, recipe: Recipe, *, fused: bool | None, compiled: bool) -> Callable[[Tensor, Tensor], None]:
    plain = nn.Sequential(*net.blocks.children(), net.get_submodule("head"))
    optimiser = torch.optim.Adam(plain.parameters(), lr=RATE, fused=fused)

    def loss(x: Tensor, y: Tensor) -> Tensor:
        return functional.cross_entropy(plain(x), y)

    ready = torch.compile(loss, dynamic=False) if compiled else loss

    def step(x: Tensor, y: Tensor) -> None:
        optimiser.zero_grad()
        with recipe.autocast(x.device):
            value = ready(x, y)
        value.backward()
        optimiser.step()

    return step


def learner_steps(learner: AbstractLearner, recipe: Recipe, x: Tensor, y: Tensor) -> Steps:
    """Steps of a learner, each credit applied as it comes."""
    taking = GradientSteps(learner.train(), FUSED, None, ())

    def steps(count: int) -> None:
        for _ in range(count):
            with recipe.autocast(x.device):
                taking.step(x, y, None)

    return steps


def _parallel(learner: MonoForward, recipe: Recipe, x: Tensor, y: Tensor) -> tuple[Steps, float]:
    """An epoch of so many views of one batch: filling and emptying the line of threads counts, laying out the data does not.

    Beside it, the seconds of the slower part, whose blocks are timed with the other core idle.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    times = measured(learner, recipe, x, y)
    partition = balanced(times, 2)
    torch.set_num_threads(before)
    running: dict[int, Iterator[object]] = {}

    def epochs(count: int) -> Iterator[object]:
        many = Split(x.expand(count, *x.shape).reshape(-1, *x.shape[1:]), y.repeat(count))
        data = Dataset("noise", many, many)
        lasting = replace(recipe, epochs=1_000_000)
        return fit_in_threads(learner, data, lasting, generator=torch.Generator(), partition=partition)

    def steps(count: int) -> None:
        if count not in running:
            running[count] = epochs(count)
        next(running[count])

    return steps, max(partition.times(times))


def _updates(net: LayeredNet) -> Steps:
    """The optimiser's steps alone, which every rule takes."""
    optimiser = FUSED(net.parameters())
    for parameter in net.parameters():
        parameter.grad = torch.ones_like(parameter)

    def steps(count: int) -> None:
        for _ in range(count):
            optimiser.step()

    return steps


def _epochs(seed: int, progress: Progress, net: MakeNet, examples: int, batch: int, rounds: int) -> Outcome:
    make = partial(made, net, seed)
    x, y = noise(make(), examples, seed)
    recipe = Recipe(FUSED, rounds + 1, batch=batch)
    compiled = MonoForward(make())
    compiled.compile()
    ways: dict[str, Callable[[], object]] = {
        "bp_first": _loaded(_step(make(), recipe, fused=None, compiled=False), x, y, batch, seed),
        "bp_fused": _gathered(_step(make(), recipe, fused=True, compiled=False), x, y, batch, seed),
        "bp_compiled": _gathered(_step(make(), recipe, fused=True, compiled=True), x, y, batch, seed),
        "mf": _fitted(MonoForward(make()), recipe, x, y, seed),
        "mf_compiled": _fitted(compiled, recipe, x, y, seed),
    }
    history: dict[str, list[float | int]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for k, (name, epoch) in enumerate(ways.items()):
            began = time.perf_counter()
            epoch()
            if number:
                history[name].append(time.perf_counter() - began)
            progress((number + (k + 1) / len(ways)) / (rounds + 1))
    return Outcome({"examples": examples}, history)


def _loaded(step: Callable[[Tensor, Tensor], None], x: Tensor, y: Tensor, batch: int, seed: int) -> Callable[[], None]:
    """Batches from a `DataLoader`, as tutorials have it."""
    drawn = torch.Generator().manual_seed(seed)
    loader = DataLoader(TensorDataset(x, y), batch, shuffle=True, generator=drawn)

    def epoch() -> None:
        for one, labels in loader:
            step(one, labels)

    return epoch


def _gathered(step: Callable[[Tensor, Tensor], None], x: Tensor, y: Tensor, batch: int, seed: int) -> Callable[[], None]:
    """Batches by index, without a loader."""
    drawn = torch.Generator().manual_seed(seed)

    def epoch() -> None:
        for rows in torch.randperm(len(x), generator=drawn).split(batch):
            step(x[rows], y[rows])

    return epoch


def _fitted(learner: MonoForward, recipe: Recipe, x: Tensor, y: Tensor, seed: int) -> Callable[[], object]:
    """One epoch of `fit` at a time."""
    all_of_it = Split(x, y)
    running = fit(learner, Dataset("noise", all_of_it, all_of_it), recipe, generator=torch.Generator().manual_seed(seed))
    return partial(next, running)


def _delays(seed: int, progress: Progress, net: MakeNet, batch: int, steps: int) -> Outcome:
    make = partial(made, net, seed)
    x, y = noise(make(), batch, seed)
    history: dict[str, list[float | int]] = {}
    rules = {"mf": MonoForward, "bp": Backprop, "bp_by_block": BackpropByBlock}
    for number, (name, rule) in enumerate(rules.items()):
        learner = rule(make()).train()
        taking = GradientSteps(learner, FUSED, None, ())
        found = [updates(learner, taking, x, y) for _ in range(steps + 2)][2:]
        history[name] = [median(each) for each in zip(*found, strict=True)]
        progress((number + 1) / len(rules))
    return Outcome({"steps": steps}, history)


def updates(learner: AbstractLearner, taking: GradientSteps, x: Tensor, y: Tensor) -> list[float]:
    """Take a step; give the seconds until each block of the learner's net was updated, first block first."""
    found: dict[int, float] = {}
    began = time.perf_counter()
    for credit in learner.credit(x, y):
        blocks = {int(name.split(".")[2]) for name in credit.gradients if name.startswith("net.blocks.")}
        taking.apply(credit)
        found |= dict.fromkeys(blocks, time.perf_counter() - began)
    return [found[block] for block in sorted(found)]
