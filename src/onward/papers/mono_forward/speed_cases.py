"""What is timed of steps and epochs: nets, batches, threads and dtypes, how many turns, what the paper printed and what was set as a goal."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch

from onward.experiments.spec import Experiment
from onward.nets.builders import cnn, mlp
from onward.papers.mono_forward.speed_trials import MakeNet, Turns, measure_delays, measure_epochs, measure_steps

BF16 = torch.bfloat16
MNIST: MakeNet = partial(mlp, 784, (1000,) * 2, 10, bias=False)
CIFAR: MakeNet = partial(mlp, 3072, (2000,) * 3, 10, bias=False)
DEEP: MakeNet = partial(mlp, 784, (1000,) * 8, 10, bias=False)
CNN: MakeNet = partial(cnn, (3, 32, 32), 10)

WAYS = {
    "bp_first": "BP as first written",
    "bp_fused": "BP, fused Adam",
    "bp_compiled": "BP, fused and compiled",
    "mf": "MF",
    "mf_compiled": "MF, compiled",
    "mf_parallel": "MF, blocks in parallel",
    "adam": "Adam alone, of either",
}
BEST = ("bp_fused", "bp_compiled")
IN_TURN = ("mf", "mf_compiled")  # blocks one after another
FULL = 50_000  # a batch of all examples, which leaves nothing to follow it through a line of threads
SHORT, LONG = Turns(5, 5.0), Turns(3, 8.0)
MANY, WHOLE = Turns(12, 5.0), Turns(3, 60.0)  # of the cases that a goal is set for: turns of no less than STEPS


@dataclass(frozen=True)
class Case:
    """A net, a batch, and how it is run.

    Attributes:
        title: in reports.
        net: makes it.
        batch: examples in a step.
        threads: for one product.
        products: their dtype; None is float32.
        turns: how many, and how long.
        printed: what the paper has for BP over Mono-Forward.
        wanted: the least ratio that was set as a goal, for blocks one after another.
    """

    title: str
    net: MakeNet
    batch: int
    threads: int
    products: torch.dtype | None = None
    turns: Turns = SHORT
    printed: float | None = None
    wanted: float | None = None

    @property
    def setting(self) -> str:
        """Threads, and the dtype of products where it is not that of the weights."""
        return f"{self.threads}" + (", bf16" if self.products is not None else "")

    @property
    def experiment(self) -> Experiment:
        """What is run for it."""
        trial = partial(
            measure_steps,
            net=self.net,
            batch=self.batch,
            threads=self.threads,
            products=self.products,
            turns=self.turns,
            parallel=self.threads > 1 and self.batch < FULL,
        )
        precision = "" if self.products is None else "-bf16"
        name = f"{self.title.replace(', batch ', '-').replace(', full batch', '-full').replace(' ', '-').lower()}"
        return Experiment(f"mf/speed/{name}{precision}-{self.threads}t", trial, seeds=1, together=1)


CASES = (
    Case("MNIST 2x1000, batch 128", MNIST, 128, 1, turns=MANY, printed=2.28, wanted=1.2),
    Case("MNIST 2x1000, batch 128", MNIST, 128, 2, turns=MANY, printed=2.28, wanted=1.2),
    Case("MNIST 2x1000, batch 128", MNIST, 128, 1, BF16, printed=2.28),
    Case("MNIST 2x1000, batch 1024", MNIST, 1024, 2),
    Case("MNIST 2x1000, full batch", MNIST, 60_000, 2, turns=LONG, printed=1.57),
    Case("CIFAR-10 3x2000, batch 128", CIFAR, 128, 1, printed=3.33),
    Case("CIFAR-10 3x2000, batch 128", CIFAR, 128, 2, printed=3.33),
    Case("CIFAR-10 3x2000, batch 1024", CIFAR, 1024, 2, turns=LONG),
    Case("CIFAR-10 3x2000, full batch", CIFAR, 50_000, 2, turns=Turns(2, 5.0), printed=1.57),
    Case("CIFAR-10 3x2000, full batch", CIFAR, 50_000, 2, BF16, turns=Turns(3, 5.0), printed=1.57),
    Case("8x1000, batch 128", DEEP, 128, 1),
    Case("8x1000, batch 128", DEEP, 128, 2),
    Case("8x1000, batch 1024", DEEP, 1024, 1, turns=WHOLE, wanted=1.25),
    Case("8x1000, batch 1024", DEEP, 1024, 2, turns=WHOLE, wanted=1.25),
    Case("8x1000, batch 1024", DEEP, 1024, 2, BF16, turns=LONG),
    Case("8x1000, full batch", DEEP, 60_000, 2, BF16, turns=Turns(2, 1.0)),
    Case("CNN on CIFAR-10, batch 128", CNN, 128, 2, turns=LONG),
)
IN_FLOAT32 = (
    "8x1000, batch 1024",
    2,
)  # from the time of which that of a full batch follows, which is run in bfloat16 alone


@dataclass(frozen=True)
class Pass:
    """An epoch that is timed.

    Attributes:
        title: that of the case whose steps it takes.
        net: makes the net.
        examples: in it.
        batch: examples in a step.
        threads: for one product.
        rounds: epochs of each way.
    """

    title: str
    net: MakeNet
    examples: int
    batch: int
    threads: int
    rounds: int

    @property
    def experiment(self) -> Experiment:
        """What is run for it."""
        trial = partial(
            measure_epochs, net=self.net, examples=self.examples, batch=self.batch, threads=self.threads, rounds=self.rounds
        )
        name = self.title.partition(" ")[0].partition(",")[0].lower()
        return Experiment(f"mf/speed/epoch-{name}-{self.batch}-{self.threads}t", trial, seeds=1, together=1)


EPOCHS = (
    Pass("MNIST 2x1000, batch 128", MNIST, 60_000, 128, 1, rounds=4),
    Pass("MNIST 2x1000, batch 1024", MNIST, 60_000, 1024, 2, rounds=2),
    Pass("CIFAR-10 3x2000, batch 128", CIFAR, 50_000, 128, 2, rounds=2),
    Pass("8x1000, batch 1024", DEEP, 60_000, 1024, 2, rounds=2),
)
DELAYS = Experiment(
    "mf/speed/delays-8x1000-1024-1t",
    partial(measure_delays, net=DEEP, batch=1024, threads=1, steps=15),
    seeds=1,
    together=1,
)
