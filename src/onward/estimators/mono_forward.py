# ruff: noqa: N803 - scikit-learn calls data X
"""A perceptron that learns block by block, as scikit-learn's classifier and regressor: Mono-Forward.

Every block predicts by itself, so the predictions can be had stage by stage, as those of gradient boosting.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from onward.estimators.classifying import Classifying
from onward.estimators.layered import LayeredEstimator, store
from onward.estimators.layers import PROJECTIONS, Layers, widths
from onward.estimators.regressing import Regressing
from onward.estimators.stage_scores import explained, right
from onward.learners.base import AbstractLearner
from onward.learners.mono_forward import MonoForward
from onward.nets.readouts import Readout, last, mean, total
from onward.training.data import Lesson

READOUTS: Mapping[str, Readout] = {"last": last, "total": total, "mean": mean}


class MonoForwardEstimator(LayeredEstimator):
    """A perceptron taught block by block; `MonoForwardClassifier` and `MonoForwardRegressor` say on what."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **LayeredEstimator._parameter_constraints,
        "projection": [StrOptions(set(PROJECTIONS))],
    }
    readout: Any
    projection: Any

    def _layers(self, features: int, outputs: int) -> Layers:
        taught = f"taught by Mono-Forward, readout {self.readout}"
        return Layers(features, widths(self.hidden_layer_sizes), outputs, self.activation, self.projection, taught)

    def _taught(self, layers: Layers, generator: torch.Generator) -> MonoForward:
        net = layers.net(generator, getattr(torch, self.dtype))
        return MonoForward(net, self._loss, projection=PROJECTIONS[self.projection], readout=READOUTS[self.readout])

    def _keep_pupil(self, pupil: AbstractLearner, shape: Layers, lesson: Lesson) -> None:
        super()._keep_pupil(pupil, shape, lesson)
        assert isinstance(pupil, MonoForward)  # noqa: S101
        self.net_ = pupil.net
        self.block_scores_, judge = None, lesson.validation
        if judge is not None:
            score = right if self._loss.classes else explained
            self.block_scores_ = [score(outputs, judge.y, judge.share) for outputs in self._stages(judge.x)]

    @torch.no_grad()
    def _stages(self, x: Float[Tensor, "n i"]) -> list[Float[Tensor, "n o"]]:
        """Give what the net of the first block says, of the first two, and so on."""
        learner = self.learner_
        assert isinstance(learner, MonoForward)  # noqa: S101
        found = learner.goodness(x)
        return [learner.readout(found[: k + 1]) for k in range(len(found))]

    def staged_predict(self, X: Any) -> Iterator[np.ndarray]:
        """Give the predictions of the net of the first block, of the first two, and so on; the last are those of `predict`."""
        check_is_fitted(self)
        for outputs in self._stages(self._read(X)):
            yield self._said(outputs)


