"""Table 1: what every block of a net predicts, with two and with three hidden layers, beside backpropagation.

The paper reads from it that the third layer is worse than the second, which "over-extracts". Its numbers, and which data they are
of, are lost. Nets of one seed share their first blocks bitwise, trained too (a test shows it), so the net of two hidden layers
is the one of three, cut. The blocks of backpropagation are read by linear probes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from onward.blocks.plugging import cut
from onward.blocks.probes import linear_probes
from onward.datasets import images
from onward.experiments.layers import train_layers
from onward.experiments.result import Result
from onward.experiments.spec import Experiment
from onward.experiments.statistics import Mean, mean, stands, values
from onward.experiments.trials import order
from onward.learners.backprop import Backprop
from onward.learners.base import AbstractLearner
from onward.learners.mono_forward import MonoForward
from onward.nets.builders import mlp
from onward.nets.layered import LayeredNet
from onward.papers.mono_forward.blocks import each_block
from onward.papers.mono_forward.cells import recipe
from onward.papers.mono_forward.words import CIFAR_10_NOTE, against, percent, points, told, within
from onward.reports import figures
from onward.reports.artefact import Artefact, Element, Picture, Results, Table, Text
from onward.reports.canvas import Figure, figure_of, row_of_axes
from onward.training.data import Dataset
from onward.training.fit import Recipe, fit

SEEDS = 3
DEPTHS = (2, 3)
PROBE_RATE = 0.001


@dataclass(frozen=True)
class Case:
    """Data, a net of which the depth is open, and a recipe.

    Attributes:
        title: in reports.
        data: makes the data of a seed.
        features: shape of a picture.
        width: of every hidden layer, the paper's.
        recipe: of all rules.
    """

    title: str
    data: Callable[[int], Dataset]
    features: tuple[int, int, int]
    width: int
    recipe: Recipe

    def net(self, depth: int) -> Callable[..., LayeredNet]:
        """Give what makes a net of some hidden layers."""
        return partial(mlp, self.features, (self.width,) * depth, 10, bias=False)


CASES = {
    "mnist": Case("MNIST, 1000 wide", images.mnist, (1, 28, 28), 1000, recipe(0.001, 6)),
    "cifar-10": Case("CIFAR-10, 2000 wide", images.cifar10, (3, 32, 32), 2000, recipe(0.0003, 5)),
}


def every_depth(learner: AbstractLearner, data: Dataset) -> dict[str, float]:
    """Measure every block, and the sum of the blocks at every depth from two on."""
    found = each_block(learner, data)
    assert isinstance(learner, MonoForward)  # noqa: S101
    for depth in range(2, len(learner.net.blocks) + 1):
        shallow = each_block(cut(learner, depth), data)
        found |= {f"{name}_of_{depth}": value for name, value in shallow.items() if name.endswith("total")}
    return found


def probed(learner: AbstractLearner, data: Dataset, *, recipe: Recipe) -> dict[str, float]:
    """Train linear probes on the blocks of any learner of a layered net, and measure them."""
    assert isinstance(learner.net, LayeredNet)  # noqa: S101
    probes = linear_probes(learner.net)
    for _ in fit(probes, data, recipe, generator=order(0)):
        pass
    found = each_block(probes, data)
    return {name.replace("block", "probe"): value for name, value in found.items() if "block" in name}


def of_mono_forward(name: str, case: Case) -> Experiment:
    """Mono-Forward on the deepest net, all its blocks judged."""
    trial = partial(
        train_layers, data=case.data, net=case.net(DEPTHS[-1]), rule=MonoForward, recipe=case.recipe, also=every_depth
    )
    return Experiment(f"mf/table-1/{name}/mf", trial, seeds=SEEDS, together=1)


def of_backprop(name: str, case: Case, depth: int) -> Experiment:
    """Backpropagation on a net of some hidden layers, its blocks probed."""
    trial = partial(
        train_layers,
        data=case.data,
        net=case.net(depth),
        rule=Backprop,
        recipe=case.recipe,
        also=partial(probed, recipe=recipe(PROBE_RATE, case.recipe.epochs)),
    )
    return Experiment(f"mf/table-1/{name}/bp-{depth}", trial, seeds=SEEDS, together=1)


OURS = {name: of_mono_forward(name, case) for name, case in CASES.items()}
RIVALS = {(name, depth): of_backprop(name, case, depth) for name, case in CASES.items() for depth in DEPTHS}


def render(results: Results) -> list[Element]:
    """Show the rows of the paper's table, then judge its sentence on every data set."""
    elements: list[Element] = [Text(PROTOCOL), Text(CIFAR_10_NOTE)]
    for name, case in CASES.items():
        ours = results[OURS[name].name]
        rivals = {depth: results[RIVALS[name, depth].name] for depth in DEPTHS}
        elements += [Text(f"## {case.title}"), _table(ours, rivals)]
        told_so = verdicts(ours, rivals[DEPTHS[-1]])
        elements += [Text(" ".join(told_so))] if told_so else []
    figure = _figure(results)
    elements += [] if figure is None else [Picture("Test accuracy of every block: mean with its 95 % interval.", figure)]
    return elements


