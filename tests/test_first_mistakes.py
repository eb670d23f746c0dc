"""First mistakes with nets, rules and blocks end in one sentence that names what was given and what was expected.

They are made in a process of their own: here the checker of types would be the first to speak.
"""

import json
import subprocess
import sys

import pytest

BEFORE = """
from functools import partial
import torch
from torch import nn
import numpy as np
from onward import *
from onward import datasets, exports
from onward.blocks import block_by_block, classes, early_exit, exit_curve, plugging, probes, transparency
from onward.datasets.pictures import hold_out
from onward.kernels.damage import zeroed
from onward.nets.damage import damage
from onward import offload
from onward.pipeline.threads import fit_in_threads
x, y = torch.randn(6, 5), torch.tensor([0, 1, 0, 1, 0, 1])
data = Dataset("d", Split(x, y), Split(x, y))
net = mlp(5, (8, 8), 2)
bp, mf = Backprop(net), MonoForward(net)
recipe, seeded = Recipe(torch.optim.SGD, 1), torch.Generator()
normalised = mlp(5, (8, 8), 2, normalise=nn.BatchNorm1d)
"""
SOURCE = "a generator must be a torch.Generator, as torch.Generator().manual_seed(0), got 0"
TAUGHT = "expected a learner of Mono-Forward, every block of which has scores of its own, got Backprop"
BATCH_NORM = "batch normalisation in training mode needs at least 2 examples a batch, got 1; drop_last=True in the Recipe"
PROJECTION = "that draws from a `generator`, as linear, pooled, frozen or two_layer of onward.nets.projections, got "
CLASSES = "rules that learn by goodness have a loss of their own and take a number of classes in its place, got 'mse'"
WAY = "a way of damage is a function of onward.kernels.damage with its strength bound, as partial(zeroed, part=0.5), got "
READOUT = "list of all blocks' scores to scores of the same shape, as last, total or mean of onward.nets.readouts, got "
LAST_ONE = "list(fit({}, data, Recipe(torch.optim.SGD, 1, batch=5), generator=seeded))"

