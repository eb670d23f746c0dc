"""A model comes back as it was saved; a file that is whole but hostile is refused, piece by piece."""

import copy
import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes, load_iris

from onward import graphs
from onward.estimators.classifier import MeshClassifier
from onward.estimators.regressor import MeshRegressor
from onward.files import sealed
from onward.files.sealed import FileDamaged
from onward.kernels.activations import Activation
from onward.models import TableModel, load, save
from onward.nets.mesh import MeshNet
from onward.tables import Schema, from_columns

FRAME: Any = load_iris(as_frame=True)
X, Y = FRAME.data, FRAME.target
NAMES = np.array(["setosa", "versicolor", "virginica"])[Y]
QUICK: dict[str, Any] = {"hidden": 3, "max_iter": 5, "random_state": 0}


def classifier(labels: Any = NAMES, **settings: Any) -> MeshClassifier:
    return MeshClassifier(**(QUICK | settings)).fit(X, labels)


def table_model() -> TableModel:
    columns: dict[str, Any] = {name: X[name].tolist() for name in X}
    columns |= {"colour": ["red" if k % 3 else None for k in range(150)], "kind": NAMES.tolist()}
    table = from_columns(columns)
    schema = Schema.learn(table, "kind")
    estimator = MeshClassifier(**QUICK).fit(schema.encode(table), schema.encode_target(table))
    return TableModel(schema, estimator, {"accuracy": 0.9})


@pytest.mark.parametrize(
    "labels",
    [NAMES, np.asarray(Y), np.asarray(Y) * 1.0, np.asarray(Y) > 0, NAMES.astype(object)],
    ids=["text", "int", "float", "bool", "object"],
)
def test_a_classifier_comes_back_with_its_labels(labels: np.ndarray, tmp_path: Path) -> None:
    before = classifier(labels, scale=bool(labels[0] == 0))
    save(before, tmp_path / "m.onward")
    after = load(tmp_path / "m.onward")
    assert isinstance(after, MeshClassifier)
    assert np.array_equal(after.predict_proba(X), before.predict_proba(X))
    assert after.predict(X).tolist() == before.predict(X).tolist()
    assert after.feature_names_in_.tolist() == list(X)  # pyright: ignore[reportAttributeAccessIssue]
    assert after.loss_curve_ == before.loss_curve_
    assert after.get_params() == before.get_params()


@pytest.mark.parametrize("targets", [1, 2])
@pytest.mark.parametrize("settings", [{}, {"dtype": "float32", "solver": "adam"}, {"kind": "layered", "hidden": (3, 2)}])
def test_a_regressor_comes_back(targets: int, settings: dict[str, Any], tmp_path: Path) -> None:
    x, y = map(np.asarray, load_diabetes(return_X_y=True))
    y = y if targets == 1 else np.stack([y, -y], 1)
    before = MeshRegressor(**(QUICK | settings)).fit(x, y)
    save(before, tmp_path / "m.onward")
    after = load(tmp_path / "m.onward")
    assert isinstance(after, MeshRegressor)
    assert np.array_equal(after.predict(x), before.predict(x))
    assert after.predict(x).shape == y.shape
    assert after.hidden == before.hidden


def test_a_topology_of_ones_own_comes_back_and_is_trained_again(tmp_path: Path) -> None:
    own = graphs.cascade(4, 2, 3)
    save(classifier(topology=own), tmp_path / "m")
    after = load(tmp_path / "m")
    assert isinstance(after, MeshClassifier)
    assert after.fit(X, NAMES).topology_ == own


def test_numbers_of_numpy_in_parameters_are_kept(tmp_path: Path) -> None:
    save(classifier(kind="layered", hidden=(np.int64(3),), penalty=np.float64(0.1)), tmp_path / "m")
    after = load(tmp_path / "m")
    assert isinstance(after, MeshClassifier)
    assert (after.hidden, after.penalty) == ((3,), 0.1)


