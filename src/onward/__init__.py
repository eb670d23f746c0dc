"""Neural networks trained without backpropagation."""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

from onward import datasets as datasets
from onward import graphs as graphs
from onward.kernels.activations import Activation as Activation
from onward.kernels.losses import Loss as Loss
from onward.kernels.losses import binary_cross_entropy as binary_cross_entropy
from onward.kernels.losses import cross_entropy as cross_entropy
from onward.kernels.losses import differentiable as differentiable
from onward.kernels.losses import every_tick as every_tick
from onward.kernels.losses import mean_squared_error as mean_squared_error
from onward.kernels.plan import plan as plan
from onward.learners.backprop import Backprop as Backprop
from onward.learners.base import AbstractLearner as AbstractLearner
from onward.learners.base import Credit as Credit
from onward.learners.deep_supervision import DeepSupervision as DeepSupervision
from onward.learners.direct_feedback_alignment import DirectFeedbackAlignment as DirectFeedbackAlignment
from onward.learners.feedback_alignment import FeedbackAlignment as FeedbackAlignment
from onward.learners.forward_forward import ForwardForward as ForwardForward
from onward.learners.forward_only import ForwardOnly as ForwardOnly
from onward.learners.joint import Joint as Joint
from onward.learners.layer_collaboration import LayerCollaboration as LayerCollaboration
from onward.learners.local_similarity import LocalSimilarity as LocalSimilarity
from onward.learners.mono_forward import MonoForward as MonoForward
from onward.learners.one_pass_forward_forward import OnePassForwardForward as OnePassForwardForward
from onward.learners.online import Online as Online
from onward.learners.symba import SymBa as SymBa
from onward.learners.truncated_backprop import TruncatedBackprop as TruncatedBackprop
from onward.meters.retained import retained_bytes as retained_bytes
from onward.nets.builders import cnn as cnn
from onward.nets.builders import mixer as mixer
from onward.nets.builders import mlp as mlp
from onward.nets.builders import vgg8b as vgg8b
from onward.nets.layered import LayeredNet as LayeredNet
from onward.nets.mesh import MeshNet as MeshNet
from onward.nets.weights import load_weights as load_weights
from onward.nets.weights import save_weights as save_weights
from onward.topology import Topology as Topology
from onward.training.data import Dataset as Dataset
from onward.training.data import Lesson as Lesson
from onward.training.data import Split as Split
from onward.training.data import partition as partition
from onward.training.fit import Epoch as Epoch
from onward.training.fit import Recipe as Recipe
from onward.training.fit import Training as Training
from onward.training.fit import TrainingFailed as TrainingFailed
from onward.training.fit import fit as fit
from onward.training.gradient_check import GradientCheck as GradientCheck
from onward.training.gradient_check import check_gradients as check_gradients
from onward.training.metrics import accuracy as accuracy
from onward.training.metrics import balanced_accuracy as balanced_accuracy
from onward.training.second_order import LevenbergMarquardt as LevenbergMarquardt
from onward.training.streaming import Streaming as Streaming

if TYPE_CHECKING:
    from onward.estimators.classifier import MeshClassifier as MeshClassifier
    from onward.estimators.mono_forward import MonoForwardClassifier as MonoForwardClassifier
    from onward.estimators.mono_forward import MonoForwardRegressor as MonoForwardRegressor
    from onward.estimators.regressor import MeshRegressor as MeshRegressor
    from onward.models.file import load as load
    from onward.models.file import save as save

# What needs scikit-learn is imported when it is asked for, so that the core does without.
_WITH_SCIKIT_LEARN = {
    "MeshClassifier": "onward.estimators.classifier",
    "MeshRegressor": "onward.estimators.regressor",
    "MonoForwardClassifier": "onward.estimators.mono_forward",
    "MonoForwardRegressor": "onward.estimators.mono_forward",
    "load": "onward.models.file",
    "save": "onward.models.file",
}


def __getattr__(name: str) -> object:
    if name not in _WITH_SCIKIT_LEARN:
        raise AttributeError(f"module 'onward' has no attribute {name!r}")
    try:
        return getattr(import_module(_WITH_SCIKIT_LEARN[name]), name)
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] != "sklearn":
            raise
        raise ImportError(f"onward.{name} needs scikit-learn; pip install 'onward[app]' brings it") from missing


def __dir__() -> list[str]:
    return sorted({*globals(), *_WITH_SCIKIT_LEARN})
