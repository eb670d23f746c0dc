"""Table 5: how fast Mono-Forward is beside backpropagation, written as one writes it first and as well as PyTorch allows.

Beside every time stands what arithmetic allows: Mono-Forward does not pass blame from block to block, which saves close to a third
of the multiply-adds of a deep net, and nothing of a shallow one's first layer. What comes on top is time that is not arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from onward.experiments.result import Result
from onward.papers.mono_forward import speed_spared
from onward.papers.mono_forward.speed_cases import BEST, CASES, DELAYS, EPOCHS, IN_FLOAT32, IN_TURN, WAYS, Case, Pass
from onward.papers.mono_forward.speed_trials import STEPS
from onward.papers.mono_forward.speed_verdicts import allowed, in_parallel, in_time, quickest, ratio, verdicts
from onward.reports import figures
from onward.reports.artefact import Artefact, Element, Picture, Results, Table, Text


def render(results: Results) -> list[Element]:
    """Show the times, what they say of the goals and of the paper, epochs, and when each block is updated."""
    found = [(case, results[case.experiment.name][0]) for case in CASES if results[case.experiment.name]]
    elements: list[Element] = []
    if found:
        elements += [Text(_protocol(found[0][1]) + _too_slow(found)), _times(found), _ratios(found)]
        elements += [Text("## Verdicts"), *(Text(sentence) for sentence in verdicts(found))]
    spared = {threads: results[one.name][0] for threads, one in speed_spared.EXPERIMENTS.items() if results[one.name]}
    elements += speed_spared.shown(spared) if spared else []
    epochs = [(one, results[one.experiment.name][0]) for one in EPOCHS if results[one.experiment.name]]
    elements += [_epochs(epochs)] if epochs else []
    if results[DELAYS.name]:
        elements += _timeline(results[DELAYS.name][0])
    return elements


def _protocol(result: Result) -> str:
    return (
        f"All ways of a row take turns of {STEPS} steps (fewer where that takes more than some seconds) on the same noise in one process on "
        f"{result.environment['processor']}; every time is the median over the turns, every ratio the median of ratios of turns that "
        "stood side by side, with the interval of that median, of 95 % at least (so two ratios need not agree to the last digit with each other, nor with the times); of fewer than six "
        "turns it is the lowest and the highest, which cover less. A bound that lies in the interval is undecided. All use Adam; *as first written* is its default, eagerly. All keep freed "
        "memory (`onward.training.allocator`), which on this machine speeds all of them up. MF's best is the quicker of eager and compiled, and so is BP's. *In "
        "parallel* runs the blocks on two threads, one product on each, and includes filling and emptying the line once a turn; *its parts allow* what would be had if a step took no longer than the blocks of the slower thread, "
        "timed alone with the other core idle, so without what two threads cost each other in memory. *With Adam* is what multiply-adds allow where the optimiser, which takes as long for "
        "either rule, is left as it is and all else runs at the rate of BP. *Moved* is what the operations of the eager ways (BP with fused Adam) read and write as if "
        "no cache held anything between two of them; where that is as fast as copying, or faster, memory is the limit, or caches have a part in it."
    )


def _too_slow(found: Sequence[tuple[Case, Result]]) -> str:
    """Say what a step of 8x1000 at full batch would take in float32, which is why it is not run."""
    for case, result in found:
        if (case.title, case.threads) == IN_FLOAT32 and case.products is None:
            whole = next(one.batch for one in CASES if one.title == "8x1000, full batch")
            seconds = whole / case.batch * median(result.history[quickest(result.history, BEST)])
            return (
                f" 8x1000 at full batch is run in bf16 alone, as a step of the best BP in float32 would take some {seconds:.0f} s, by its time at "
                f"batch {case.batch}."
            )
    return ""


def _times(found: Sequence[tuple[Case, Result]]) -> Table:
    rows = []
    for case, result in found:
        milliseconds = [f"{1000 * median(result.history[way]):.1f}" if way in result.history else "" for way in WAYS]
        turns = f"{result.metrics['steps']:.0f} x {len(result.history['mf'])}"
        rows.append([case.title, case.setting, *milliseconds, turns])
    return Table("Milliseconds a step.", ["net", "threads", *WAYS.values(), "steps x turns"], rows)


def _ratios(found: Sequence[tuple[Case, Result]]) -> Table:
    rows = []
    for case, result in found:
        history, metrics = result.history, result.metrics
        rival, ours = quickest(history, BEST), quickest(history, IN_TURN)
        parallel = str(ratio(history[rival], history["mf_parallel"])) if "mf_parallel" in history else ""
        rows.append(
            [
                case.title,
                case.setting,
                f"{allowed(result):.2f}",
                "" if (most := in_time(result)) is None else f"{most:.2f}",
                str(ratio(history[rival], history[ours])),
                parallel,
                "" if (line := in_parallel(result)) is None else f"{line:.2f}",
                str(ratio(history["bp_first"], history[ours])),
                "" if case.printed is None else f"{case.printed:.2f}",
                f"{rate(result, ours, 'MonoForward'):.0f} / {rate(result, rival, 'Backprop'):.0f}",
                f"{metrics['MonoForward_peak'] / 1e6:.0f} / {metrics['Backprop_peak'] / 1e6:.0f}",
                *_moved(result),
            ]
        )
    header = [
        "net", "threads", "multiply-adds BP / MF", "with Adam", "best BP / MF", "best BP / MF in parallel", "its parts allow", "BP as first written / MF",
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


def rate(result: Result, way: str, rule: str) -> float:
    """Give the floating-point operations a second, in 10⁹, of a way: two a multiply-add, those of the optimiser left out."""
    return 2e-9 * result.metrics[f"{rule}_products"] / median(result.history[way])


def _epochs(found: Sequence[tuple[Pass, Result]]) -> Table:
    rows = []
    for timed, result in found:
        history = result.history
        ours = quickest(history, IN_TURN)
        chosen = {ours: " (the quicker)", quickest(history, BEST): " (the best)"}
        printed = next(case.printed for case in CASES if case.title == timed.title)
        rows += [
            [
                timed.title,
                f"{timed.threads}",
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
    return Table(caption, ["data", "threads", "way", "seconds an epoch", "over the quicker MF", "paper, BP over MF"], rows)


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
    (*(case.experiment for case in CASES), *speed_spared.EXPERIMENTS.values(), *(one.experiment for one in EPOCHS), DELAYS),
    render,
)
