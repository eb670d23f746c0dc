"""scikit-learn faces: estimators that train a mesh, or a layered net by any rule, on a table of numbers."""

from onward.estimators.classifier import MeshClassifier as MeshClassifier
from onward.estimators.layered import LayeredClassifier as LayeredClassifier
from onward.estimators.layered import LayeredRegressor as LayeredRegressor
from onward.estimators.mono_forward import MonoForwardClassifier as MonoForwardClassifier
from onward.estimators.mono_forward import MonoForwardRegressor as MonoForwardRegressor
from onward.estimators.regressor import MeshRegressor as MeshRegressor
