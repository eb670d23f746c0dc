"""What the conventions of scikit-learn do not cover: training, scaling, weights, pieces, and mistakes in one sentence."""

import itertools
import pickle
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_iris, make_moons
from sklearn.linear_model import Ridge
from sklearn.metrics import recall_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from onward import graphs
from onward.estimators import MeshClassifier, MeshRegressor
from onward.exports import to_module
from onward.training.fit import TrainingFailed

IRIS: Any = load_iris(return_X_y=True)


def moons(examples: int = 200) -> Any:
    return make_moons(examples, noise=0.2, random_state=0)


def waves(examples: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """Two targets of three features, in units far from 1."""
    x = np.random.default_rng(0).uniform(-2, 2, (examples, 3)) * [1, 100, 0.01] + [0, 5000, 1]
    z = (x - [0, 5000, 1]) / [1, 100, 0.01]
    return x, np.stack([1e3 * np.sin(z[:, 0]) + 500, 1e-3 * z[:, 1] * z[:, 2]], axis=1)


def anew(estimator: Any, **parameters: Any) -> Any:
    """The same, not yet fitted, with some parameters changed."""
    copy: Any = clone(estimator)
    return copy.set_params(**parameters)


def weights(estimator: Any) -> torch.Tensor:
    return estimator.net_.weight.detach()


def test_iris_by_cross_validation() -> None:
    assert cross_val_score(MeshClassifier(hidden=5, max_iter=40, random_state=0), *IRIS).mean() > 0.93


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_solvers_by_gradient_learn_too(solver: str) -> None:
    x, y = moons()
    model: Any = MeshClassifier(solver=solver, max_iter=40, random_state=0).fit(x, y)
    assert model.score(x, y) > 0.93
    assert model.n_iter_ == 40


def test_a_linear_net_is_ridge_regression() -> None:
    x, y = waves()
    y = y[:, 0]
    u, z = (x - x.mean(0)) / x.std(0), (y - y.mean()) / y.std()
    ridge = Ridge(alpha=0.5 * 0.1 * len(x)).fit(u, z)
    model: Any = MeshRegressor(0, kind="layered", penalty=0.1, max_iter=60).fit(x, y)
    np.testing.assert_allclose(model.predict(x), ridge.predict(u) * y.std() + y.mean(), rtol=1e-6, atol=1e-6 * y.std())


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_the_penalty_of_solvers_by_gradient_is_the_same(solver: str) -> None:
    x, y = waves()
    alike: Any = {"kind": "layered", "penalty": 0.5, "batch_size": len(x), "random_state": 0}
    exact = MeshRegressor(0, **alike).fit(x, y)
    near = MeshRegressor(0, **alike, solver=solver, max_iter=1000).fit(x, y)
    torch.testing.assert_close(weights(near), weights(exact), rtol=1e-2, atol=4e-3)


def test_targets_of_any_units_in_the_shape_they_came_in() -> None:
    x, y = waves()
    model: Any = MeshRegressor(max_iter=60, random_state=0).fit(x, y)
    assert model.predict(x).shape == y.shape
    assert model.score(x, y) > 0.95
    assert anew(model).fit(x, y[:, 0]).predict(x).shape == (len(x),)
    assert anew(model).fit(x, y[:, :1]).predict(x).shape == (len(x), 1)


def test_data_frames_bring_their_names() -> None:
    x, y = IRIS
    frame = pd.DataFrame(x, columns=pd.Index(["a", "b", "c", "d"]))
    model: Any = MeshClassifier(max_iter=5, random_state=0).fit(frame, pd.Series(y))
    assert list(model.feature_names_in_) == ["a", "b", "c", "d"]
    np.testing.assert_array_equal(model.predict(frame), MeshClassifier(max_iter=5, random_state=0).fit(x, y).predict(x))
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame.rename(columns={"a": "z"}))


def test_pipeline_in_a_grid_search() -> None:
    x, y = moons()
    steps = make_pipeline(MinMaxScaler(), MeshClassifier(max_iter=30, random_state=0))
    search = GridSearchCV(steps, {"meshclassifier__hidden": [0, 8]}, cv=3).fit(x, y)
    assert search.best_params_ == {"meshclassifier__hidden": 8}


