# ruff: noqa: N803, N806 - scikit-learn calls data X
"""What all estimators share: data, scaling, training in one go or by pieces, raw outputs.

Training itself is that of `onward.training`; this is the translation of scikit-learn's conventions into it. Which net is
trained, and by which rule, is said by `mesh` and `layered`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from torch import Tensor, nn

from onward.estimators.holdout import hold_out
from onward.estimators.progress import bar
from onward.estimators.starts import Trained, Watch
from onward.estimators.threads import one_thread
from onward.kernels.losses import Loss
from onward.learners.base import AbstractLearner
from onward.nets.standardise import Standardise
from onward.training.data import Lesson, Split
from onward.training.fit import Recipe, Training

EARLY = 500  # examples from which "auto" holds some out


class TableEstimator(BaseEstimator, ABC):
    """Something that learns from a table behind scikit-learn's interface.

    A *pupil* is the module that learns and is kept: a mesh, or a layered net together with what its rule adds to it.
    """

    _loss: ClassVar[Loss]
    _things: ClassVar[str]
    early_stopping: Any
    validation_fraction: Any
    n_iter_no_change: Any
    scale: Any
    warm_start: Any
    random_state: Any
    verbose: Any
    n_features_in_: int

    @abstractmethod
    def _shape(self, features: int, outputs: int) -> Any:
        """Say what is to be trained, as a value that knows its `outputs`; equal ones can go on with each other's weights."""

    @abstractmethod
    def _first(self, shape: Any, generator: torch.Generator, *, alone: bool = False) -> Sequence[nn.Module]:
        """Draw pupils of a shape, all that are to be tried, or one alone."""

    @abstractmethod
    def _present(self) -> Any:
        """Give the shape of the pupil that was kept."""

    @abstractmethod
    def _copied(self) -> nn.Module:
        """Give a copy of the pupil that was kept."""

    @abstractmethod
    def _learner(self, pupil: Any) -> AbstractLearner:
        """Give the learner of one pupil."""

    @abstractmethod
    def _scores(self, x: Float[Tensor, "n i"]) -> Float[Tensor, "n o"]:
        """Give what the pupil that was kept says of examples that it can read."""

    @abstractmethod
    def _recipe(self, examples: int, *, part: bool = False, patience: int | None = None) -> Recipe:
        """Say how to train on so many examples, in one go or as a piece of more."""

    @abstractmethod
    def _train(
        self,
        pupils: Sequence[Any],
        lesson: Lesson,
        recipe: Recipe,
        generators: Sequence[torch.Generator],
        watch: Watch,
    ) -> Trained:
        """Train pupils and choose one."""

    @abstractmethod
    def _keep_pupil(self, pupil: Any, shape: Any, lesson: Lesson) -> None:
        """Keep what came of training on a lesson."""

    @property
    @abstractmethod
    def _solver(self) -> str:
        """The name of what makes steps, by which its state is kept between pieces."""

    @property
    @abstractmethod
    def _pupil(self) -> nn.Module | None:
        """What was kept, if anything was."""

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
    def _begun(self) -> bool:
        return self._pupil is not None

    @property
    def _going_on(self) -> bool:
        return self.warm_start and self._begun

    def _fit(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray | None, outputs: int) -> None:
        """Train from the first weights, or on from those there are if `warm_start` says so."""
        generator = self._seeded()
        shape = self._shape(X.shape[1], outputs)
        going_on = self._going_on
        if going_on and shape != self._present():
            raise ValueError(f"warm_start goes on with {self._present()}, but now {shape} is asked for")
        lesson = self._parted(split_of(X, y, weight), generator)
        pupils = [self._copied()] if going_on else self._first(shape, generator)
        lesson = self._scaled(lesson, shape, _dtype(pupils[0]), measure=not going_on)
        seeds = torch.randint(2**62, (len(pupils),), generator=generator).tolist()
        plan = self._recipe(len(lesson.train), patience=None if lesson.validation is None else self.n_iter_no_change)
        watch = partial(bar, total=plan.epochs, words=lesson.name) if self.verbose else iter
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        with one_thread():
            trained = self._train(pupils, lesson, plan, generators, watch)
        self._keep(trained, shape, lesson, generator, {})

    def _fit_part(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray | None, outputs: int) -> None:
        """Learn from some examples, once; the first of them are those that scaling is measured on."""
        begun = self._begun
        generator, shape, pupil, losses, states = self._next_part(X.shape[1], outputs)
        lesson = Lesson(type(self).__name__, split_of(X, y, weight))
        lesson = self._scaled(lesson, shape, _dtype(pupil), measure=not begun)
        training = Training(self._learner(pupil), lesson, self._recipe(len(lesson.train), part=True), generator=generator)
        state = states.get(self._solver)
        if state is not None and not bool(state.get("resting", False)):  # other data may have use for a net at rest
            training.stepper.load(state)
        with one_thread():
            (epoch,) = training.epochs()
        trained = Trained(pupil, [*losses, epoch.loss.item()], None)
        self._keep(trained, shape, lesson, generator, {self._solver: training.stepper.state()})

    def _next_part(self, features: int, outputs: int) -> tuple[torch.Generator, Any, Any, list[float], dict[str, Any]]:
        """Give what the next part of more is learned with: generator, shape, pupil, losses so far, states of solvers."""
        generator = self._seeded()
        if self._begun:
            generator.set_state(self._generator_state)
            return generator, self._present(), self._copied(), self.loss_curve_, self._solver_states
        shape = self._shape(features, outputs)
        (pupil,) = self._first(shape, generator, alone=True)
        return generator, shape, pupil, [], {}

    @torch.no_grad()
    def _outputs(self, X: Any) -> Float[Tensor, "n o"]:
        """Give the scores or predicted values of examples, in the net's own units."""
        check_is_fitted(self)
        return self._scores(self._read(X))

    @abstractmethod
    def _said(self, outputs: Float[Tensor, "*n o"]) -> np.ndarray:
        """Give the prediction that outputs mean."""

    def _read(self, X: Any) -> Float[Tensor, "n columns"]:
        """Check examples to be predicted, and give what the pupil reads of them."""
        X = validate_data(self, X, reset=False, dtype=np.float64)
        assert self._pupil is not None  # noqa: S101
        return self._input(torch.tensor(X), self._present()).to(_dtype(self._pupil))

    def _input(self, x: Float[Tensor, "n i"], shape: Any) -> Float[Tensor, "n columns"]:
        """Give what a pupil of a shape reads of features."""
        return x if self.input_scaling_ is None else self.input_scaling_.apply(x)

    def _target(self, y: Tensor) -> Tensor:
        return y

    def _measure(self, split: Split) -> None:
        """Measure the scaling, by the importance of the examples."""
        self.input_scaling_ = Standardise.of(split.x, split.importance) if self.scale else None
        self.output_scaling_ = None

    def _scaled(self, lesson: Lesson, shape: Any, dtype: torch.dtype, *, measure: bool) -> Lesson:
        if measure:
            self._measure(lesson.train)

        def scaled(part: Split) -> Split:
            return Split(self._input(part.x, shape), self._target(part.y), importance=part.importance).to(dtype)

        validation = lesson.validation
        return Lesson(lesson.name, scaled(lesson.train), None if validation is None else scaled(validation))

    def _holds_out(self, examples: int) -> bool:
        """Whether there is to be early stopping."""
        return examples >= EARLY if self.early_stopping == "auto" else self.early_stopping

    def _parted(self, split: Split, generator: torch.Generator) -> Lesson:
        """Hold examples out for early stopping, if there is to be any."""
        name = type(self).__name__
        if not self._holds_out(len(split)):
            return Lesson(name, split)
        labels = split.y if self._loss.classes else torch.zeros(len(split), dtype=torch.int64)
        train, validation = (
            Split(*split.take(index), importance=None if split.importance is None else split.importance[index])
            for index in hold_out(labels, self.validation_fraction, generator)
        )
        return Lesson(name, train, validation)

    def _seeded(self) -> torch.Generator:
        return torch.Generator().manual_seed(int(check_random_state(self.random_state).randint(2**31 - 1)))

    def _keep(
        self, trained: Trained, shape: Any, lesson: Lesson, generator: torch.Generator, states: dict[str, Any]
    ) -> None:
        self.loss_curve_, self.validation_curve_ = trained.losses, trained.validation_losses
        self.loss_, self.n_iter_ = trained.losses[-1], len(trained.losses)
        self.best_validation_loss_ = None if trained.validation_losses is None else min(trained.validation_losses)
        self._generator_state, self._solver_states = generator.get_state(), states
        self._keep_pupil(trained.net, shape, lesson)


def split_of(X: np.ndarray, y: np.ndarray, weight: np.ndarray | None) -> Split:
    """Give arrays as a split."""
    return Split(torch.tensor(X), torch.tensor(y), importance=None if weight is None else torch.tensor(weight))


def _dtype(pupil: nn.Module) -> torch.dtype:
    return next(pupil.parameters()).dtype
