"""Any rule teaches a layered net behind scikit-learn's interface; what a rule cannot do is refused by name."""

import pickle
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_iris, make_moons

from onward.estimators import LayeredClassifier, LayeredRegressor
from onward.kernels.losses import Loss
from onward.learners.by_name import RULES, Rule
from onward.learners.mono_forward import MonoForward
from onward.nets.layered import LayeredNet
from onward.nets.readouts import total

X, Y = map(np.asarray, load_iris(return_X_y=True))
SETTINGS: Any = {"hidden_layer_sizes": (16, 12), "batch_size": 1000, "learning_rate_init": 0.03, "random_state": 0}
NUMBERS = [name for name, one in RULES.items() if one.numbers]


@pytest.mark.parametrize("name", RULES)
def test_every_rule_tells_classes_apart(name: str) -> None:
    model: Any = LayeredClassifier(name, max_iter=40, **SETTINGS).fit(X, Y)
    assert model.score(X, Y) > 0.8
    again = pickle.loads(pickle.dumps(model))  # noqa: S301
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert torch.equal(again.partial_fit(X, Y)._outputs(X), model.partial_fit(X, Y)._outputs(X))


@pytest.mark.parametrize("name", NUMBERS)
def test_rules_predict_numbers(name: str) -> None:
    y = np.stack([1000 * X[:, 3], -X[:, 2]], 1)
    model: Any = LayeredRegressor(name, max_iter=25, **SETTINGS).fit(X, y)
    assert model.predict(X).shape == y.shape
    assert model.score(X, y) > 0.8


def test_labels_are_written_beside_the_features_and_not_over_them() -> None:
    x, y = map(np.asarray, make_moons(60, random_state=0))
    for name, columns in (("ff", 2 + 2), ("collaboration", 2 + 2), ("symba", 2 + 16), ("bp", 2)):
        model: Any = LayeredClassifier(name, max_iter=1, **SETTINGS).fit(x, y)
        assert model.layers_.features == columns
        for feature in (0, 1):
            other = x.copy()
            other[:, feature] += 1
            assert not np.allclose(model.predict_proba(other), model.predict_proba(x), atol=1e-6), (name, feature)


def test_a_failing_warm_start_leaves_the_model_as_it_was() -> None:
    model: Any = LayeredClassifier("ff", warm_start=True, max_iter=1, **SETTINGS).fit(X, Y)
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match="taught by ff.* but now .*taught by bp.* is asked for"):
        model.set_params(rule="bp").fit(X, Y)
    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_all_rules_of_a_state_start_from_the_same_net() -> None:
    nets: list[Any] = [
        LayeredClassifier(name, max_iter=1, **{**SETTINGS, "learning_rate_init": 1e-30}, alpha=0).fit(X, Y).learner_.net
        for name in ("bp", "mf", "dfa", "predsim")
    ]
    for net in nets[1:]:
        torch.testing.assert_close(net.state_dict(), nets[0].state_dict())


def _summed(net: LayeredNet, loss: Loss, generator: torch.Generator, readout: Any) -> MonoForward:
    return MonoForward(net, loss, readout=readout)


def test_a_rule_of_ones_own() -> None:
    mine = Rule("mine", "one's own", partial(_summed, readout=total))
    copy: Any = clone(LayeredClassifier(mine, max_iter=3, **SETTINGS))
    model = copy.fit(X, Y)
    theirs = LayeredClassifier("mf-sum", max_iter=3, **SETTINGS).fit(X, Y)
    np.testing.assert_array_equal(model.predict_proba(X), theirs.predict_proba(X))
    assert "taught by mine" in str(model.layers_)


def test_a_rule_without_log_odds_is_not_stopped_by_them() -> None:
    x, y = map(np.asarray, make_moons(600, random_state=0))
    for name, held in (("ff", False), ("mf", True)):
        model = LayeredClassifier(name, max_iter=1, **SETTINGS).fit(x, y)
        assert (model.validation_curve_ is not None) == held
    with pytest.raises(ValueError, match="the scores of 'ff' are no log-odds; early_stopping must be False or 'auto'"):
        LayeredClassifier("ff", early_stopping=True, **SETTINGS).fit(x, y)


def test_what_a_rule_cannot_do_is_refused_by_name() -> None:
    words = "the rule 'ff' predicts classes only; numbers are predicted by bp, mf, fa, dfa, joint, deep-supervision"
    with pytest.raises(ValueError, match=words):
        LayeredRegressor("ff").fit(X, Y)
    with pytest.raises(ValueError, match="The 'rule' parameter of LayeredClassifier must be .*mf.* Got 'bq' instead"):
        LayeredClassifier("bq").fit(X, Y)