class MonoForwardClassifier(Classifying, MonoForwardEstimator):
    """A classifier whose net is a perceptron that learns block by block, with no backward pass through it.

    A projection on every block gives scores of the classes, and their cross-entropy teaches the block and the projection
    while the batch passes (Gong, Li and Abdulla, 2025). Steps are those of Adam. A net trained for all its epochs is a
    normal end, so there is no `ConvergenceWarning`.

    Parameters:
        hidden_layer_sizes: neurons of each block, one number or several.
        activation: "relu", whose derivatives are taken in closed form, or "identity", "gelu", "tanh", "logistic", which
            are differentiated by autograd inside their block.
        readout: "last" predicts by the last block alone, "total" by the sum of the scores of all blocks.
        projection: "linear", "frozen" (as it was drawn for ever, so that only the blocks learn) or "two_layer" (a net of
            one hidden layer).
        alpha: c of `c/2 |w|^2`, biases and projections included, added to the mean loss of every block on the scaled data.
        batch_size: examples a step; "auto": 32.
        learning_rate_init: of Adam, and so it stays.
        max_iter: epochs at the most.
        early_stopping: whether examples are held out, training stops when the loss of the readout on them falls no more,
            and the best weights are kept; "auto": from 500 examples.
        validation_fraction: of the examples, of every class alike, that are held out.
        n_iter_no_change: epochs without a lower validation loss after which the net stops.
        scale: whether every feature is shifted and scaled to mean 0 and deviation 1 over the examples, weighted.
        class_weight: None, "balanced" (classes count alike), or weights by class, 1 where left out; they multiply
            `sample_weight`.
        warm_start: whether `fit` goes on from the weights and the scaling that are there.
        random_state: of first weights, orders and held out examples; PyTorch's global generator is never touched. Nets of
            one state and different depth start from the same first blocks.
        dtype: of weights and training, "float64" or "float32".
        verbose: whether a progress bar is drawn, if `rich` is there.

    Attributes:
        learner_: the `MonoForward` that was trained: the net, and the projections of all blocks but the last.
        net_: its `LayeredNet`, which by itself predicts as readout "last" does.
        layers_: what it was built from.
        input_scaling_: `Standardise` of the features, or None without `scale`.
        output_scaling_: None; outputs are logits.
        classes_: the labels, in the order of the outputs.
        n_features_in_, feature_names_in_: as everywhere in scikit-learn.
        n_iter_: epochs, until it stopped, in the last `fit` and all `partial_fit` since.
        loss_curve_: loss of each of them without the penalty, averaged over blocks, taken before each step.
        loss_: the last of these.
        validation_curve_, best_validation_loss_: loss of the held out examples after each epoch, and the lowest; None if
            nothing was held out.
        block_scores_: accuracy on the held out examples, by the stages of `staged_predict`; None if nothing was held out.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **MonoForwardEstimator._parameter_constraints,
        "readout": [StrOptions({"last", "total"})],
        "class_weight": [StrOptions({"balanced"}), dict, None],
    }

    def __init__(
        self, hidden_layer_sizes: Any = (100, 100), *, activation: Any = "relu", readout: Any = "last",
        projection: Any = "linear", alpha: Any = 1e-4, batch_size: Any = "auto", learning_rate_init: Any = 0.001,
        max_iter: Any = 200, early_stopping: Any = "auto", validation_fraction: Any = 0.1, n_iter_no_change: Any = 20,
        scale: Any = True, class_weight: Any = None, warm_start: Any = False, random_state: Any = None,
        dtype: Any = "float64", verbose: Any = False,
    ) -> None:  # fmt: skip
        """Store the parameters, which the class describes."""
        store(self, locals())

    def staged_predict_proba(self, X: Any) -> Iterator[np.ndarray]:
        """Give the probabilities, `n x classes`, of the stages of `staged_predict`."""
        check_is_fitted(self)
        for outputs in self._stages(self._read(X)):
            yield torch.softmax(outputs, 1).numpy()


class MonoForwardRegressor(Regressing, MonoForwardEstimator):
    """A regressor whose net is a perceptron that learns block by block, with no backward pass through it.

    Every block predicts all targets and learns by squared error. Parameters and attributes are those of
    `MonoForwardClassifier`, except that there are no classes; that `readout` is "last" or "mean", the mean over the blocks;
    that `scale` concerns the targets too, so that `output_scaling_` is theirs, or None without it, and losses and `alpha`
    are in their units of deviation; and that `block_scores_` are R2, NaN where the held out targets are all alike.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **MonoForwardEstimator._parameter_constraints,
        "readout": [StrOptions({"last", "mean"})],
    }

    def __init__(
        self, hidden_layer_sizes: Any = (100, 100), *, activation: Any = "relu", readout: Any = "last",
        projection: Any = "linear", alpha: Any = 1e-4, batch_size: Any = "auto", learning_rate_init: Any = 0.001,
        max_iter: Any = 200, early_stopping: Any = "auto", validation_fraction: Any = 0.1, n_iter_no_change: Any = 20,
        scale: Any = True, warm_start: Any = False, random_state: Any = None, dtype: Any = "float64", verbose: Any = False,
    ) -> None:  # fmt: skip
        """Store the parameters, which the class describes."""
        store(self, locals())
