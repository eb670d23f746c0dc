"""Estimators of every rule come back from their file as they were saved; a hostile file is refused before it is made."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris

from onward.estimators import LayeredClassifier, LayeredRegressor
from onward.files import sealed
from onward.files.sealed import FileDamaged
from onward.learners.by_name import RULES
from onward.models import TableModel, load, save
from onward.models.rule_file import BLOCKS, shapes
from onward.tables import Schema, from_columns

FRAME: Any = load_iris(as_frame=True)
X, Y = FRAME.data, FRAME.target
NAMES = np.array(["setosa", "versicolor", "virginica"])[Y]
QUICK: Any = {"hidden_layer_sizes": (5, 4), "max_iter": 2, "batch_size": 1000, "random_state": 0}
NUMBERS = [name for name, one in RULES.items() if one.numbers]


@pytest.mark.parametrize("name", RULES)
def test_a_classifier_of_any_rule_comes_back_and_learns_on(name: str, tmp_path: Path) -> None:
    before: Any = LayeredClassifier(name, **QUICK).fit(X, NAMES)
    save(before, tmp_path / "m")
    after: Any = load(tmp_path / "m")
    assert isinstance(after, LayeredClassifier)
    np.testing.assert_array_equal(after.predict_proba(X), before.predict_proba(X))
    assert after.predict(X).tolist() == before.predict(X).tolist()
    assert after.layers_ == before.layers_
    assert after.get_params() == before.get_params()
    assert after.loss_curve_ == before.loss_curve_
    torch.testing.assert_close(after.learner_.state_dict(), before.learner_.state_dict(), rtol=0, atol=0)
    assert after.partial_fit(X, NAMES).n_iter_ == 3


@pytest.mark.parametrize("name", NUMBERS)
def test_a_regressor_of_any_rule_comes_back(name: str, tmp_path: Path) -> None:
    y = np.asarray(X)[:, 2:]
    before: Any = LayeredRegressor(RULES[name], dtype="float32", activation="tanh", **QUICK).fit(X, y)
    save(before, tmp_path / "m")
    after: Any = load(tmp_path / "m")
    np.testing.assert_array_equal(after.predict(X), before.predict(X))
    assert after.rule == name


def test_what_was_trained_is_saved_whatever_the_parameters_say_by_now(tmp_path: Path) -> None:
    before: Any = LayeredClassifier("ff", **QUICK).fit(X, NAMES)
    before.set_params(rule="symba", hidden_layer_sizes=(9,), activation="tanh")
    save(before, tmp_path / "m")
    after: Any = load(tmp_path / "m")
    np.testing.assert_array_equal(after.predict_proba(X), before.predict_proba(X))
    assert (after.rule, after.hidden_layer_sizes, after.activation) == ("symba", (9,), "tanh")


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("widths", [(7,), (5, 4, 101, 3, 67)])
def test_shapes_are_known_without_the_learner(name: str, widths: tuple[int, ...]) -> None:
    """Also where a size is that of a part of the twin."""
    model: Any = LayeredClassifier(name, **(QUICK | {"hidden_layer_sizes": widths, "max_iter": 1})).fit(X, NAMES)
    found = {key: (tuple(one.shape), one.is_floating_point()) for key, one in model.learner_.state_dict().items()}
    assert shapes(model.layers_, RULES[name], classes=True) == found


def test_what_could_not_come_back_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    mine = replace(RULES["mf"], name="mine")
    for rule in (mine, replace(mine, name="mf")):
        with pytest.raises(ValueError, match=f"the rule '{rule.name}' is one's own, and a file names one of bp, mf"):
            save(LayeredClassifier(rule, **QUICK).fit(X, NAMES), tmp_path / "m")
    deep = LayeredClassifier("bp", **(QUICK | {"hidden_layer_sizes": (1,) * (BLOCKS + 1), "max_iter": 1})).fit(X, NAMES)
    with pytest.raises(ValueError, match="an estimator that is saved may have 50 blocks, got 51"):
        save(deep, tmp_path / "m")
    with pytest.raises(ValueError, match="a LayeredClassifier must be trained before it can be saved"):
        save(LayeredClassifier("bp"), tmp_path / "m")
    assert not list(tmp_path.iterdir())


def table_model(rule: str) -> TableModel:
    columns: Any = {name: X[name].tolist() for name in X} | {"kind": NAMES.tolist()}
    table = from_columns(columns)
    schema = Schema.learn(table, "kind")
    estimator = LayeredClassifier(rule, **QUICK).fit(schema.encode(table), schema.encode_target(table))
    return TableModel(schema, estimator, {"accuracy": 0.9})


Change = Callable[[dict[str, Any], dict[str, torch.Tensor]], object]
WEIGHT = "net.net.blocks.0.0.weight"
HOSTILE: dict[str, Change] = {
    "a key too many": lambda c, t: c["net"].update(code="import os"),
    "an unknown rule": lambda c, t: c["net"].update(rule="__import__"),
    "another rule": lambda c, t: c["net"].update(rule="bp"),
    "a rule that is no text": lambda c, t: c["net"].update(rule=["sim"]),
    "a parameter that is another rule": lambda c, t: c["estimator"]["parameters"].update(rule="os"),
    "a width that is not there": lambda c, t: c["net"]["widths"].append(3),
    "no widths": lambda c, t: c["net"].update(widths=[]),
    "more widths than memory": lambda c, t: c["net"].update(widths=[10**12, 4]),
    "many blocks": lambda c, t: c["net"].update(widths=[1] * 100_000),
    "more outputs than memory": lambda c, t: c["net"].update(outputs=10**12),
    "other features": lambda c, t: c["net"].update(features=3),
    "a width of text": lambda c, t: c["net"].update(widths=["5", 4]),
    "an unknown activation": lambda c, t: c["net"].update(activation=3),
    "a map of another shape": lambda c, t: t.update({"net.maps.0.weight": torch.zeros(1, 1).double()}),
    "weights that are not finite": lambda c, t: t[WEIGHT].fill_(float("nan")),
    "weights of another dtype": lambda c, t: t.update({WEIGHT: t[WEIGHT].float()}),
    "a weight too few": lambda c, t: t.pop("net.maps.1.weight"),
    "scores of blocks": lambda c, t: c["estimator"].update(block_scores=[0.5, 0.5]),
    "a regressor": lambda c, t: c["estimator"].update({"class": "LayeredRegressor"}),
    "fewer classes than outputs": lambda c, t: c["estimator"]["classes"]["labels"].pop(),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_whole_file_that_describes_no_model_is_refused(name: str, tmp_path: Path) -> None:
    save(table_model("sim"), tmp_path / "good.onward")
    kind, tensors, configuration = sealed.read(tmp_path / "good.onward", "model")
    changed = copy.deepcopy(configuration)
    HOSTILE[name](changed, tensors)
    sealed.write(tmp_path / "bad.onward", kind, tensors, json.loads(json.dumps(changed)))
    with pytest.raises(FileDamaged, match="bad.onward is whole, but holds no model that can be used: ") as refused:
        load(tmp_path / "bad.onward")
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 1000


@pytest.mark.parametrize("rule", ["sim", "ff"])
def test_any_value_in_the_place_of_another_is_refused_or_harmless(rule: str, tmp_path: Path) -> None:
    save(LayeredClassifier(rule, **QUICK).fit(np.asarray(X), NAMES), tmp_path / "good.onward")
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
    assert len(refused) > 50
    assert not any("\n" in sentence for sentence in refused)
