"""What a step of a layered net takes, on the command line and from Python."""

from functools import partial

import pytest
import torch

from onward.cli import nets
from onward.nets.builders import cnn, mlp
from onward.offload.rates import Rates
from onward.training.fit import Recipe
from onward.training.ways import WAYS, ways_to_learn
from tests.cli.test_app import call

ADAM = Recipe(partial(torch.optim.Adam, fused=True), 1)


def test_a_word_names_a_net() -> None:
    for word, net in (
        ("mlp:20-30-40-3", mlp(20, (30, 40), 3)),
        ("mlp:1x4x5-30-3", mlp((1, 4, 5), (30,), 3)),
        ("cnn:3x8x8-4-5-6", cnn((3, 8, 8), 6, channels=(4, 5), bias=True)),
    ):
        found = nets.parse(word, bias=True)
        assert [one.shape for one in found.parameters()] == [one.shape for one in net.parameters()]
        assert found.shapes == net.shapes
    assert len(list(nets.parse("mlp:20-30-3", bias=False).parameters())) == 2


@pytest.mark.parametrize("word", ["mlp:", "mlp:3", "mlp:3-4", "mlp:3-a-4", "mlp:3x3-4-5", "cnn:9-4-5", "cnn:3x8-4-5"])
def test_words_that_name_no_net_are_refused_in_a_sentence(capsys: pytest.CaptureFixture[str], word: str) -> None:
    code, _, err = call(capsys, "explain", word)
    assert code == 2
    assert f"got {word!r}" in err


def test_explain_says_what_every_way_takes(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "explain", "mlp:50-60-60-3", "--no-bias", "--batch", "64", "--optimiser", "sgd")
    assert code == 0
    assert "2 blocks on inputs of 50, 3 outputs, 6,780 parameters" in out
    assert "27.1 kB" in out  # weights of 4 bytes
    assert "Mono-Forward" in out
    assert "this net would be there whole" in " ".join(out.split())  # all blocks would be in memory
    _, out, _ = call(capsys, "explain", "mlp:50-60-60-60-60-60-60-3", "--no-bias", "--batch", "64")
    assert "3 blocks in memory, the others on disk" in " ".join(out.split())
    assert "GB a second), if that is slower" in " ".join(out.split())
    for option, value in (("--optimiser", "lion"), ("--products", "int8")):
        code, _, err = call(capsys, "explain", "mlp:5-6-3", option, value)
        assert code == 2
        assert f"got '{value}'" in err
    code, _, err = call(capsys, "explain", "mlp:5-6-3", "--batch", "0")
    assert code == 2
    assert "at least 1 example, got 0" in err


def test_ways_are_ordered_as_theory_has_it_in_a_deep_net_with_a_large_batch() -> None:
    with torch.device("meta"):
        net = mlp(100, (100,) * 16, 10)
    costs = dict(zip([*WAYS, "streamed"], ways_to_learn(net, ADAM, 4096), strict=True))
    assert costs["streamed"].peak < costs["mf"].peak < costs["bp-recomputed"].peak < costs["bp"].peak
    assert costs["bp-pieces"].peak < costs["bp"].peak
    assert costs["mf"].products < costs["bp"].products == costs["bp-pieces"].products < costs["bp-recomputed"].products
    assert costs["mf"].parameters == costs["bp"].parameters + 15 * 4 * 100 * 10
    assert all(cost.seconds > 0 for cost in costs.values())
    assert [name for name, cost in costs.items() if cost.moved] == ["streamed"]
    assert costs["streamed"].moved == 2 * (costs["mf"].parameters + costs["mf"].optimiser)


def test_where_the_disk_is_slower_than_the_products_it_decides(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nets, "rates", lambda *_: Rates(1e3, 1e3, 1e3))
    _, out, _ = call(capsys, "explain", "mlp:50-60-60-60-60-60-60-3", "--no-bias", "--batch", "64")
    (cost,) = ways_to_learn(mlp(50, (60,) * 6, 3, bias=False), ADAM, 64)[-1:]
    assert f"{cost.moved / 1e3:.3g}" in " ".join(out.split())
