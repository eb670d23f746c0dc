"""Sequences and streams that need no download: three made by a generator, and one that was measured.

The adding problem and the recall of a symbol ask for memory over a known number of ticks (Hochreiter and Schmidhuber, Neural Computation 9, 1997);
the series of Mackey and Glass (Science 197, 1977) is chaotic and wants little; the EEG ships with matplotlib, whose code is not
loaded. Axes: b streams, t ticks, i features, c channels.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from onward import given
from onward.datasets.errors import DataUnavailable

TAU, DELTA = 17.0, 0.1  # delay of the Mackey-Glass equation, and step of its integration
EEG_SHAPE = (800, 4)
HERTZ = 80  # of the EEG: matplotlib's own example plots 800 samples over ten seconds


def adding(streams: int, ticks: int, *, generator: torch.Generator) -> tuple[Float[Tensor, "b t 2"], Float[Tensor, "b 1"]]:
    """Numbers of which two are marked; the target is their sum.

    The first feature is a number from U[0, 1), the second 1 at two ticks, one of either half, and 0 elsewhere. Who always says 1
    has a mean squared error of 1/6.

    Args:
        streams: sequences.
        ticks: length of each, at least 2.
        generator: source of numbers and marks.
    """
    given.whole("streams", streams, 1)
    given.whole("ticks", ticks, 2)
    value = torch.rand(streams, ticks, generator=generator)
    half = ticks // 2
    first = torch.randint(half, (streams,), generator=generator)
    second = torch.randint(half, ticks, (streams,), generator=generator)
    mark, each = torch.zeros(streams, ticks), torch.arange(streams)
    mark[each, first] = mark[each, second] = 1.0
    return torch.stack([value, mark], dim=2), (value * mark).sum(1, keepdim=True)


def delayed_recall(
    streams: int, delay: int, *, symbols: int = 2, noise: float = 1.0, generator: torch.Generator
) -> tuple[Float[Tensor, "b t i"], Int[Tensor, " b"]]:
    """A symbol is shown, then there is noise; `delay` ticks later the symbol is asked for.

    A sequence has `delay + 1` ticks. At the first an input of the symbol is 1, at all others those inputs are 0; the last feature is noise
    at every tick. Nothing that is read within the last `delay` ticks says anything about the target, which is the symbol.

    Args:
        streams: sequences.
        delay: ticks between the symbol and the last one.
        symbols: how many there are; features are one more.
        noise: deviation of the noise.
        generator: source of symbols and noise.
    """
    for name, value, least in (("streams", streams, 1), ("delay", delay, 1), ("symbols", symbols, 2)):
        given.whole(name, value, least)
    shown = torch.randint(symbols, (streams,), generator=generator)
    x = torch.zeros(streams, delay + 1, symbols + 1)
    x[:, 0, :symbols] = torch.nn.functional.one_hot(shown, symbols).float()
    x[..., -1] = noise * torch.randn(streams, delay + 1, generator=generator)
    return x, shown


def mackey_glass(
    ticks: int, *, streams: int = 1, every: float = 1.0, skipped: int = 1000, generator: torch.Generator
) -> Float[Tensor, "b t"]:
    """Integrate `dx/dt = 0.2 x(t - 17) / (1 + x(t - 17)^10) - 0.1 x(t)` by Runge-Kutta steps of fourth order, in float64.

    Steps are of 0.1; between them the past is interpolated by cubic polynomials. Every stream begins with a constant past of its own,
    1.2 and up to 0.1 more or less.

    Args:
        ticks: length of each series.
        streams: series.
        every: time from one entry to the next, a multiple of 0.1.
        skipped: time that passes before the first entry, in which a series forgets how it began.
        generator: source of the beginnings.
    """
    given.whole("ticks", ticks, 1)
    given.whole("streams", streams, 1)
    stride, behind = round(every / DELTA), round(TAU / DELTA)
    if stride < 1 or abs(stride * DELTA - every) > 1e-9:
        raise ValueError(f"a Mackey-Glass series is read at multiples of {DELTA}, got every {every}")
    before, steps = round(skipped / DELTA), (ticks - 1) * stride
    drawn = torch.rand(streams, generator=generator, dtype=torch.float64).numpy()
    x = np.empty((behind + 1 + before + steps + 2, streams))
    x[: behind + 1] = 1.1 + 0.2 * drawn
    later = _made(x[0])
    for now in range(behind, behind + before + steps):
        past = now - behind
        outer = x[max(past - 1, 0)] + x[past + 2]
        late, middle, later = later, _made((9 * (x[past] + x[past + 1]) - outer) / 16), _made(x[past + 1])
        k1 = late - 0.1 * x[now]
        k2 = middle - 0.1 * (x[now] + DELTA / 2 * k1)
        k3 = middle - 0.1 * (x[now] + DELTA / 2 * k2)
        k4 = later - 0.1 * (x[now] + DELTA * k3)
        x[now + 1] = x[now] + DELTA / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    first = behind + before
    return torch.tensor(x[first : first + steps + 1 : stride].T.copy())


def eeg() -> Float[Tensor, "t c"]:
    """Give the electroencephalogram that ships with matplotlib: 800 samples of 4 channels at 80 Hz, in float64 and its own units.

    Raises:
        DataUnavailable: matplotlib is not installed, or came without its sample data.
    """
    spec = find_spec("matplotlib")
    path = None if spec is None or spec.origin is None else Path(spec.origin).parent / "mpl-data/sample_data/eeg.dat"
    if path is None or not path.exists():
        raise DataUnavailable("the EEG comes with matplotlib, which is not installed; pip install 'onward[app]' brings it")
    values = np.fromfile(path, dtype="<f8")
    if values.size != EEG_SHAPE[0] * EEG_SHAPE[1] or not np.isfinite(values).all():
        raise DataUnavailable(f"{path} should hold 800 x 4 finite numbers, got {values.size}")
    return torch.tensor(values.reshape(EEG_SHAPE))


def ahead(series: Float[Tensor, "t c"], ticks: int) -> tuple[Float[Tensor, "left c"], Float[Tensor, "left c"]]:
    """Part a series into what is read, and what is to be said at each of its ticks: the values some ticks ahead."""
    given.whole("ticks", ticks, 1)
    if len(series) <= ticks:
        raise ValueError(f"a series of {len(series)} ticks has nothing {ticks} ticks ahead")
    return series[:-ticks], series[ticks:]


def _made(late: np.ndarray) -> np.ndarray:
    return 0.2 * late / (1 + late**10)
