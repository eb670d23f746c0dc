"""Table 5: how fast Mono-Forward is beside backpropagation, written as one writes it first and as well as PyTorch allows.

Beside every time stands what arithmetic allows: Mono-Forward does not pass blame from block to block, which saves close to a third
of the multiply-adds of a deep net, and nothing of a shallow one's first layer. What comes on top is time that is not arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import NamedTuple

import torch

from onward.experiments.result import Result
from onward.experiments.spec import Experiment
from onward.nets.builders import cnn, mlp
from onward.papers.mono_forward.speed_trials import (
    STEPS,
    MakeNet,
    Turns,
    measure_delays,
    measure_epochs,
    measure_steps,
)
from onward.reports import figures
from onward.reports.artefact import Artefact, Element, Picture, Results, Table, Text

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
    Case("MNIST 2x1000, batch 128", MNIST, 128, 2, printed=2.28),
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
    Case("CNN on CIFAR-10, batch 128", CNN, 128, 2, turns=LONG),
)
PARALLEL_WANTED = 1.3
EPOCHS = {
    "MNIST 2x1000, batch 128": Experiment(
        "mf/speed/epoch-mnist-128-1t",
        partial(measure_epochs, net=MNIST, examples=60_000, batch=128, threads=1, rounds=4),
        seeds=1,
        together=1,
    ),
    "CIFAR-10 3x2000, batch 128": Experiment(
        "mf/speed/epoch-cifar-10-128-2t",
        partial(measure_epochs, net=CIFAR, examples=50_000, batch=128, threads=2, rounds=2),
        seeds=1,
        together=1,
    ),
}
DELAYS = Experiment(
    "mf/speed/delays-8x1000-1024-1t",
    partial(measure_delays, net=DEEP, batch=1024, threads=1, steps=15),
    seeds=1,
    together=1,
)


class Ratio(NamedTuple):
    """How many times as fast one way is as another: the median over turns that stood side by side, the lowest and the highest."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """Write it with its range."""
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


def ratio(slow: Sequence[float], fast: Sequence[float]) -> Ratio:
    """Give the ratio of the times of two ways, turn by turn."""
    each = [one / other for one, other in zip(slow, fast, strict=True)]
    return Ratio(median(each), min(each), max(each))


def quickest(history: Mapping[str, Sequence[float]], ways: Sequence[str]) -> str:
    """Name the way of the lowest median time."""
    return min(ways, key=lambda way: median(history[way]))


def render(results: Results) -> list[Element]:
    """Show the times, what they say of the goals and of the paper, epochs, and when each block is updated."""
    found = [(case, results[case.experiment.name][0]) for case in CASES if results[case.experiment.name]]
    elements: list[Element] = []
    if found:
        elements += [Text(_protocol(found[0][1])), _times(found), _ratios(found)]
        elements += [Text("## Verdicts"), *(Text(sentence) for sentence in verdicts(found))]
    epochs = [(words, results[one.name][0]) for words, one in EPOCHS.items() if results[one.name]]
    elements += [_epochs(epochs)] if epochs else []
    if results[DELAYS.name]:
        elements += _timeline(results[DELAYS.name][0])
    return elements


def _protocol(result: Result) -> str:
    return (
        f"All ways of a row take turns of {STEPS} steps (fewer where that takes more than some seconds) on the same noise in one process on "
        f"{result.environment['processor']}; every time is the median over the turns, every ratio the median of ratios of turns that "
        "stood side by side, with the lowest and the highest (so two ratios need not agree to the last digit with each other, nor with the times). All use Adam; *as first written* is its default, eagerly. All keep freed "
        "memory (`onward.training.allocator`), which on this machine speeds all of them up. MF's best is the quicker of eager and compiled, and so is BP's. *In "
        "parallel* runs the blocks on two threads, one product on each, and includes filling and emptying the line once a turn. *With Adam* is what multiply-adds allow where the optimiser, which takes as long for "
        "either rule, is left as it is and all else runs at the rate of BP. *Moved* is what the operations of the eager ways (BP with fused Adam) read and write as if "
        "no cache held anything between two of them; where that is as fast as copying, or faster, memory is the limit, or caches have a part in it."
    )


def _times(found: Sequence[tuple[Case, Result]]) -> Table:
    rows = []
    for case, result in found:
        milliseconds = [f"{1000 * median(result.history[way]):.1f}" if way in result.history else "" for way in WAYS]
        turns = f"{result.metrics['steps']:.0f} x {len(result.history['mf'])}"
        rows.append([case.title, _setting(case), *milliseconds, turns])
    return Table("Milliseconds a step.", ["net", "threads", *WAYS.values(), "steps x turns"], rows)


def _setting(case: Case) -> str:
    return f"{case.threads}" + (", bf16" if case.products is not None else "")


def _ratios(found: Sequence[tuple[Case, Result]]) -> Table:
    rows = []
    for case, result in found:
        history, metrics = result.history, result.metrics
        rival, ours = quickest(history, BEST), quickest(history, IN_TURN)
        parallel = str(ratio(history[rival], history["mf_parallel"])) if "mf_parallel" in history else ""
        rows.append(
            [
                case.title,
                _setting(case),
                f"{allowed(result):.2f}",
                "" if (most := in_time(result)) is None else f"{most:.2f}",
                str(ratio(history[rival], history[ours])),
                parallel,
                str(ratio(history["bp_first"], history[ours])),
                "" if case.printed is None else f"{case.printed:.2f}",
                f"{rate(result, ours, 'MonoForward'):.0f} / {rate(result, rival, 'Backprop'):.0f}",
                f"{metrics['MonoForward_peak'] / 1e6:.0f} / {metrics['Backprop_peak'] / 1e6:.0f}",
                *_moved(result),
            ]
        )
    header = [
        "net", "threads", "multiply-adds BP / MF", "with Adam", "best BP / MF", "best BP / MF in parallel", "BP as first written / MF",
        "paper", "GFLOP/s, MF / BP", "most bytes alive in a step, MB, MF / BP", "moved in a step, MB, MF / BP", "moved, GB/s, MF / BP / copying",
    ]  # fmt: skip
    return Table("How many times as fast Mono-Forward is. The paper's are of epochs on an unnamed device.", header, rows)


def _moved(result: Result) -> list[str]:
    """Give what eager operations move in a step, and how fast the quicker eager way of each rule moves it."""
    metrics, history = result.metrics, result.history
    if "copied_a_second" not in metrics:
        return ["", ""]
    ours, rival = (metrics[f"{rule}_moved"] for rule in ("MonoForward", "Backprop"))
    each = (ours / median(history["mf"]), rival / median(history["bp_fused"]), metrics["copied_a_second"])
    return [f"{ours / 1e6:.0f} / {rival / 1e6:.0f}", " / ".join(f"{one / 1e9:.1f}" for one in each)]


def allowed(result: Result) -> float:
    """Give the ratio of the multiply-adds of BP to those of Mono-Forward."""
    return result.metrics["Backprop_products"] / result.metrics["MonoForward_products"]


def in_time(result: Result) -> float | None:
    """Give the ratio of times that is left of it, as the optimiser takes as long for either rule and the rest at best runs at the rate of BP."""
    history = result.history
    if "adam" not in history:
        return None
    whole, adam = median(history[quickest(history, BEST)]), median(history["adam"])
    return whole / (adam + (whole - adam) / allowed(result))


def rate(result: Result, way: str, rule: str) -> float:
    """Give the floating-point operations a second, in 10⁹, of a way: two a multiply-add, those of the optimiser left out."""
    return 2e-9 * result.metrics[f"{rule}_products"] / median(result.history[way])


def verdicts(found: Sequence[tuple[Case, Result]]) -> list[str]:
    """Judge the goals by the lowest turn, and the paper's ratios against both baselines."""
    sentences = []
    for case, result in found:
        history = result.history
        rival, ours = quickest(history, BEST), quickest(history, IN_TURN)
        against_best, against_first = (ratio(history[way], history[ours]) for way in (rival, "bp_first"))
        named = f"*{case.title}, threads {_setting(case)}*"
        if case.wanted is not None:
            sentences.append(
                f"{named}: {case.wanted:g} was the goal, one block after another; {_reached(against_best, case.wanted)}.{_forbidden(case.wanted, result)}"
            )
        if case.printed is not None:
            best, first = (_met(one, case.printed) for one in (against_best, against_first))
            why = ""
            if case.printed > allowed(result):
                why = f" Arithmetic allows {allowed(result):.2f} where both run at one rate, so the rest would be time that BP loses elsewhere."
            sentences.append(
                f"{named}: the paper's {case.printed:.2f} is {best} against the best BP ({against_best}), and {first} against BP as first "
                f"written ({against_first}).{why}"
            )
    parallel = {
        f"{case.title}, {_setting(case)}": ratio(
            result.history[quickest(result.history, BEST)], result.history["mf_parallel"]
        )
        for case, result in found
        if "mf_parallel" in result.history
    }
    if parallel:
        over = [f"{words} ({one})" for words, one in parallel.items() if one.value >= PARALLEL_WANTED]
        below = [f"{words} ({one})" for words, one in parallel.items() if one.value < PARALLEL_WANTED]
        sentences.append(
            f"*Blocks in parallel on two cores*: {PARALLEL_WANTED:g} times the best BP on as many threads was the goal. Reached: "
            f"{'; '.join(over) or 'nowhere'}. Not reached: {'; '.join(below) or 'nowhere'}."
        )
    return sentences


