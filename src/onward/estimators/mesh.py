"""What the estimators of a mesh share: which mesh they train, forward-only, and from how many first weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from onward.estimators.base import TableEstimator
from onward.estimators.parameters import MeshParameters
from onward.estimators.recipes import recipe
from onward.estimators.starts import Trained, Watch, train_best
from onward.estimators.structure import structure
from onward.learners.forward_only import ForwardOnly
from onward.nets.initialise import fan_in
from onward.nets.mesh import MeshNet
from onward.topology import Topology
from onward.training.data import Lesson
from onward.training.fit import Recipe

GAINS = {"relu": 2**0.5, "gelu": 2**0.5}  # the others are about as steep as 1 at 0


@dataclass(frozen=True)
class _Shape:
    """A graph and how long it is run."""

    topology: Topology
    ticks: int

    @property
    def outputs(self) -> int:
        return self.topology.outputs

    def __str__(self) -> str:
        return f"{self.topology} at {self.ticks} ticks"


class MeshEstimator(MeshParameters, TableEstimator):
    """A mesh behind scikit-learn's interface; `MeshClassifier` and `MeshRegressor` say what it is trained on."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = MeshParameters._parameter_constraints

    @property
    def _solver(self) -> str:
        return self.solver

    @property
    def _pupil(self) -> nn.Module | None:
        return getattr(self, "net_", None)

    def _shape(self, features: int, outputs: int) -> _Shape:
        found = structure(
            self.kind, _own(self.hidden), self.topology, self.ticks, features=features, outputs=outputs, things=self._things
        )
        return _Shape(*found)

    def _first(self, shape: _Shape, generator: torch.Generator, *, alone: bool = False) -> list[MeshNet]:
        name = self.activation if isinstance(self.activation, str) else self.activation.name
        first = partial(fan_in, gain=GAINS.get(name, 1.0))
        alike = {"hidden": self.activation, "initialise": first, "dtype": getattr(torch, self.dtype)}
        count = 1 if alone else self.starts
        return [MeshNet(shape.topology, shape.ticks, generator=generator, **alike) for _ in range(count)]

    def _present(self) -> _Shape:
        return _Shape(self.net_.topology, self.net_.ticks)

    def _copied(self) -> MeshNet:
        return self.net_.with_weight(self.net_.weight)

    def _learner(self, pupil: MeshNet) -> ForwardOnly:
        return ForwardOnly(pupil, self._loss, engine=self.engine)

    def _scores(self, x: Float[Tensor, "n i"]) -> Float[Tensor, "n o"]:
        return self.net_(x)

    def _recipe(self, examples: int, *, part: bool = False, patience: int | None = None) -> Recipe:
        batch = None if self.batch_size == "auto" else self.batch_size
        return recipe(
            self.solver,
            examples=examples,
            epochs=1 if part else self.max_iter,
            batch=examples if part and self.solver == "lm" else batch,
            learning_rate=self.learning_rate,
            penalty=self.penalty,
            damping=self.damping,
            patience=patience,
        )

    def _train(
        self,
        pupils: Sequence[MeshNet],
        lesson: Lesson,
        recipe: Recipe,
        generators: Sequence[torch.Generator],
        watch: Watch,
    ) -> Trained:
        return train_best(
            pupils,
            self._loss,
            lesson,
            recipe,
            generators=generators,
            penalty=self.penalty,
            engine=self.engine,
            watch=watch,
        )

    def _keep_pupil(self, pupil: MeshNet, shape: _Shape, lesson: Lesson) -> None:
        self.net_, self.topology_ = pupil, pupil.topology


def _own(hidden: Any) -> Any:
    """Give NumPy's whole numbers as Python's, one or several."""
    if isinstance(hidden, tuple | list):
        return type(hidden)(_own(one) for one in hidden)
    return hidden.item() if isinstance(hidden, np.integer) else hidden
