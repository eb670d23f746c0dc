import copy

import pytest
import torch
from torch import nn

from onward.learners.forward_forward import ForwardForward
from onward.learners.one_pass_forward_forward import OnePassForwardForward
from onward.nets.builders import mlp
from onward.nets.dropout import Dropout
from onward.nets.layered import LayeredNet

X = torch.randn(12, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
Y = torch.arange(12) % 4


def net() -> LayeredNet:
    return mlp(9, (8, 7, 6), 4, generator=torch.Generator().manual_seed(2)).double()


def test_the_blocks_learn_as_in_forward_forward() -> None:
    taught = net()
    *blocks, _readout = OnePassForwardForward(taught).credit(X, Y)
    for one, other in zip(blocks, ForwardForward(taught).credit(X, Y), strict=True):
        assert torch.equal(one.loss, other.loss)
        assert all(torch.equal(gradient, other.gradients[name]) for name, gradient in one.gradients.items())


@pytest.mark.parametrize("read", [(0, 1, 2), (1, 2), (0,)])
def test_the_softmax_reads_normalised_activities_of_an_input_without_a_label(read: tuple[int, ...]) -> None:
    taught = net()
    learner = OnePassForwardForward(taught, read=read)
    h, features = torch.cat([torch.full((12, 4), 3 / 4, dtype=torch.float64), X[:, 4:]], 1), []
    h = nn.functional.rms_norm(h, (9,), eps=0)
    for k, block in enumerate(taught.blocks):
        h = block(h)
        h = nn.functional.rms_norm(h, h.shape[1:], eps=0)
        features += [h] if k in read else []
    scores = torch.cat(features, 1).detach() @ learner.readout.weight.T
    torch.testing.assert_close(learner.scores(X), scores.detach())
    importance = torch.linspace(0, 2, 12, dtype=torch.float64)
    loss = (importance * nn.functional.cross_entropy(scores, Y, reduction="none")).mean()
    *_, credit = learner.credit(X, Y, importance=importance)
    torch.testing.assert_close(credit.loss, loss.detach())
    assert list(credit.gradients) == ["readout.weight"]
    expected = torch.autograd.grad(loss, learner.readout.weight)[0]
    torch.testing.assert_close(credit.gradients["readout.weight"], expected, rtol=1e-11, atol=1e-13)


def test_the_softmax_learns_from_the_blocks_as_they_were_before_the_batch() -> None:
    learner = OnePassForwardForward(net()).eval()
    *_, expected = learner.credit(X, Y)
    for credit in learner.credit(X, Y):
        if "readout.weight" in credit.gradients:
            assert torch.equal(credit.loss, expected.loss)
            assert torch.equal(credit.gradients["readout.weight"], expected.gradients["readout.weight"])
        with torch.no_grad():
            for name in credit.gradients:
                learner.get_parameter(name).zero_()


def test_it_has_as_many_parameters_as_the_paper_of_mono_forward_counts() -> None:
    """Table 4: 1,784k without and 1,804k with the softmax, which reads both layers."""
    taught = mlp((1, 28, 28), (1000, 1000), 10, bias=False)
    for learner, expected in ((ForwardForward(taught), 1_784_000), (OnePassForwardForward(taught), 1_804_000)):
        assert sum(parameter.numel() for parameter in learner.parameters()) == expected


def test_the_pass_that_only_reads_leaves_statistics_and_masks_alone() -> None:
    """In training the softmax is given what it is given to predict; statistics move by the batch of both labels, once."""
    generator = torch.Generator().manual_seed(5)
    taught = mlp(9, (8, 7), 4, normalise=nn.BatchNorm1d, generator=generator).double()
    taught.blocks[0].append(Dropout(0.5, generator=generator))  # pyright: ignore[reportCallIssue]
    learner, other = OnePassForwardForward(taught), ForwardForward(copy.deepcopy(taught))
    for _ in range(3):
        predicted = learner.eval().scores(X)
        *_, credit = learner.train().credit(X, Y)
        torch.testing.assert_close(credit.loss, nn.functional.cross_entropy(predicted, Y))
        list(other.train().credit(X, Y))
    counted = {name: value for name, value in taught.named_buffers() if "batches" in name}
    assert len(counted) == 3
    assert set(map(int, counted.values())) == {3}
    for name, value in other.net.named_buffers():
        assert torch.equal(value, taught.get_buffer(name))
    assert all(part.training for part in learner.modules())
