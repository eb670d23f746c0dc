"""The parameters that classifier and regressor share, and what each may be."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, StrOptions

from onward.estimators.recipes import SOLVERS
from onward.estimators.structure import KINDS
from onward.kernels.activations import ACTIVATIONS, Activation
from onward.kernels.forward_only import ENGINES, Engine
from onward.topology import Topology

COUNT = Interval(Integral, 1, None, closed="left")
POSITIVE = Interval(Real, 0, None, closed="neither")


class MeshParameters(BaseEstimator):
    """Holds parameters; `MeshClassifier` describes them."""

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

    # Anything is stored as it is given, and checked by `fit`, as scikit-learn will have it.
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
        penalty: Any = 1e-2,
        damping: Any = 0.01,
        starts: Any = 1,
        early_stopping: Any = "auto",
        validation_fraction: Any = 0.1,
        n_iter_no_change: Any = 20,
        scale: Any = True,
        warm_start: Any = False,
        random_state: Any = None,
        dtype: Any = "float64",
        engine: Any = None,
        verbose: Any = False,
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