def _forbidden(wanted: float, result: Result) -> str:
    """Show the arithmetic where it forbids a goal on this machine."""
    most = in_time(result)
    if most is None or most >= wanted:
        return ""
    whole, adam = (1000 * median(result.history[way]) for way in (quickest(result.history, BEST), "adam"))
    return (
        f" Of BP's {whole:.1f} ms a step {adam:.1f} are Adam's, which Mono-Forward needs too; with {allowed(result):.2f} times fewer "
        f"multiply-adds at BP's rate {whole:.1f} / ({adam:.1f} + {whole - adam:.1f} / {allowed(result):.2f}) = {most:.2f} is what would be had if the rest ran at BP's rate."
    )


def _met(found: Ratio, wanted: float) -> str:
    if found.value < wanted:
        return "not reached"
    return "reached" if found.low >= wanted else "reached by the median alone"


def _reached(found: Ratio, wanted: float) -> str:
    if found.low >= wanted:
        return f"reached in every turn, {found}"
    return f"reached by the median, {found}" if found.value >= wanted else f"**not reached**, {found}"


def _epochs(found: Sequence[tuple[str, Result]]) -> Table:
    rows = []
    for words, result in found:
        history = result.history
        ours = quickest(history, IN_TURN)
        chosen = {ours: " (the quicker)", quickest(history, BEST): " (the best)"}
        printed = next(case.printed for case in CASES if case.title == words)
        rows += [
            [
                words,
                WAYS[way] + chosen.get(way, ""),
                f"{median(times):.2f}",
                str(ratio(times, history[ours])),
                "" if printed is None or way in IN_TURN else f"{printed:.2f}",
            ]
            for way, times in history.items()
        ]
    caption = (
        "An epoch: order drawn, batches gathered, all learned from. *As first written* reads batches from a `DataLoader`, the others by "
        "index; MF is `onward.fit`. The paper does not say which of the ways its backpropagation was."
    )
    return Table(caption, ["data", "way", "seconds an epoch", "over the quicker MF", "paper, BP over MF"], rows)


def _timeline(result: Result) -> list[Element]:
    names = {"mf": "Mono-Forward", "bp_by_block": "BP, block by block", "bp": "BP"}
    series = {names[name]: [1000 * one for one in result.history[name]] for name in names}
    first, last = (", ".join(f"{words} {each[k]:.0f}" for words, each in series.items()) for k in (0, -1))
    sentence = (
        f"8x1000 at batch 1024 on one thread, milliseconds from the arrival of a batch. The first block is updated after: {first}; the last "
        f"after: {last}. *Block by block* is backpropagation that applies and frees every gradient at once (`BackpropByBlock`)."
    )
    return [
        Text("## When each block is updated"),
        Text(sentence),
        Picture("From the arrival of a batch to the update of each block.", figures.draw_timeline(series)),
    ]


ARTEFACT = Artefact(
    "speed",
    "Speed: Mono-Forward beside backpropagation",
    "Mono-Forward, table 5",
    (*(case.experiment for case in CASES), *EPOCHS.values(), DELAYS),
    render,
)
