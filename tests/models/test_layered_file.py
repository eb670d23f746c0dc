"""Mono-Forward estimators come back from their file as they were saved; a whole file that is hostile is refused."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris

from onward.estimators import MonoForwardClassifier, MonoForwardRegressor
from onward.estimators.layers import PROJECTIONS
from onward.files import sealed
from onward.files.sealed import FileDamaged
from onward.models import TableModel, load, save
from onward.models.layered_file import shapes
from onward.tables import Schema, from_columns

FRAME: Any = load_iris(as_frame=True)
X, Y = FRAME.data, FRAME.target
NAMES = np.array(["setosa", "versicolor", "virginica"])[Y]
QUICK: Any = {"hidden_layer_sizes": (5, 4), "max_iter": 2, "batch_size": 1000, "random_state": 0}


def classifier(**settings: Any) -> MonoForwardClassifier:
    return MonoForwardClassifier(**(QUICK | settings)).fit(X, NAMES)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"readout": "total", "projection": "frozen", "early_stopping": True, "class_weight": {"setosa": 2.0}},
        {"projection": "two_layer", "activation": "gelu", "dtype": "float32", "hidden_layer_sizes": 3},
        {"hidden_layer_sizes": np.array([3, 2]), "scale": False},
    ],
)
def test_a_classifier_comes_back(settings: Any, tmp_path: Path) -> None:
    before = classifier(**settings)
    save(before, tmp_path / "m")
    after = load(tmp_path / "m")
    assert isinstance(after, MonoForwardClassifier)
    for one, other in zip(before.staged_predict_proba(X), after.staged_predict_proba(X), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(before.predict_proba(X), after.predict_proba(X))
    assert after.predict(X).tolist() == before.predict(X).tolist()
    assert after.feature_names_in_.tolist() == list(X)  # pyright: ignore[reportAttributeAccessIssue]
    assert (after.loss_curve_, after.block_scores_) == (before.loss_curve_, before.block_scores_)
    assert after.layers_ == before.layers_
    told = {name: list(one) if isinstance(one, tuple) else one for name, one in after.get_params().items()}
    assert told == {
        name: np.asarray(one).tolist() if name == "hidden_layer_sizes" else one for name, one in before.get_params().items()
    }
    learns = {name: one.requires_grad for name, one in before.learner_.named_parameters()}
    assert {name: one.requires_grad for name, one in after.learner_.named_parameters()} == learns


@pytest.mark.parametrize("targets", [1, 2])
def test_a_regressor_comes_back_and_learns_on(targets: int, tmp_path: Path) -> None:
    y = np.asarray(X)[:, 3] if targets == 1 else np.asarray(X)[:, 2:]
    before = MonoForwardRegressor(readout="mean", warm_start=True, **QUICK).fit(X, y)
    save(before, tmp_path / "m")
    after = load(tmp_path / "m")
    assert isinstance(after, MonoForwardRegressor)
    np.testing.assert_array_equal(after.predict(X), before.predict(X))
    loss = after.loss_
    assert after.partial_fit(X, y).fit(X, y).loss_ < loss


def test_what_was_trained_is_saved_whatever_the_parameters_say_by_now(tmp_path: Path) -> None:
    before: Any = classifier()
    before.set_params(hidden_layer_sizes=(9,), readout="total", activation="tanh")
    save(before, tmp_path / "m")
    after: Any = load(tmp_path / "m")
    np.testing.assert_array_equal(after.predict_proba(X), before.predict_proba(X))
    assert (after.hidden_layer_sizes, after.readout, after.activation) == ((9,), "total", "tanh")


def test_a_table_model_comes_back(tmp_path: Path) -> None:
    before = table_model()
    save(before, tmp_path / "m")
    after = load(tmp_path / "m")
    assert isinstance(after, TableModel)
    columns: Any = {name: X[name].tolist() for name in reversed(list(X))}
    assert after.predict(from_columns(columns)) == before.predict(from_columns(columns))


def table_model() -> TableModel:
    columns: Any = {name: X[name].tolist() for name in X} | {"kind": NAMES.tolist()}
    table = from_columns(columns)
    schema = Schema.learn(table, "kind")
    estimator = MonoForwardClassifier(early_stopping=True, **QUICK).fit(schema.encode(table), schema.encode_target(table))
    return TableModel(schema, estimator, {"accuracy": 0.9})


@pytest.mark.parametrize("projection", PROJECTIONS)
@pytest.mark.parametrize("widths", [(5,), (5, 4, 3)])
def test_shapes_are_known_without_the_net(projection: str, widths: tuple[int, ...]) -> None:
    model: Any = classifier(projection=projection, hidden_layer_sizes=widths)
    assert shapes(model.layers_) == {name: tuple(one.shape) for name, one in model.learner_.state_dict().items()}


def test_what_cannot_be_saved_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a MonoForwardClassifier must be trained before it can be saved"):
        save(MonoForwardClassifier(), tmp_path / "m.onward")
    assert not list(tmp_path.iterdir())


Change = Callable[[dict[str, Any], dict[str, torch.Tensor]], object]
WEIGHT, HEAD = "net.net.blocks.0.0.weight", "net.net.head.weight"
HOSTILE: dict[str, Change] = {
    "a key too many": lambda c, t: c["net"].update(code="import os"),
    "a width that is not there": lambda c, t: c["net"]["widths"].append(3),
    "no widths": lambda c, t: c["net"].update(widths=[]),
    "more widths than memory": lambda c, t: c["net"].update(widths=[10**12, 4]),
    "more outputs than memory": lambda c, t: c["net"].update(outputs=10**12),
    "a width of text": lambda c, t: c["net"].update(widths=["5", 4]),
    "a true width": lambda c, t: c["net"].update(widths=[True, 4]),
    "other features": lambda c, t: c["net"].update(features=3),
    "an unknown activation": lambda c, t: c["net"].update(activation="__import__"),
    "an unknown projection": lambda c, t: c["net"].update(projection=[1]),
    "a readout for numbers": lambda c, t: c["net"].update(readout="mean"),
    "weights that are not finite": lambda c, t: t[WEIGHT].fill_(float("nan")),
    "weights of another dtype": lambda c, t: t.update({WEIGHT: t[WEIGHT].float()}),
    "weights of another shape": lambda c, t: t.update({WEIGHT: t[WEIGHT].T.contiguous()}),
    "a weight too few": lambda c, t: t.pop(HEAD),
    "a weight too many": lambda c, t: t.update({"net.spare": torch.zeros(3)}),
    "a mesh's estimator": lambda c, t: c["estimator"].update({"class": "MeshClassifier"}),
    "a regressor": lambda c, t: c["estimator"].update({"class": "MonoForwardRegressor"}),
    "scores of other blocks": lambda c, t: c["estimator"].update(block_scores=[0.5]),
    "scores of text": lambda c, t: c["estimator"].update(block_scores=["high", "low"]),
    "a parameter out of range": lambda c, t: c["estimator"]["parameters"].update(alpha=-1.0),
    "a scale of zero": lambda c, t: t["input_scaling_.scale"].zero_(),
    "fewer classes than outputs": lambda c, t: c["estimator"]["classes"]["labels"].pop(),
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
    """Every value of the net and of the estimator in turn becomes something else; whatever loads still predicts."""
    save(MonoForwardClassifier(**QUICK).fit(np.asarray(X), NAMES), tmp_path / "good.onward")
    kind, tensors, configuration = sealed.read(tmp_path / "good.onward", "model")
    refused: list[str] = []
    for place in [(part, key) for part in ("net", "estimator") for key in configuration[part]]:
        for odd in (None, -1, "x", [], {}, 2**62):
            changed = copy.deepcopy(configuration)
            changed[place[0]][place[1]] = odd
            sealed.write(tmp_path / "odd.onward", kind, tensors, changed)
            try:
                model: Any = load(tmp_path / "odd.onward")
            except FileDamaged as error:
                refused.append(str(error))
            else:
                model.predict(np.zeros((1, 4)))
    assert len(refused) > 60
    assert not any("\n" in sentence for sentence in refused)
