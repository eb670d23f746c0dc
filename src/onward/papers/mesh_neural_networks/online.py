"""Forward-only propagation online, beside backpropagation through time: one mesh, one optimiser, streams without an end.

*Online* keeps the influence of every weight. *Truncated* BPTT keeps as many bytes, in the form of the last ticks. A long window of BPTT
keeps more, as a reference that needs no truncation, and a window of one tick shows what is said where nothing learns to remember.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from onward.experiments.result import Result
from onward.experiments.spec import Experiment
from onward.experiments.statistics import Mean, mean, paired, values
from onward.experiments.streams import Rule, learn_streams
from onward.kernels.losses import Loss
from onward.learners.online import Online
from onward.learners.truncated_backprop import TruncatedBackprop, window_within
from onward.nets.mesh import MeshNet
from onward.papers.mesh_neural_networks.online_tasks import (
    ADDED,
    DELAYS,
    EEG_PASSES,
    MACKEY_LEARNED,
    RECALLED,
    SERIES,
    SHAPES,
    STREAMS,
    TASKS,
    baselines,
)
from onward.papers.mesh_neural_networks.online_verdict import ARMS, NOT_RUN, Found, difference, verdict
from onward.papers.mesh_neural_networks.solvers import on_one_thread
from onward.reports import figures
from onward.reports.artefact import Artefact, Element, Picture, Results, Table, Text
from onward.reports.canvas import Figure
from onward.reports.series import draw_forecasts

SEEDS = 20
RATES = (0.0003, 0.001, 0.003, 0.01, 0.03)
SHOWN = 200  # ticks of the forecast that is drawn
RECALL = tuple(f"recall-{delay:02d}" for delay in DELAYS)


def online(net: MeshNet, streams: int, *, loss: Loss) -> Online:
    """Forward-only propagation on streams."""
    return Online(net, loss)


def windowed(net: MeshNet, streams: int, *, loss: Loss, window: int) -> TruncatedBackprop:
    """Backpropagation through a window of some ticks."""
    return TruncatedBackprop(net, loss, window=window)


def as_many_bytes(net: MeshNet, streams: int, *, loss: Loss) -> TruncatedBackprop:
    """Backpropagation through the longest window that keeps no more bytes between two ticks than forward-only propagation does."""
    learner = Online(net, loss)
    learner.watch(net.weight.new_zeros(*net.nets, streams, net.topology.features))
    assert learner.past is not None  # noqa: S101
    return TruncatedBackprop(net, loss, window=window_within(net, learner.past.nbytes, streams))


def experiment(name: str, arm: str) -> Experiment:
    """A task learned by one of the rules."""
    task = TASKS[name]
    rules: dict[str, Rule] = {
        "online": partial(online, loss=task.loss),
        "truncated": partial(as_many_bytes, loss=task.loss),
        "bptt": partial(windowed, loss=task.loss, window=task.long),
        "present": partial(windowed, loss=task.loss, window=1),
    }
    keep = SHOWN if name in SERIES else 0
    trial = partial(learn_streams, data=task.data, net=task.net, rule=rules[arm], rates=RATES, keep=keep)
    return Experiment(f"mnn/online/{name}/{arm}", partial(on_one_thread, trial=trial), seeds=SEEDS, together=SEEDS)


def baseline(name: str) -> Experiment:
    """Persistence and linear autoregression on a series."""
    passes = EEG_PASSES if name == "eeg" else 1
    return Experiment(
        f"mnn/online/{name}/baselines",
        partial(baselines, data=TASKS[name].data, passes=passes),
        seeds=SEEDS,
        together=SEEDS,
    )


EXPERIMENTS = {(name, arm): experiment(name, arm) for name in TASKS for arm in ARMS}
BASELINES = {name: baseline(name) for name in SERIES}


def render(results: Results) -> list[Element]:
    """Show every task and rule, paired differences at equal bytes, what is kept, and figures."""
    found = {key: results[one.name] for key, one in EXPERIMENTS.items()}
    neurons = [shape.hidden for shape in SHAPES]
    elements: list[Element] = [
        Text(
            f"One mesh a task, {SEEDS} seeds (first weights, and what is drawn of the streams), Adam with a step a target at {len(RATES)} "
            f"learning rates; every seed of every rule keeps the rate with the lowest loss on the stretch of the stream that follows what was learned "
            f"from, and is judged once on the stretch after that. Nothing is reset between sequences. *As many bytes*: the longest window whose "
            f"bytes, counted between two ticks, are no more than those of the influence; it keeps what the neurons read and computes slopes again. "
            f"The long window covers two whole sequences of the longest, or 100 ticks of a series, and keeps more. *Budget*: nets of {min(neurons)} to "
            f"{max(neurons)} hidden neurons that each keep themselves and feed one or two others, {RECALLED:,} sequences of recall, {ADDED:,} of adding and "
            f"{MACKEY_LEARNED:,} ticks of Mackey-Glass or {EEG_PASSES} passes over the EEG, "
            f"small enough for one core; larger nets were not tried (**reduced**). Size, first weights and length of the streams were settled in looks at seeds "
            f"that are not reported, in which all rules were seen; they are the same for all of them."
        ),
        _scores(found),
        _learned(found),
        _rates(found),
        _bytes(found),
    ]
    elements += _series(results, found)
    elements += _pictures(found)
    told = verdict(found, {name: results[one.name] for name, one in BASELINES.items()})
    if told:
        elements += [Text("## Verdict"), *(Text(sentence) for sentence in told)]
    return elements


def _written(found: Mean) -> str:
    return f"{found}" if found.n else NOT_RUN


METRICS = {
    "test_accuracy": "accuracy",
    "test_mse": "mean squared error",
    "test_nrmse": "error over deviation",
}


def _scores(found: Found) -> Table:
    rows = []
    for name, task in TASKS.items():
        ours = {arm: mean(values(found[name, arm], task.metric)) for arm in ARMS}
        against = paired(found[name, "online"], found[name, "truncated"], task.metric)
        rows.append([task.title, METRICS[task.metric], *(_written(ours[arm]) for arm in ARMS), difference(against)])
    header = ["task", "judged by", *ARMS.values(), "online minus truncated, paired"]
    return Table(
        "On the stretch that judges, by weights that rest there: mean ± 95 % over seeds. Of accuracy more is better, of errors less.",
        header,
        rows,
    )


LEARNED = 0.95  # accuracy from which on a seed has learned to recall, as those that have not are at chance or at half of it


def _learned(found: Found) -> Table:
    rows = []
    for name in RECALL:
        scores = {arm: values(found[name, arm], "test_accuracy") for arm in ARMS}
        counts = [
            f"{sum(score >= LEARNED for score in each)} of {len(each)}" if each else NOT_RUN for each in scores.values()
        ]
        rows.append([TASKS[name].title, *counts])
    return Table(
        f"How many seeds have learned to recall, at an accuracy of {LEARNED:g} or more.", ["task", *ARMS.values()], rows
    )


def _rates(found: Found) -> Table:
    rows = [[task.title, *(_ends(found[name, arm]) for arm in ARMS)] for name, task in TASKS.items()]
    return Table(
        f"How many seeds chose the lowest rate, {RATES[0]}, and how many the highest, {RATES[-1]}: where many did, a better one may lie beyond.",
        ["task", *ARMS.values()],
        rows,
    )


def _ends(results: Sequence[Result]) -> str:
    chosen = [result.metrics["rate"] for result in results]
    return f"{chosen.count(0)} and {chosen.count(len(RATES) - 1)} of {len(chosen)}" if chosen else NOT_RUN


def _bytes(found: Found) -> Table:
    rows = []
    for name, task in TASKS.items():
        for arm, words in ARMS.items():
            if found[name, arm]:
                one = found[name, arm][0].metrics
                window = "" if arm == "online" else f"{one['window']}"
                seconds = f"{mean(values(found[name, arm], 'seconds')).value:.1f}"
                rows.append([task.title, words, window, f"{one['kept_bytes']:,}", f"{one['peak_bytes']:,}", seconds])
    streams = f"{STREAMS} streams side by side, one of the series"
    return Table(
        f"What each rule keeps between two ticks, and the most that is alive within one, weights and batch included, in bytes ({streams}); seconds "
        f"of learning a seed at {len(RATES)} rates, {SEEDS} seeds side by side on one thread.",
        ["task", "rule", "window, ticks", "kept", "peak within a tick", "seconds"],
        rows,
    )


def _series(results: Results, found: Found) -> list[Element]:
    rows = []
    for name in SERIES:
        simple = results[BASELINES[name].name]
        if simple:
            lags = ", ".join(str(one) for one in sorted({result.metrics["lags"] for result in simple}))
            rows.append([TASKS[name].title, "persistence", _written(mean(values(simple, "persistence_nrmse")))])
            rows.append(
                [
                    TASKS[name].title,
                    f"linear autoregression, {lags} lags",
                    _written(mean(values(simple, "autoregression_nrmse"))),
                ]
            )
        rows += [
            [TASKS[name].title, words, _written(mean(values(found[name, arm], "test_nrmse")))]
            for arm, words in ARMS.items()
            if found[name, arm]
        ]
    caption = (
        "Forecasts: root mean squared error over the deviation of what came, mean ± 95 %. The EEG is one recording of ten seconds, of which "
        f"six are learned from, {EEG_PASSES} times over: its intervals are over first weights alone."
    )
    return [Table(caption, ["series", "by", "error over deviation"], rows)] if rows else []


def _pictures(found: Found) -> list[Element]:
    elements: list[Element] = []
    if all(found[name, arm] for name in RECALL for arm in ARMS):
        elements.append(
            Picture(
                "Recall of a symbol against the delay: mean ± 95 %. The dashed line is the window that keeps as many bytes as forward-only "
                "propagation.",
                _recall_figure(found),
            )
        )
    for name in (RECALL[-2], "mackey-glass"):
        arms = {words: found[name, arm] for arm, words in ARMS.items() if found[name, arm]}
        if len(arms) == len(ARMS):
            series = {
                words: (ours[0].history["tick"], [one.history["loss"] for one in ours]) for words, ours in arms.items()
            }
            picture = figures.draw_curves(series, x="tick", y="loss of a target", log=name == "mackey-glass")
            elements.append(
                Picture(f"{TASKS[name].title}: loss over the stream, each before its own step; mean over seeds.", picture)
            )
    drawn = {arm: found["mackey-glass", arm] for arm in ("online", "truncated") if found["mackey-glass", arm]}
    if len(drawn) == 2:
        true = drawn["online"][0].history["true"]
        said = {ARMS[arm]: ours[0].history["said"] for arm, ours in drawn.items()}
        caption = f"{TASKS['mackey-glass'].title}: the last {SHOWN} ticks of the stretch that judges, first seed."
        elements.append(Picture(caption, draw_forecasts(true, said, y="series, in deviations")))
    return elements


def _recall_figure(found: Found) -> Figure:
    arms = {
        words: {delay: mean(values(found[name, arm], "test_accuracy")) for delay, name in zip(DELAYS, RECALL, strict=True)}
        for arm, words in ARMS.items()
    }
    figure = figures.draw_means(arms, x="delay, ticks", y="accuracy")
    (axes,) = figure.axes
    axes.axvline(found[RECALL[0], "truncated"][0].metrics["window"], color="#888888", ls="--", lw=1)
    axes.set_xscale("log")
    axes.set_xticks(DELAYS, [str(delay) for delay in DELAYS])
    axes.minorticks_off()
    return figure


ARTEFACT = Artefact(
    "online",
    "Online: forward-only propagation on streams beside truncated backpropagation at equal memory",
    "beyond Mesh Neural Networks, whose equation 17 it runs without an end",
    (*EXPERIMENTS.values(), *BASELINES.values()),
    render,
)
