"""What could be had at most of not passing blame from block to block: backpropagation with those products left out, which learns nothing.

Multiply-adds alone promise more than a machine gives, where the products that are left out run at a better rate than those that stay. Here
they are left out of backpropagation itself, and the rest of its step is timed beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from onward.experiments import turns
from onward.experiments.result import Result
from onward.experiments.spec import Experiment, Outcome, Progress
from onward.learners.mono_forward import MonoForward
from onward.papers.mono_forward.bounds import of_turns
from onward.papers.mono_forward.speed_cases import MNIST
from onward.papers.mono_forward.speed_trials import FUSED, MakeNet, backprop_steps, learner_steps, made, noise
from onward.reports.artefact import Element, Table, Text
from onward.training.fit import Recipe

ROUNDS, STEPS, BATCH = 25, 50, 128
THREADS = (1, 2)


class _Spared(torch.autograd.Function):
    """`z = x W^T`; its gradient with respect to `W` is the true one, that with respect to `x` is whatever costs nothing."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return functional.linear(x, weight)

    @staticmethod
    def backward(ctx: Any, *blame: Tensor) -> tuple[Tensor, Tensor]:
        (x,) = ctx.saved_tensors
        return x, blame[0].T @ x


class SparedLinear(nn.Linear):
    """A linear layer without a bias that passes no blame to its input, but a tensor of the same shape."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - PyTorch's own name
        """Give `x W^T`."""
        return _Spared.apply(input, self.weight)


def spare(net: nn.Module) -> None:
    """Let all linear layers of a perceptron but the first and the head pass no blame back; Mono-Forward passes it to the last block too."""
    layers = [module for module in net.modules() if isinstance(module, nn.Linear)]
    for layer in layers[1:-1]:
        if layer.bias is not None:
            raise ValueError("layers with a bias are not timed without their blame; expected a net without biases")
        layer.__class__ = SparedLinear


def measure_spared(
    seeds: Sequence[int], progress: Progress, *, net: MakeNet, batch: int, threads: int, rounds: int, steps: int
) -> list[Outcome]:
    """Time a step of backpropagation (fused Adam, eager), of the same without blame from block to block, and of Mono-Forward, in turns.

    Args:
        seeds: of weights and inputs.
        progress: told the part that is done.
        net: makes a perceptron without biases.
        batch: examples in a step.
        threads: that PyTorch may use for one product.
        rounds: turns of each way.
        steps: of a turn.
    """
    with turns.alone(threads):
        return [_spared(seed, progress, net, batch, turns.Turns(rounds, steps, longest=60.0)) for seed in seeds]


def _spared(seed: int, progress: Progress, net: MakeNet, batch: int, many: turns.Turns) -> Outcome:
    x, y = noise(made(net, seed), batch, seed)
    recipe = Recipe(FUSED, 1, batch=batch, shuffle=False)
    without = made(net, seed)
    spare(without)
    ways = {
        "bp": backprop_steps(made(net, seed), recipe, x, y, fused=True, compiled=False),
        "spared": backprop_steps(without, recipe, x, y, fused=True, compiled=False),
        "mf": learner_steps(MonoForward(made(net, seed)), recipe, x, y),
    }
    each = {name: partial(steps, 1) for name, steps in ways.items()}
    for step in each.values():
        turns.timed(step, 10)
    counts, history = turns.in_turns(each, many, progress)
    return Outcome({"steps": min(counts.values())}, history)


EXPERIMENTS = {
    threads: Experiment(
        f"mf/speed/spared-2x1000-{BATCH}-{threads}t",
        partial(measure_spared, net=MNIST, batch=BATCH, threads=threads, rounds=ROUNDS, steps=STEPS),
        seeds=1,
        together=1,
    )
    for threads in THREADS
}


def shown(found: dict[int, Result]) -> list[Element]:
    """Show what leaving the products out could give, beside what Mono-Forward gives in the same turns."""
    rows = []
    for threads, result in found.items():
        bp, spared, ours = (result.history[way] for way in ("bp", "spared", "mf"))
        milliseconds = [f"{1000 * of_turns(each).value:.2f}" for each in (bp, spared, ours)]
        ratios = [of_turns([a / b for a, b in zip(bp, each, strict=True)]) for each in (spared, ours)]
        rows.append([f"{threads}", *milliseconds, *(f"{one}" for one in ratios)])
    header = ["threads", "BP", "BP without blame from block to block", "MF", "BP / BP without it", "BP / MF"]
    return [
        Text("## What leaving out the products could give"),
        Text(
            f"MNIST 2x1000 at batch {BATCH}, milliseconds a step, {ROUNDS} turns of {STEPS} steps. The second way is backpropagation (fused Adam, eager) with the product left out that passes "
            "blame from the second block to the first: all else of its step is done, with wrong numbers. So its ratio is what could be had at most of leaving that product out, by "
            "a rule that adds nothing; Mono-Forward adds the products of a projection."
        ),
        Table("Milliseconds a step, and how many times as fast.", header, rows),
    ]
