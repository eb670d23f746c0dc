"""What a step of a layered net takes, on the command line and from Python."""

import io
from functools import partial

import pytest
import torch
from rich.console import Console

from onward.cli import nets, ruled
from onward.nets.builders import cnn, mlp
from onward.offload.rates import Rates
from onward.training import ways
from onward.training.fit import Recipe
from onward.training.ways import WAYS, ways_to_learn
from tests.cli.test_app import call

ADAM = Recipe(partial(torch.optim.Adam, fused=True), 1)
SGD = Recipe(nets.OPTIMISERS["sgd"], 1)


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


def test_widths_may_be_repeated() -> None:
    for word, net in (
        ("mlp:20-30*2-4*1-3", mlp(20, (30, 30, 4), 3)),
        ("cnn:3x8x8-4*2-6", cnn((3, 8, 8), 6, channels=(4, 4))),
    ):
        assert nets.parse(word, bias=word.startswith("mlp")).shapes == net.shapes
    assert ruled.layers_of("5,64*3", ["mf"]) == (5, 64, 64, 64)


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("mlp:7-3400*0-10", "mlp: takes whole numbers from 1 to 100000000, or one of them so many times, as 784-"),
        ("mlp:7-3400*-10", "or one of them so many times"),
        ("mlp:7-*3-10", "or one of them so many times"),
        ("mlp:7-3*3*3-10", "or one of them so many times"),
        ("mlp:7-3400*60000-10", "mlp: takes at most 1000 layers"),
        (f"mlp:7-{'9' * 30}-10", "from 1 to 100000000"),
        (f"mlp:{'9' * 30}-7-10", "an example has from 1 to 1000000000 numbers"),
        ("mlp:7-5-10*2", "expected sizes as in mlp:784-1000-1000-10, mlp:784-3400*60-10"),
        ("cnn:3x100000x1000-1000-10", "the maps of a layer have at most 1000000000 numbers"),
    ],
)
def test_sizes_that_are_none_are_named(capsys: pytest.CaptureFixture[str], word: str, why: str) -> None:
    code, _, err = call(capsys, "explain", word)
    assert code == 2
    assert why in err
    assert err.endswith(f"got {word!r}")
    assert "\n" not in err


def test_a_net_that_no_machine_holds_is_explained_without_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    net = nets.parse("mlp:784-100000000*3-10", bias=True)
    assert {one.device.type for one in net.parameters()} == {"meta"}
    monkeypatch.setattr(nets, "rates", lambda *_: Rates(1e9, 1e9, 1e9))
    monkeypatch.setattr(ways, "Stopwatch", Instant)
    told = io.StringIO()
    nets.explain(net, 1024, "adam", "float32", Console(file=told, width=200))
    weights = 784 * 10**8 + 2 * 10**16 + 10**9 + 3 * 10**8
    assert f"{weights:,} parameters" in told.getvalue()
    assert f"{4 * weights / 1e9:.3g} GB" in told.getvalue()


class Instant:
    """Everything takes a second."""

    def __init__(self, *_: object) -> None:
        pass

    def seconds(self, _: object) -> float:
        return 1.0


@pytest.mark.parametrize("option", ["--ticks=3", "--inputs=0", "--outputs=1", "--bias=2", "--free", "--activation=relu", "--seed=0", "--draw=x.svg", "--budget=2GB"])  # fmt: skip
def test_what_is_for_meshes_is_refused_of_layers_and_the_other_way_round(
    capsys: pytest.CaptureFixture[str], option: str
) -> None:
    code, _, err = call(capsys, "explain", "mlp:5-6-3", option)
    assert (code, err) == (2, f"onward: {option.partition('=')[0]} is for meshes; 'mlp:5-6-3' is a layered net")
    for other in ("--optimiser=adam", "--products=float32"):
        code, _, err = call(capsys, "explain", "mesh:2-3-1", other)
        name = other.partition("=")[0]
        assert (code, err) == (2, f"onward: {name} is for layered nets, as mlp:784-1000-10; 'mesh:2-3-1' is a mesh")


def test_threads_are_those_that_steps_are_timed_with(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    used = []

    class Timed(Instant):
        def __init__(self, *_: object) -> None:
            used.append(torch.get_num_threads())

    monkeypatch.setattr(ways, "Stopwatch", Timed)
    monkeypatch.setattr(nets.os, "cpu_count", lambda: 2)
    before = torch.get_num_threads()
    told = [call(capsys, "explain", "mlp:5-6-3", "--threads", threads)[1] for threads in ("1", "2")]
    assert used == [1, 2]
    assert ["1 thread." in told[0], "2 threads." in told[1]] == [True, True]
    assert torch.get_num_threads() == before
    for threads in ("0", "3"):
        code, _, err = call(capsys, "explain", "mlp:5-6-3", "--threads", threads)
        assert code == 2
        assert f"--threads takes 1 to 2 threads, as many as this machine has cores, got {threads}" in err


def test_streaming_that_saves_nothing_is_said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nets, "rates", lambda *_: Rates(1e9, 1e9, 1e9))
    monkeypatch.setattr(ways, "Stopwatch", Instant)
    _, out, _ = call(capsys, "explain", "mlp:500-400-4*4-3", "--no-bias", "--optimiser", "sgd")
    *_, whole, streamed = ways_to_learn(mlp(500, (400, 4, 4, 4, 4), 3, bias=False), SGD, 32)
    assert streamed.peak > whole.peak
    more = f"{(streamed.peak - whole.peak) / 1e6:.3g} MB"
    assert f"Streaming saves nothing here: 3 times the largest block and its state take {more} more" in " ".join(
        out.split()
    )
    _, out, _ = call(capsys, "explain", "mlp:50-40*5-3", "--no-bias", "--optimiser", "sgd")
    assert "saves nothing" not in out


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
    assert "activities" in out
    assert "46.1 kB" in out  # of backpropagation: both blocks, and the last before its ReLU too, for 64 examples
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
    assert "at least 1 example and at most 1000000000, got 0" in err


def test_ways_are_ordered_as_theory_has_it_in_a_deep_net_with_a_large_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways, "Stopwatch", Instant)
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
    monkeypatch.setattr(ways, "Stopwatch", Instant)
    monkeypatch.setattr(nets, "rates", lambda *_: Rates(1e3, 1e3, 1e3))
    _, out, _ = call(capsys, "explain", "mlp:50-60-60-60-60-60-60-3", "--no-bias", "--batch", "64")
    (cost,) = ways_to_learn(mlp(50, (60,) * 6, 3, bias=False), ADAM, 64)[-1:]
    assert f"{cost.moved / 1e3:.2g}" in " ".join(out.split())
