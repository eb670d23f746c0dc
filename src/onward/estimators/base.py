# ruff: noqa: N803, N806 - scikit-learn calls data X
"""What classifier and regressor share: data, scaling, training in one go or by pieces, raw outputs.

Training itself is that of `onward.training`; this is the translation of scikit-learn's conventions into it.
"""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from torch import Tensor

from onward.estimators.holdout import hold_out
from onward.estimators.parameters import MeshParameters
from onward.estimators.progress import bar
from onward.estimators.recipes import recipe
from onward.estimators.starts import Trained, train_best
from onward.estimators.structure import structure
from onward.estimators.threads import one_thread
from onward.kernels.losses import Loss
from onward.learners.forward_only import ForwardOnly
from onward.nets.initialise import fan_in
from onward.nets.mesh import MeshNet
from onward.nets.standardise import Standardise
from onward.topology import Topology
from onward.training.data import Lesson, Split
from onward.training.fit import Recipe, Training

EARLY = 500  # examples from which "auto" holds some out
GAINS = {"relu": 2**0.5, "gelu": 2**0.5}  # the others are about as steep as 1 at 0


class MeshEstimator(MeshParameters):
    """A mesh behind scikit-learn's interface; `MeshClassifier` and `MeshRegressor` say what it is trained on."""

    _loss: ClassVar[Loss]
    _things: ClassVar[str]

    def _examples(
        self, X: Any, y: Any, sample_weight: Any, *, reset: bool, **checks: Any
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Check data as scikit-learn does; give features, targets and weights without the examples of weight 0."""
        X, y = validate_data(self, X, y, reset=reset, dtype=np.float64, **checks)
        if sample_weight is None:
            return X, y, None
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        counted = weight > 0
        if not counted.any():
            raise ValueError("sample_weight must be above 0 for some example, got 0 for all")
        return X[counted], y[counted], weight[counted]

    @property
    def _going_on(self) -> bool:
        return self.warm_start and hasattr(self, "net_")

    def _fit(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray | None, outputs: int) -> None:
        """Train from the first weights, or on from those there are if `warm_start` says so."""
        generator = self._seeded()
        topology, ticks = self._structure(X.shape[1], outputs)
        going_on = self._going_on
        if going_on:
            self._check_same(topology, ticks)
        lesson = self._parted(_split(X, y, weight), generator)
        nets = [_copy(self.net_)] if going_on else self._first_nets(topology, ticks, self.starts, generator)
        lesson = self._scaled(lesson, nets[0].weight.dtype, measure=not going_on)
        seeds = torch.randint(2**62, (len(nets),), generator=generator).tolist()
        plan = self._recipe(len(lesson.train), patience=None if lesson.validation is None else self.n_iter_no_change)
        watch = partial(bar, total=plan.epochs, words=lesson.name) if self.verbose else iter
        with one_thread():
            trained = train_best(
                nets,
                self._loss,
                lesson,
                plan,
                generators=[torch.Generator().manual_seed(seed) for seed in seeds],
                penalty=self.penalty,
                engine=self.engine,
                watch=watch,
            )
        self._keep(trained, generator, {})

    def _fit_part(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray | None, outputs: int) -> None:
        """Learn from some examples, once; the first of them are those that scaling is measured on."""
        begun = hasattr(self, "net_")
        generator = self._seeded()
        if begun:
            generator.set_state(self._generator_state)
            net, losses, states = _copy(self.net_), self.loss_curve_, self._solver_states
        else:
            (net,) = self._first_nets(*self._structure(X.shape[1], outputs), 1, generator)
            losses, states = [], {}
        lesson = Lesson(type(self).__name__, _split(X, y, weight))
        lesson = self._scaled(lesson, net.weight.dtype, measure=not begun)
        learner = ForwardOnly(net, self._loss, engine=self.engine)
        training = Training(learner, lesson, self._recipe(len(lesson.train), part=True), generator=generator)
        state = states.get(self.solver)
        if state is not None and not bool(state.get("resting", False)):  # other data may have use for a net at rest
            training.stepper.load(state)
        with one_thread():
            (epoch,) = training.epochs()
        trained = Trained(net, [*losses, epoch.loss.item()], None)
        self._keep(trained, generator, {self.solver: training.stepper.state()})

    @torch.no_grad()
    def _outputs(self, X: Any) -> Float[Tensor, "n o"]:
        """Give what the output neurons say about examples, in the net's own units."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64)
        return self.net_(self._input(torch.tensor(X)).to(self.net_.weight.dtype))

    def _input(self, x: Float[Tensor, "n i"]) -> Float[Tensor, "n i"]:
        return x if self.input_scaling_ is None else self.input_scaling_.apply(x)

    def _target(self, y: Tensor) -> Tensor:
        return y

    def _measure(self, split: Split) -> None:
        """Measure the scaling, by the importance of the examples."""
        self.input_scaling_ = Standardise.of(split.x, split.importance) if self.scale else None
        self.output_scaling_ = None

    def _scaled(self, lesson: Lesson, dtype: torch.dtype, *, measure: bool) -> Lesson:
        if measure:
            self._measure(lesson.train)

        def scaled(part: Split) -> Split:
            return Split(self._input(part.x), self._target(part.y), importance=part.importance).to(dtype)

        validation = lesson.validation
        return Lesson(lesson.name, scaled(lesson.train), None if validation is None else scaled(validation))

    def _parted(self, split: Split, generator: torch.Generator) -> Lesson:
        """Hold examples out for early stopping, if there is to be any."""
        name = type(self).__name__
        if not (len(split) >= EARLY if self.early_stopping == "auto" else self.early_stopping):
            return Lesson(name, split)
        labels = split.y if self._loss.classes else torch.zeros(len(split), dtype=torch.int64)
        train, validation = (
            Split(*split.take(index), importance=None if split.importance is None else split.importance[index])
            for index in hold_out(labels, self.validation_fraction, generator)
        )
        return Lesson(name, train, validation)

    def _structure(self, features: int, outputs: int) -> tuple[Topology, int]:
        return structure(
            self.kind, _own(self.hidden), self.topology, self.ticks, features=features, outputs=outputs, things=self._things
        )

    def _check_same(self, topology: Topology, ticks: int) -> None:
        if (topology, ticks) != (self.net_.topology, self.net_.ticks):
            raise ValueError(
                f"warm_start goes on with {self.net_.topology} at {self.net_.ticks} ticks, but now {topology} at {ticks} "
                f"ticks is asked for"
            )

    def _seeded(self) -> torch.Generator:
        return torch.Generator().manual_seed(int(check_random_state(self.random_state).randint(2**31 - 1)))

    def _first_nets(self, topology: Topology, ticks: int, count: int, generator: torch.Generator) -> list[MeshNet]:
        name = self.activation if isinstance(self.activation, str) else self.activation.name
        first = partial(fan_in, gain=GAINS.get(name, 1.0))
        alike = {"hidden": self.activation, "initialise": first, "dtype": getattr(torch, self.dtype)}
        return [MeshNet(topology, ticks, generator=generator, **alike) for _ in range(count)]

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

    def _keep(self, trained: Trained, generator: torch.Generator, states: dict[str, Any]) -> None:
        self.net_ = trained.net
        self.topology_ = trained.net.topology
        self.loss_curve_, self.validation_curve_ = trained.losses, trained.validation_losses
        self.loss_, self.n_iter_ = trained.losses[-1], len(trained.losses)
        self.best_validation_loss_ = None if trained.validation_losses is None else min(trained.validation_losses)
        self._generator_state, self._solver_states = generator.get_state(), states


def _split(X: np.ndarray, y: np.ndarray, weight: np.ndarray | None) -> Split:
    return Split(torch.tensor(X), torch.tensor(y), importance=None if weight is None else torch.tensor(weight))


def _copy(net: MeshNet) -> MeshNet:
    return net.with_weight(net.weight)


def _own(hidden: Any) -> Any:
    """Give NumPy's whole numbers as Python's, one or several."""
    if isinstance(hidden, tuple | list):
        return type(hidden)(_own(one) for one in hidden)
    return hidden.item() if isinstance(hidden, np.integer) else hidden
