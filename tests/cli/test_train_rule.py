"""Layers that a rule teaches on a person's table: trained, shown, used and exported on the command line; bare nets too."""

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from sklearn.datasets import load_diabetes, load_iris
from torch import nn

from onward import Backprop, LayeredNet, MonoForward, cnn, mlp, models
from onward.cli import app, exporting
from onward.estimators import LayeredClassifier, LayeredRegressor, MonoForwardClassifier
from onward.learners.by_name import RULES
from onward.models import TableModel, rivals
from onward.models.judging import parameters
from onward.models.parted import part
from onward.models.scores import score
from onward.tables import read_csv


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = app.run(arguments)
    said = capsys.readouterr()
    return code, said.out, said.err.strip()


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    threads = torch.get_num_threads()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(rivals, "EPOCHS", 3)
    for name, load in (("iris", load_iris), ("diabetes", load_diabetes)):
        data: Any = load()
        with Path(f"{name}.csv").open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow([*data.feature_names, "y"])
            rows = zip(data.data, data.target, strict=True)
            writer.writerows([*x, f"kind {y}" if name == "iris" else y] for x, y in list(rows)[::4])
    yield
    torch.set_num_threads(threads)


def model_of(path: str) -> Any:
    found = models.load(path)
    assert isinstance(found, TableModel)
    return found


def test_a_rule_is_trained_judged_and_kept_as_it_was_judged(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, "train", "iris.csv", "--target", "y", "--rule", "mf", "--layers", "6,5")
    assert (code, err) == (0, "")
    learned = (4 + 1) * 6 + 3 * 6 + (6 + 1) * 5 + 3 * 5
    assert re.search(rf"^mf +[01]\.\d{{3}} +[01]\.\d{{3}} +\d\.\d{{3}} +{learned} +\d+\.\d\d", out, re.MULTILINE)
    for name in ("logistic regression", "MLPClassifier", "most frequent class"):
        assert name in out
    assert "learning rates and penalties chosen alike by 3 folds of the training rows" in out
    model, table = model_of("iris.onward"), read_csv("iris.csv")
    assert isinstance(model.estimator, LayeredClassifier)
    parted = part(table, model.schema.target, held=0.2, seed=0)
    judged = model.report["judged"][0]
    assert judged["scores"] == pytest.approx(score(model.estimator, parted.test_x, parted.test_y))
    assert judged["chosen"]["learning_rate_init"] in rivals.RATES
    assert judged["parameters"] == parameters(model.estimator) == learned


@pytest.mark.parametrize("name", RULES)
def test_any_rule_is_trained_shown_and_predicts(capsys: pytest.CaptureFixture[str], name: str) -> None:
    asked = ("--rule", name, "--layers", "5,4", "--no-rivals", "--to", "m.onward")
    code, _, err = call(capsys, "train", "iris.csv", "--target", "y", *asked)
    assert (code, err) == (0, "")
    code, out, _ = call(capsys, "show", "m.onward")
    assert code == 0
    assert re.search(rf"^Net: layers \d+-5-4-3 \(relu, linear projections, taught by {name}\)$", out, re.MULTILINE)
    assert "Training: 3 epochs of adam, penalty 0.0001, loss" in out
    code, out, err = call(capsys, "predict", "m.onward", "iris.csv")
    assert code == 0
    assert out.startswith("y,probability of kind 0,probability of kind 1,probability of kind 2")
    assert "On 38 rows: accuracy" in err