@pytest.mark.parametrize("model", [MeshClassifier(3, max_iter=10), MeshRegressor(3, max_iter=10)])
def test_a_weight_of_2_is_a_repetition_and_of_0_an_absence(model: Any) -> None:
    x, y = moons(40)
    count = np.random.default_rng(1).integers(0, 3, 40)
    one = anew(model, random_state=0).fit(x, y, sample_weight=count)
    other = anew(model, random_state=0).fit(x.repeat(count, 0), y.repeat(count))
    torch.testing.assert_close(weights(one), weights(other), rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(one.input_scaling_, other.input_scaling_)
    unweighted = anew(model, random_state=0).fit(x, y)
    assert (weights(one) - weights(unweighted)).abs().max() > 1e-2


def test_balanced_classes_help_the_rare_one() -> None:
    draw = np.random.default_rng(0)
    x = np.concatenate([draw.normal(0, 1, (190, 2)), draw.normal(1.2, 1, (10, 2))])
    y = np.array(["often"] * 190 + ["rare"] * 10)
    plain = MeshClassifier(0, penalty=1e-2, max_iter=20, random_state=0).fit(x, y)
    even = anew(plain, class_weight="balanced").fit(x, y)
    rare = {"pos_label": "rare", "zero_division": 0}
    assert recall_score(y, plain.predict(x), **rare) < 0.3
    assert recall_score(y, even.predict(x), **rare) > 0.6
    told = anew(plain, class_weight={"often": 1, "rare": 19}).fit(x, y)
    torch.testing.assert_close(weights(told), weights(even))


def test_early_stopping_stops_and_keeps_the_best() -> None:
    x, y = moons(300)
    y = np.where(np.random.default_rng(0).random(300) < 0.2, 1 - y, y)
    model: Any = MeshClassifier(
        20,
        max_iter=300,
        early_stopping=True,
        n_iter_no_change=5,
        validation_fraction=0.2,
        penalty=0,
        starts=2,
        random_state=0,
    ).fit(x, y)
    curve = model.validation_curve_
    assert model.n_iter_ == len(curve) == len(model.loss_curve_) < 300
    assert model.best_validation_loss_ == min(curve) < curve[-1]
    assert int(np.argmin(curve)) == len(curve) - 1 - 5


def test_early_stopping_is_for_500_examples_and_more_unless_told() -> None:
    for examples, setting, held in ((499, "auto", False), (500, "auto", True), (100, True, True), (600, False, False)):
        x, y = moons(examples)
        model = MeshClassifier(2, max_iter=2, early_stopping=setting).fit(x, y)
        assert (model.validation_curve_ is not None) == held


def test_warm_start_goes_on() -> None:
    x, y = moons()
    model: Any = MeshClassifier(warm_start=True, max_iter=8, random_state=0).fit(x, y)
    before, scaling = model.loss_, model.input_scaling_
    model.fit(x + 1e-9, y)
    assert model.loss_curve_[0] < before
    assert all(torch.equal(*pair) for pair in zip(scaling, model.input_scaling_, strict=True))
    again = anew(model, warm_start=False).fit(x, y)
    assert again.fit(x, y).loss_curve_[0] > before
    with pytest.raises(ValueError, match=r"warm_start goes on with Topology: 15 neurons .* but now Topology: 9 neurons"):
        model.set_params(hidden=4).fit(x, y)
    with pytest.raises(ValueError, match="warm_start goes on with the classes 0, 1, but the data has 'a', 'b'"):
        model.fit(x, np.where(y == 0, "a", "b"))


@pytest.mark.parametrize("solver", ["lm", "adam", "sgd"])
def test_pieces_teach(solver: str) -> None:
    x, y = moons(400)
    rate = {"lm": None, "adam": 0.03, "sgd": 0.1}[solver]
    model: Any = MeshClassifier(solver=solver, random_state=0, starts=3, learning_rate=rate)
    for _ in range(10):
        for piece in np.split(np.arange(400), 4):
            model.partial_fit(x[piece], y[piece], classes=[0, 1])
    assert model.score(x, y) > 0.93
    assert model.n_iter_ == len(model.loss_curve_) == 40


@pytest.mark.parametrize("solver", ["lm", "adam"])
def test_pieces_keep_the_state_of_the_solver_and_the_first_scaling(solver: str) -> None:
    """As many pieces of all the data as epochs of it come to the same, which needs moments and damping to be kept."""
    x, y = waves()
    whole: Any = MeshRegressor(solver=solver, max_iter=6, batch_size=len(x), random_state=0).fit(x, y)
    pieces: Any = MeshRegressor(solver=solver, batch_size=len(x), random_state=0)
    for k in range(6):
        pieces.partial_fit(x, y)
        pieces = pickle.loads(pickle.dumps(pieces)) if k == 3 else pieces  # noqa: S301
    torch.testing.assert_close(weights(pieces), weights(whole))
    assert pieces.loss_curve_ == pytest.approx(whole.loss_curve_)
    scaling = pieces.input_scaling_
    assert pieces.partial_fit(x + 3, y).input_scaling_ is scaling


def test_pieces_go_on_after_fit() -> None:
    x, y = moons()
    model: Any = MeshClassifier(max_iter=8, starts=2, random_state=0).fit(x, y)
    before = model.loss_
    assert model.partial_fit(x, y).loss_ < before
    assert model.n_iter_ == 9


def test_pieces_outlast_a_net_at_rest() -> None:
    """Where nothing can be learned the damping rises until the net rests; other data must wake it."""
    model: Any = MeshRegressor(1, penalty=0, scale=False, random_state=0)
    x = np.zeros((4, 2))
    for _ in range(40):
        model.partial_fit(x, np.zeros(4))
    x, y = moons(50)
    first = model.partial_fit(x, y.astype(float)).loss_
    for _ in range(30):
        model.partial_fit(x, y.astype(float))
    assert model.loss_ < 0.5 * first


@pytest.mark.parametrize(
    ("parameters", "ticks"),
    [
        ({"kind": "mesh"}, 3),
        ({"kind": "recurrent"}, 3),
        ({"kind": "cascade"}, 5),
        ({"kind": "layered", "hidden": (5, 3)}, 3),
        ({"kind": "layered"}, 2),
        ({"kind": "layered", "hidden": 0}, 1),
        ({"kind": "mesh", "ticks": 5}, 5),
        ({"topology": graphs.cascade(4, 6, 3)}, 7),
        ({"topology": graphs.random(4, 6, 3, 0.8, generator=torch.Generator().manual_seed(0))}, 3),
    ],
)
def test_any_topology(parameters: dict[str, Any], ticks: int) -> None:
    model: Any = MeshClassifier(**({"hidden": 4} | parameters), max_iter=30, random_state=0).fit(*IRIS)
    assert model.net_.ticks == ticks
    assert model.topology_ == parameters.get("topology", model.topology_)
    assert model.score(*IRIS) > 0.95
    assert anew(model).fit(*IRIS).topology_ == model.topology_


def test_starts_side_by_side_the_best_is_kept() -> None:
    """The first weights of more starts begin with those of fewer, so more can only help."""
    x, y = moons()

    def objective(model: Any) -> float:
        log_p = model.predict_log_proba(x)[np.arange(len(y)), y]
        return float(-log_p.mean() + 0.5 * model.penalty * weights(model).square().sum())

    found = [objective(MeshClassifier(2, max_iter=10, starts=k, random_state=3).fit(x, y)) for k in (1, 2, 4, 8)]
    assert all(
        more <= fewer + 1e-12 for fewer, more in itertools.pairwise(found)
    )  # sums of more nets are rounded otherwise
    assert found[-1] < found[0] - 1e-3


def test_same_seed_same_bits_and_the_global_generators_are_left_alone() -> None:
    x, y = moons()
    torch_state, numpy_state = torch.random.get_rng_state(), np.random.get_state(legacy=False)["state"]["key"].copy()  # noqa: NPY002
    parameters = {"solver": "adam", "max_iter": 5, "starts": 2, "early_stopping": True}
    one, two, three = (MeshClassifier(**parameters, random_state=seed).fit(x, y) for seed in (1, 1, 2))
    assert torch.equal(weights(one), weights(two))
    assert not torch.equal(weights(one), weights(three))
    assert torch.equal(torch_state, torch.random.get_rng_state())
    np.testing.assert_array_equal(numpy_state, np.random.get_state(legacy=False)["state"]["key"])  # noqa: NPY002


def test_float32() -> None:
    x, y = waves()
    model: Any = MeshRegressor(dtype="float32", max_iter=30, random_state=0).fit(x, y)
    assert weights(model).dtype == torch.float32
    assert model.predict(x).dtype == np.float64
    assert model.score(x, y) > 0.9


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_exports_need_is_there(dtype: str) -> None:
    x, y = waves()
    model: Any = MeshRegressor(max_iter=5, dtype=dtype, random_state=0).fit(x, y)
    module = to_module(model.net_, inputs=model.input_scaling_, outputs=model.output_scaling_)
    outputs = module(torch.tensor(x, dtype=getattr(torch, dtype))).detach().numpy()
    np.testing.assert_allclose(outputs, model.predict(x), rtol=1e-2 if dtype == "float32" else 1e-9, atol=1e-3)
    classifier = MeshClassifier(max_iter=2).fit(*IRIS)
    assert classifier.output_scaling_ is None
    assert MeshClassifier(max_iter=2, scale=False).fit(*IRIS).input_scaling_ is None


def test_a_round_trip_through_scikit_learns_pickles() -> None:
    x, y = moons()
    model: Any = MeshClassifier(max_iter=5, random_state=0).fit(x, y)
    again = pickle.loads(pickle.dumps(model))  # noqa: S301
    np.testing.assert_array_equal(again.predict_proba(x), model.predict_proba(x))
    assert torch.equal(weights(again.partial_fit(x, y)), weights(model.partial_fit(x, y)))


def test_probabilities_and_decisions_agree() -> None:
    x, names = IRIS[0], np.array(["setosa", "versicolor", "virginica"])[IRIS[1]]
    model: Any = MeshClassifier(max_iter=10, random_state=0).fit(x, names)
    p = model.predict_proba(x)
    np.testing.assert_allclose(p.sum(1), 1)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(x)), p)
    np.testing.assert_array_equal(model.predict(x), model.classes_[p.argmax(1)])
    assert model.decision_function(x).shape == (150, 3)
    binary = MeshClassifier(max_iter=10, random_state=0).fit(x[:100], names[:100])
    p = binary.predict_proba(x)
    np.testing.assert_allclose(binary.decision_function(x), np.log(p[:, 1]) - np.log(p[:, 0]), rtol=1e-6)


