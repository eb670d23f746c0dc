"""Learn to forecast a chaotic series while it passes, be stopped halfway, go on from a file, and draw what is said ahead.

python examples/stream.py stream.png
"""

import sys
import tempfile
from functools import partial
from pathlib import Path

import torch

from onward import MeshNet, Online, Streaming, datasets, graphs
from onward.reports.series import draw_forecasts
from onward.training import stream_checkpoint

AHEAD, PIECE, STREAMS = 6, 50, 8
torch.set_num_threads(1)


def beginning() -> Streaming:
    """A mesh that knows nothing, its rule for streams, and what changes its weights: a step a tick."""
    drawn = torch.Generator().manual_seed(0)
    net = MeshNet(graphs.recurrent(features=1, hidden=8, outputs=1), ticks=3, hidden="tanh", generator=drawn)
    return Streaming(Online(net, "mean squared error"), partial(torch.optim.Adam, lr=0.002))


series = datasets.mackey_glass(3500 + AHEAD, streams=STREAMS, generator=torch.Generator().manual_seed(0))
x, y = datasets.ahead(((series.T - 0.92) / 0.23).float(), AHEAD)
x, y = (part.T.unsqueeze(2) for part in (x, y))  # streams x ticks x one feature

streaming = beginning()
with tempfile.TemporaryDirectory() as folder:
    for start in range(0, 3000, PIECE):
        piece = slice(start, start + PIECE)
        losses = streaming.learn(x[:, piece], y[:, piece])
        if start % 600 == 0:
            past = streaming.learner.past
            print(
                f"tick {start}: mean squared error {losses.mean():.3f}, {past.nbytes if past else 0} bytes kept of the past"
            )
        if start == 1500:  # as if the machine were switched off here
            stream_checkpoint.save(streaming, Path(folder) / "stream")
            streaming = beginning()
            stream_checkpoint.resume(streaming, Path(folder) / "stream")

said = streaming.learner.outlook(x[:, 3000:])[..., 0]
true = y[:, 3000:, 0]
print(
    f"what follows, without learning: {(said - true).square().mean():.3f}, by persistence {(x[:, 3000:, 0] - true).square().mean():.3f}"
)
figure = draw_forecasts(
    true[0, :300].tolist(), {f"said {AHEAD} ticks before": said[0, :300].tolist()}, y="series, in deviations"
)
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "stream.png", dpi=110)