MISTAKES = {
    "offload.perceptron(MonoForward, 64, [0, 3], 10)": "widths must be at least 1, got [0, 3]",
    "offload.perceptron(MonoForward, 64.5, [3], 10)": "features must be whole numbers",
    "list(fit_in_threads(mf, data, recipe, generator=seeded, threads=1.5))": "takes 1 to 2 threads, got 1.5",
    "list(fit_in_threads(mf, data, recipe, generator=seeded, partition=(1, 1)))": "a partition is given as Partition((2, 1)), blocks of "
    "each rank in order, got (1, 1)",
    "mlp(5, 8, 2)": "widths must be a sequence of whole numbers, one for each hidden layer, as (128, 64), got 8",
    "mlp(5, '8', 2)": "widths must be a sequence of whole numbers, one for each hidden layer, as (128, 64), got '8'",
    "mlp(5, (8.5,), 2)": "widths must be whole numbers, one for each hidden layer, as (128, 64), got [8.5]",
    "mlp(5, (8, 0), 2)": "widths must be at least 1, got [8, 0]",
    "mlp(5.5, (8,), 2)": "features must be whole numbers, one for each axis, as (1, 28, 28), got [5.5]",
    "mlp('5', (8,), 2)": "features must be a sequence of whole numbers, one for each axis, as (1, 28, 28), got '5'",
    "mlp(5, (8,), 0)": "outputs must be a whole number of at least 1, or None for a net without a head, got 0",
    "mlp(5, (8,), '2')": "outputs must be a whole number of at least 1, or None for a net without a head, got '2'",
    "mlp(5, (8,), 2, activation=nn.ReLU())": "activation must be a function or class that makes a module for each block, as nn.ReLU, got ReLU()",
    "mlp(5, (8,), 2, activation='relu')": "activation must be a function or class that makes a module for each block, as nn.ReLU, got 'relu'",
    "mlp(5, (8,), 2, normalise=nn.BatchNorm1d(8))": "normalise must be a function or class that makes a module for each block, as nn.BatchNorm1d",
    "mlp(5, (8,), 2, initialise='he')": "first weights are drawn by a function, as fan_in or he of onward.nets.draw, got 'he'",
    "mlp(5, (8,), 2, projection='linear')": PROJECTION + "'linear'",
    "mlp(5, (8,), 2, generator=0)": SOURCE,
    "cnn((3, 8, 8), outputs=0)": "outputs must be a whole number of at least 1, or None for a net without a head, got 0",
    "cnn((3, 8, 8), 2, channels=64)": "channels must be a sequence of whole numbers, one for each block, as (64, 128), got 64",
    "cnn((3, 8, 8), 2, channels=(4, -1))": "channels must be at least 1, got [4, -1]",
    "cnn(64, 2)": "features must be a sequence of whole numbers, one for each axis, as (3, 32, 32), got 64",
    "cnn((8, 8), 2)": "expected images as channels x height x width, got [8, 8]",
    "vgg8b((3, 8, 8), 0)": "outputs must be a whole number of at least 1, or None for a net without a head, got 0",
    "vgg8b((3, 8, 8), 2, multiplier=-1)": "multiplier must be a finite number above 0, got -1",
    "vgg8b((3, 8, 8), 2, multiplier='1')": "multiplier must be a finite number above 0, got '1'",
    "vgg8b((3, 8, 8), 2, multiplier=0.001)": "a multiplier of 0.001 leaves nothing of the 128 channels of the first block",
    "vgg8b((3, 8, 8), 2, dropout=1)": "dropout must be a number of at least 0 and below 1, got 1",
    "vgg8b((3, 8, 8), 2, generator=0)": SOURCE,
    "mixer((3, 8, 8), 2, depth=-1)": "depth must be a whole number of at least 0, got -1",
    "mixer((3, 8, 8), 2, patch=0)": "patch must be a whole number of at least 1, got 0",
    "mixer((3, 8, 8), 2, width=1.5)": "width must be a whole number of at least 1, got 1.5",
    "mixer((3, 8, 8), 2, token_hidden=0)": "token_hidden must be a whole number of at least 1, got 0",
    "mixer((3, 8, 8), 2, channel_hidden='8')": "channel_hidden must be a whole number of at least 1, got '8'",
    "mixer((3, 8, 8), 2, patch=True)": "patch must be a whole number of at least 1, got True",
    "MonoForward(net, projection='linear')": PROJECTION + "'linear'",
    "MonoForward(net, projection=nn.Linear)": PROJECTION + "<class 'torch.nn.modules.linear.Linear'>",
    "probes.linear_probes(net, projection='linear')": PROJECTION + "'linear'",
    "probes.linear_probes(bp)": "expected a LayeredNet, got Backprop",
    "plugging.add(mf, nn.Linear(8, 8), projection='linear')": PROJECTION + "'linear'",
    "setattr(mf, 'learning', {9})": "the blocks that learn must be some of 0 to 1, as {0}, got {9}",
    "setattr(mf, 'learning', frozenset())": "the blocks that learn must be some of 0 to 1, as {0}, got frozenset()",
    "setattr(mf, 'learning', 1)": "the blocks that learn must be some of 0 to 1, as {0}, got 1",
    "MonoForward(net, 'mse')": "binary cross-entropy; did you mean 'mean squared error'?",
    "Backprop(net, nn.CrossEntropyLoss())": "unknown loss CrossEntropyLoss(), expected one of",
    "Backprop(net, nn.BCEWithLogitsLoss())": "losses.differentiable makes of a function; did you mean 'binary cross-entropy'?",
    "Backprop(net, nn.functional.cross_entropy)": "makes of a function; did you mean 'cross-entropy'?",
    "Backprop(net, ['mse'])": "unknown loss ['mse'], expected one of",
    "ForwardForward(net, 'mse')": CLASSES,
    "OnePassForwardForward(net, 'mse')": CLASSES,
    "LayerCollaboration(net, 'mse')": CLASSES,
    "SymBa(net, 'mse', pattern=2)": CLASSES,
    "SymBa(nn.Sequential(nn.Linear(5, 2)))": "expected a LayeredNet, got Sequential",
    "plugging.add(bp, nn.Linear(8, 8))": TAUGHT,
    "plugging.cut(bp, 1)": TAUGHT,
    "plugging.remove(bp, 1)": TAUGHT,
    "plugging.replace(bp, 1, nn.Linear(8, 8))": TAUGHT,
    "plugging.with_classes(bp, 3)": TAUGHT,
    "block_by_block.fit_blocks(bp, {1}, data, recipe, generator=seeded)": TAUGHT,
    "block_by_block.fit_from(bp, 1, data, recipe, generator=seeded)": TAUGHT,
    "early_exit.leave_early(bp, x, 0.5)": TAUGHT,
    "early_exit.exit_costs(bp)": TAUGHT,
    "exit_curve.exit_curve(bp, data.test, [0.5])": TAUGHT,
    "exit_curve.exit_curve(mf, data, [0.5])": "expected a Split of examples, as data.validation or data.test, got Dataset",
    "transparency.judge_blocks(bp, data.test)": "the blocks of Backprop do not predict on their own; linear_probes() makes",
    "transparency.judge_blocks(mf, data.validation)": "expected a Split of examples, as data.validation or data.test, got NoneType",
    "damage(net.blocks[0], 'zeroed', generator=seeded)": WAY + "'zeroed'",
    "damage(net.blocks[0], zeroed, generator=seeded)": WAY + "<function zeroed",
    "hold_out(np.arange(60000) % 10, 0.1, 0)": "validation must be a whole number of training examples, got 0.1, which would be 6000 of the 60000",
    "hold_out(np.arange(60000) % 10, '5', 0)": "validation must be a whole number of training examples, got '5'",
    "hold_out(np.arange(60000) % 10, 5, -1)": "seed must be a whole number of at least 0, got -1",
    "datasets.digits(-1)": "seed must be a whole number of at least 0, got -1",
    "datasets.digits(0, validation='5')": "test and validation must be parts between 0 and 1, got 0.3 and '5'",
    "exports.save(mf, 'x.onnx')": "only a MeshNet or LayeredNet can be exported, got MonoForward; its net is learner.net, cut to k blocks learner.truncate(k)",
    "exports.save(bp, 'x.onnx')": "can be exported, got Backprop; its net is learner.net",
    "exports.to_module(mf)": "can be exported, got MonoForward; its net is learner.net",
    "exports.save(nn.Sequential(), 'x.onnx')": "got Sequential; LayeredNet.from_sequential(net, features=...) makes one of it",
    "mf.scores(np.ones((2, 5)))": "the input must be a torch.Tensor, got ndarray; torch.as_tensor() makes one",
    "early_exit.leave_early(mf, data.test, .5)": "the input must be a torch.Tensor, got Split; its x is one",
    "early_exit.leave_early(mf, x, '0.5')": "the threshold must be a probability, or infinite for no early exit, got '0.5'",
    "early_exit.leave_early(mf, x, 1.5)": "the threshold must be a probability, or infinite for no early exit, got 1.5",
    "early_exit.leave_early(mf, x[:0], .5)": "the input must hold at least one example, got an empty batch",
    "exit_curve.exit_curve(mf, data.test, .5)": "thresholds must be a sequence of probabilities, as (0.5, 0.9), got 0.5",
    "exit_curve.exit_curve(mf, data.test, '.5')": "thresholds must be a sequence of probabilities, as (0.5, 0.9), got '.5'",
    "mf.truncate(1.5)": "expected between 1 and 2 blocks, got 1.5",
    "mf.truncate('1')": "expected between 1 and 2 blocks, got '1'",
    "net.truncate(1.5, None)": "expected between 1 and 2 blocks, got 1.5",
    "plugging.cut(mf, 1.5)": "expected between 1 and 2 blocks, got 1.5",
    "plugging.cut(mf, '1')": "expected between 1 and 2 blocks, got '1'",
    "plugging.with_classes(mf, 12.5)": "outputs must be a whole number of at least 1, got 12.5",
    "plugging.add(mf, [nn.Linear(8, 8)])": "a block must be a nn.Module, as nn.Sequential(...) of several, got list",
    "plugging.add(mf, nn.Linear(8, 8), at=1.0)": "a block can be added at 0 to 2, got 1.0",
    "plugging.remove(mf, 0.0)": "the blocks of this net are 0 to 1, got 0.0",
    "plugging.remove(MonoForward(mlp(5, (8, 7), 2)), 0)": "without block 0, block 1 cannot take an input of shape [5]",
    "classes.accuracy_on(mf, data.test, '8')": "classes must be a sequence of class numbers, as (3, 4), got '8'",
    "classes.accuracy_on(mf, data.test, 8)": "classes must be a sequence of class numbers, as (3, 4), got 8",
    "LayeredNet.from_sequential(nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2)), features='4')": "features must be a sequence of whole numbers, one for each axis, as (1, 28, 28), got '4'",
    "LayeredNet.from_sequential(nn.Sequential(nn.LSTM(5, 4), nn.Linear(4, 2)), 5)": "block 0 must give a torch.Tensor, got tuple; wrap it in a module",
    "LayeredNet.from_sequential(nn.Sequential(nn.LSTM(5, 4), nn.ReLU(), nn.Linear(4, 2)), 5)": "block 0 cannot take an input of shape [5]",
    "LayeredNet([nn.LSTM(5, 4)], None, features=(5,))": "block 0 must give a torch.Tensor, got tuple; wrap it in a module",
    "probes.linear_probes(net, 0)": "outputs must be a whole number of at least 1, got 0",
    "MonoForward(net, readout=torch.sum)": READOUT + "<built-in method sum",
    "Joint(net, readout=lambda scores: scores[0].sum())": READOUT + "<function",
    "LocalSimilarity(net, readout=lambda scores: scores)": READOUT + "<function",
    "MonoForward(net, readout='total')": READOUT + "'total'",
    **{
        LAST_ONE.format(f"{rule}(normalised)"): BATCH_NORM
        for rule in (
            "Backprop", "MonoForward", "FeedbackAlignment", "DirectFeedbackAlignment", "LocalSimilarity", "Joint",
            "DeepSupervision",
        )
    },
    LAST_ONE.format("ForwardForward(normalised, apart=1)"): BATCH_NORM,
    LAST_ONE.format("Backprop(nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)))"): BATCH_NORM,
}  # fmt: skip


@pytest.fixture(scope="module")
def said() -> dict[str, list[str]]:
    """The kind of error and the sentence that every mistake ends in."""
    code = BEFORE + (
        "import json, sys\nsaid = {}\n"
        "for mistake in json.load(sys.stdin):\n"
        "    try:\n        eval(mistake)\n        said[mistake] = ['nothing', '']\n"
        "    except Exception as error:\n        said[mistake] = [type(error).__name__, str(error)]\n"
        "print(json.dumps(said))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(list(MISTAKES)), capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_ends_in_one_sentence(said: dict[str, list[str]], mistake: str) -> None:
    kind, words = said[mistake]
    assert kind == "ValueError"
    assert MISTAKES[mistake] in words
    assert "\n" not in words
