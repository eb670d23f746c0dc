"""Estimators of a layered net that is taught by any rule: what they share, and the two that are told the rule by name."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from sklearn.utils._param_validation import Interval, StrOptions
from torch import Tensor, nn
from torch.nn import functional

from onward.estimators.base import TableEstimator
from onward.estimators.classifying import Classifying
from onward.estimators.layers import ACTIVATIONS, Layers, widths
from onward.estimators.parameters import COUNT, POSITIVE
from onward.estimators.regressing import Regressing
from onward.estimators.starts import Trained, Watch, curves
from onward.learners.base import AbstractLearner
from onward.learners.by_name import RULES, Rule, rule
from onward.training.data import Lesson
from onward.training.fit import Recipe, Training

BATCH = 32  # examples a step, if nothing else is asked for


class LayeredEstimator(TableEstimator):
    """A layered net behind scikit-learn's interface, trained by Adam; a subclass says by which rule."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), COUNT],
        "learning_rate_init": [POSITIVE],
        "max_iter": [COUNT],
        "early_stopping": [StrOptions({"auto"}), "boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [COUNT],
        "scale": ["boolean"],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "dtype": [StrOptions({"float64", "float32"})],
        "verbose": ["boolean"],
    }
    hidden_layer_sizes: Any
    activation: Any
    alpha: Any
    batch_size: Any
    learning_rate_init: Any
    max_iter: Any
    dtype: Any

    @abstractmethod
    def _layers(self, features: int, outputs: int) -> Layers:
        """Say which net is to be trained, and how."""

    @abstractmethod
    def _taught(self, layers: Layers, generator: torch.Generator) -> AbstractLearner:
        """Draw a net and what its rule adds to it."""

    @property
    def _solver(self) -> str:
        return "adam"

    @property
    def _pupil(self) -> nn.Module | None:
        return getattr(self, "learner_", None)

    def _shape(self, features: int, outputs: int) -> Layers:
        return self._layers(features, outputs)

    def _first(self, shape: Layers, generator: torch.Generator, *, alone: bool = False) -> list[AbstractLearner]:
        return [self._taught(shape, generator)]

    def _present(self) -> Layers:
        return self.layers_

    def _copied(self) -> AbstractLearner:
        return copy.deepcopy(self.learner_)

    def _learner(self, pupil: AbstractLearner) -> AbstractLearner:
        return pupil

    def _scores(self, x: Float[Tensor, "n i"]) -> Float[Tensor, "n o"]:
        return self.learner_.scores(x)

    def _recipe(self, examples: int, *, part: bool = False, patience: int | None = None) -> Recipe:
        size = BATCH if self.batch_size == "auto" else self.batch_size
        several = size < examples  # a step that sees all examples sees them in any order
        adam = partial(torch.optim.Adam, lr=self.learning_rate_init, weight_decay=self.alpha, fused=True)
        epochs = 1 if part else self.max_iter
        return Recipe(adam, epochs, size if several else None, patience=patience, shuffle=several)

    def _train(
        self,
        pupils: Sequence[AbstractLearner],
        lesson: Lesson,
        recipe: Recipe,
        generators: Sequence[torch.Generator],
        watch: Watch,
    ) -> Trained:
        (learner,) = pupils
        training = Training(learner, lesson, recipe, generator=generators)
        for _ in watch(training.epochs()):
            pass
        return Trained(learner, *curves(training))

    def _keep_pupil(self, pupil: AbstractLearner, shape: Layers, lesson: Lesson) -> None:
        self.learner_, self.layers_ = pupil, shape


class _RuleEstimator(LayeredEstimator):
    """A layered net taught by the rule of a name."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "rule": [StrOptions(set(RULES)), Rule],
        **LayeredEstimator._parameter_constraints,
    }
    rule: Any

    @property
    def _rule(self) -> Rule:
        found = self.rule if isinstance(self.rule, Rule) else rule(self.rule)
        if not (self._loss.classes or found.numbers):
            known = ", ".join(name for name, one in RULES.items() if one.numbers)
            raise ValueError(f"the rule {found.name!r} predicts classes only; numbers are predicted by {known}")
        return found

    def _layers(self, features: int, outputs: int) -> Layers:
        found, blocks = self._rule, widths(self.hidden_layer_sizes)
        blank = outputs if found.blank else 0
        columns = blank + features + found.appended
        return Layers(columns, blocks, outputs, self.activation, "linear", f"taught by {found.name}", blank)

    def _taught(self, layers: Layers, generator: torch.Generator) -> AbstractLearner:
        return self._rule.teach(layers.net(generator, getattr(torch, self.dtype)), self._loss, generator)

    def _input(self, x: Float[Tensor, "n i"], shape: Layers) -> Float[Tensor, "n columns"]:
        return functional.pad(super()._input(x, shape), (shape.blank, 0))

    def _holds_out(self, examples: int) -> bool:
        if self._rule.calibrated:
            return super()._holds_out(examples)
        if self.early_stopping is True:
            raise ValueError(
                f"early stopping looks at a loss, but the scores of {self._rule.name!r} are no log-odds; "
                f"early_stopping must be False or 'auto'"
            )
        return False


class LayeredClassifier(Classifying, _RuleEstimator):
    """A classifier whose net is a perceptron, taught by any rule of `onward.learners.by_name`.

    So rules are compared on equal terms: the same net, data, batches and steps. Parameters and attributes are those of
    `MonoForwardClassifier`, with these differences:

    Parameters:
        rule: the name of a rule, or a `Rule` of one's own.
        early_stopping: "auto" holds nothing out for a rule whose scores are no log-odds.

    Attributes:
        learner_: the learner of the rule; `learner_.net` is its net.

    There are no scores of blocks and no stages, and the net's projections are linear.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **_RuleEstimator._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, None],
    }

    def __init__(
        self, rule: Any = "bp", *, hidden_layer_sizes: Any = (100, 100), activation: Any = "relu", alpha: Any = 1e-4,
        batch_size: Any = "auto", learning_rate_init: Any = 0.001, max_iter: Any = 200, early_stopping: Any = "auto",
        validation_fraction: Any = 0.1, n_iter_no_change: Any = 20, scale: Any = True, class_weight: Any = None,
        warm_start: Any = False, random_state: Any = None, dtype: Any = "float64", verbose: Any = False,
    ) -> None:  # fmt: skip
        """Store the parameters, which the class describes."""
        store(self, locals())


class LayeredRegressor(Regressing, _RuleEstimator):
    """A regressor whose net is a perceptron, taught by any rule that can predict numbers.

    Parameters and attributes are those of `LayeredClassifier`, with the differences between `MonoForwardRegressor` and
    `MonoForwardClassifier`.
    """

    def __init__(
        self, rule: Any = "bp", *, hidden_layer_sizes: Any = (100, 100), activation: Any = "relu", alpha: Any = 1e-4,
        batch_size: Any = "auto", learning_rate_init: Any = 0.001, max_iter: Any = 200, early_stopping: Any = "auto",
        validation_fraction: Any = 0.1, n_iter_no_change: Any = 20, scale: Any = True, warm_start: Any = False,
        random_state: Any = None, dtype: Any = "float64", verbose: Any = False,
    ) -> None:  # fmt: skip
        """Store the parameters, which the class describes."""
        store(self, locals())


def store(estimator: LayeredEstimator, given: Mapping[str, Any]) -> None:
    """Store parameters as they were given to `__init__`; they are checked by `fit`, as scikit-learn will have it."""
    vars(estimator).update({name: given[name] for name in type(estimator)._get_param_names()})
