"""Speed: one gradient forward-only beside the published formulation, automatic differentiation of both modes, and backpropagation by hand.

The nets are those of the paper, the MNIST net also unpruned and larger (`speed_cases`). Beside every time stands what was counted:
floating-point operations and bytes. Where forward-only propagation loses is shown as it is found, with the curves.
"""

from __future__ import annotations

from collections.abc import Sequence

from onward.experiments.medians import median_interval
from onward.experiments.result import Result
from onward.experiments.rounding import to_three
from onward.papers.mesh_neural_networks.gradients import OURS
from onward.papers.mesh_neural_networks.speed_cases import (
    CASES,
    CURVE_THREADS,
    CURVED,
    CURVES,
    FAST,
    FEW,
    LONGEST,
    SLOW,
    WAYS,
    Case,
    on,
)
from onward.papers.mesh_neural_networks.speed_verdicts import (
    Found,
    against,
    chosen,
    eager,
    memory_verdict,
    recording,
    verdicts,
    where_slower,
)
from onward.reports import figures
from onward.reports.artefact import Artefact, Element, Picture, Results, Table, Text
from onward.reports.canvas import Figure, figure_of, row_of_axes


def render(results: Results) -> list[Element]:
    """Show a table for every net, what it says of the goals, and the curves."""
    found = [(case, results[case.experiment.name][0]) for case in CASES if results[case.experiment.name]]
    curves = {x: (results[one.name][0], title) for x, (one, title) in CURVES.items() if results[one.name]}
    elements: list[Element] = [Text(_protocol([one for _, one in found]))] if found else [Text("The nets are not run yet.")]
    sentences = verdicts([Found(case.title, one, case.goal, case.rivals) for case, one in found])
    if "ticks" in curves:
        sentences.append(memory_verdict(curves["ticks"][0], f"Memory against ticks, {on(CURVE_THREADS)}"))
    if sentences:
        elements += [Text("## Verdicts"), *(Text(sentence) for sentence in sentences)]
    elements += _recordings(found)
    if found:
        elements += [Text("## One gradient"), *(_table(case, one) for case, one in found)]
    for x, (result, title) in curves.items():
        elements += [
            Text(f"## Against {x}"),
            Text(f"{title}, {on(CURVE_THREADS)}. {_where_slower(result, x)}"),
            Picture(f"Time of a gradient and bytes held, against {x}, {on(CURVE_THREADS)}.", _figure(result, x)),
        ]
    return elements


def _recordings(found: Sequence[tuple[Case, Result]]) -> list[Element]:
    """Lay the engine of choice beside backpropagation with a recorded graph and without, net by net."""
    rows = [
        [
            case.title,
            chosen(one),
            *(f"{against(one, way, base)}" for way, base in ((chosen(one), eager(one)), (chosen(one), "by_hand"))),
            f"{against(one, eager(one), 'by_hand')}",
            recording(one),
        ]
        for case, one in found
        if {chosen(one), eager(one), "by_hand"} <= set(one.history)
    ]
    header = ["net", "engine chosen", "times as long as eager BPTT", "as BPTT by hand", "eager BPTT as BPTT by hand", "so"]
    return [Table("What is the engine's own and what the recording of a graph.", header, rows)] if rows else []


def _where_slower(result: Result, x: str) -> str:
    rivals = {"bptt": "eager BPTT", "by_hand": "BPTT by hand"}
    return " ".join(
        where_slower(result, way, WAYS[way], x, rival=rival, called=called)
        for way in CURVED
        if way in OURS
        for rival, called in rivals.items()
    )