PROTOCOL = (
    "Nets without biases, Adam, batches of 128, cosine decay, the last weights; rates are not tuned: "
    + "; ".join(f"{case.title} {case.recipe.epochs} passes" for case in CASES.values())
    + f", {SEEDS} seeds. **Reduced**: few passes; how many the paper made is not stated. Linear probes are Mono-Forward's projections on a "
    f"trained net whose blocks rest, as many passes as the net had, at {PROBE_RATE:g}; the last probe stands where BP's own head stood, so its "
    f"accuracy minus BP's says whether probes learned enough. *FF pred* is the sum of the blocks. The paper's numbers are lost."
)


def _table(ours: Sequence[Result], rivals: dict[int, Sequence[Result]]) -> Table:
    rows: list[list[str]] = []
    for depth in DEPTHS:
        theirs = rivals[depth]
        cells = {"BP": (theirs, "test_accuracy"), "MF (FF pred)": (ours, f"test_accuracy_total_of_{depth}")}
        cells |= {f"MF layer {k}": (ours, f"test_accuracy_block_{k}") for k in range(1, depth + 1)}
        cells |= {f"BP layer {k}, linear probe": (theirs, f"test_accuracy_probe_{k}") for k in range(1, depth + 1)}
        rows += [[words, f"{depth}", percent(mean(values(results, metric)))] for words, (results, metric) in cells.items()]
        check = points(within(theirs, f"test_accuracy_probe_{depth}", "test_accuracy"))
        rows.append(["last probe minus BP, points", f"{depth}", check])
    return Table("Test accuracy in per cent: mean ± 95 %.", ["algorithm", "hidden layers", "onward"], rows)


def verdicts(ours: Sequence[Result], theirs: Sequence[Result]) -> list[str]:
    """Judge "the third hidden layer's performance is lower than that of the second layer", and name the best block."""
    told_so = []
    if ours:
        deepest = DEPTHS[-1]
        third = within(ours, f"test_accuracy_block_{deepest}", f"test_accuracy_block_{deepest - 1}")
        holds = {
            "below": "**holds** here",
            "above": "**does not hold** here",
            "level": f"cannot be told from {third.n} seeds",
            "unknown": "cannot be judged",
        }[stands(third)]
        told_so.append(f"*The third layer is worse than the second* {holds}: it is {told(third)}.")
        best = [_best(result, deepest) for result in ours]
        chosen = mean(
            [
                r.metrics[f"test_accuracy_block_{k}"] - r.metrics["test_accuracy_last"]
                for r, k in zip(ours, best, strict=True)
            ]
        )
        named = ", ".join(f"block {k} for {best.count(k)}" for k in sorted(set(best)))
        told_so.append(
            f"Validation names as the best {named} of {len(ours)} seeds; predicting by it, on the test part, against the last block, is {told(chosen)}."
        )
    if theirs:
        gain = within(theirs, f"test_accuracy_probe_{DEPTHS[-1]}", f"test_accuracy_probe_{DEPTHS[-1] - 1}")
        told_so.append(f"In BP a probe of the third layer against one of the second is {told(gain)}.")
    if ours and theirs:
        each = [
            f"layer {k}: {told(against(ours, theirs, f'test_accuracy_block_{k}', f'test_accuracy_probe_{k}'))}"
            for k in range(1, DEPTHS[-1] + 1)
        ]
        told_so.append(f"Mono-Forward's blocks against probes of BP's: {'; '.join(each)}.")
    return told_so


def _best(result: Result, depth: int) -> int:
    return max(range(1, depth + 1), key=lambda k: result.metrics[f"validation_accuracy_block_{k}"])


def _figure(results: Results) -> Figure | None:
    """Draw the data sets that have results; None if none has."""
    blocks = range(1, DEPTHS[-1] + 1)
    drawn: dict[str, dict[str, dict[int, Mean]]] = {}
    for name, case in CASES.items():
        sources = {"Mono-Forward": (OURS[name], "block"), "BP, linear probes": (RIVALS[name, DEPTHS[-1]], "probe")}
        arms = {
            words: {k: mean(values(results[one.name], f"test_accuracy_{metric}_{k}")) for k in blocks}
            for words, (one, metric) in sources.items()
            if results[one.name]
        }
        if arms:
            drawn[case.title] = arms
    if not drawn:
        return None
    axes = row_of_axes(len(drawn), (4.2 * len(drawn), 3.6))
    for axis, (title, arms) in zip(axes, drawn.items(), strict=True):
        figures.draw_means(arms, x="block", y="test accuracy", axes=axis)
        axis.set_title(title, fontsize=9)
    return figure_of(axes[0])


ARTEFACT = Artefact(
    "blocks",
    "What every block predicts: Mono-Forward's transparency",
    "Mono-Forward, Table 1 and section 3.3",
    (*OURS.values(), *RIVALS.values()),
    render,
)