def test_numbers_are_predicted_and_exported_in_their_own_units(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("--rule", "dfa", "--layers", "4", "--no-rivals", "--export", "m.onnx", "--export", "m.pt2")
    code, out, err = call(capsys, "train", "diabetes.csv", "--target", "y", *asked)
    assert (code, err) == (0, "")
    assert "Exported: m.onnx" in out
    model, table = model_of("diabetes.onward"), read_csv("diabetes.csv")
    assert isinstance(model.estimator, LayeredRegressor)
    x = model.schema.encode(table)
    expected = model.estimator.predict(x)
    found = onnxruntime.InferenceSession("m.onnx").run(["y"], {"x": x})[0]
    np.testing.assert_allclose(np.asarray(found)[:, 0], expected, rtol=1e-9)
    program = torch.export.load("m.pt2").module()
    torch.testing.assert_close(program(torch.tensor(x))[:, 0], torch.tensor(expected))


def test_a_model_is_exported_after_training(capsys: pytest.CaptureFixture[str]) -> None:
    table = read_csv("iris.csv")
    call(capsys, "train", "iris.csv", "--target", "y", "--rule", "predsim", "--layers", "5", "--no-rivals")
    code, out, _ = call(capsys, "export", "iris.onward", "m.onnx")
    assert code == 0
    assert "It takes 4 numbers, in this order: 'sepal length (cm)'" in out
    assert "It gives 3 scores, the largest for the class: 'kind 0', 'kind 1', 'kind 2', in this order." in out
    model = model_of("iris.onward")
    x = model.schema.encode(table)
    found = np.asarray(onnxruntime.InferenceSession("m.onnx").run(["y"], {"x": x})[0])
    np.testing.assert_allclose(found, model.estimator._outputs(x).numpy(), atol=1e-9)


MISTAKES = [
    (("--rule", "mff"), "unknown rule 'mff', expected one of bp, mf, .*; did you mean 'mf'"),
    (("--layers", "8"), "--layers is for nets that a --rule teaches, but none is asked for, got --layers 8"),
    (
        ("--rule", "mf", "--layers", "8,x"),
        "--layers takes whole numbers from 1 to 10000, or one of them so many times, as 64,64 or 64.3, got '8,x'",
    ),
    (("--rule", "mf", "--hidden", "5"), "--hidden is for meshes, and --rule mf trains layers, got --hidden 5"),
    (("--rule", "mf", "--solver", "adam"), "--solver is for meshes, and --rule mf trains layers, got --solver adam"),
    (("--rule", "mf", "--kind", "cascade"), "--kind is for meshes, and --rule mf trains layers, got --kind cascade"),
    (("--rule", "mf", "--ticks", "4"), "--ticks is for meshes"),
    (("--rule", "mf", "--starts", "4"), "--starts is for meshes"),
    (("--rule", "mf", "--penalty", "0.1"), "--penalty is for meshes"),
    (("--rule", "mf", "--export", "m.c"), r"--export beside --rule mf takes a name that ends in .pt2 or .onnx, got 'm.c'"),
    (
        ("--rule", "mf-sum", "--export", "m.onnx"),
        "this MonoForward reads its scores from all blocks, which no export holds",
    ),
    *(
        (("--rule", name, "--export", "m.onnx"), "predicts by more than its net, with every label in turn, which no export")
        for name in ("ff", "one-pass-ff", "symba", "collaboration")
    ),
]


@pytest.mark.parametrize(("asked", "words"), MISTAKES)
def test_mistakes_end_in_one_sentence_before_anything_is_trained(
    capsys: pytest.CaptureFixture[str], asked: tuple[str, ...], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rivals, "taught", None)
    before = set(Path().iterdir())
    code, _, err = call(capsys, "train", "iris.csv", "--target", "y", *asked)
    assert code == 2
    assert len(err.splitlines()) == 1
    assert re.search(words, err), err
    assert set(Path().iterdir()) == before


def test_a_rule_that_predicts_classes_only_is_refused_for_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capsys, "train", "diabetes.csv", "--target", "y", "--rule", "ff")
    assert code == 2
    assert "--rule ff predicts classes only, but 'y' is a number; numbers are predicted by bp," in err
    assert not Path("diabetes.onward").exists()


@pytest.mark.parametrize("name", sorted(set(RULES) - {words[0][1] for words in MISTAKES if words[0][-1] == "m.onnx"}))
def test_the_net_of_any_other_rule_by_itself_predicts_as_its_learner_does(name: str) -> None:
    x, y = map(np.asarray, load_iris(return_X_y=True))
    model: Any = LayeredClassifier(name, hidden_layer_sizes=(5, 4), max_iter=2).fit(x, y)
    exporting.check_rule(RULES[name], [Path("m.onnx")])
    scaled = model.input_scaling_.apply(torch.tensor(x))
    torch.testing.assert_close(exporting.net_of(model)(scaled).detach(), model._outputs(x))  # pyright: ignore[reportArgumentType]


def test_a_bare_net_and_its_learner_are_shown_and_exported(capsys: pytest.CaptureFixture[str]) -> None:
    net = cnn((1, 8, 8), 3, channels=(2, 3))
    for learner in (MonoForward(net), Backprop(net)):
        models.save(learner, "m.onward")
        code, out, _ = call(capsys, "show", "m.onward")
        assert code == 0
        numbers = sum(one.numel() for one in net.parameters())
        assert (
            f"Net: layers from 1 x 8 x 8 to 3 outputs, taught by {type(learner).__name__}, {numbers} numbers learned" in out
        )
        assert "Block 1: Conv2d ReLU AvgPool2d, gives 2 x 4 x 4, 18 numbers learned" in out
        assert "Head: Flatten Linear, 36 numbers learned" in out
        assert call(capsys, "export", "m.onward", "m.onnx", "--force")[0] == 0
    x = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    found = onnxruntime.InferenceSession("m.onnx").run(["y"], {"x": x.numpy()})[0]
    torch.testing.assert_close(torch.tensor(np.asarray(found)), net(x).detach(), rtol=1e-5, atol=1e-6)


def test_a_net_without_a_head_is_shown_and_is_no_model_of_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    own = LayeredNet([nn.Sequential(nn.Linear(4, 3), nn.Tanh())], None, features=(4,))
    models.save(own, "m.onward")
    code, out, _ = call(capsys, "show", "m.onward")
    assert code == 0
    assert "m.onward: a LayeredNet, which does not know the columns of a table" in out
    assert "Net: layers from 4 to no head, 15 numbers learned" in out
    for asked, words in (
        (("predict", "m.onward", "iris.csv"), "holds a LayeredNet that does not know the columns of a table"),
        (("export", "m.onward", "n.onnx"), "only a net with a head can be exported"),
        (("export", "m.onward", "n.svg"), "the export of layers takes a name that ends in .pt2 or .onnx, got 'n.svg'"),
    ):
        code, _, err = call(capsys, *asked)
        assert code == 2
        assert words in err


def test_a_readout_of_all_blocks_is_not_exported_as_if_it_were_the_last(capsys: pytest.CaptureFixture[str]) -> None:
    x, y = map(np.asarray, load_iris(return_X_y=True))
    models.save(MonoForwardClassifier((5, 4), max_iter=2, readout="total").fit(x, y), "m.onward")
    code, _, err = call(capsys, "export", "m.onward", "m.onnx")
    assert code == 2
    assert "this MonoForward reads its scores from all blocks, which no export holds" in err
    models.save(mlp(3, (2,), 2), "n.onward")
    assert call(capsys, "export", "n.onward", "n.onnx")[0] == 0
