"""Every contestant is tuned by the same folds of the same rows, and scored as scikit-learn would score it."""

from typing import Any

import numpy as np
import pytest
from sklearn import metrics
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_diabetes, load_iris
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning

from onward.learners.by_name import RULES
from onward.models import judging, rivals, scores
from onward.models.parted import Parted, part
from onward.models.rivals import PENALTIES, RATES, Contestant
from onward.models.scores import CLASSES, NUMBERS
from onward.tables import from_columns, recognise
from onward.training.fit import TrainingFailed


def flowers() -> Parted:
    data: Any = load_iris()
    x, y = data.data, data.target
    table = from_columns({"a": x[:, 2], "b": x[:, 3], "kind": [f"kind {k}" for k in y]})
    return part(table, recognise(table, "kind"), held=0.2, seed=0)


def patients() -> Parted:
    data: Any = load_diabetes()
    x, y = data.data, data.target
    table = from_columns({"a": x[:, 2], "b": x[:, 8], "y": y})
    return part(table, recognise(table, "y"), held=0.2, seed=0)


def everybody(task: str, rows: int, *, tuned: bool) -> list[Contestant]:
    return [
        rivals.mesh(task, "mesh", hidden=1, max_iter=5, tuned=tuned),
        rivals.linear(task, rows=rows, tuned=tuned),
        rivals.perceptron(task, features=2, outputs=3, edges=30, rows=rows, tuned=tuned),
        rivals.baseline(task),
    ]


def rules_of(task: str) -> list[Contestant]:
    return [rivals.taught(task, one, (6, 5)) for one in RULES.values() if one.numbers or task == CLASSES]


def test_scores_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    y, likelihood = random.integers(0, 3, 50), random.dirichlet([1, 1, 1], 50)
    found = scores.class_scores(y, likelihood)
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(y, likelihood.argmax(1)))
    assert found["balanced accuracy"] == pytest.approx(metrics.balanced_accuracy_score(y, likelihood.argmax(1)))
    assert found["log loss"] == pytest.approx(metrics.log_loss(y, likelihood))
    true, predicted = random.normal(size=50), random.normal(size=50)
    found = scores.number_scores(true, predicted)
    assert found["R2"] == pytest.approx(metrics.r2_score(true, predicted))
    assert found["RMSE"] == pytest.approx(metrics.root_mean_squared_error(true, predicted))
    assert found["MAE"] == pytest.approx(metrics.mean_absolute_error(true, predicted))


def test_scores_where_classes_or_spread_are_missing() -> None:
    found = scores.class_scores(np.array([0, 0]), np.array([[1.0, 0.0], [0.0, 1.0]]))
    assert found["balanced accuracy"] == 0.5
    assert found["log loss"] < 20
    assert np.isnan(scores.number_scores(np.array([2.0, 2.0]), np.array([1.0, 2.0]))["R2"])


def test_a_class_that_a_model_never_saw_has_no_probability() -> None:
    model = DummyClassifier(strategy="prior").fit(np.zeros((3, 1)), [0, 2, 2])
    found = scores.score(model, np.zeros((4, 1)), np.array([0, 1, 2, 3]))
    assert found["accuracy"] == 0.25
    assert found["log loss"] > 15


def test_folds_part_rows_and_every_class_alike() -> None:
    y = np.array([0] * 6 + [1] * 3 + [2] * 12)
    cuts = judging.folds_of(y, CLASSES, count=3, seed=0)
    assert sorted(np.concatenate([judged for _, judged in cuts]).tolist()) == list(range(21))
    for learned, judged in cuts:
        assert not set(learned.tolist()) & set(judged.tolist())
        assert len(learned) + len(judged) == 21
        assert np.bincount(y[judged]).tolist() == [2, 1, 4]
    again, other = (judging.folds_of(y, CLASSES, count=3, seed=seed) for seed in (0, 1))
    assert (again[0][1] == cuts[0][1]).all()
    assert not np.array_equal(other[0][1], cuts[0][1])
    assert [len(judged) for _, judged in judging.folds_of(np.linspace(0, 1, 10), NUMBERS, count=3, seed=0)] == [4, 3, 3]


