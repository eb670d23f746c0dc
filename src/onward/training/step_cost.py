"""What one step of a learner takes, before any of it is run: bytes alive after every operation, bytes moved, and multiply-adds.

The step is taken on tensors without memory, so it is counted for nets and batches that no machine holds. Bytes are those of
tensors, exactly; what an allocator keeps beside them is not in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from onward.learners.base import AbstractLearner
from onward.meters.activities import activities
from onward.meters.held import Held, held
from onward.meters.operations import Known, Operation, Operations
from onward.meters.over_time import Course, course
from onward.meters.weightless import shadow, weightless
from onward.nets.cost import Products
from onward.nets.projections import Shape
from onward.training.fit import Recipe
from onward.training.steps import GradientSteps

Mark = Callable[[], None]


@dataclass(frozen=True)
class StepCost:
    """What a step takes.

    Attributes:
        held: what stands between two steps, in bytes.
        course: bytes alive after each operation, the batch with them.
        products: multiply-adds until the update of each parcel was made, in order; the last of them is the step.
        moved: bytes that its operations read and write, run one by one (`meters.moved`).
        activities: the most bytes alive at once of what is made on the way forward (`meters.activities`), without the batch.
        operations: how often each was run, without those of the optimiser (`meters.operations`).
    """

    held: Held
    course: Course
    products: tuple[int, ...]
    moved: int
    activities: int
    operations: Mapping[Operation, int]

    @property
    def peak(self) -> int:
        """The most bytes alive at once."""
        return self.course.peak


def step_cost(
    learner: AbstractLearner,
    recipe: Recipe,
    features: Shape,
    batch: int,
    outputs: int,
    *,
    first: bool = False,
    keep_gradients: bool = False,
    known: Known | None = None,
) -> StepCost:
    """Count a step of a learner, which is left as it is; it may lie on `meta`.

    Args:
        learner: a rule that branches on no values, as backpropagation and Mono-Forward.
        recipe: for its optimiser and the dtype of its products.
        features: shape of an example.
        batch: examples in the step.
        outputs: of the net, for targets that are no classes.
        first: count the first step, in which the optimiser makes its state, instead of a later one.
        keep_gradients: hold the gradients of all parcels until the end of the step, as `.grad` does where nobody frees it.
        known: operations that were met in other steps, which are the same objects in this one.

    Raises:
        ValueError: no gradient steps, such as Levenberg-Marquardt's.
    """
    if not callable(recipe.optimiser):
        raise ValueError(f"steps by the gradient are counted, got {type(recipe.optimiser).__name__}")
    with weightless():
        own = shadow(learner).train()
        steps = GradientSteps(own, recipe.optimiser, None, ())
        weights = next(own.parameters())
        x = torch.empty(batch, *features, dtype=weights.dtype, device=weights.device)
        classes = own.loss.classes
        y = torch.zeros(batch, dtype=torch.int64) if classes else torch.empty(batch, outputs, dtype=weights.dtype)
        y = y.to(weights.device)
        if not first:
            steps.step(x, y, None)
        standing = [x, y, *own.parameters(), *own.buffers(), *_state(steps)]
        counter, operations = Products(), Operations(known)
        products: list[int] = []

        def step(mark: Mark) -> None:
            kept = []
            for credit in own.credit(x, y):
                kept.append(list(credit.gradients.values()) if keep_gradients else [])
                with operations.aside():
                    steps.apply(credit)
                mark()
                products.append(counter.count)

        with recipe.autocast(weights.device), counter, operations, activities(own, standing) as made:
            found = course(step, standing)
        return StepCost(held(own, steps.optimiser), found, tuple(products), operations.moved, made.most, operations.found)


def _state(steps: GradientSteps) -> list[Tensor]:
    return [one for one in tree_leaves(list(steps.optimiser.state.values())) if isinstance(one, Tensor)]