def test_training_that_diverges_says_so() -> None:
    x, y = waves()
    with pytest.raises(TrainingFailed, match="in epoch"):
        MeshRegressor(solver="sgd", activation="relu", learning_rate=1e6, random_state=0).fit(x, y)


def test_a_mesh_trained_for_its_epochs_is_no_cause_for_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MeshClassifier(solver="adam", max_iter=1).fit(*IRIS)


def test_verbose_draws_a_bar(capsys: pytest.CaptureFixture[str]) -> None:
    MeshClassifier(max_iter=2).fit(*IRIS)
    assert not capsys.readouterr().out
    MeshClassifier(max_iter=2, verbose=True).fit(*IRIS)
    assert "MeshClassifier, loss" in capsys.readouterr().out


X, Y = IRIS


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda: MeshClassifier().fit(X, ["a"] * 150), "at least 2 classes, got 1 class: 'a'"),
        (lambda: MeshClassifier().fit(np.where(X > 5, np.nan, X), Y), "contains NaN"),
        (lambda: MeshRegressor().fit(np.where(X > 5, np.inf, X), Y), "contains infinity"),
        (lambda: MeshRegressor().fit(X, Y[:-1]), "inconsistent numbers of samples"),
        (lambda: MeshRegressor().fit(X[0], Y), "Expected 2D array"),
        (lambda: MeshClassifier(max_iter=1).fit(X, Y).predict(X[:, :2]), "X has 2 features, but .* expecting 4 features"),
        (lambda: MeshClassifier().fit(X, Y, sample_weight=np.zeros(150)), "(?i)sample.weight.*(zero|0)"),
        (lambda: MeshClassifier(class_weight={7: 2}).fit(X, Y), "names the class 7, expected one of 0, 1, 2"),
        (lambda: MeshClassifier(class_weight={1: -2}).fit(X, Y), "finite and at least 0, got -2 for the class 1"),
        (lambda: MeshClassifier(topology=graphs.mesh(4, 2, 2)).fit(X, Y),
         "the topology takes 4 features and has 2 outputs, but the data has 4 features and 3 classes"),
        (lambda: MeshRegressor(topology=graphs.mesh(3, 2, 1)).fit(X, Y),
         "takes 3 features and has 1 outputs, but the data has 4 features and 1 targets"),
        (lambda: MeshClassifier((3, 4)).fit(X, Y), r"hidden must be one number for kind='mesh', got \(3, 4\)"),
        (lambda: MeshClassifier(kind="layered", ticks=1).fit(X, Y), "no input can reach output 0 within 1 tick"),
        (lambda: MeshClassifier(activation="tan").fit(X, Y), "The 'activation' parameter of MeshClassifier must be"),
        (lambda: MeshRegressor(early_stopping=True).fit(X[:1], Y[:1]), "holds out an example .* got n_samples=1"),
        (lambda: MeshClassifier().partial_fit(X, Y), "classes must be passed on the first call to partial_fit, got None"),
        (lambda: MeshClassifier().partial_fit(X, Y, classes=[0, 1]), "expected the classes 0, 1, got the label 2"),
        (lambda: MeshClassifier().partial_fit(X, Y, classes=[1]), "got 1 class: 1"),
        (lambda: MeshClassifier(max_iter=1).fit(X, Y).partial_fit(X, Y, classes=[0, 1, 3]),
         "began with the classes 0, 1, 2, got 0, 1, 3"),
        (lambda: MeshClassifier(class_weight="balanced").partial_fit(X, Y, classes=[0, 1, 2]), "needs all data at once"),
        (lambda: MeshRegressor(max_iter=1).fit(X, Y).partial_fit(X, X[:, :2]), "began with 1 targets, got 2"),
    ],
)  # fmt: skip
def test_mistakes_are_refused_in_one_sentence(act: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        act()
