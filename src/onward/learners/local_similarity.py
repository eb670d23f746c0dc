"""Local losses that also match similarities (Nøkland and Eidnes, 2019, arXiv 1901.06656): *predsim*, and *sim* alone.

Every block is taught by two heads of its own while the batch passes: a projection to class scores, as in Mono-Forward
(*pred*), and a map whose pairwise similarities in the batch should be those of the classes. Credit is ready block by block.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn

from onward.kernels import losses, similarity
from onward.kernels.losses import Loss, single
from onward.learners.base import AbstractLearner, Credit
from onward.learners.local import Lesson, taught
from onward.nets import draw, projected, projections, readouts
from onward.nets.layered import LayeredNet, check_apart, seed_from
from onward.nets.modes import run
from onward.nets.projections import Projection, Shape
from onward.nets.readouts import Readout, last


class LocalSimilarity(AbstractLearner):
    """Blocks that each learn from their own scores and similarities: one parcel a block, during the forward pass.

    A block is blamed by `(1 - weight)` times its loss plus `weight` times the error of its similarities. Its two heads learn
    from their own of the two alone, at full weight, so that at weight 1 (*sim*) there still is a head that predicts, and at
    weight 0 (*pred*) block and projection learn as in Mono-Forward. To optimisers that do not see the scale of a gradient,
    such as Adam, this is the sum of the two losses.

    Attributes:
        net: what learns.
        projections: to class scores, of all blocks but the last, drawn as `MonoForward` draws them.
        maps: of every block, to what is compared: a linear map of a vector or of every token, a 3x3 convolution of a map;
            without bias.
        weight: of the similarities.
        readout: how scores are read from the goodness of the blocks, `last` or `total`.
    """

    def __init__(
        self,
        net: LayeredNet,
        loss: Loss | str = losses.cross_entropy,
        *,
        weight: float = 0.99,
        projection: Projection = projections.linear,
        readout: Readout = last,
    ) -> None:
        """Put a projection and a map on every block.

        Args:
            net: blocks, whose activities are vectors, tokens (t x c) or maps, and a head.
            loss: of every block, for classes.
            weight: of the similarities, between 0 and 1; the original's is 0.99.
            projection: what is put on all blocks but the last, drawn from the generator of each block.
            readout: `last` or `total` of `onward.nets.readouts`.

        Raises:
            ValueError: a net without a head, activities of another shape, a loss that is unknown or not for classes, or a
                weight out of range.
        """
        super().__init__()
        check_apart(net)
        if not 0 <= weight <= 1:
            raise ValueError(f"the weight of similarities must be between 0 and 1, got {weight}")
        self.net = net
        self.loss = losses.find(loss)
        if not self.loss.classes:
            raise ValueError(f"similarities are those of classes, which {self.loss.name!r} does not know")
        self.weight = weight
        self.readout = readouts.checked(readout, self.loss, net)
        self.projections = projected.early_projections(net, projection)
        like = next(net.parameters())
        generators = [torch.Generator().manual_seed(seed_from(net.generator(k))) for k in range(len(net.blocks))]
        drawn = [_map(shape, one) for shape, one in zip(net.shapes[1:], generators, strict=True)]
        self.maps = nn.ModuleList(drawn).to(like.device, like.dtype)

    def credit(
        self, x: Float[Tensor, "b ..."], y: Tensor, *, importance: Float[Tensor, "b"] | None = None
    ) -> Iterator[Credit]:
        """Yield a parcel a block. What a block passes on is its activity before it is updated."""
        yield from taught(self, x, y, importance)

    def enter(self, x: Float[Tensor, "b ..."], y: Tensor, importance: Tensor | None = None) -> tuple[Tensor, Lesson]:
        """Give the batch as it is, and its targets."""
        self.net.check(x)
        return x, Lesson(y, importance)

    def lesson(self, y: Tensor, importance: Float[Tensor, "b"] | None = None) -> Lesson:
        """Give the targets, which are all that blocks are taught by."""
        return Lesson(y, importance)

    def goodness(self, x: Float[Tensor, "b ..."]) -> list[Float[Tensor, "b o"]]:
        """Give the class scores of every block."""
        return projected.goodness(self.net, self.projections, x)

    @torch.no_grad()
    def scores(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b o"]:
        """Give scores by the readout; earlier projections are not computed where they are not read."""
        return projected.read(self.net, self.projections, self.readout, x)

    def parts(self, block: int) -> dict[str, nn.Module]:
        """Give a block and its two heads, by the prefix of their names."""
        return projected.parts(self.net, self.projections, block) | {f"maps.{block}": self.maps[block]}

    def teach(self, block: int, x: Float[Tensor, "b ..."], lesson: Lesson) -> tuple[Tensor, Credit | None]:
        """Give the activity of a block, before it is updated, and the credit of it and its heads."""
        y, importance = lesson
        named = self.parts(block)
        parts = list(named.values())
        own = [[one for one in part.parameters() if one.requires_grad] for part in parts]
        with torch.enable_grad():
            activity = run(parts[0], x)
            reads = activity.detach().requires_grad_()
            scores, compared = parts[1](reads), parts[2](reads)
        with torch.no_grad():
            value, error = self.loss.of_scores(scores, y, importance)
            mismatch, unlike = self._mismatch(single(compared), y, scores.shape[-1], importance)
            total = (1 - self.weight) * value + self.weight * mismatch
        from_scores, *of_projection = torch.autograd.grad(scores, [reads, *own[1]], error.to(scores.dtype))
        from_pairs, *of_map = torch.autograd.grad(compared, [reads, *own[2]], unlike.to(compared.dtype))
        blame = (1 - self.weight) * from_scores + self.weight * from_pairs
        of_block = torch.autograd.grad(activity, own[0], blame) if own[0] else []
        names = [f"{p}.{n}" for p, part in named.items() for n, one in part.named_parameters() if one.requires_grad]
        gradients = dict(zip(names, [*of_block, *of_projection, *of_map], strict=True))
        return activity.detach(), Credit(total, gradients) if gradients else None

    def _mismatch(
        self, compared: Tensor, y: Tensor, classes: int, importance: Tensor | None
    ) -> tuple[Float[Tensor, ""], Tensor]:
        looks = similarity.features(compared)
        target = similarity.of_classes(y, classes, looks.dtype)
        value, blame = similarity.matching(looks, target, importance)
        return value, similarity.features_back(compared, blame)


def _map(shape: Shape, generator: torch.Generator) -> nn.Module:
    if len(shape) in (1, 2):
        return draw.linear(shape[-1], shape[-1], bias=False, generator=generator)
    if len(shape) == 3:
        return draw.convolution(shape[0], shape[0], bias=False, generator=generator)
    raise ValueError(f"similarities are those of vectors, tokens and maps, got an activity of shape {list(shape)}")
