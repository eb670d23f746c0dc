"""Any rule on a mesh of which some edges are pruned: these have weight zero and take no blame, so they are not there.

A stack of nets that were pruned each in its own way learns so in one computation (`nets.side_by_side`); so does a net whose edges come and
go. An optimiser that steps by the gradient alone, weight decay included, leaves a pruned edge at zero.

Axes: b batch, e edges, o outputs.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxtyping import Bool, Float
from torch import Tensor, nn

from onward.learners.base import AbstractLearner, Credit

WEIGHT = "net.weight"  # as rules on meshes call the weights of their edges


class Masked(AbstractLearner):
    """A mesh that learns by some rule on a part of its edges.

    Attributes:
        rule: what teaches it.
        edges: which edges there are, for every net of a stack.
    """

    edges: Tensor

    def __init__(self, rule: AbstractLearner, edges: Bool[Tensor, "*nets e"]) -> None:
        """Take a rule on a mesh.

        Args:
            rule: as `ForwardOnly(net)`, or `Backprop(net)` of a mesh.
            edges: True where there is one, shaped like the weights of the mesh.

        Raises:
            ValueError: a rule that does not teach a mesh, edges of another shape, or a pruned edge whose weight is not zero.
        """
        super().__init__()
        weight = dict(rule.named_parameters()).get(WEIGHT)
        if weight is None:
            raise ValueError(f"edges are pruned of a mesh, but {type(rule).__name__} teaches a net that has none")
        if edges.shape != weight.shape:
            raise ValueError(
                f"expected for each of the weights {tuple(weight.shape)} whether it is there, got {tuple(edges.shape)}"
            )
        if weight.detach()[~edges].any():
            raise ValueError(f"a pruned edge has weight zero, got {weight.detach()[~edges].abs().max().item():g}")
        self.rule = rule
        self.loss = rule.loss
        self.register_buffer("edges", edges.clone(), persistent=False)

    @property
    def weight(self) -> nn.Parameter:
        """The weights of the mesh; those of edges that are not there are zero."""
        return self.rule.get_parameter(WEIGHT)

    def credit(
        self, x: Float[Tensor, "..."], y: Tensor, *, importance: Float[Tensor, "*nets b"] | None = None
    ) -> Iterator[Credit]:
        """Yield the parcels of the rule, without the blame of edges that are not there."""
        for loss, gradients in self.rule.credit(x, y, importance=importance):
            own = {name: gradient * self.edges if name == WEIGHT else gradient for name, gradient in gradients.items()}
            yield Credit(loss, {f"rule.{name}": gradient for name, gradient in own.items()})

    def scores(self, x: Float[Tensor, "..."]) -> Float[Tensor, "*nets b o"]:
        """Give the scores of the rule."""
        return self.rule.scores(x)