def test_a_loaded_estimator_can_be_trained_further(tmp_path: Path) -> None:
    save(classifier(class_weight={"setosa": 2.0, "versicolor": 1.0, "virginica": 1.0}, warm_start=True), tmp_path / "m")
    after = load(tmp_path / "m")
    assert isinstance(after, MeshClassifier)
    loss = after.loss_
    after.partial_fit(X, NAMES)
    assert after.fit(X, NAMES).loss_ < loss


def test_a_table_model_comes_back_and_predicts_by_column_name(tmp_path: Path) -> None:
    before = table_model()
    save(before, tmp_path / "m.onward")
    after = load(tmp_path / "m.onward")
    assert isinstance(after, TableModel)
    columns: dict[str, Any] = {name: X[name].tolist() for name in reversed(list(X))} | {"colour": ["red"] * 150}
    found = after.predict(from_columns(columns))
    assert found == before.predict(from_columns(columns))
    assert list(found) == ["kind", *(f"probability of {name}" for name in ("setosa", "versicolor", "virginica"))]
    assert after.report == {"accuracy": 0.9}


def test_a_mesh_and_a_stack_come_back(tmp_path: Path) -> None:
    nets = [MeshNet(graphs.cascade(2, 3, 1), 4, generator=torch.Generator().manual_seed(k)) for k in range(2)]
    for net in (nets[0], MeshNet.stack(nets)):
        save(net, tmp_path / "net.onward")
        after = load(tmp_path / "net.onward")
        assert isinstance(after, MeshNet)
        assert after.topology == net.topology
        assert torch.equal(after.weight, net.weight)


def test_what_cannot_be_saved_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    own = Activation("swish", torch.nn.functional.silu, torch.sigmoid)
    for model, sentence in (
        (MeshClassifier(), "a MeshClassifier must be trained before it can be saved"),
        (classifier(activation=own), "the activation 'swish' is not one of"),
        (
            torch.nn.Linear(2, 2),
            "expected a mesh, a layered net, a learner, an estimator or a table model to save, got Linear; onward.save_w",
        ),
    ):
        with pytest.raises(ValueError, match=sentence):
            inspect.unwrap(save)(model, tmp_path / "m.onward")  # the shape checks of tests would refuse types first
    assert not list(tmp_path.iterdir())


def test_a_schema_and_an_estimator_must_fit() -> None:
    model = table_model()
    with pytest.raises(ValueError, match="the schema makes 6 features, but the estimator takes 4"):
        TableModel(model.schema, classifier())
    with pytest.raises(ValueError, match="the schema is one of classification, but the estimator one of regression"):
        TableModel(model.schema, MeshRegressor(**QUICK).fit(X, Y))