def test_rows_held_out_teach_the_schema_nothing() -> None:
    numbers = [float(k) for k in range(20)]
    table = from_columns({"a": numbers, "text": ["x", "y"] * 10, "y": [k + 0.5 for k in numbers]})
    parted = part(table, recognise(table, "y"), held=0.2, seed=3)
    held = next(row for row in range(20) if float(row) + 0.5 in parted.test_y)
    odd = from_columns(
        {
            "a": numbers,
            "text": ["new" if row == held else text for row, text in enumerate(["x", "y"] * 10)],
            "y": [k + 0.5 for k in numbers],
        }
    )
    again = part(odd, recognise(odd, "y"), held=0.2, seed=3)
    assert again.schema == parted.schema
    assert "text=new" not in again.schema.feature_names
    assert (again.train_x == parted.train_x).all()
    row = again.test_y.tolist().index(held + 0.5)
    assert again.test_x[row].tolist() == [held, 0, 0], "a text that training did not see is none of the levels"
    assert (len(again.train_y), len(again.test_y)) == (16, 4)


@pytest.mark.parametrize("task", [CLASSES, NUMBERS])
def test_everybody_is_tuned_over_as_many_settings(task: str) -> None:
    *tuned, baseline = everybody(task, 100, tuned=True)
    assert [len(one.settings) for one in tuned] == [len(PENALTIES)] * 3
    assert not baseline.settings
    assert not any(one.settings for one in everybody(task, 100, tuned=False))
    for contestant in tuned:  # by names that the estimator knows
        for setting in contestant.settings:
            contestant.make(0).set_params(**setting)


@pytest.mark.parametrize("make", [flowers, patients])
def test_everybody_can_be_judged(make: Any) -> None:
    parted = make()
    task = parted.schema.target.task
    for contestant in everybody(task, len(parted.train_y), tuned=True):
        found = judging.judge(contestant, parted, seed=0)
        assert list(found.scores) == list(scores.METRICS[task])
        assert np.isfinite(list(found.scores.values())).all()
        assert found.seconds > 0
        assert found.scores == scores.score(found.model, parted.test_x, parted.test_y)
        assert dict(found.chosen) in [dict(setting) for setting in contestant.settings] or not contestant.settings
        for name, value in found.chosen.items():
            assert found.model.get_params()[name] == value, "what was chosen is what was trained"


def test_a_penalty_means_the_same_to_a_mesh_and_to_its_rivals() -> None:
    parted = patients()
    rows, penalty = len(parted.train_y), PENALTIES[-1]
    mesh = rivals.mesh(NUMBERS, "m", hidden=0, kind="layered", penalty=penalty, max_iter=100).make(0)
    linear = rivals.linear(NUMBERS, rows=rows, tuned=True)
    ridge = linear.make(0).set_params(**linear.settings[-1])
    # a mesh without hidden neurons is ridge regression, up to its bias, which is 0 for scaled targets
    ones = [model.fit(parted.train_x, parted.train_y).predict(parted.test_x) for model in (mesh, ridge)]
    np.testing.assert_allclose(*ones, rtol=1e-6)


@pytest.mark.parametrize(("features", "outputs", "edges"), [(4, 3, 234), (10, 1, 242), (8, 2, 300), (50, 3, 10)])
def test_the_perceptron_has_about_as_many_parameters(features: int, outputs: int, edges: int) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(60, features))
    task, y = (NUMBERS, random.normal(size=60)) if outputs == 1 else (CLASSES, np.arange(60) % outputs)
    contestant = rivals.perceptron(task, features=features, outputs=outputs, edges=edges, rows=60)
    model = contestant.make(0)
    inner = model.steps[-1][1]
    inner.set_params(**{name: 1 for name in inner.get_params() if name.endswith("max_iter")})
    with pytest.warns(ConvergenceWarning):
        model.fit(x, y)
    one = features + 1 + (1 if outputs == 2 else outputs)
    assert abs(judging.parameters(model) - edges) <= max(one / 2, one + 3 - edges)


def test_parameters_are_counted() -> None:
    parted = flowers()
    mesh, linear, _, baseline = everybody(CLASSES, 120, tuned=False)
    count = {one.name: judging.judge(one, parted, seed=0).parameters for one in (mesh, linear, baseline)}
    assert count == {"mesh": (3 + 4) * 4, "logistic regression": 9, "most frequent class": 0}


