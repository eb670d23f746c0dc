"""scikit-learn faces: estimators that train a mesh on a table of numbers."""

from onward.estimators.classifier import MeshClassifier as MeshClassifier
from onward.estimators.regressor import MeshRegressor as MeshRegressor
