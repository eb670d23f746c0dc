"""Teach a convolutional net of one's own by Mono-Forward: judge its blocks, let examples leave early, cut, keep and export it.

python examples/own_cnn.py own-cnn.png
"""

import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from matplotlib.figure import Figure
from torch import nn

from onward import LayeredNet, MonoForward, Recipe, Split, accuracy, datasets, fit, load, save
from onward.blocks.early_exit import leave_early
from onward.blocks.transparency import judge_blocks
from onward.exports import save as export
from onward.training.data import Dataset

torch.manual_seed(0)  # of PyTorch's own first weights
torch.set_num_threads(1)
own = nn.Sequential(
    nn.Conv2d(1, 32, 3, padding=1),
    nn.BatchNorm2d(32),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(32, 64, 3, padding=1),
    nn.BatchNorm2d(64),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(256, 128),
    nn.ReLU(),
    nn.Linear(128, 10),
)


def pictures(split: Split) -> Split:
    """The 64 numbers of a digit as the picture that they are."""
    return Split(split.x.view(-1, 1, 8, 8), split.y)


table = datasets.digits(seed=0)
data = Dataset("digits", pictures(table.train), pictures(table.test), pictures(table.validation))
learner = MonoForward(LayeredNet.from_sequential(own, features=(1, 8, 8)))  # three blocks, and the last linear map as head
recipe = Recipe(partial(torch.optim.Adam, lr=0.002), epochs=8, batch=64)
curves = []
for _ in fit(learner, data, recipe, generator=torch.Generator().manual_seed(0)):
    curves.append([one.accuracy for one in judge_blocks(learner, data.validation).blocks])

judged = judge_blocks(learner, data.validation)  # what chooses a block is not what reports it
print(judged)
right = judge_blocks(learner, data.test).blocks[judged.best].accuracy
print(f"the best of them, block {judged.best}, has {right:.3f} of the test digits")
exits = leave_early(learner, data.test.x, 0.9)
print("left at block", exits.block.bincount(minlength=3).tolist(), "accuracy", accuracy(exits.scores, data.test.y).item())

small = learner.truncate(2)  # a plain module: two blocks, and the projection of the second as its head
with TemporaryDirectory() as folder:
    save(learner, Path(folder) / "learner.onward")  # what goes on learning
    save(small, Path(folder) / "small.onward")  # what predicts
    again = load(Path(folder) / "small.onward")
    print("as it was saved:", torch.equal(again(data.test.x), small.eval()(data.test.x)))
    program = torch.export.load(export(small, Path(folder) / "small.pt2")).module()  # for a machine without onward
    right = accuracy(program(data.test.x), data.test.y).item()
print(f"two blocks, exported: {right:.3f} of the test digits")

figure = Figure(figsize=(6, 3.5), layout="constrained")
axes = figure.subplots()
for number, curve in enumerate(zip(*curves, strict=True)):
    axes.plot(range(1, len(curve) + 1), curve, label=f"block {number}")
axes.set(xlabel="epochs", ylabel="validation accuracy", title="what each block says by itself")
axes.legend()
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "own-cnn.png", dpi=110)