Change = Callable[[dict[str, Any], dict[str, torch.Tensor]], object]
ESTIMATOR, NET, TABLE = (lambda c, key=key: c[key] for key in ("estimator", "net", "table"))
HOSTILE: dict[str, Change] = {
    "no net": lambda c, t: c.update(net=None),
    "a key too many": lambda c, t: c.update(code="import os"),
    "an estimator of another class": lambda c, t: ESTIMATOR(c).update({"class": "os.system"}),
    "an estimator that is no object": lambda c, t: c.update(estimator=[1]),
    "a parameter too many": lambda c, t: ESTIMATOR(c)["parameters"].update(__class__="x"),
    "a parameter out of range": lambda c, t: ESTIMATOR(c)["parameters"].update(penalty=-1.0),
    "a parameter of the wrong type": lambda c, t: ESTIMATOR(c)["parameters"].update(hidden="many"),
    "unknown activation": lambda c, t: ESTIMATOR(c)["parameters"].update(activation="__import__"),
    "fewer classes than outputs": lambda c, t: ESTIMATOR(c)["classes"]["labels"].pop(),
    "classes of mixed types": lambda c, t: ESTIMATOR(c)["classes"]["labels"].__setitem__(0, 7),
    "classes out of order": lambda c, t: ESTIMATOR(c)["classes"]["labels"].reverse(),
    "classes of a type that is not known": lambda c, t: ESTIMATOR(c)["classes"].update(type="object"),
    "huge classes": lambda c, t: ESTIMATOR(c)["classes"].update(type="int", labels=[1, 2, 2**70]),
    "classes that one long name makes huge": lambda c, t: ESTIMATOR(c)["classes"]["labels"].__setitem__(2, "z" * 4_000_000),
    "a topology of one's own that is no answer": lambda c, t: ESTIMATOR(c).update(own_topology=1),
    "other features": lambda c, t: ESTIMATOR(c).update(features=5),
    "names that are no text": lambda c, t: ESTIMATOR(c).update(names=[1, 2, 3, 4, 5, 6]),
    "curves of text": lambda c, t: ESTIMATOR(c)["curves"].update(loss_curve_=["low"]),
    "no curve": lambda c, t: ESTIMATOR(c)["curves"].update(loss_curve_=[]),
    "a scaling of another length": lambda c, t: t.update({"input_scaling_.scale": torch.ones(2).double()}),
    "a scale of zero": lambda c, t: t["input_scaling_.scale"].zero_(),
    "a shift that is not finite": lambda c, t: t["input_scaling_.shift"].fill_(float("nan")),
    "half a scaling": lambda c, t: t.pop("input_scaling_.scale"),
    "outputs scaled": lambda c, t: t.update(
        {"output_scaling_.shift": torch.zeros(3).double(), "output_scaling_.scale": torch.ones(3).double()}
    ),
    "a tensor too many": lambda c, t: t.update({"spare": torch.zeros(3)}),
    "a net of another dtype": lambda c, t: t.update({"net.weight": t["net.weight"].float()}),
    "weights that are not finite": lambda c, t: t["net.weight"].fill_(float("inf")),
    "a net of more neurons than memory": lambda c, t: NET(c).update(hidden=10**12),
    "a stack": lambda c, t: t.update({"net.weight": t["net.weight"].expand(2, -1).clone()}),
    "a schema of other features": lambda c, t: TABLE(c)["schema"]["columns"].pop(),
    "a schema that is no schema": lambda c, t: TABLE(c).update(schema={"columns": 3}),
    "a report that is no object": lambda c, t: TABLE(c).update(report="fine"),
    "a table without an estimator": lambda c, t: c.update(estimator=None),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_whole_file_that_describes_no_model_is_refused(name: str, tmp_path: Path) -> None:
    save(table_model(), tmp_path / "good.onward")
    kind, tensors, configuration = sealed.read(tmp_path / "good.onward", "model")
    changed = copy.deepcopy(configuration)
    HOSTILE[name](changed, tensors)
    sealed.write(tmp_path / "bad.onward", kind, tensors, json.loads(json.dumps(changed)))
    with pytest.raises(FileDamaged, match="bad.onward is whole, but holds no model that can be used: ") as refused:
        load(tmp_path / "bad.onward")
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 1000


def test_any_value_in_the_place_of_another_is_refused_or_harmless(tmp_path: Path) -> None:
    """Every value of the configuration in turn becomes something else; whatever loads still predicts."""
    save(table_model(), tmp_path / "good.onward")
    kind, tensors, configuration = sealed.read(tmp_path / "good.onward", "model")
    sentences: list[str] = []
    for place in list(_places(configuration)):
        for odd in (None, True, -1, 1e308, "x", [], {}, [[1]], {"a": 1}, 2**62):
            changed = copy.deepcopy(configuration)
            inner: Any = changed
            for key in place[:-1]:
                inner = inner[key]
            inner[place[-1]] = odd
            sealed.write(tmp_path / "odd.onward", kind, tensors, changed)
            try:
                model = load(tmp_path / "odd.onward")
            except FileDamaged as error:
                sentences.append(str(error))
            else:
                estimator = model.estimator if isinstance(model, TableModel) else model
                assert isinstance(estimator, MeshClassifier)
                estimator.predict(np.zeros((1, 6)))
    assert len(sentences) > 500
    assert not any("\n" in sentence for sentence in sentences)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Any:
    if path:
        yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _places(inner, (*path, key))
    elif isinstance(value, list):
        for k in range(min(len(value), 2)):
            yield from _places(value[k], (*path, k))
