"""A net that never is in memory as a whole: how each of its blocks is made, and the rule that is to teach them.

Whatever is drawn for a block comes from generators of that block alone, so a rule that is given a net in which all other
blocks are stand-ins without weights draws for this one what it would draw in the whole net, bitwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from numbers import Real

import torch
from jaxtyping import Float
from torch import Tensor, nn

from onward import given
from onward.learners.base import AbstractLearner
from onward.nets import draw, projections
from onward.nets.draw import Draw
from onward.nets.layered import LayeredNet, generator_of, head_of
from onward.nets.projections import Projection, Shape
from onward.offload import hollow
from onward.training.allocator import give_back

Visit = Callable[[int, dict[str, Tensor]], None]


class StandIn(nn.Module):
    """Emits zeros of a shape in the place of a block."""

    def __init__(self, shape: Shape) -> None:
        """Take the shape of one example."""
        super().__init__()
        self.shape = shape

    def forward(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b ..."]:
        """Give zeros for a batch."""
        return x.new_zeros(len(x), *self.shape)


@dataclass(frozen=True)
class Blueprint:
    """How a learner is made block by block.

    Attributes:
        rule: makes the learner of a net, as `MonoForward` or a partial one. It is called for every block, so it must draw alike
            each time: a generator that it needs is made inside it.
        block: makes a block, counted from 0.
        blocks: how many.
        features: shape of one example of the input.
        outputs: of the head; None for a net without one.
        projection: what the head is, drawn as the projection of the last block.
        seed: of the net; from it follow the generators of what is drawn for the blocks.
    """

    rule: Callable[[LayeredNet], AbstractLearner]
    block: Callable[[int], nn.Module]
    blocks: int
    features: Shape
    outputs: int | None
    projection: Projection = projections.linear
    seed: int = 0

    def __post_init__(self) -> None:
        if self.blocks < 1:
            raise ValueError(f"a layered net needs at least one block, got {self.blocks}")
        made = self.rule
        while isinstance(made, partial):
            made = made.func
        if isinstance(made, type) and not hasattr(made, "teach"):  # of what a function makes nothing is known yet
            raise ValueError(hollow.ONE_BY_ONE.format(made.__name__))

    def whole(self) -> AbstractLearner:
        """Make the learner in memory."""
        blocks = [self.block(k) for k in range(self.blocks)]
        shape = LayeredNet(blocks, None, features=self.features).shapes[-1]
        return self.rule(LayeredNet(blocks, self._head(shape), features=self.features, seed=self.seed))

    def framed(self, visit: Visit) -> AbstractLearner:
        """Make the learner hollow, showing the tensors of each block before they are emptied.

        Raises:
            ValueError: a block without weights, a rule that does not teach block by block, or that draws otherwise each time.
        """
        shapes = [self.features]
        frame: AbstractLearner | None = None
        shared: dict[str, Tensor] = {}
        for k in range(self.blocks):
            learner, emitted = self._window(k, shapes[-1])
            shapes.append(emitted)
            parts = hollow.local(learner).parts(k)
            tensors = hollow.tensors_of(parts)
            visit(k, tensors)
            size = sum(one.nbytes for one in tensors.values())
            hollow.empty(tensors)
            give_back(size)
            if frame is None:
                frame, shared = learner, {name: one.clone() for name, one in hollow.shared(learner).items()}
            for name, module in parts.items():
                frame.set_submodule(name, module)
            _check_alike(shared, learner)
        assert frame is not None  # noqa: S101
        hollow.local(frame).net.shapes = tuple(shapes)
        return frame

    def _window(self, k: int, shape: Shape) -> tuple[AbstractLearner, Shape]:
        """Make the learner of a net in which one block is real, and the shape that it emits."""
        block, last = self.block(k), self.blocks - 1
        if not any(True for _ in block.parameters()):
            raise ValueError(f"block {k} has no weights; put its modules into the block before it, or after it")
        emitted = LayeredNet([block], None, features=shape).shapes[-1]
        blocks = [StandIn(shape if j == k - 1 else (1,)) if j != k else block for j in range(self.blocks)]
        head = self._head(emitted) if k == last or self.outputs is None else StandIn((self.outputs,))
        return self.rule(LayeredNet(blocks, head, features=self.features, seed=self.seed)), emitted

    def _head(self, shape: Shape) -> nn.Module | None:
        return head_of(self.projection, shape, self.outputs, self.seed, self.blocks - 1)


def _check_alike(shared: Mapping[str, Tensor], learner: AbstractLearner) -> None:
    """Refuse, with a `ValueError`, a rule that draws what its blocks share otherwise each time."""
    own = learner.state_dict()
    for name, tensor in shared.items():
        if not torch.equal(tensor, own[name]):
            raise ValueError(
                f"the rule draws {name} otherwise each time it is made; make its generator inside the function"
            )


def perceptron(
    rule: Callable[[LayeredNet], AbstractLearner],
    features: Shape | int,
    widths: Sequence[int],
    outputs: int | None,
    *,
    bias: bool = True,
    activation: Callable[[], nn.Module] = nn.ReLU,
    normalise: Callable[[int], nn.Module] | None = None,
    initialise: Draw = draw.fan_in,
    projection: Projection = projections.linear,
    seed: int = 0,
) -> Blueprint:
    """Plan the perceptron that `onward.mlp` makes, bitwise, with the rule that is to teach it.

    The other arguments and errors are those of `mlp`, but for the seed of the net, which that draws from its generator.
    """
    shape = given.several("features", [features] if isinstance(features, Real) else features, "axis", "(1, 28, 28)")
    widths, outputs = given.several("widths", widths, "hidden layer", "(128, 64)"), given.outputs_of(outputs)
    sizes = (torch.Size(shape).numel(), *widths)

    def block(k: int) -> nn.Module:
        parts: list[nn.Module] = [nn.Flatten()] if k == 0 and len(shape) > 1 else []
        own = generator_of(seed, k, "weights")
        parts.append(draw.linear(sizes[k], sizes[k + 1], bias=bias, generator=own, initialise=initialise))
        parts += [] if normalise is None else [normalise(sizes[k + 1])]
        return nn.Sequential(*parts, activation())

    return Blueprint(rule, block, len(widths), shape, outputs, projection, seed)
