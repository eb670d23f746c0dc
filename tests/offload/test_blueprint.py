"""A net that is made block by block is bitwise the net that is made at once; what cannot be made so is refused."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from onward.learners.backprop import Backprop
from onward.learners.base import AbstractLearner
from onward.learners.forward_forward import ForwardForward
from onward.learners.local_similarity import LocalSimilarity
from onward.learners.mono_forward import MonoForward
from onward.learners.symba import SymBa
from onward.learners.two_passes import Peers
from onward.nets import draw, projections
from onward.nets.builders import cnn, mlp
from onward.nets.dropout import Dropout
from onward.nets.layered import LayeredNet, generator_of, seed_from
from onward.nets.readouts import total
from onward.offload import Blueprint, create, opened, perceptron, train
from onward.offload.hollow import tensors_of
from onward.training.fit import fit
from tests.offload.made import RECIPES, lesson, same, seeded

WIDTHS = (12, 8, 7)
RULES: dict[str, Callable[[LayeredNet], AbstractLearner]] = {
    "mono-forward": MonoForward,
    "two layers, sum": partial(MonoForward, projection=projections.two_layer, readout=total),
    "pred and sim": LocalSimilarity,
    "forward-forward": lambda net: ForwardForward(net, peers=Peers(), generator=seeded(4)),
    "symba": lambda net: SymBa(net, pattern=2, generator=seeded(4)),
}


def assert_on_disk(folder: Path, blueprint: Blueprint, whole: AbstractLearner) -> None:
    create(folder, blueprint)
    with opened(folder, blueprint) as there:
        assert same(there.load(), whole)
        assert all(not parameter.numel() for parameter in there.parameters()), "no block stays in memory"


@pytest.mark.parametrize("rule", RULES)
def test_a_perceptron_made_block_by_block_is_that_of_the_builder(tmp_path: Path, rule: str) -> None:
    blueprint = perceptron(RULES[rule], 6, WIDTHS, 2, normalise=nn.LayerNorm, initialise=draw.he, seed=seed_from(seeded()))
    net = mlp(6, WIDTHS, 2, normalise=nn.LayerNorm, initialise=draw.he, generator=seeded())
    assert same(blueprint.whole(), RULES[rule](net))
    assert_on_disk(tmp_path, blueprint, RULES[rule](net))


def test_a_convolutional_net_made_block_by_block_is_that_of_the_builder(tmp_path: Path) -> None:
    seed, channels = seed_from(seeded()), (1, 3, 4, 5)

    def block(k: int) -> nn.Module:
        own = generator_of(seed, k, "weights")
        kernels = draw.convolution(channels[k], channels[k + 1], bias=False, generator=own)
        return nn.Sequential(kernels, nn.ReLU(), *([nn.AvgPool2d(2)] if k < 2 else []))

    net = cnn((1, 4, 4), 2, channels=channels[1:], generator=seeded())
    assert_on_disk(tmp_path, Blueprint(MonoForward, block, 3, (1, 4, 4), 2, seed=seed), MonoForward(net))


def test_blocks_of_ones_own_keep_their_statistics_and_masks(tmp_path: Path) -> None:
    def block(k: int) -> nn.Module:
        linear = draw.linear(6 if k == 0 else 5, 5, bias=True, generator=generator_of(3, k, "weights"))
        return nn.Sequential(linear, nn.BatchNorm1d(5), nn.ReLU(), Dropout(0.5, generator=generator_of(3, k, "dropout")))

    blueprint = Blueprint(MonoForward, block, 3, (6,), 2, seed=3)
    assert_on_disk(tmp_path, blueprint, blueprint.whole())


@pytest.mark.parametrize("rule", ["mono-forward", "forward-forward"])
def test_a_blueprint_is_trained_as_the_net_in_memory(tmp_path: Path, rule: str) -> None:
    blueprint = perceptron(RULES[rule], 6, WIDTHS, 2)
    whole = blueprint.whole()
    for _ in fit(whole, lesson(), RECIPES["adam"], generator=seeded()):
        pass
    for _ in train(tmp_path, blueprint, lesson(), RECIPES["adam"], generator=seeded()):
        pass
    with opened(tmp_path, blueprint) as there:
        assert same(there.load(), whole)
        assert torch.equal(there.scores(lesson().train.x), whole.scores(lesson().train.x))


def test_a_block_is_emptied_before_the_next_is_made(tmp_path: Path) -> None:
    made: list[nn.Linear] = []
    counts = []

    def block(k: int) -> nn.Module:
        made.append(draw.linear(6, 6, bias=True, generator=generator_of(0, k, "weights")))
        counts.append(sum(one.weight.numel() > 0 for one in made))
        return made[-1]

    create(tmp_path, Blueprint(MonoForward, block, 9, (6,), 2))
    assert counts == [1] * 9


def test_a_rule_that_draws_otherwise_each_time_is_refused(tmp_path: Path) -> None:
    generator = seeded()
    blueprint = perceptron(partial(ForwardForward, generator=generator), 6, WIDTHS, 2)
    with pytest.raises(ValueError, match="the rule draws passes.labelled.seed otherwise each time it is made"):
        create(tmp_path, blueprint)


def test_what_is_no_rule_of_blocks_apart_is_refused(tmp_path: Path) -> None:
    for rule in (Backprop, partial(Backprop, loss="mean squared error")):
        with pytest.raises(ValueError, match="only rules whose blocks learn one by one, such as MonoForward.*got Backprop"):
            perceptron(rule, 6, WIDTHS, 2)
    with pytest.raises(ValueError, match="only rules whose blocks learn one by one, such as MonoForward.*got Backprop"):
        create(tmp_path, perceptron(lambda net: Backprop(net), 6, WIDTHS, 2))
    with pytest.raises(ValueError, match="only rules whose blocks learn one by one.*got Backprop"):
        create(tmp_path, Backprop(mlp(6, WIDTHS, 2)))
    with pytest.raises(ValueError, match="blocks on disk are computed on the CPU, but .* is on meta"):
        create(tmp_path, MonoForward(mlp(6, WIDTHS, 2)).to("meta"))
    with pytest.raises(ValueError, match="at least one block, got 0"):
        perceptron(MonoForward, 6, (), 2)


def test_a_block_without_weights_is_refused_by_number(tmp_path: Path) -> None:
    def block(k: int) -> nn.Module:
        return nn.ReLU() if k == 1 else draw.linear(6, 6, bias=True, generator=seeded(k))

    with pytest.raises(ValueError, match="block 1 has no weights; put its modules into the block before it"):
        create(tmp_path, Blueprint(MonoForward, block, 3, (6,), 2))


def test_what_is_kept_beside_tensors_is_refused(tmp_path: Path) -> None:
    class Told(nn.Linear):
        def get_extra_state(self) -> str:
            return "more"

    net = LayeredNet([Told(6, 5)], nn.Linear(5, 2), features=(6,))
    with pytest.raises(ValueError, match="a block on disk is made of tensors, but net.blocks.0._extra_state is a str"):
        create(tmp_path, MonoForward(net))


def test_a_weight_that_stands_twice_in_a_block_stays_one(tmp_path: Path) -> None:
    linear = nn.Linear(6, 6)
    net = LayeredNet([nn.Sequential(linear, nn.Tanh(), linear)], nn.Linear(6, 2), features=(6,))
    learner = MonoForward(net)
    assert len(tensors_of(learner.parts(0))) == 4
    for _ in train(tmp_path, learner, lesson(), RECIPES["adam"], generator=seeded()):
        pass
    for _ in fit(learner, lesson(), RECIPES["adam"], generator=seeded()):
        pass
    with opened(tmp_path, learner) as there:
        assert same(there.load(), learner)
