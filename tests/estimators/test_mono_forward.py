"""Mono-Forward behind scikit-learn's interface: stages, scores of blocks, weights, pieces, mistakes."""

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_iris, make_moons
from sklearn.metrics import accuracy_score, r2_score, recall_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from onward.estimators import LayeredClassifier, LayeredRegressor, MonoForwardClassifier, MonoForwardRegressor
from onward.estimators.holdout import hold_out
from onward.estimators.stage_scores import explained, right

X, Y = map(np.asarray, load_iris(return_X_y=True))
NAMES = np.array(["setosa", "versicolor", "virginica"])[Y]
QUICK: Any = {"batch_size": 1000, "learning_rate_init": 0.05, "max_iter": 8, "random_state": 0}


def waves(examples: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Two targets of three features, in units far from 1."""
    x = np.random.default_rng(0).uniform(-2, 2, (examples, 3)) * [1, 100, 0.01] + [0, 5000, 1]
    z = (x - [0, 5000, 1]) / [1, 100, 0.01]
    return x, np.stack([1e3 * np.sin(z[:, 0]) + 500, 1e-3 * z[:, 1] * z[:, 2]], axis=1)


def anew(estimator: Any, **parameters: Any) -> Any:
    """The same, not yet fitted, with some parameters changed."""
    copy: Any = clone(estimator)
    return copy.set_params(**parameters)


def weights(estimator: Any) -> dict[str, torch.Tensor]:
    return {name: one.detach() for name, one in estimator.learner_.named_parameters()}


def assert_alike(one: Any, other: Any, rtol: float = 1e-6, atol: float = 1e-8) -> None:
    torch.testing.assert_close(weights(one), weights(other), rtol=rtol, atol=atol)


def test_it_learns_text_labels() -> None:
    model: Any = MonoForwardClassifier(16, **{**QUICK, "max_iter": 20}).fit(X, NAMES)
    assert model.score(X, NAMES) > 0.95
    assert model.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert (model.n_iter_, len(model.loss_curve_), model.block_scores_) == (20, 20, None)


def test_targets_of_any_units_in_the_shape_they_came_in() -> None:
    x, y = waves()
    model: Any = MonoForwardRegressor((32, 32), **{**QUICK, "max_iter": 60}).fit(x, y)
    assert model.score(x, y) > 0.9
    assert model.predict(x).shape == y.shape
    for stage in anew(model, max_iter=1).fit(x, y[:, 0]).staged_predict(x):
        assert stage.shape == (len(x),)
    assert anew(model, max_iter=1).fit(x, y[:, :1]).predict(x).shape == (len(x), 1)


@pytest.mark.parametrize(
    ("local", "whole"), [(MonoForwardClassifier, LayeredClassifier), (MonoForwardRegressor, LayeredRegressor)]
)
def test_of_one_block_it_is_backpropagation(local: Any, whole: Any) -> None:
    one, other = local(7, **QUICK).fit(X, Y), whole("bp", hidden_layer_sizes=7, **QUICK).fit(X, Y)
    assert_alike(one, other)
    np.testing.assert_allclose(one.predict(X), other.predict(X))


def test_stages_are_the_nets_of_fewer_blocks() -> None:
    """No block depends on a later one, so a deep net holds the shallow ones of its random state, bit by bit."""
    settings: Any = {**QUICK, "batch_size": 40, "max_iter": 3}
    deep = MonoForwardClassifier((8, 7, 6), **settings).fit(X, NAMES)
    stages, labels = list(deep.staged_predict_proba(X)), list(deep.staged_predict(X))
    for k in (1, 2, 3):
        shallow = MonoForwardClassifier((8, 7, 6)[:k], **settings).fit(X, NAMES)
        np.testing.assert_array_equal(stages[k - 1], shallow.predict_proba(X))
        np.testing.assert_array_equal(labels[k - 1], shallow.predict(X))
    assert not np.allclose(stages[0], stages[2])


def test_the_total_of_all_blocks() -> None:
    model: Any = MonoForwardClassifier((8, 7, 6), readout="total", **QUICK).fit(X, NAMES)
    z = model.input_scaling_.apply(torch.tensor(X))
    summed = torch.stack([one.detach() for one in model.learner_.goodness(z)]).cumsum(0)
    for stage, scores in zip(model.staged_predict_proba(X), summed, strict=True):
        np.testing.assert_allclose(stage, torch.softmax(scores, 1).numpy())
    np.testing.assert_allclose(model.predict_proba(X), torch.softmax(summed[-1], 1).numpy())


def test_the_mean_of_all_blocks() -> None:
    x, y = waves()
    mean = MonoForwardRegressor((8, 7), readout="mean", **QUICK).fit(x, y)
    alone = MonoForwardRegressor((8, 7), **QUICK).fit(x, y)
    first, last = alone.staged_predict(x)
    np.testing.assert_allclose(mean.predict(x), (first + last) / 2)
    np.testing.assert_array_equal(last, alone.predict(x))


@pytest.mark.parametrize(("kind", "score"), [(MonoForwardClassifier, accuracy_score), (MonoForwardRegressor, r2_score)])
def test_scores_of_blocks_are_those_of_the_stages_on_what_was_held_out(kind: Any, score: Any) -> None:
    model: Any = kind((8, 7, 6), early_stopping=True, validation_fraction=0.3, **QUICK)
    weight = np.random.default_rng(0).uniform(1, 5, len(Y))
    model.fit(X, Y, sample_weight=weight)
    labels = torch.tensor(Y) if kind is MonoForwardClassifier else torch.zeros(len(Y), dtype=torch.int64)
    judged = hold_out(labels, 0.3, model._seeded())[1].numpy()
    expected = [score(Y[judged], stage[judged], sample_weight=weight[judged]) for stage in model.staged_predict(X)]
    assert model.block_scores_ == pytest.approx(expected)
    assert model.partial_fit(X, Y).block_scores_ is None


def test_scores_are_those_of_scikit_learn() -> None:
    draw = np.random.default_rng(0)
    y, predicted, weight = draw.normal(size=(30, 2)), draw.normal(size=(30, 2)), draw.uniform(1, 3, 30)
    given = [torch.tensor(one) for one in (predicted, y, weight / weight.mean())]
    assert explained(*given) == pytest.approx(r2_score(y, predicted, sample_weight=weight))
    assert np.isnan(explained(given[0], torch.ones(30, 2, dtype=torch.float64)))
    labels = draw.integers(0, 2, 30)
    found = right(given[0], torch.tensor(labels), given[2])
    assert found == pytest.approx(accuracy_score(labels, predicted.argmax(1), sample_weight=weight))


@pytest.mark.parametrize("kind", [MonoForwardClassifier, MonoForwardRegressor])
def test_a_weight_of_2_is_a_repetition_and_of_0_an_absence(kind: Any) -> None:
    x, y = map(np.asarray, make_moons(40, noise=0.2, random_state=0))
    count = np.random.default_rng(1).integers(0, 3, 40)
    one = kind((6, 5), **QUICK).fit(x, y, sample_weight=count)
    assert_alike(one, kind((6, 5), **QUICK).fit(x.repeat(count, 0), y.repeat(count)))
    unweighted = weights(kind((6, 5), **QUICK).fit(x, y))
    assert max(float((a - unweighted[name]).abs().max()) for name, a in weights(one).items()) > 1e-2


def test_balanced_classes_help_the_rare_one() -> None:
    draw = np.random.default_rng(0)
    x = np.concatenate([draw.normal(0, 1, (190, 2)), draw.normal(1.2, 1, (10, 2))])
    y = np.array(["often"] * 190 + ["rare"] * 10)
    plain = MonoForwardClassifier(8, **QUICK).fit(x, y)
    even = anew(plain, class_weight="balanced").fit(x, y)
    rare: Any = {"pos_label": "rare", "zero_division": 0}
    assert recall_score(y, plain.predict(x), **rare) < 0.3
    assert recall_score(y, even.predict(x), **rare) > 0.6
    assert_alike(anew(plain, class_weight={"often": 1, "rare": 19}).fit(x, y), even)


def test_the_penalty_holds_every_weight_down() -> None:
    free, held = (MonoForwardClassifier((8, 7), alpha=alpha, **{**QUICK, "max_iter": 25}).fit(X, Y) for alpha in (0, 1))
    for name, one in weights(held).items():
        assert one.norm() < 0.5 * weights(free)[name].norm(), name


def test_early_stopping_stops_and_keeps_the_best() -> None:
    x, y = map(np.asarray, make_moons(200, noise=0.2, random_state=0))
    y = np.where(np.random.default_rng(0).random(200) < 0.3, 1 - y, y)
    stopping: Any = {"early_stopping": True, "n_iter_no_change": 5, "validation_fraction": 0.3, "alpha": 0}
    model: Any = MonoForwardClassifier((30, 30), **{**QUICK, "max_iter": 300, "learning_rate_init": 0.05}, **stopping)
    model.fit(x, y)
    curve = model.validation_curve_
    assert model.n_iter_ == len(curve) == len(model.loss_curve_) < 300
    assert model.best_validation_loss_ == min(curve) < curve[-1]
    assert int(np.argmin(curve)) == len(curve) - 1 - 5
    judged = hold_out(torch.tensor(y), 0.3, model._seeded())[1].numpy()
    log_p = model.predict_log_proba(x[judged])[np.arange(len(judged)), y[judged]]
    assert -log_p.mean() == pytest.approx(min(curve))


def test_early_stopping_is_for_500_examples_and_more_unless_told() -> None:
    for examples, setting, held in ((499, "auto", False), (500, "auto", True), (100, True, True), (600, False, False)):
        x, y = make_moons(examples, random_state=0)
        model = MonoForwardClassifier(2, batch_size=1000, max_iter=1, early_stopping=setting).fit(x, y)
        assert (model.block_scores_ is not None) == (model.validation_curve_ is not None) == held


def test_warm_start_goes_on() -> None:
    model: Any = MonoForwardClassifier((6, 5), warm_start=True, **QUICK).fit(X, Y)
    before, scaling = model.loss_, model.input_scaling_
    model.fit(X + 1e-9, Y)
    assert model.loss_curve_[0] < before
    assert all(torch.equal(*pair) for pair in zip(scaling, model.input_scaling_, strict=True))
    again: Any = MonoForwardClassifier((6, 5), **QUICK).fit(X, Y).fit(X, Y)
    assert again.loss_curve_[0] > before, "without it, training begins anew"
    words = r"warm_start goes on with layers 4-6-5-3 \(relu, linear .* last\), but now layers 4-6-3 .* is asked for"
    with pytest.raises(ValueError, match=words):
        model.set_params(hidden_layer_sizes=6).fit(X, Y)
    with pytest.raises(ValueError, match="readout last.* but now .*readout total"):
        model.set_params(hidden_layer_sizes=(6, 5), readout="total").fit(X, Y)
    with pytest.raises(ValueError, match="warm_start goes on with the classes 0, 1, 2, but the data has 'setosa'"):
        model.fit(X, NAMES)


def test_pieces_keep_the_state_of_the_solver_and_the_first_scaling() -> None:
    """As many pieces of all the data as epochs of it come to the same, which needs Adam's moments to be kept."""
    x, y = waves()
    whole: Any = MonoForwardRegressor((6, 5), **{**QUICK, "max_iter": 6}).fit(x, y)
    pieces: Any = MonoForwardRegressor((6, 5), **QUICK)
    for k in range(6):
        pieces.partial_fit(x, y)
        pieces = pickle.loads(pickle.dumps(pieces)) if k == 3 else pieces  # noqa: S301
    assert_alike(pieces, whole)
    assert pieces.loss_curve_ == pytest.approx(whole.loss_curve_)
    scaling = pieces.input_scaling_
    assert pieces.partial_fit(x + 3, y).input_scaling_ is scaling


def test_every_piece_has_its_own_order() -> None:
    model: Any = MonoForwardClassifier(3, batch_size=50, random_state=0)
    states = [model.partial_fit(X, Y, classes=[0, 1, 2])._generator_state for _ in range(3)]
    assert not torch.equal(states[1], states[2])


def test_a_failing_warm_start_leaves_the_model_as_it_was() -> None:
    model: Any = MonoForwardClassifier((6, 5), warm_start=True, **QUICK).fit(X, Y)
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match="is asked for"):
        model.set_params(hidden_layer_sizes=3).fit(X, Y)
    np.testing.assert_array_equal(model.predict_proba(X), before)


