"""A mesh that predicts numbers, as a scikit-learn regressor."""

from __future__ import annotations

from onward.estimators.mesh import MeshEstimator
from onward.estimators.regressing import Regressing


class MeshRegressor(Regressing, MeshEstimator):
    """A regressor whose net is a mesh, trained forward-only: no backward pass, by default second-order steps.

    It has an output neuron a target and learns by squared error. Parameters and attributes are those of `MeshClassifier`,
    except that there are no classes; that `scale` concerns the targets too, so that `output_scaling_` is theirs, or None
    without it, and losses and `penalty` are in their units of deviation; and that `penalty` is 0.01 if left out.
    """
