"""A net of blocks in order, with a head that reads the last one: what layer-wise rules teach, and backpropagation too.

A block is any module that maps a batch to a batch; the net knows the shape that each one emits. Whatever is drawn for a
block (its first weights, its projection, its dropout) comes from a generator of that block alone, so that nets of one seed
and different depth share their first blocks bitwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from onward import given
from onward.nets.modes import evaluating, run
from onward.nets.projections import Projection, Shape, checked


class LayeredNet(nn.Module):
    """Blocks in order and a head; as a module it maps inputs to class scores or predicted values.

    Attributes:
        blocks: each maps the activity of the one before, `b ...`, to its own.
        head: maps the activity of the last block to scores `b o`; None for rules that predict without one.
        shapes: of one example: the input, then what each block emits.
        seed: from which the generators of the blocks follow.
    """

    def __init__(
        self,
        blocks: Sequence[nn.Module],
        head: nn.Module | None,
        *,
        features: Shape,
        seed: int = 0,
    ) -> None:
        """Put blocks in order.

        Args:
            blocks: at least one; they are held, not copied.
            head: maps the last activity to scores, or None.
            features: shape of one example of the input.
            seed: for what is drawn later, such as the projections of a local rule.

        Raises:
            ValueError: no blocks, blocks that are no modules or whose shapes do not fit each other, or features
                that are no whole numbers of at least 1.
        """
        super().__init__()
        features = given.several("features", features, "axis", "(1, 28, 28)")
        if not len(blocks):
            raise ValueError("a layered net needs at least one block, got none")
        named = {f"block {k}": block for k, block in enumerate(blocks)} | ({} if head is None else {"the head": head})
        for part in named.values():
            if not isinstance(part, nn.Module):
                raise ValueError(
                    f"a block must be a nn.Module, as nn.Sequential(...) of several, got {type(part).__name__}"
                )
        self.blocks = nn.ModuleList(blocks)
        self.head = head
        self.seed = seed
        self.shapes = emitted(named, features)
        if head is not None:
            *_, scores = self.shapes
            if len(scores) != 1:
                raise ValueError(f"the head must give a vector of scores an example, got shape {list(scores)}")
            self.shapes = self.shapes[:-1]
            self._outputs = scores[0]

    @classmethod
    def from_sequential(cls, net: nn.Sequential, features: Shape | int, *, seed: int = 0) -> LayeredNet:
        """Cut a `nn.Sequential` into blocks: each begins at a module with weights of its own that maps one activity to the
        next (linear, convolution, any composite), and takes in what follows it (normalisation, activation, pooling); the
        last one is the head. The modules are shared: what is trained here is trained there.

        Raises:
            ValueError: no `nn.Sequential`, fewer than two such modules, probabilities in the place of scores at the end, or
                what `LayeredNet` refuses.
        """
        if not isinstance(net, nn.Sequential):
            raise ValueError(f"expected a nn.Sequential to cut into blocks, got {type(net).__name__}")
        if len(net) and isinstance(net[-1], nn.Softmax | nn.LogSoftmax | nn.Sigmoid):
            raise ValueError(f"losses take scores, not probabilities: leave out the {type(net[-1]).__name__} at the end")
        shape: Any = (features,) if isinstance(features, Real) else features
        blocks: list[list[nn.Module]] = [[]]
        for module in net:
            if _maps(module) and any(_maps(one) for one in blocks[-1]):
                blocks.append([])
                while len(blocks[-2]) > 1 and isinstance(blocks[-2][-1], nn.Flatten):
                    blocks[-1].insert(0, blocks[-2].pop())
            blocks[-1].append(module)
        if len(blocks) < 2:
            raise ValueError(
                f"a layered net needs a block and a head, so at least two modules with weights, got {len(net)} modules with "
                f"{sum(_maps(module) for module in net)}"
            )
        *cut, last = (nn.Sequential(*block) for block in blocks)
        return cls(cut, last, features=shape, seed=seed)

    @property
    def outputs(self) -> int:
        """Number of class scores or predicted values.

        Raises:
            ValueError: the net has no head.
        """
        if self.head is None:
            raise ValueError("this net has no head, so the number of its outputs is not known")
        return self._outputs

    def generator(self, block: int) -> torch.Generator:
        """Give the generator of what is drawn for a block after its own weights."""
        return generator_of(self.seed, block, "projection")

    def activities(self, x: Float[Tensor, "b ..."]) -> Iterator[Float[Tensor, "b ..."]]:
        """Give the activity of one block after another; each is computed when it is asked for."""
        self.check(x)
        for block in self.blocks:
            x = run(block, x)
            yield x

    def forward(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b o"]:
        """Give the scores.

        Raises:
            ValueError: inputs of another shape or dtype, or a net without a head.
        """
        if self.head is None:
            raise ValueError("this net has no head to give scores with; the rule that taught it has its own way")
        for activity in self.activities(x):
            x = activity
        return self.head(x)

    def check(self, x: Tensor) -> None:
        """Refuse inputs that do not fit: `ValueError`."""
        if not isinstance(x, Tensor):
            held = isinstance(getattr(x, "x", None), Tensor)
            way = "its x is one" if held else "torch.as_tensor() makes one"
            raise ValueError(f"the input must be a torch.Tensor, got {type(x).__name__}; {way}")
        if tuple(x.shape[1:]) != self.shapes[0] or not x.ndim:
            expected = " x ".join(str(size) for size in self.shapes[0])
            raise ValueError(f"expected an input of shape batch x {expected}, got {tuple(x.shape)}")
        if not len(x):
            raise ValueError("the input must hold at least one example, got an empty batch")
        dtype = next((parameter.dtype for parameter in self.parameters()), x.dtype)
        if x.dtype != dtype:
            raise ValueError(f"the input is {x.dtype} but the weights are {dtype}; convert one with .to()")

    def truncate(self, blocks: int, head: nn.Module | None) -> LayeredNet:
        """Give the net of the first blocks alone, with a head of its own; the modules are shared.

        Raises:
            ValueError: not between 1 and the number of blocks.
        """
        return LayeredNet(list(self.blocks)[: check_count(self, blocks)], head, features=self.shapes[0], seed=self.seed)


def check_count(net: LayeredNet, blocks: int) -> int:
    """Give how many of the first blocks of a net are meant; not between 1 and all of them is refused: `ValueError`."""
    if not isinstance(blocks, Integral) or isinstance(blocks, bool) or not 1 <= blocks <= len(net.blocks):
        raise ValueError(f"expected between 1 and {len(net.blocks)} blocks, got {blocks!r}")
    return int(blocks)


def check_layered(net: object) -> None:
    """Refuse what is no layered net: `ValueError`."""
    if not isinstance(net, LayeredNet):
        raise ValueError(
            f"expected a LayeredNet, got {type(net).__name__}; LayeredNet.from_sequential(net, features=...) makes one of a "
            "nn.Sequential"
        )


def check_apart(net: LayeredNet) -> None:
    """Refuse what is no layered net, and one whose blocks share a parameter, so that no local rule can teach them: `ValueError`."""
    check_layered(net)
    parts = [*net.blocks, *([] if net.head is None else [net.head])]
    owned = [{id(one) for one in part.parameters()} for part in parts]
    if sum(map(len, owned)) > len(set().union(*owned)):
        raise ValueError("a parameter stands in two blocks, which then cannot be taught apart; put its modules into one")


@torch.no_grad()
def emitted(modules: Mapping[str, nn.Module], features: Shape) -> tuple[Shape, ...]:
    """Give the shape of an input and of what each module makes of it, one after the other.

    Two made-up examples are run through them, without touching their statistics or any random state.

    Args:
        modules: by what messages call them.
        features: of one example of the input.

    Raises:
        ValueError: a module that cannot take what the one before it gives, or gives no tensor.
    """
    parameter = next((one for module in modules.values() for one in module.parameters()), torch.empty(0))
    x = torch.zeros(2, *features, dtype=parameter.dtype, device=parameter.device)
    shapes = [features]
    for name, module in modules.items():
        try:
            with evaluating(module):
                x = module(x)
        except (RuntimeError, ValueError, TypeError, AttributeError, IndexError) as error:
            what = " ".join(str(error).split())[:200]
            raise ValueError(f"{name} cannot take an input of shape {list(shapes[-1])}: {what}") from error
        if not isinstance(x, Tensor):
            wanted = "wrap it in a module that gives the part that is meant"
            raise ValueError(f"{name} must give a torch.Tensor, got {type(x).__name__}; {wanted}")
        shapes.append(tuple(x.shape[1:]))
    return tuple(shapes)


def generator_of(seed: int, block: int, purpose: str) -> torch.Generator:
    """Give the generator of one block of the nets of a seed, apart from that of any other block, purpose and seed."""
    purposes = ("weights", "projection", "dropout", "feedback")
    return torch.Generator().manual_seed((seed * 1_000_003 + block) * len(purposes) + purposes.index(purpose))


def seed_from(generator: torch.Generator | None) -> int:
    """Draw the seed of a net's blocks; 0 if there is nothing to draw from. What is no generator is refused: `ValueError`."""
    generator = given.source(generator)
    return 0 if generator is None else int(torch.randint(2**31, (), generator=generator))


def head_of(projection: Projection, shape: Shape, outputs: int | None, seed: int, block: int) -> nn.Module | None:
    """Draw the head that reads a block: its projection, so that it is the same whether or not other blocks follow."""
    projection = checked(projection)
    return None if outputs is None else projection(shape, outputs, generator=generator_of(seed, block, "projection"))


def _maps(module: nn.Module) -> bool:
    """Whether a module can begin a block: it has weights and is more than a normalisation or a parametric activation."""
    beside = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.PReLU)
    return any(True for _ in module.parameters()) and not isinstance(module, beside)
