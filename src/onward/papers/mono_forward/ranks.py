"""Several processes: two ranks over one, Mono-Forward beside BP by GPipe and 1F1B, and what 8 to 1024 ranks come to.

The paper credits Mono-Forward with better parallelizability, and states neither devices nor whether layers ran in parallel. Here times are measured on two cores, one thread a rank, and the rest is derived
from them by the formulas of `pipeline.scaling`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from onward.experiments.result import Result
from onward.experiments.spec import Experiment
from onward.experiments.statistics import Mean, mean, values
from onward.papers.mono_forward import bounds, ranks_block, ranks_many
from onward.papers.mono_forward.ranks_alone import BP, MF
from onward.papers.mono_forward.ranks_case import PIECES, Case
from onward.papers.mono_forward.ranks_trials import SCHEDULES, WAYS, measure
from onward.reports.artefact import Artefact, Element, Picture, Results, Table, Text

MAIN = "8x1000-batch-1024"
CASES = {
    MAIN: Case((784,), (1000,) * 8, 1024, turns=2),
    "4x1000-batch-1024": Case((784,), (1000,) * 4, 1024, turns=2),
    "3x2000-batch-1024": Case((3072,), (2000,) * 3, 1024, steps=7, turns=2),
    "8x1000-batch-128": Case((784,), (1000,) * 8, 128, steps=24),
    "cnn-batch-128": Case((3, 32, 32), (64, 128, 256, 512), 128, steps=7, turns=2),
}
TITLES = {
    MAIN: "8 x 1000 on 784, batch 1024",
    "4x1000-batch-1024": "4 x 1000 on 784, batch 1024",
    "3x2000-batch-1024": "3 x 2000 on 3072, batch 1024",
    "8x1000-batch-128": "8 x 1000 on 784, batch 128",
    "cnn-batch-128": "convolutional net on 3 x 32 x 32, batch 128",
}
NAMES = {"gpipe": "GPipe", "1f1b": "1F1B"}
ALONE = {MF: "Mono-Forward, 2 threads", BP[2]: "BP, 2 threads"}  # one process, both cores on a product
WAY_NAMES = {
    "mf_1": "Mono-Forward, 1 rank", "mf_2": "Mono-Forward, 2 ranks", "bp_1": "BP, 1 rank", "gpipe": "BP, GPipe", "1f1b": "BP, 1F1B",
}  # fmt: skip
RIVALS = {BP[2]: ALONE[BP[2]], **{name: f"BP, {NAMES[name]}" for name in SCHEDULES}}  # of two cores
TIMES, REACHED = 1.85, 0.95  # what is to be shown: of the main case, and of what the balance allows elsewhere
BEYOND = 1.05  # part of what the balance allows, from which on a run is not to be trusted
EXPERIMENTS = {
    name: Experiment(f"mf/ranks/{name}", partial(measure, case=case), seeds=5, together=1) for name, case in CASES.items()
}


def verdict(found: Mean, bound: float) -> str:
    """Say whether a number is at least a bound, by its interval over the runs."""
    return bounds.verdict(bounds.of_mean(found), bound) if found.n else "not run"


def render(results: Results) -> list[Element]:
    """Show two ranks over one, all ways side by side, memory and bytes, and the derivation for many ranks."""
    found = {name: results[one.name] for name, one in EXPERIMENTS.items()}
    elements: list[Element] = [Text(PROTOCOL)]
    if any(found.values()):
        elements += [
            _speedups(found),
            _seconds(found),
            _rivals(found),
            _pipelines(found),
            _bytes(found),
            _memory(found),
            Text(conclusion(found)),
        ]
    if found[MAIN]:
        measured = ranks_block.measured(found[MAIN], CASES[MAIN])
        elements += [
            Text(ranks_many.ASSUMPTIONS),
            ranks_block.sums(found[MAIN]),
            ranks_many.inputs(measured),
            *ranks_many.tables(measured),
        ]
        elements += [Picture(ranks_many.CAPTION, ranks_many.drawn(measured)), Text(ranks_many.conclusion(measured))]
    return elements


PROTOCOL = (
    "Every rank is a process with one thread; in turns with one rank the other core is idle. *2 threads* is one process with both cores on each product, "
    "which is what PyTorch does by itself. Products in float32, fused Adam, made-up data. Ways take "
    "turns within one run; times are medians over the turns, ratios are of turns that stood side by side, ± 95 % over the runs. **Steady state**: "
    "the last rank of `pipeline.fit(..., ahead=1)` times its third epoch of four; the pipeline was filled in the first, and the rank before has the fourth "
    "to do meanwhile. The balance allows the sum of the times of the blocks over those of the slowest rank, each block timed alone. BP in one process is the faster "
    "of eager and compiled, BP on two ranks is `torch.distributed.pipelining` over gloo, eager, in the quickest of "
    f"{', '.join(map(str, PIECES[:-1]))} and {PIECES[-1]} micro-batches by a try before the turns, cut so that "
    "multiply-adds are balanced; its gradients are those of BP in one process."
)


def _rows(found: Mapping[str, Sequence[Result]], cells: Callable[[str, Sequence[Result]], list[str]]) -> list[list[str]]:
    return [[TITLES[name], *cells(name, ours)] for name, ours in found.items() if ours]


def _speedups(found: Mapping[str, Sequence[Result]]) -> Table:
    def cells(name: str, ours: Sequence[Result]) -> list[str]:
        cut = " + ".join(str(int(size)) for size in ours[0].history["partition"])
        asked = f"{TIMES:g} times" if name == MAIN else f"{100 * REACHED:g} % of it"
        speedup, allowed, reached = (mean(values(ours, f"mf_{what}")) for what in ("speedup", "allowed", "reached"))
        said = verdict(speedup, TIMES) if name == MAIN else verdict(reached, REACHED)
        return [cut, _plus_minus(speedup), _plus_minus(allowed), _plus_minus(reached, 100, 1), asked, said]

    header = ["net", "blocks of the ranks", "2 ranks over 1", "the balance allows", "of that, %", "asked", "reached"]
    return Table("Mono-Forward on 2 ranks in steady state over 1 rank.", header, _rows(found, cells))


def _seconds(found: Mapping[str, Sequence[Result]]) -> Table:
    names = {**WAY_NAMES, **ALONE}

    def cells(name: str, ours: Sequence[Result]) -> list[str]:
        return [_plus_minus(mean(values(ours, f"{way}_seconds")), 1000, 1) for way in names]

    return Table("Milliseconds a step.", ["net", *names.values()], _rows(found, cells))


def _rivals(found: Mapping[str, Sequence[Result]]) -> Table:
    def cells(name: str, ours: Sequence[Result]) -> list[str]:
        over = [_plus_minus(mean(values(ours, f"mf_over_{rival}"))) for rival in ("bp", *RIVALS)]
        best = mean(values(ours, "mf_over_best"))
        own = _plus_minus(mean(values(ours, f"mf_over_{MF}")))
        return [*over, _plus_minus(best), fastest(ours), verdict(best, bounds.IN_PARALLEL), own]

    header = [
        "net", "Mono-Forward over BP, 1 rank each", *(f"Mono-Forward, 2 ranks, over {words}" for words in RIVALS.values()), "over the fastest of these",
        "which is", f"{bounds.IN_PARALLEL:g} asked: reached", f"over {ALONE[MF]}",
    ]  # fmt: skip
    return Table("How many times as fast Mono-Forward is, on one core and on two.", header, _rows(found, cells))


def fastest(ours: Sequence[Result]) -> str:
    """Name the way of BP on two cores that takes the least time, as most runs have it."""
    each = [min(RIVALS, key=lambda way: one.metrics[f"{way}_seconds"]) for one in ours]
    return RIVALS[max(RIVALS, key=each.count)]


def _pipelines(found: Mapping[str, Sequence[Result]]) -> Table:
    def cells(name: str, ours: Sequence[Result]) -> list[str]:
        cut = " + ".join(str(int(size)) for size in ours[0].history["bp_partition"])
        speedups = [_plus_minus(mean(values(ours, f"{rival}_speedup"))) for rival in RIVALS]
        pieces = [sorted({int(one.metrics[f"{rival}_pieces"]) for one in ours}) for rival in SCHEDULES]
        counts = [", ".join(map(str, each)) for each in pieces]
        return [*speedups, cut, _plus_minus(mean(values(ours, "bp_allowed"))), *counts]

    header = [
        "net", *RIVALS.values(), "blocks of BP's ranks", "their balance allows", *(f"micro-batches of {NAMES[name]}" for name in SCHEDULES),
    ]  # fmt: skip
    return Table("BP on two cores over BP on one.", header, _rows(found, cells))


def _bytes(found: Mapping[str, Sequence[Result]]) -> Table:
    def cells(name: str, ours: Sequence[Result]) -> list[str]:
        forth, both = (mean(values(ours, f"{way}_bytes")).value for way in ("mf", "bp"))
        wire = mean(values(ours, "wire_seconds_a_byte"))
        return [f"{forth / 1e6:.3f}", f"{both / 1e6:.3f}", f"{forth / both:.3f}", f"{1e-9 / wire.value:.2f}"]

    header = ["net", "Mono-Forward, MB", "BP, MB", "of BP's", "wire, GB a second"]
    caption = "Bytes from rank to rank a step: activities, labels, losses and headers forth; of BP activities forth and gradients back."
    return Table(caption, header, _rows(found, cells))


def _memory(found: Mapping[str, Sequence[Result]]) -> Table:
    def cells(name: str, ours: Sequence[Result]) -> list[str]:
        def taken(way: str, rank: int) -> str:
            own = mean([one.metrics[f"{way}_peak_{rank}"] - one.metrics[f"{way}_before_{rank}"] for one in ours])
            return f"{own.value / 1e6:.0f}"

        return [" / ".join(taken(way, rank) for rank in range(ranks)) for way, (_, ranks) in WAYS.items()]

    caption = (
        "Peak of the resident set of each rank above what the process had before there was a net, MB. Rank 0 holds the data too. Freed memory is kept by the "
        "process, as it is where times are taken, and each rank makes the whole net once."
    )
    return Table(caption, ["net", *WAY_NAMES.values()], _rows(found, cells))


def conclusion(found: Mapping[str, Sequence[Result]]) -> str:
    """Say whether what was to be shown is shown, and where Mono-Forward stands to BP on two ranks."""
    told = []
    main = found[MAIN]
    if main:
        speedup = mean(values(main, "mf_speedup"))
        told.append(
            f"On {TITLES[MAIN]}, 2 ranks are {_plus_minus(speedup)} times as fast as 1, at least {TIMES:g} asked: {verdict(speedup, TIMES)}."
        )
    others = {
        TITLES[name]: bounds.word(bounds.of_mean(mean(values(ours, "mf_reached"))), REACHED)
        for name, ours in found.items()
        if ours and name != MAIN
    }
    if others:
        told.append(
            f"{100 * REACHED:g} % of what the balance allows, in {len(others)} other cases: {bounds.grouped(others)}."
        )
    beside = {TITLES[name]: mean(values(ours, "mf_over_best")) for name, ours in found.items() if ours}
    if beside:
        said = {
            f"{title} ({_plus_minus(over)})": bounds.word(bounds.of_mean(over), bounds.IN_PARALLEL)
            for title, over in beside.items()
        }
        told.append(
            f"Blocks in parallel on 2 cores, as 2 ranks, against the fastest BP on as many, of whatever way: {bounds.IN_PARALLEL:g} times was the goal, "
            f"{bounds.grouped(said)}."
        )
    unsteady = [
        f"{TITLES[name]} (run {one.seed}: {100 * one.metrics['mf_reached']:.0f} %)"
        for name, ours in found.items()
        for one in ours
        if one.metrics["mf_reached"] > BEYOND
    ]
    if unsteady:
        told.append(f"More than the balance allows says that the machine was not steady: {'; '.join(unsteady)}.")
    for rival, words in RIVALS.items():
        over = [mean(values(ours, f"mf_over_{rival}")).value for ours in found.values() if ours]
        told.append(
            f"On 2 ranks Mono-Forward takes {min(over):.2f} to {max(over):.2f} times as many steps a second as {words}."
        )
    return " ".join(told)


def _plus_minus(found: Mean, factor: float = 1.0, digits: int = 2) -> str:
    spread = f" ± {factor * found.half:.{digits}f}" if found.n > 1 else ""
    return f"{factor * found.value:.{digits}f}{spread}"


ARTEFACT = Artefact(
    "ranks",
    "Blocks on several processes: two ranks over one, beside BP by GPipe and 1F1B, and 8 to 1024 ranks",
    "Mono-Forward, its claim of better parallelizability, for which it states no devices",
    tuple(EXPERIMENTS.values()),
    render,
)
