# ruff: noqa: N803 - scikit-learn calls data X
"""A mesh that tells classes apart, as a scikit-learn classifier."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

from sklearn.base import _fit_context
from sklearn.utils._param_validation import StrOptions

from onward.estimators.classifying import Classifying
from onward.estimators.streams import StreamEstimator, are_sequences

Classifier = TypeVar(
    "Classifier", bound="MeshClassifier"
)  # of `partial_fit`, whose checks in tests do not know `typing.Self`


class MeshClassifier(Classifying, StreamEstimator):
    """A classifier whose net is a mesh, trained forward-only: no backward pass, by default second-order steps.

    It has an output neuron a class and learns by cross-entropy. Weighted examples count as if repeated, exactly so for
    "lm" with all examples in a step and nothing held out. A mesh trained for all its epochs is a normal end, so there is
    no `ConvergenceWarning`.

    Parameters:
        hidden: hidden neurons; for `kind="layered"` also a tuple, the neurons of each layer. 0 for none.
        topology: any graph, a `Topology` that fits the data; `kind` and `hidden` are then ignored.
        kind: family of the graph: "mesh", "cascade", "layered" or "recurrent".
        ticks: updates before the outputs are read; left out, as many as the longest path has edges, or in a graph with
            cycles 3 (more if its outputs are further away).
        activation: of the hidden neurons, by name or as an `Activation`.
        solver: "lm" (Levenberg-Marquardt), "adam" or "sgd" (momentum 0.9). The memory of a step of "lm" grows with the
            square of the number of edges and its time with examples x classes x that square, so it suits nets of up to
            some hundred edges; "adam" suits the larger ones.
        max_iter: epochs at the most; left out, 100 for "lm" and 200 for the others.
        batch_size: examples a step; "auto": for "lm" all of up to 2000, 1000 of more, for the others 32.
        learning_rate: left out, 0.01 for "adam" and 0.02 for "sgd"; ignored by "lm".
        penalty: c of `c/2 |w|^2`, biases included, added to the mean loss of the scaled data; every solver's.
        damping: at the start; of "lm" alone.
        starts: first weights that are trained side by side; the net of the lowest validation loss is kept, or, if nothing
            is held out, of the lowest training loss with its penalty.
        early_stopping: whether examples are held out, training stops when their loss falls no more, and the best
            weights are kept; "auto": from 500 examples.
        validation_fraction: of the examples, of every class alike, that are held out.
        n_iter_no_change: epochs without a lower validation loss after which a net stops.
        scale: whether every feature is shifted and scaled to mean 0 and deviation 1 over the examples, weighted.
        class_weight: None, "balanced" (classes count alike), or weights by class, 1 where left out; they multiply
            `sample_weight`.
        warm_start: whether `fit` goes on from the weights and the scaling that are there.
        random_state: of first weights, orders and held out examples; PyTorch's global generator is never touched.
        dtype: of weights and training, "float64" or "float32".
        engine: "influence" or "factored", which compute the same gradient; left out, the cheaper one.
        verbose: whether a progress bar is drawn, if `rich` is there.

    Attributes:
        net_: the trained `MeshNet`.
        topology_: its graph.
        input_scaling_: `Standardise` of the features, or None without `scale`.
        output_scaling_: None; outputs are logits.
        classes_: the labels, in the order of the outputs.
        n_features_in_, feature_names_in_: as everywhere in scikit-learn.
        n_iter_: epochs of the net that was kept, until it stopped, in the last `fit` and all `partial_fit` since.
        loss_curve_: mean loss of each of them without the penalty, taken before each step.
        loss_: the last of these.
        validation_curve_, best_validation_loss_: loss of the held out examples after each epoch, and the lowest; None if
            nothing was held out.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **StreamEstimator._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, None],
    }

    def __init__(
        self,
        hidden: Any = 10,
        *,
        topology: Any = None,
        kind: Any = "mesh",
        ticks: Any = None,
        activation: Any = "tanh",
        solver: Any = "lm",
        max_iter: Any = None,
        batch_size: Any = "auto",
        learning_rate: Any = None,
        penalty: Any = 1e-4,
        damping: Any = 0.01,
        starts: Any = 1,
        early_stopping: Any = "auto",
        validation_fraction: Any = 0.1,
        n_iter_no_change: Any = 20,
        scale: Any = True,
        class_weight: Any = None,
        warm_start: Any = False,
        random_state: Any = None,
        dtype: Any = "float64",
        engine: Any = None,
        verbose: Any = False,
    ) -> None:
        """Store the parameters, which the class describes."""
        super().__init__(
            hidden,
            topology=topology,
            kind=kind,
            ticks=ticks,
            activation=activation,
            solver=solver,
            max_iter=max_iter,
            batch_size=batch_size,
            learning_rate=learning_rate,
            penalty=penalty,
            damping=damping,
            starts=starts,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            scale=scale,
            warm_start=warm_start,
            random_state=random_state,
            dtype=dtype,
            engine=engine,
            verbose=verbose,
        )
        self.class_weight = class_weight

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self: Classifier, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Classifier:
        """Learn from some examples, or from the next piece of some streams.

        Of a table it is one pass (of "lm" one step). Of sequences, streams x ticks x features with a label for every tick
        (streams x ticks), credit is ready after every tick (`Online`), and makes a step of "adam" or "sgd": one a tick, or one every
        `batch_size` ticks. State and influence of the streams are kept between calls, so that a sequence may come in pieces of any length;
        `forget` begins with other streams, and so does anything learned from a table. `predict` and its like say
        of sequences what the net says after every tick, from where the streams are, and leave them there.

        The first call needs all `classes`, and measures the scaling, which then stays; the state of the solver is kept between calls. After
        `fit` it goes on with the net that was chosen. Nothing is held out.

        Raises:
            ValueError: as for `fit`; classes left out, changed or unknown; balanced class weights; of sequences also "lm",
                `sample_weight`, targets that are not one a tick, or another number of streams than are under way.
            TrainingFailed: the loss or the weights are no longer finite.
        """
        if not are_sequences(X):
            return super().partial_fit(X, y, classes, sample_weight)
        table, labels, streams = self._laid_flat(X, y, sample_weight)
        table, index, weight, known = self._part(table, labels, classes, None)
        self._fit_stream(table, index, weight, len(known), streams)
        self.classes_ = known
        return self