@pytest.mark.parametrize(
    ("activation", "projection"),
    [
        *((one, "linear") for one in ("identity", "relu", "gelu", "tanh", "logistic")),
        ("relu", "frozen"),
        ("tanh", "two_layer"),
    ],
)
def test_every_activation_and_projection_learns(activation: str, projection: str) -> None:
    settings: Any = {**QUICK, "learning_rate_init": 0.1, "max_iter": 18}
    model: Any = MonoForwardClassifier(12, activation=activation, projection=projection, **settings).fit(X, Y)
    assert model.score(X, Y) > 0.8
    first = anew(model, learning_rate_init=1e-30, alpha=0, max_iter=1).fit(X, Y)
    fixed = torch.equal(model.learner_.net.head.weight, first.net_.head.weight) if projection != "two_layer" else False
    assert fixed == (projection == "frozen")


def test_same_seed_same_bits_and_the_global_generators_are_left_alone() -> None:
    before = torch.random.get_rng_state()
    settings: Any = {"batch_size": 50, "max_iter": 2, "early_stopping": True}
    one, two, three = (MonoForwardClassifier((5, 4), **settings, random_state=seed).fit(X, Y) for seed in (1, 1, 2))
    assert_alike(one, two, 0, 0)
    assert not torch.equal(weights(one)["net.head.weight"], weights(three)["net.head.weight"])
    assert torch.equal(before, torch.random.get_rng_state())


