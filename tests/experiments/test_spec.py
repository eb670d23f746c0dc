"""A spec is everything that decides an outcome, as plain data; anything that cannot be written down is refused."""

import json
from functools import partial

import pytest
import torch

from onward import graphs
from onward.experiments.spec import FIRST_SEED, Experiment, describe
from onward.experiments.trials import train
from onward.learners.forward_only import ForwardOnly
from onward.nets.mesh import MeshNet
from onward.training import datasets
from onward.training.fit import Recipe


def experiment(rate: float = 0.01, hidden: int = 5) -> Experiment:
    recipe = Recipe(partial(torch.optim.Adam, lr=rate), epochs=3)
    net = partial(MeshNet, graphs.mesh(4, hidden, 3), 2)
    return Experiment("a/b", partial(train, data=datasets.iris, net=net, rule=ForwardOnly, recipes=(recipe,)))


def test_spec_is_plain_data_that_names_functions_and_arguments() -> None:
    spec = experiment().spec
    assert json.loads(json.dumps(spec)) == spec
    assert spec["trial"]["call"] == "onward.experiments.trials.train"
    assert spec["trial"]["data"]["call"] == "onward.training.datasets.iris"
    assert spec["trial"]["recipes"][0]["optimiser"]["call"] == "torch.optim.adam.Adam"
    assert spec["trial"]["recipes"][0]["optimiser"]["lr"] == 0.01
    assert spec["trial"]["recipes"][0]["epochs"] == 3


def test_spec_holds_defaults_too() -> None:
    """A default that changes in the code must not let an old result pass for a new one."""
    spec = experiment().spec["trial"]
    assert spec["net"]["hidden"] == "relu"
    assert spec["net"]["initialise"]["call"] == "onward.nets.initialise.fan_in"
    assert spec["net"]["dtype"] == "torch.float32"
    assert spec["data"]["test"] == 0.3
    assert spec["recipes"][0]["optimiser"]["betas"] == [0.9, 0.999]
    assert spec["rule"]["loss"]["name"] == "cross-entropy"


def test_digest_changes_with_anything_in_it() -> None:
    one = experiment()
    assert one.digest == experiment().digest
    assert one.digest != experiment(rate=0.02).digest
    assert one.digest != experiment(hidden=6).digest


def test_reported_seeds_lie_above_those_for_development() -> None:
    assert list(experiment().reported(3)) == [FIRST_SEED, FIRST_SEED + 1, FIRST_SEED + 2]
    assert len(experiment().reported()) == 10


@pytest.mark.parametrize("value", [lambda: 0, partial(lambda x: x, 1), object()])
def test_what_cannot_be_written_down_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="an experiment"):
        describe(value)
