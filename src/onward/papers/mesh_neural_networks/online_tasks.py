"""What the online rules are tried on: memory over a known number of ticks, a chaotic series, and one that was measured.

Each comes as streams without resets: sequence follows on sequence, and what is left of the one is there when the next begins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from onward.datasets import streams
from onward.experiments.spec import Outcome, Progress
from onward.experiments.streams import Passage, Stretch
from onward.kernels.losses import Loss, cross_entropy, mean_squared_error
from onward.nets.mesh import MeshNet
from onward.papers.mesh_neural_networks.online_nets import Shape

STREAMS = 16  # side by side, of the tasks that are drawn
EEG_LEARNED, EEG_CHOSEN = 480, 120  # samples; the other 200 judge
CENTRE, SCALE = 0.92, 0.23  # about the mean and the deviation of the Mackey-Glass series
LAGS = (1, 2, 4, 8, 16, 32)
RIDGE = 1e-6  # of the mean square of the features


@dataclass(frozen=True)
class Task:
    """Something to learn from streams.

    Attributes:
        title: in a table.
        data: gives the streams of a seed.
        net: makes a mesh, given a `generator`.
        loss: of a target.
        long: window of backpropagation that needs no truncation, or hardly.
        metric: what is reported, of the test stretch.
    """

    title: str
    data: Callable[[int], Passage]
    net: Callable[..., MeshNet]
    loss: Loss
    long: int
    metric: str


def recall(seed: int, *, delay: int, learned: int, judged: int) -> Passage:
    """Recall of a symbol, sequence after sequence (`datasets.delayed_recall`)."""
    generator = torch.Generator().manual_seed(seed)

    def stretch(count: int) -> Stretch:
        x, y = streams.delayed_recall(STREAMS * count, delay, generator=generator)
        return Stretch(x.reshape(STREAMS, count * (delay + 1), -1), y.reshape(STREAMS, count), delay + 1)

    return Passage(stretch(learned), stretch(judged), stretch(judged))


def adding(seed: int, *, ticks: int, learned: int, judged: int) -> Passage:
    """The adding problem, sequence after sequence (`datasets.adding`), its numbers less 1/2, so that they are about 0."""
    generator = torch.Generator().manual_seed(seed)

    def stretch(count: int) -> Stretch:
        x, y = streams.adding(STREAMS * count, ticks, generator=generator)
        x = x - torch.tensor([0.5, 0.0])
        return Stretch(x.reshape(STREAMS, count * ticks, -1), y.reshape(STREAMS, count, 1), ticks)

    return Passage(stretch(learned), stretch(judged), stretch(judged))


def mackey_glass(seed: int, *, ahead: int, learned: int, judged: int) -> Passage:
    """One series, read once a time unit; what it will be some units later is asked for at every tick."""
    generator = torch.Generator().manual_seed(seed)
    (series,) = streams.mackey_glass(learned + 2 * judged + ahead, generator=generator)
    scaled = ((series - CENTRE) / SCALE).unsqueeze(1)
    return _parted(*streams.ahead(scaled, ahead), (learned, judged), passes=1)


def eeg(seed: int, *, ahead: int, passes: int) -> Passage:
    """Four channels scaled by what is learned from, which is passed several times; the same for every seed."""
    series = streams.eeg()
    part = series[:EEG_LEARNED]
    scaled = (series - part.mean(0)) / part.std(0, correction=0)
    return _parted(*streams.ahead(scaled, ahead), (EEG_LEARNED, EEG_CHOSEN), passes=passes)


def _parted(x: Tensor, y: Tensor, sizes: tuple[int, int], passes: int) -> Passage:
    """Part one stream into what is learned from, as often as asked, what chooses, and the rest, which judges."""
    first, second = sizes[0], sum(sizes)
    x, y = (part.float().unsqueeze(0) for part in (x, y))
    return Passage(
        Stretch(x[:, :first].repeat(1, passes, 1), y[:, :first].repeat(1, passes, 1)),
        Stretch(x[:, first:second], y[:, first:second]),
        Stretch(x[:, second:], y[:, second:]),
    )


def baselines(
    seeds: Sequence[int], progress: Progress, *, data: Callable[[int], Passage], passes: int = 1
) -> list[Outcome]:
    """Judge persistence, and the linear autoregression whose number of lags has the lowest error on the stretch that chooses.

    Args:
        seeds: one after another.
        progress: told the part that is done.
        data: gives the stream of a seed.
        passes: how often the learned part is repeated in it.
    """
    outcomes = []
    for done, seed in enumerate(seeds):
        passage = data(seed)
        count = passage.learned.x.shape[1] // passes
        ends = [count, count + passage.chosen_by.x.shape[1], None]
        x, y = (
            torch.cat([getattr(part, name)[0, :most] for part, most in ((passage.learned, count), (passage.chosen_by, None), (passage.judged_on, None))])
            .double()
            .numpy()
            for name in ("x", "y")
        )  # fmt: skip
        learned, chosen, judged = slice(max(LAGS) - 1, ends[0]), slice(ends[0], ends[1]), slice(ends[1], None)
        said = {lags: _autoregression(x, y, lags, learned) for lags in LAGS}
        lags = min(LAGS, key=lambda k: float(np.square(said[k][chosen] - y[chosen]).mean()))
        power = y[judged].var(0).mean()
        metrics: dict[str, float | int] = {
            "persistence_nrmse": float(np.sqrt(np.square(x[judged] - y[judged]).mean() / power)),
            "autoregression_nrmse": float(np.sqrt(np.square(said[lags][judged] - y[judged]).mean() / power)),
            "lags": lags,
        }
        outcomes.append(Outcome(metrics, {}))
        progress((done + 1) / len(seeds))
    return outcomes


def _autoregression(x: np.ndarray, y: np.ndarray, lags: int, learned: slice) -> np.ndarray:
    """Fit targets by the last values and a constant over a stretch; give what is said everywhere (of the first ticks, of zeros)."""
    padded = np.vstack([np.zeros((lags - 1, x.shape[1])), x])
    features = np.hstack([padded[k : k + len(x)] for k in range(lags)] + [np.ones((len(x), 1))])
    part = features[learned]
    square = part.T @ part
    square += RIDGE * np.trace(square) / len(square) * np.eye(len(square))
    return features @ np.linalg.solve(square, part.T @ y[learned])


DELAYS = (5, 10, 15, 25, 35, 50)
LENGTHS = (15, 30)
SERIES = ("mackey-glass", "eeg")
MACKEY_AHEAD, EEG_AHEAD, EEG_PASSES = 12, 1, 20
RECALLED, ADDED, MACKEY_LEARNED = 1000, 3000, 6000  # sequences, sequences and ticks that are learned from


RECALLING = Shape(4, 1, own=(0.97,), gain=(0.3,), read=0.3)
# By turns neurons that keep what they get, and little of it at a time, and neurons that keep nothing, which can single out what is marked.
SUMMING = Shape(4, 1, own=(0.97, 0.0), gain=(0.2, 1.0), read=0.5)
FORECASTING = Shape(6, 2, own=(0.5,), gain=(1.0,), read=1.0, direct=True)
SHAPES = (RECALLING, SUMMING, FORECASTING)

TASKS: dict[str, Task] = {
    **{
        f"recall-{delay:02d}": Task(
            f"recall after {delay} ticks",
            partial(recall, delay=delay, learned=RECALLED, judged=100),
            RECALLING.mesh(3, 2),
            cross_entropy,
            2 * (max(DELAYS) + 1),
            "test_accuracy",
        )
        for delay in DELAYS
    },
    **{
        f"adding-{ticks:02d}": Task(
            f"adding over {ticks} ticks",
            partial(adding, ticks=ticks, learned=ADDED, judged=100),
            SUMMING.mesh(2, 1),
            mean_squared_error,
            2 * max(LENGTHS),
            "test_mse",
        )
        for ticks in LENGTHS
    },
    "mackey-glass": Task(
        f"Mackey-Glass, {MACKEY_AHEAD} units ahead",
        partial(mackey_glass, ahead=MACKEY_AHEAD, learned=MACKEY_LEARNED, judged=1000),
        FORECASTING.mesh(1, 1),
        mean_squared_error,
        100,
        "test_nrmse",
    ),
    "eeg": Task(
        "EEG, the next sample",
        partial(eeg, ahead=EEG_AHEAD, passes=EEG_PASSES),
        FORECASTING.mesh(4, 4),
        mean_squared_error,
        100,
        "test_nrmse",
    ),
}
