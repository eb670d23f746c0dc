"""Bare layered nets and their learners come back from their file as they were saved; a hostile file is refused."""

import copy
import inspect
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from onward import (
    Backprop,
    DeepSupervision,
    ForwardForward,
    Joint,
    LayeredNet,
    LocalSimilarity,
    MeshNet,
    MonoForward,
    Recipe,
    cnn,
    differentiable,
    fit,
    graphs,
    load,
    mlp,
    save,
)
from onward.blocks.plugging import add, cut
from onward.files import sealed
from onward.files.sealed import FileDamaged
from onward.nets import projections
from onward.nets.readouts import total
from onward.training.data import Dataset, Split


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def net() -> LayeredNet:
    return mlp(6, (5, 4, 4), 3, generator=seeded(1))


X, Y = torch.randn(30, 6, generator=seeded(3)), torch.arange(30) % 3
DATA = Dataset("noise", Split(X, Y), Split(X, Y))
RECIPE = Recipe(partial(torch.optim.Adam, lr=0.01), epochs=2, batch=10)
LEARNERS: dict[str, Callable[[], Any]] = {
    "mono-forward": lambda: MonoForward(net()),
    "mono-forward, in all ways": lambda: MonoForward(
        net().double(), "mean squared error", projection=projections.two_layer
    ),
    "mono-forward, sum": lambda: MonoForward(net(), readout=total, projection=projections.frozen),
    "mono-forward, cut": lambda: cut(MonoForward(net(), readout=total), 2),
    "mono-forward, grown": lambda: add(MonoForward(net()), nn.Linear(4, 4), projection=projections.two_layer),
    "mono-forward of maps": lambda: MonoForward(cnn((1, 3, 2), 3, channels=(4, 5)), projection=projections.pooled),
    "joint": lambda: Joint(net(), readout=total),
    "deep supervision": lambda: DeepSupervision(net(), weight=0.7),
    "backpropagation": lambda: Backprop(net()),
}


def inputs(learner: Any) -> torch.Tensor:
    return X.view(30, *learner.net.shapes[0]).to(next(learner.parameters()).dtype)


@pytest.mark.parametrize("name", LEARNERS)
def test_a_learner_comes_back_and_gives_the_same_credit(name: str, tmp_path: Path) -> None:
    before = LEARNERS[name]()
    save(before, tmp_path / "m")
    after: Any = load(tmp_path / "m")
    assert type(after) is type(before)
    x = inputs(before)
    y = Y if before.loss.classes else torch.eye(3).double()[Y]
    assert not after.training
    assert torch.equal(after.scores(x), before.eval().scores(x))
    for one, other in zip(before.train().credit(x, y), after.train().credit(x, y), strict=True):
        assert torch.equal(one.loss, other.loss)
        torch.testing.assert_close(one.gradients, other.gradients, rtol=0, atol=0)
    assert str(after) == str(before)
    told = ("readout", "weight", "learning")
    assert [getattr(after, key, None) for key in told] == [getattr(before, key, None) for key in told]