def test_float32() -> None:
    x, y = waves()
    model: Any = MonoForwardRegressor((8, 7), dtype="float32", **QUICK).fit(x, y)
    assert {one.dtype for one in weights(model).values()} == {torch.float32}
    assert model.predict(x).dtype == np.float64


def test_sizes_in_any_form_that_means_the_same() -> None:
    forms = ((6, 5), [6, 5], np.array([6, 5]), (np.int64(6), np.int64(5)))
    fitted = [MonoForwardClassifier(form, **{**QUICK, "max_iter": 1}).fit(X, Y).layers_ for form in forms]
    assert all(one == fitted[0] for one in fitted)
    assert fitted[0].widths == (6, 5)


def test_data_frames_in_a_pipeline() -> None:
    frame = pd.DataFrame(X, columns=pd.Index(["a", "b", "c", "d"]))
    model: Any = MonoForwardClassifier(6, **QUICK).fit(frame, pd.Series(NAMES))
    assert list(model.feature_names_in_) == ["a", "b", "c", "d"]
    with pytest.raises(ValueError, match="feature names should match"):
        list(model.staged_predict(frame.rename(columns={"a": "z"})))
    assert make_pipeline(MinMaxScaler(), MonoForwardClassifier(6, **QUICK)).fit(X, Y).score(X, Y) > 0.6


