"""What every learning rule is: a stream of credit, and a way to score.

Rules differ in when, and from what, the blame of each weight becomes known. A learner yields it in parcels, in the
order in which they become available; the loop applies each at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from onward.kernels.losses import Loss


class Credit(NamedTuple):
    """A parcel of blame: the loss it comes from, and a gradient for each parameter that it concerns."""

    loss: Float[Tensor, "*nets"]
    gradients: dict[str, Tensor]  # keyed like the learner's named_parameters()


class AbstractLearner(nn.Module, ABC):
    """The interface of every learning rule.

    Attributes:
        loss: what the rule's own way of predicting is judged by, on validation data too.
    """

    loss: Loss

    @abstractmethod
    def credit(self, x: Tensor, y: Tensor, *, importance: Float[Tensor, "*nets b"] | None = None) -> Iterator[Credit]:
        """Yield parcels in the order in which they become available.

        The caller may update the named parameters between two parcels. Examples count equally, or by their `importance`,
        whose mean over the data should be 1. Credit follows from the batch and the `state_dict`: in training mode a rule may
        move its buffers on (statistics, a count of batches), in evaluation mode it changes nothing.
        """

    @abstractmethod
    def scores(self, x: Tensor) -> Float[Tensor, "*nets batch classes"]:
        """Give class scores, the larger the likelier, or predicted values, by this rule's own way of predicting."""