class Fixed(ClassifierMixin, BaseEstimator):
    """Says what it is told, and notes which rows it was given."""

    seen: list[tuple[float, int, str]] = []  # noqa: RUF012

    def __init__(self, right: float = 0.5) -> None:
        self.right = right

    def fit(self, x: np.ndarray, y: np.ndarray) -> "Fixed":
        if self.right > 1:
            raise TrainingFailed("no")
        self.seen.append((self.right, len(y), x.tobytes().hex()))
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        return np.tile([self.right, (1 - self.right) / 2, (1 - self.right) / 2], (len(x), 1))


def test_the_setting_of_the_lowest_loss_in_the_folds_is_chosen_and_trained_on_all_rows() -> None:
    parted, Fixed.seen[:] = flowers(), []
    values = [0.9, 1 / 3, 0.6, 2.0]  # the second is the truth about three classes alike, the last cannot be trained
    found = judging.judge(Contestant("fixed", lambda seed: Fixed(), [{"right": one} for one in values]), parted, seed=0)
    assert found.chosen == {"right": 1 / 3}
    assert [(right, rows) for right, rows, _ in Fixed.seen] == [(v, 80) for v in values[:3] for _ in range(3)] + [
        (1 / 3, 120)
    ]
    folds = [[rows for right, _, rows in Fixed.seen[:9] if right == value] for value in values[:3]]
    assert folds[0] == folds[1] == folds[2], "all settings see the same folds"
    Fixed.seen[:] = []
    judging.judge(Contestant("other", lambda seed: Fixed(), [{"right": 0.4}]), parted, seed=0)
    assert [rows for _, _, rows in Fixed.seen[:3]] == folds[0], "all contestants see the same folds"


def test_a_contestant_that_cannot_be_trained_is_named() -> None:
    with pytest.raises(TrainingFailed, match="^hopeless could not be trained with any of its settings$"):
        judging.judge(Contestant("hopeless", lambda seed: Fixed(), [{"right": 2.0}]), flowers(), seed=0)


def test_the_baseline_is_the_most_frequent_class_or_the_mean() -> None:
    parted = patients()
    found = judging.judge(rivals.baseline(NUMBERS), parted, seed=0)
    assert found.model.predict(parted.test_x) == pytest.approx(np.full(len(parted.test_y), parted.train_y.mean()))
    assert judging.judge(rivals.baseline(CLASSES), flowers(), seed=0).scores["log loss"] == pytest.approx(np.log(3))


@pytest.mark.parametrize("task", [CLASSES, NUMBERS])
def test_every_rule_takes_part_tuned_over_the_same_rates(task: str) -> None:
    found = rules_of(task)
    assert len(found) == (len(RULES) if task == CLASSES else 6)
    for contestant in found:
        assert [dict(one) for one in contestant.settings] == [{"learning_rate_init": rate} for rate in RATES]
        model = contestant.make(3)
        assert (model.hidden_layer_sizes, model.random_state, model.early_stopping) == ((6, 5), 3, False)
        assert model.rule.name == contestant.name


@pytest.mark.parametrize(("make", "names"), [(flowers, ("bp", "mf", "ff")), (patients, ("mf", "dfa"))])
def test_rules_are_judged_like_everybody(make: Any, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rivals, "EPOCHS", 2)
    split = make()
    task = split.schema.target.task
    for contestant in rules_of(task):
        if contestant.name in names:
            found = judging.judge(contestant, split, seed=0)
            assert found.scores == scores.score(found.model, split.test_x, split.test_y)
            assert found.model.learning_rate_init == found.chosen["learning_rate_init"]
            assert found.parameters == sum(one.numel() for one in found.model.learner_.parameters())


def test_what_has_no_log_odds_is_chosen_by_accuracy() -> None:
    """A setting that is right for the wrong reasons has the higher accuracy and by far the higher loss."""
    merits = {name: rivals.taught(CLASSES, RULES[name], (4,)).merit for name in ("mf", "ff")}
    assert merits == {"mf": rivals.least_loss, "ff": rivals.most_right}
    split = flowers()
    sure, unsure = (Fixed(right).fit(split.train_x, split.train_y) for right in (0.999, 1 / 3 + 1e-6))
    x, y = split.test_x, split.test_y
    assert merits["ff"](sure, x, y) == merits["ff"](unsure, x, y) == pytest.approx(1 / 3)
    assert merits["mf"](sure, x, y) < merits["mf"](unsure, x, y)
    contestant = Contestant("fixed", lambda seed: Fixed(), [{"right": 0.2}, {"right": 0.999}], rivals.most_right)
    assert judging.judge(contestant, split, seed=0).chosen == {"right": 0.2}, "the first of those that are as right"
