"""What classifier and regressor share: parameters, scaling, training in one go or by pieces, raw outputs.

Training itself is that of `onward.training`; this is the translation of scikit-learn's conventions into it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from torch import Tensor

from onward.estimators.holdout import hold_out
from onward.estimators.progress import bar
from onward.estimators.recipes import SOLVERS, recipe
from onward.estimators.starts import Trained, train_best
from onward.estimators.structure import KINDS, structure
from onward.kernels.activations import ACTIVATIONS, Activation
from onward.kernels.forward_only import ENGINES, Engine
from onward.kernels.losses import Loss
from onward.learners.forward_only import ForwardOnly
from onward.nets.initialise import fan_in
from onward.nets.mesh import MeshNet
from onward.nets.standardise import Standardise
from onward.topology import Topology
from onward.training.data import Lesson, Split
from onward.training.fit import Epoch, Recipe, Training

EARLY = 500  # examples from which "auto" holds some out
GAINS = {"relu": 2**0.5, "gelu": 2**0.5}  # the others are as steep as 1 where they begin
COUNT = Interval(Integral, 1, None, closed="left")
POSITIVE = Interval(Real, 0, None, closed="neither")


class MeshEstimator(BaseEstimator):
    """A mesh behind scikit-learn's interface; `MeshClassifier` and `MeshRegressor` say what it is trained on."""

    _loss: ClassVar[Loss]
    _thing: ClassVar[str]

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "hidden": [Interval(Integral, 0, None, closed="left"), tuple, list],
        "topology": [Topology, None],
        "kind": [StrOptions(set(KINDS))],
        "ticks": [COUNT, None],
        "activation": [StrOptions(set(ACTIVATIONS)), Activation],
        "solver": [StrOptions(set(SOLVERS))],
        "max_iter": [COUNT, None],
        "batch_size": [StrOptions({"auto"}), COUNT],
        "learning_rate": [POSITIVE, None],
        "penalty": [Interval(Real, 0, None, closed="left")],
        "damping": [POSITIVE],
        "starts": [COUNT],
        "early_stopping": [StrOptions({"auto"}), "boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [COUNT],
        "scale": ["boolean"],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "dtype": [StrOptions({"float64", "float32"})],
        "engine": [StrOptions(set(ENGINES)), Engine, None],
        "verbose": ["boolean"],
    }

    # Parameters have no types here: what is given is stored as it is, and checked by `fit`.
    def __init__(
        self,
        hidden=10,
        *,
        topology=None,
        kind="mesh",
        ticks=None,
        activation="tanh",
        solver="lm",
        max_iter=None,
        batch_size="auto",
        learning_rate=None,
        penalty=1e-4,
        damping=0.01,
        starts=1,
        early_stopping="auto",
        validation_fraction=0.1,
        n_iter_no_change=20,
        scale=True,
        warm_start=False,
        random_state=None,
        dtype="float64",
        engine=None,
        verbose=False,
    ) -> None:
        """Store the parameters, which the class describes."""
        self.hidden = hidden
        self.topology = topology
        self.kind = kind
        self.ticks = ticks
        self.activation = activation
        self.solver = solver
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.penalty = penalty
        self.damping = damping
        self.starts = starts
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.scale = scale
        self.warm_start = warm_start
        self.random_state = random_state
        self.dtype = dtype
        self.engine = engine
        self.verbose = verbose

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

    def _fit(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray | None, outputs: int) -> None:
        """Train from the first weights, or on from those there are if `warm_start` says so."""
        generator = torch.Generator().manual_seed(int(check_random_state(self.random_state).randint(2**31)))
        going_on = self.warm_start and hasattr(self, "net_")
        lesson = self._parted(_split(X, y, weight), generator)
        lesson = self._scaled(lesson, measure=not going_on)
        topology, ticks = self._structure(X.shape[1], outputs)
        if going_on:
            self._check_same(topology, ticks)
        nets = [_copy(self.net_)] if going_on else self._first_nets(topology, ticks, self.starts, generator)
        seeds = torch.randint(2**62, (len(nets),), generator=generator).tolist()
        patience = None if lesson.validation is None else self.n_iter_no_change
        plan = self._recipe(len(lesson.train), patience=patience)
        trained = train_best(
            nets,
            self._loss,
            lesson,
            plan,
            generators=[torch.Generator().manual_seed(seed) for seed in seeds],
            penalty=self.penalty,
            engine=self.engine,
            watch=self._watch(plan),
        )
        self._keep(trained)
        self._generator_state = generator.get_state()
        self._stepper_state = None

    def _fit_part(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray | None, outputs: int) -> None:
        """Learn from some examples, once; the first of them are those that scaling is measured on."""
        generator = torch.Generator()
        begun = hasattr(self, "net_")
        if begun:
            generator.set_state(self._generator_state)
            net, losses, state = _copy(self.net_), self.loss_curve_, self._stepper_state
        else:
            generator.manual_seed(int(check_random_state(self.random_state).randint(2**31)))
            topology, ticks = self._structure(X.shape[1], outputs)
            (net,), losses, state = self._first_nets(topology, ticks, 1, generator), [], None
        lesson = self._scaled(Lesson(type(self).__name__, _split(X, y, weight)), measure=not begun)
        learner = ForwardOnly(net, self._loss, engine=self.engine)
        training = Training(learner, lesson, self._recipe(len(lesson.train), epochs=1), generator=generator)
        if state is not None and not state.get("resting", torch.tensor(False)).all():
            training.stepper.load(state)
        (epoch,) = training.epochs()
        self._keep(Trained(net, [*losses, epoch.loss.item()], None))
        self._generator_state = generator.get_state()
        self._stepper_state = training.stepper.state()

    @torch.no_grad()
    def _outputs(self, X: Any) -> Float[Tensor, "n o"]:
        """Give what the output neurons say about examples, in the net's own units."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64)
        return self.net_(self._input(torch.tensor(X)))

    def _input(self, x: Float[Tensor, "n i"]) -> Float[Tensor, "n i"]:
        x = x if self.input_scaling_ is None else self.input_scaling_.apply(x)
        return x.to(getattr(torch, self.dtype))

    def _target(self, y: Tensor) -> Tensor:
        return y

    def _measure(self, split: Split) -> None:
        """Measure the scaling, by the importance of the examples."""
        self.input_scaling_ = Standardise.of(split.x, split.importance) if self.scale else None
        self.output_scaling_ = None

    def _scaled(self, lesson: Lesson, *, measure: bool) -> Lesson:
        if measure:
            self._measure(lesson.train)
        parts = [
            None if part is None else Split(self._input(part.x), self._target(part.y), importance=part.importance)
            for part in (lesson.train, lesson.validation)
        ]
        dtype = getattr(torch, self.dtype)
        train, validation = (None if part is None else part.to(dtype) for part in parts)
        assert train is not None  # noqa: S101
        return Lesson(lesson.name, train, validation)

    def _parted(self, split: Split, generator: torch.Generator) -> Lesson:
        """Hold examples out for early stopping, if there is to be any."""
        early = len(split) >= EARLY if self.early_stopping == "auto" else self.early_stopping
        if not early:
            return Lesson(type(self).__name__, split)
        labels = split.y if self._loss.classes else torch.zeros(len(split), dtype=torch.int64)
        chosen = hold_out(labels, self.validation_fraction, generator)
        train, validation = (
            Split(*split.take(index), importance=None if split.importance is None else split.importance[index])
            for index in chosen
        )
        return Lesson(type(self).__name__, train, validation)

    def _structure(self, features: int, outputs: int) -> tuple[Topology, int]:
        return structure(
            self.kind, self.hidden, self.topology, self.ticks, features=features, outputs=outputs, thing=self._thing
        )

    def _check_same(self, topology: Topology, ticks: int) -> None:
        if (topology, ticks) != (self.net_.topology, self.net_.ticks):
            raise ValueError(
                f"warm_start goes on with {self.net_.topology} at {self.net_.ticks} ticks, but now {topology} at {ticks} "
                f"ticks is asked for"
            )

    def _first_nets(self, topology: Topology, ticks: int, count: int, generator: torch.Generator) -> list[MeshNet]:
        name = self.activation if isinstance(self.activation, str) else self.activation.name
        make = partial(
            MeshNet,
            topology,
            ticks,
            hidden=self.activation,
            initialise=partial(fan_in, gain=GAINS.get(name, 1.0)),
            generator=generator,
            dtype=getattr(torch, self.dtype),
        )
        return [make() for _ in range(count)]

    def _recipe(self, examples: int, *, epochs: int | None = None, patience: int | None = None) -> Recipe:
        whole = epochs is not None and self.solver == "lm"  # a piece of data is one step of it
        batch = examples if whole else None if self.batch_size == "auto" else self.batch_size
        return recipe(
            self.solver,
            examples=examples,
            epochs=self.max_iter if epochs is None else epochs,
            batch=batch,
            learning_rate=self.learning_rate,
            penalty=self.penalty,
            damping=self.damping,
            patience=patience,
        )

    def _watch(self, plan: Recipe) -> Any:
        if not self.verbose:
            return iter
        return partial(bar, total=plan.epochs, words=type(self).__name__)

    def _keep(self, trained: Trained) -> None:
        self.net_ = trained.net
        self.topology_ = trained.net.topology
        self.loss_curve_, self.validation_curve_ = trained.losses, trained.validation_losses
        self.loss_, self.n_iter_ = trained.losses[-1], len(trained.losses)
        self.best_validation_loss_ = None if trained.validation_losses is None else min(trained.validation_losses)


def _split(X: np.ndarray, y: np.ndarray, weight: np.ndarray | None) -> Split:
    return Split(torch.tensor(X), torch.tensor(y), importance=None if weight is None else torch.tensor(weight))


def _copy(net: MeshNet) -> MeshNet:
    return net.with_weight(net.weight)