def test_a_round_trip_through_scikit_learns_pickles() -> None:
    model: Any = MonoForwardClassifier((6, 5), readout="total", **QUICK).fit(X, Y)
    again = pickle.loads(pickle.dumps(model))  # noqa: S301
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert_alike(again.partial_fit(X, Y), model.partial_fit(X, Y), 0, 0)


def test_verbose_draws_a_bar(capsys: pytest.CaptureFixture[str]) -> None:
    MonoForwardClassifier(3, max_iter=1, batch_size=1000).fit(X, Y)
    assert not capsys.readouterr().out
    MonoForwardClassifier(3, max_iter=1, batch_size=1000, verbose=True).fit(X, Y)
    assert "MonoForwardClassifier, loss" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda: MonoForwardClassifier().fit(X, ["a"] * 150), "at least 2 classes, got 1 class: 'a'"),
        (lambda: MonoForwardClassifier(()).fit(X, Y), r"hidden_layer_sizes must be whole numbers of at least 1.*, got \(\)"),
        (lambda: MonoForwardClassifier((3, 0)).fit(X, Y), r"at least 1, one for each block, got \(3, 0\)"),
        (lambda: MonoForwardClassifier((3, 2.5)).fit(X, Y), r"whole numbers of at least 1.*got \(3, 2.5\)"),
        (lambda: MonoForwardClassifier(0).fit(X, Y), "The 'hidden_layer_sizes' parameter of MonoForwardClassifier must be"),
        (lambda: MonoForwardClassifier(readout="sum").fit(X, Y), "The 'readout' parameter of MonoForwardClassifier must be"),
        (lambda: MonoForwardRegressor(readout="total").fit(X, Y), "The 'readout' parameter of MonoForwardRegressor must be"),
        (lambda: MonoForwardClassifier(activation="tan").fit(X, Y), "The 'activation' parameter of MonoForwardClassifier"),
        (lambda: MonoForwardClassifier(projection="x").fit(X, Y), "The 'projection' parameter of MonoForwardClassifier"),
        (lambda: MonoForwardClassifier().fit(np.where(X > 5, np.nan, X), Y), "contains NaN"),
        (lambda: MonoForwardClassifier(class_weight={7: 2}).fit(X, Y), "names the class 7, expected one of 0, 1, 2"),
        (lambda: MonoForwardClassifier().partial_fit(X, Y), "classes must be passed on the first call"),
        (lambda: MonoForwardRegressor(3, max_iter=1).fit(X, Y).partial_fit(X, X[:, :2]), "began with 1 targets, got 2"),
        (lambda: list(MonoForwardRegressor().staged_predict(X)), "not fitted yet"),
        (lambda: list(MonoForwardClassifier().staged_predict_proba(X)), "not fitted yet"),
    ],
)  # fmt: skip
def test_mistakes_are_refused_in_one_sentence(act: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        act()