def _protocol(found: Sequence[Result]) -> str:
    made = found[0].environment
    return (
        f"One gradient of one batch with respect to every edge, ReLU everywhere, float32 where nothing else is said, on {made['processor']} "
        f"({made['cores']} cores), torch {made['torch']}, on one thread and, where products are large enough for a second or goals are set, on two. All ways of a net take {FAST.rounds} turns (of the larger nets "
        f"{SLOW.rounds}, of 10 ticks {FEW.rounds}) of at least {FAST.steps} steps in one process (fewer where those take more than {LONGEST:g} seconds), round by round in an order that "
        "changes, so that none always follows the same other; a time is the median over the turns, a ratio that of turns of one round, each "
        "with the interval that holds the median with 95 % (of fewer than six turns the lowest and the highest). Every gradient is compared with that of backpropagation in float64 before it is timed. "
        "*BPTT, by hand* is backpropagation as one writes it down for this net, without autograd, eager and by `torch.compile`; *eager* is automatic differentiation through the ticks, of a run written by hand for this net and, as `Backprop`, as the library has it "
        "for any; *compiled* the former by `torch.compile`. *`jacfwd`* and *`jacrev`* of `torch.func` are taken of all outputs with respect to the edges, over examples by `vmap`, `jacfwd` also of the loss of the whole batch. *Naive NumPy* is the paper's formulation "
        "as its authors program it, one N x N x N tensor an example. Operations are those of `onward.plan`, of backpropagation and of Jacobians the products that were run; bytes are all tensors that "
        "are alive at the worst moment of a step, beyond weights, graph and batch. A way that a table lacks was not run for it, as it would take most of the time and decide nothing."
    )


def _table(case: Case, result: Result) -> Table:
    history, metrics = result.history, result.metrics
    rival, ours = eager(result), chosen(result)
    rows = []
    for way, words in WAYS.items():
        mark = " (chosen)" if way == ours else ""
        if way in history:
            times = median_interval([1e6 * one for one in history[way]])
            held = to_three(metrics[f"{way}_bytes"] / 1e6) if f"{way}_bytes" in metrics else ""
            counts = [to_three(metrics[f"{way}_flops"] / 1e6), held, f"{metrics[f'{way}_steps'] * times.n:,}"]
            ratios = [
                "" if way == base else f"{against(result, way, base)}" if base in history else "" for base in (rival, ours)
            ]
            rows.append([words + mark, _microseconds(history[way]), *ratios, *counts])
        elif f"{way}_needs_bytes" in metrics:
            needs = to_three(metrics[f"{way}_needs_flops"] / 1e6), to_three(metrics[f"{way}_needs_bytes"] / 1e6)
            rows.append([words + mark, "left out", "", "", *needs, "0"])
    size = f"{case.title}: {metrics['neurons']} neurons, {metrics['edges']} edges, {case.ticks} ticks, batch {case.batch}."
    header = ["way", "µs", f"times {WAYS[rival]}", "times the chosen", "MFLOP, counted", "MB held", "steps timed"]
    note = " What is left out would take more than is allowed here; its numbers are counted, not met." if any(
        row[1] == "left out" for row in rows
    ) else ""  # fmt: skip
    return Table(size + note, header, rows)


def _microseconds(seconds: Sequence[float]) -> str:
    found = median_interval([1e6 * one for one in seconds])
    return f"{found.value:,.0f} ({found.low:,.0f} to {found.high:,.0f})"


def _figure(result: Result, x: str) -> Figure:
    axes = row_of_axes(2, (9.6, 4.2))
    for axis, what, words in zip(axes, ("seconds", "bytes"), ("seconds a gradient", "bytes held"), strict=True):
        series = {
            WAYS[way]: (result.history[f"{way}_places"], [result.history[f"{way}_{what}"]])
            for way in CURVED
            if result.history[f"{way}_places"]
        }
        figures.draw_curves(series, x=x, y=words, axes=axis, log=True)
        axis.set_xscale("log")
    return figure_of(axes[0])


ARTEFACT = Artefact(
    "mesh-speed",
    "Speed: forward-only propagation beside its published form and automatic differentiation",
    "Mesh Neural Networks, Algorithm 1 (no times are printed)",
    (*(case.experiment for case in CASES), *(one for one, _ in CURVES.values())),
    render,
)
