import copy

import pytest
import torch
from torch import Tensor, nn

from onward.nets import draw
from onward.nets.builders import cnn, mixer, mlp
from onward.nets.feedback import Feedback
from onward.nets.layered import LayeredNet, generator_of


def test_all_layers_but_the_first_have_feedback_of_their_shape() -> None:
    net = cnn((2, 8, 8), 3, channels=(4, 5))
    feedback = Feedback(net, draw.fan_in)
    assert feedback.layers == ("blocks.1.0", "head.1")
    parameters = dict(net.named_parameters())
    for name, drawn in zip(feedback.layers, feedback.buffers(), strict=True):
        weight = parameters[f"{name}.weight"]
        assert drawn.shape == weight.shape
        assert not torch.equal(drawn, weight)
        assert drawn.std().item() == pytest.approx(weight.std().item(), rel=0.2)


def test_a_block_draws_its_feedback_by_itself() -> None:
    shallow, deep = (Feedback(mlp(4, [6] * depth, 3), draw.fan_in) for depth in (3, 5))
    for one, other in zip(list(shallow.buffers())[:2], deep.buffers(), strict=False):
        assert torch.equal(one, other)
    head = torch.empty(3, 6)
    draw.fan_in(head, 6, generator_of(mlp(4, [6] * 3, 3).seed, 3, "feedback"))
    assert torch.equal(list(shallow.buffers())[-1], head)


def test_every_layer_of_a_block_has_feedback_of_its_own() -> None:
    net = mixer((3, 8, 8), 4, width=6, depth=2)
    feedback = Feedback(net, draw.fan_in)
    assert feedback.layers[:4] == (
        "blocks.1.across_tokens.0",
        "blocks.1.across_tokens.2",
        "blocks.1.across_channels.0",
        "blocks.1.across_channels.2",
    )
    assert len(feedback.layers) == 4 * 2 + 1


class Misplaced(nn.Module):
    """Two layers of which the one that is defined first runs last."""

    def __init__(self) -> None:
        super().__init__()
        self.last = draw.linear(5, 5, bias=False, generator=torch.Generator())
        self.first = draw.linear(5, 5, bias=False, generator=torch.Generator())

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.first(x))


def test_the_first_layer_is_the_one_that_runs_first_and_only_then() -> None:
    block, head = Misplaced(), draw.linear(5, 2, bias=False, generator=torch.Generator())
    assert Feedback(LayeredNet([block], head, features=(5,)), draw.fan_in).layers == ("blocks.0.last", "head")
    twice = Feedback(LayeredNet([block, nn.Sequential(block.first, nn.ReLU())], head, features=(5,)), draw.fan_in)
    assert twice.layers == ("blocks.0.last", "blocks.0.first", "head")


def test_feedback_is_stored_and_does_not_learn() -> None:
    feedback = Feedback(mlp(4, [6, 5], 3), draw.fan_in)
    assert list(feedback.state_dict()) == ["0", "1"]
    assert not list(feedback.parameters())


def test_drawing_leaves_statistics_modes_and_random_states_alone() -> None:
    net = LayeredNet(
        [nn.Sequential(draw.linear(4, 5, bias=True, generator=torch.Generator()), nn.BatchNorm1d(5), nn.Dropout())],
        draw.linear(5, 2, bias=True, generator=torch.Generator()),
        features=(4,),
    )
    net.blocks[0].train()
    before, state = copy.deepcopy(net.state_dict()), torch.random.get_rng_state()
    Feedback(net, draw.fan_in)
    torch.testing.assert_close(net.state_dict(), before, rtol=0, atol=0)
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(module.training for module in net.blocks[0].modules())


class ByHand(nn.Module):
    """A linear layer whose weights are used without `functional.linear`."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = draw.linear(5, 5, bias=False, generator=torch.Generator())

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.inner.weight.T


def test_layers_that_would_pass_blame_through_their_own_weights_are_refused() -> None:
    first, head = (draw.linear(5, 5, bias=True, generator=torch.Generator()) for _ in range(2))
    with pytest.raises(ValueError, match="blocks.1.inner is not run by"):
        Feedback(LayeredNet([first, ByHand()], head, features=(5,)), draw.fan_in)
    other = nn.Sequential(nn.Unflatten(1, (1, 5)), nn.Conv1d(1, 1, 3, padding=1), nn.Flatten())
    with pytest.raises(ValueError, match=r"got Conv1d with blocks.1.1.weight of shape \[1, 1, 3\]"):
        Feedback(LayeredNet([first, other], head, features=(5,)), draw.fan_in)