def test_a_learner_goes_on_learning_as_the_one_that_was_saved(tmp_path: Path) -> None:
    before = MonoForward(net())
    list(fit(before, DATA, RECIPE, generator=seeded()))
    before.learning = frozenset({0, 2})
    save(before, tmp_path / "m")
    after: Any = load(tmp_path / "m")
    assert after.learning == {0, 2}
    for one in (before, after):
        list(fit(one, DATA, RECIPE, generator=seeded(5)))
    torch.testing.assert_close(after.state_dict(), before.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_a_truncated_net_comes_back_and_predicts_as_its_block(blocks: int, tmp_path: Path) -> None:
    learner = MonoForward(net())
    save(learner.truncate(blocks), tmp_path / "m")
    after = load(tmp_path / "m")
    assert isinstance(after, LayeredNet)
    assert torch.equal(after(X), learner.eval().goodness(X)[blocks - 1])


class Own(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


INSTEAD = r"; save\(learner.net, path\) keeps the net alone, onward.save_weights\(learner, path\) all weights"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: LocalSimilarity(net()), "a LocalSimilarity cannot be saved in a model file, which holds Mono.*" + INSTEAD),
        (lambda: ForwardForward(net()), "a ForwardForward cannot be saved in a model file" + ".*" + INSTEAD),
        (lambda: Backprop(MeshNet(graphs.mesh(2, 3, 2), 3)), "a Backprop of a MeshNet cannot be saved in a model file" + INSTEAD),
        (lambda: MonoForward(net(), differentiable("own", nn.CrossEntropyLoss(), classes=True)), "the loss '.*' is not one of cross-entropy, "),
        (lambda: MonoForward(net(), readout=lambda found: found[0]), "the readout of this MonoForward is not one of last"),
        (lambda: MonoForward(LayeredNet([Own(), nn.Linear(3, 3)], nn.Linear(3, 2), features=(3,))), "a Own is not among .*; onward.save_weights"),
        (lambda: nn.Sequential(nn.Linear(3, 2)), "got Sequential; LayeredNet.from_sequential.* makes .* onward.save_weights"),
        (lambda: nn.Linear(3, 2), "got Linear; onward.save_weights.net, path. keeps the weights of any module"),
        (lambda: "net", "expected a mesh, a layered net, a learner, an estimator or a table model to save, got str$"),
    ],
)  # fmt: skip
def test_what_cannot_be_saved_is_refused_with_what_can_be_done_and_leaves_no_file(
    make: Any, words: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=words) as refused:
        inspect.unwrap(save)(make(), tmp_path / "m")  # the shape checks of tests would refuse types first
    assert "\n" not in str(refused.value)
    assert not list(tmp_path.iterdir())


Change = Callable[[dict[str, Any], dict[str, torch.Tensor]], object]
HOSTILE: dict[str, Change] = {
    "a rule of code": lambda c, t: c["net"].update(rule="os.system"),
    "a rule that is no text": lambda c, t: c["net"].update(rule=[1]),
    "another rule": lambda c, t: c["net"].update(rule="Backprop"),
    "an unknown loss": lambda c, t: c["net"].update(loss="hinge"),
    "a loss that is no text": lambda c, t: c["net"].update(loss={}),
    "an unknown readout": lambda c, t: c["net"].update(readout="first"),
    "a readout that does not suit the loss": lambda c, t: c["net"].update(readout="total", loss="mean squared error"),
    "a weight of nothing": lambda c, t: c["net"].update(weight=0.3),
    "blocks that are not there": lambda c, t: c["net"].update(learning=[0, 3]),
    "blocks of text": lambda c, t: c["net"].update(learning="all"),
    "a projection too few": lambda c, t: c["net"]["projections"].pop(),
    "a projection too many": lambda c, t: c["net"]["projections"].append(c["net"]["projections"][0]),
    "projections that are no list": lambda c, t: c["net"].update(projections={}),
    "a projection without weights": lambda c, t: c["net"]["projections"].__setitem__(0, {"kind": "Identity"}),
    "a projection of another size": lambda c, t: c["net"]["projections"][0].update(out_features=4),
    "a projection of more than memory": lambda c, t: c["net"]["projections"][0].update(out_features=2**40),
    "a net that is no object": lambda c, t: c["net"].update(net=[1]),
    "a net of more keys": lambda c, t: c["net"]["net"].update(dtype="float32"),
    "no head": lambda c, t: c["net"]["net"].update(head=None),
    "a key too many": lambda c, t: c["net"].update(code="import os"),
    "an estimator": lambda c, t: c.update(estimator={"class": "MonoForwardClassifier"}),
    "a table": lambda c, t: c.update(table={"schema": {}, "report": {}}),
    "weights that are not finite": lambda c, t: t["net.projections.0.weight"].fill_(float("inf")),
    "a weight too few": lambda c, t: t.pop("net.projections.0.weight"),
    "a tensor beside": lambda c, t: t.update({"spare": torch.zeros(2)}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_whole_file_that_describes_no_learner_is_refused(name: str, tmp_path: Path) -> None:
    save(MonoForward(net()), tmp_path / "good.onward")
    kind, tensors, configuration = sealed.read(tmp_path / "good.onward", "model")
    changed = copy.deepcopy(configuration)
    HOSTILE[name](changed, tensors)
    sealed.write(tmp_path / "bad.onward", kind, tensors, json.loads(json.dumps(changed)))
    with pytest.raises(FileDamaged, match="bad.onward is whole, but holds no model that can be used: ") as refused:
        load(tmp_path / "bad.onward")
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 1000
