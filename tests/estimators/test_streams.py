"""Sequences behind scikit-learn's interface: learned as they pass, with what the streams left behind kept from call to call."""

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch.testing import assert_close

from onward.estimators import MeshClassifier, MeshRegressor
from onward.learners.online import Online
from onward.nets.mesh import MeshNet
from onward.training.streaming import Streaming


def _regressor(**parameters: Any) -> MeshRegressor:
    return MeshRegressor(**{"hidden": 5, "solver": "adam", "random_state": 0, "learning_rate": 0.02, **parameters})


def _classifier(**parameters: Any) -> MeshClassifier:
    return MeshClassifier(**{"hidden": 5, "solver": "adam", "random_state": 0, "learning_rate": 0.02, **parameters})


def _sequences(streams: int = 4, ticks: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """What was read two ticks ago, times three, so that nothing can be said of it from the present alone."""
    x = np.random.default_rng(seed).normal(5, 2, (streams, ticks, 2))
    return x, 3 * np.concatenate([np.zeros((streams, 2)), x[:, :-2, 0]], axis=1)


def test_a_regressor_learns_what_needs_memory() -> None:
    x, y = _sequences(ticks=600)
    model = _regressor()
    for start in range(0, 500, 100):
        model.partial_fit(x[:, start : start + 100], y[:, start : start + 100])
    said = model.predict(x[:, 500:])
    assert said.shape == (4, 100)
    assert np.square(said - y[:, 500:]).mean() < 0.2 * y.var()
    present = _regressor(max_iter=3).fit(x.reshape(-1, 2), y.reshape(-1)).predict(x.reshape(-1, 2))
    assert np.square(present - y.reshape(-1)).mean() > 0.8 * y.var()


def test_a_classifier_learns_what_needs_memory() -> None:
    x, y = _sequences(ticks=600)
    labels = np.where(y > 15, "high", "low")
    model = _classifier()
    for start in range(0, 500, 100):
        part = slice(start, start + 100)
        model.partial_fit(x[:, part], labels[:, part], classes=["low", "high"])
    said = model.predict(x[:, 500:])
    assert said.shape == (4, 100)
    assert (said == labels[:, 500:]).mean() > 0.9
    chances = model.predict_proba(x[:, 500:])
    assert chances.shape == (4, 100, 2)
    assert (model.classes_[chances.argmax(-1)] == said).all()
    assert model.decision_function(x[:, 500:]).shape == (4, 100)


@pytest.mark.parametrize("pieces", [[60], [1] * 60, [7, 20, 33]])
def test_a_sequence_may_come_in_pieces(pieces: list[int]) -> None:
    """The first piece measures the scaling, so it is the same in all; what comes then may be cut anywhere."""
    first, then = _sequences(seed=1), _sequences(seed=2)
    whole = _regressor().partial_fit(*first).partial_fit(*then)
    model, start = _regressor().partial_fit(*first), 0
    for length in pieces:
        part = slice(start, start + length)
        model.partial_fit(then[0][:, part], then[1][:, part])
        start += length
    assert_close(model.net_.weight.detach(), whole.net_.weight.detach(), rtol=0, atol=0)
    assert_close(model.predict(first[0]), whole.predict(first[0]), rtol=0, atol=0)


@pytest.mark.parametrize("batch_size", ["auto", 7])
def test_it_is_online_learning_of_scaled_numbers(batch_size: Any) -> None:
    x, y = _sequences()
    model = _regressor(batch_size=batch_size, penalty=0.0)
    model.partial_fit(x, y)
    (first,) = _regressor()._first(model._present(), _seeded(model), alone=True)
    centred, aim = (torch.tensor((part - part.mean((0, 1))) / part.std((0, 1))) for part in (x, y[..., None]))
    streaming = Streaming(
        Online(first, "mean squared error"),
        lambda parameters: torch.optim.Adam(parameters, lr=0.02),
        ticks_a_step=1 if batch_size == "auto" else batch_size,
    )
    losses = streaming.learn(centred, aim)
    assert_close(model.net_.weight, first.weight)
    assert model.loss_ == pytest.approx(losses.mean().item())


def _seeded(model: MeshRegressor) -> torch.Generator:
    return model._seeded()


def test_predicting_leaves_the_streams_where_they_are() -> None:
    x, y = _sequences()
    model = _regressor().partial_fit(x[:, :30], y[:, :30])
    one = model.predict(x[:, 30:])
    assert_close(model.predict(x[:, 30:]), one, rtol=0, atol=0)
    fresh = model.predict(x[:, 30:33])
    assert_close(fresh, one[:, :3], rtol=0, atol=0)
    assert np.abs(model.forget().predict(x[:, 30:])[:, 0] - one[:, 0]).max() > 1e-3


def test_forgetting_begins_with_other_streams_and_keeps_what_was_learned() -> None:
    x, y = _sequences()
    model = _regressor().partial_fit(x, y)
    weight = model.net_.weight.detach().clone()
    with pytest.raises(ValueError, match=r"4 streams are under way, got 2; forget\(\) begins with others"):
        model.partial_fit(x[:2], y[:2])
    with pytest.raises(ValueError, match=r"4 streams are under way, got 2; forget\(\) begins with others"):
        model.predict(x[:2])
    assert model.forget().predict(x[:2]).shape == (2, 60)
    assert_close(model.net_.weight.detach(), weight, rtol=0, atol=0)
    assert model.partial_fit(x[:2], y[:2]) is model
    assert model.n_iter_ == 2


def test_tables_and_sequences_teach_one_net() -> None:
    x, y = _sequences()
    model = _regressor(max_iter=2).fit(x.reshape(-1, 2), y.reshape(-1))
    weight = model.net_.weight.detach().clone()
    model.partial_fit(x, y)
    assert (model.net_.weight.detach() - weight).abs().max() > 1e-3
    assert model.predict(x).shape == (4, 60)
    assert model.predict(x[0]).shape == (60,)  # a table again: every row by itself
    model.partial_fit(x[0], y[0])
    assert model.predict(x[:2]).shape == (2, 60)  # streams were forgotten with the weights they stem from


def test_several_targets_a_tick() -> None:
    x, y = _sequences()
    both = np.stack([y, -y], axis=2)
    model = _regressor().partial_fit(x, both)
    assert model.predict(x).shape == (4, 60, 2)
    with pytest.raises(ValueError, match="partial_fit began with 2 targets, got 1"):
        model.partial_fit(x, y)


def test_class_weights_count_at_every_tick() -> None:
    x, y = _sequences()
    labels = np.where(y > 15, 1, 0)
    alike = _classifier(class_weight={0: 1.0, 1: 1.0}).partial_fit(x, labels, classes=[0, 1])
    plain = _classifier().partial_fit(x, labels, classes=[0, 1])
    other = _classifier(class_weight={0: 1.0, 1: 9.0}).partial_fit(x, labels, classes=[0, 1])
    assert_close(alike.net_.weight.detach(), plain.net_.weight.detach())
    assert other.predict_proba(x)[..., 1].mean() > plain.predict_proba(x)[..., 1].mean() + 0.1


def test_it_survives_pickling_and_a_clone_begins_anew() -> None:
    x, y = _sequences()
    model = _regressor().partial_fit(x[:, :30], y[:, :30])
    again = pickle.loads(pickle.dumps(model))  # noqa: S301
    for one in (model, again):
        one.partial_fit(x[:, 30:], y[:, 30:])
    assert_close(again.predict(x), model.predict(x), rtol=0, atol=0)
    fresh: Any = clone(model)
    assert fresh._past is None
    assert not hasattr(fresh, "net_")


X, Y = _sequences(2, 5)
MISTAKES: dict[str, tuple[Callable[[], object], str]] = {
    "fit": (
        lambda: _regressor().fit(X, Y),
        r"fit learns from a table .* sequences of shape \[2, 5, 2\]; partial_fit takes",
    ),
    "lm": (lambda: MeshRegressor().partial_fit(X, Y), "with solver='adam' or 'sgd', but the solver is 'lm'"),
    "weight": (lambda: _regressor().partial_fit(X, Y, sample_weight=[1, 2]), "sequences take no sample_weight"),
    "one a stream": (
        lambda: _regressor().partial_fit(X, Y[:, 0]),
        r"each of 2 streams x 5 ticks, got targets of shape \[2\]",
    ),
    "too few": (lambda: _regressor().partial_fit(X, Y[:, :4]), r"2 streams x 5 ticks, got targets of shape \[2, 4\]"),
    "no tick": (
        lambda: _regressor().partial_fit(X[:, :0], Y[:, :0]),
        r"at least 1 stream, 1 tick and 1 feature, got shape",
    ),
    "not a number": (lambda: _regressor().partial_fit(X / 0, Y), "infinity|NaN"),
    "classes": (lambda: _classifier().partial_fit(X, Y > 15), "classes must be passed on the first call to partial_fit"),
    "features": (lambda: _regressor().partial_fit(X, Y).predict(X[..., :1]), "X has 1 features, but MeshRegressor is"),
    "not fitted": (lambda: _regressor().predict(X), "not fitted yet"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_mistakes_are_named(mistake: str) -> None:
    make, message = MISTAKES[mistake]
    with pytest.raises((ValueError, AttributeError), match=message):
        make()


def test_a_net_of_any_graph_takes_streams() -> None:
    from onward import graphs

    x, y = _sequences()
    model = _regressor(topology=graphs.recurrent(2, 4, 1)).partial_fit(x, y)
    assert isinstance(model.net_, MeshNet)
    assert model.predict(x).shape == (4, 60)
