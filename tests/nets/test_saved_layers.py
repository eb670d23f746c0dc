"""A layered net comes back from its parts as it was; what is no net, or more than fits, is refused before it is made."""

import copy
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from onward.blocks.plugging import add, cut
from onward.learners.mono_forward import MonoForward
from onward.nets import draw, projections
from onward.nets.builders import cnn, mixer, mlp, vgg8b
from onward.nets.described import KINDS, NAMES, describe_module, make_module
from onward.nets.layered import LayeredNet
from onward.nets.saved_layers import from_parts, parts


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def own() -> LayeredNet:
    """A user's modules, most of them with settings that are not the default."""
    convolutions = nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 4, 3, stride=(2, 1), padding="valid", padding_mode="reflect"),
        nn.BatchNorm2d(4, eps=0.5, momentum=None),
        nn.LeakyReLU(0.3, inplace=True),
        nn.Conv2d(4, 4, (3, 1), padding=(1, 0), groups=2, bias=False),
        nn.GroupNorm(2, 4),
        nn.ELU(0.7),
        nn.MaxPool2d(2, 1, padding=1),
        nn.AvgPool2d(2, count_include_pad=False),
        nn.Dropout2d(0.3),
        nn.AdaptiveAvgPool2d((2, None)),
        nn.Flatten(),
        nn.Linear(24, 6),
        nn.LayerNorm(6, eps=0.1, bias=False),
        nn.PReLU(6),
        nn.Linear(6, 6, bias=False),
        nn.GELU("tanh"),
        nn.Dropout(0.4),
        nn.Linear(6, 3),
    )
    return LayeredNet.from_sequential(convolutions, 64, seed=5)


NETS: dict[str, Callable[[], LayeredNet]] = {
    "mlp": lambda: mlp((2, 3), (5, 4), 2, generator=seeded()),
    "mlp with more": lambda: mlp(
        6, (5,), 2, activation=nn.Tanh, normalise=nn.BatchNorm1d, projection=projections.two_layer, initialise=draw.he
    ),
    "mlp of one's own activation": lambda: mlp(6, (5, 4), 2, activation=partial(nn.LeakyReLU, 0.3)).double(),
    "frozen head": lambda: mlp(6, (5,), 2, projection=projections.frozen),
    "no head": lambda: mlp(6, (5, 4), None),
    "cnn": lambda: cnn((1, 8, 8), 3, channels=(2, 3), generator=seeded(3)),
    "vgg8b": lambda: vgg8b((3, 8, 8), 3, multiplier=0.03, dropout=0.2, generator=seeded(4)),
    "mixer": lambda: mixer((3, 8, 8), 3, width=8, depth=2),
    "mixer without biases": lambda: mixer((3, 8, 8), 3, width=8, depth=2, bias=False),
    "vgg8b without biases": lambda: vgg8b((3, 8, 8), 3, multiplier=1 / 32, bias=False),
    "own": own,
    "cut": lambda: MonoForward(mlp(6, (5, 4, 3), 2)).truncate(2),
    "grown": lambda: add(MonoForward(mlp(6, (5, 4), 2)), nn.Sequential(nn.Linear(4, 3), nn.SiLU())).net,
    "half": lambda: mlp(6, (5,), 2).to(torch.bfloat16),
}


def lived(net: LayeredNet) -> LayeredNet:
    """Move every buffer of a net from where it began."""
    for buffer in net.buffers():
        buffer += 1
    return net


@pytest.mark.parametrize("name", NETS)
def test_a_net_comes_back(name: str) -> None:
    before = lived(NETS[name]())
    tensors, configuration = parts(before)
    after = from_parts(tensors, json.loads(json.dumps(configuration)))
    assert str(after) == str(before)
    assert after.state_dict().keys() == before.state_dict().keys()
    for key, tensor in before.state_dict().items():
        torch.testing.assert_close(after.state_dict()[key], tensor, rtol=0, atol=0)
    assert (after.shapes, after.seed, after.training) == (before.shapes, before.seed, False)
    assert {key: one.requires_grad for key, one in after.named_parameters()} == {
        key: one.requires_grad for key, one in before.named_parameters()
    }
    if before.head is not None:
        x = torch.randn(4, *before.shapes[0], generator=seeded(1)).to(next(before.parameters()).dtype)
        assert torch.equal(after(x), before.eval()(x))


def test_a_net_that_comes_back_learns_as_the_first_does() -> None:
    nets = [vgg8b((3, 8, 8), 3, multiplier=0.03, dropout=0.3, generator=seeded(4)) for _ in range(2)]
    nets[1] = from_parts(*parts(nets[1])).train()
    x, y = torch.randn(6, 3, 8, 8, generator=seeded(2)), torch.arange(6) % 3
    one, other = (list(MonoForward(net.train()).train().credit(x, y)) for net in nets)
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a.gradients, b.gradients, rtol=0, atol=0)


def test_the_parts_share_no_memory_with_the_net() -> None:
    net = mlp(3, (4,), 2)
    tensors, configuration = parts(net)
    after = from_parts(tensors, configuration)
    for tensor in (*tensors.values(), *after.parameters()):
        tensor.data.fill_(7.0)
    assert not any((one == 7).any() for one in net.parameters())
    with torch.no_grad():
        next(after.parameters()).fill_(8.0)
    assert not any((one == 8).any() for one in tensors.values())


class Own(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.map = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.map(x)


def _doubled(module: nn.Module, given: Any, emitted: torch.Tensor) -> torch.Tensor:
    return 2 * emitted


def hooked() -> nn.Module:
    layer = nn.Linear(4, 4)
    layer.register_forward_hook(_doubled)
    return layer


def of_blocks(*blocks: nn.Module) -> LayeredNet:
    return LayeredNet(blocks, nn.Linear(4, 2), features=(4,))


def tied() -> LayeredNet:
    one = nn.Linear(4, 4)
    return of_blocks(nn.Sequential(one, nn.ReLU(), one))


def infinite() -> LayeredNet:
    net = mlp(4, (3,), 2)
    next(net.parameters()).data[0] = torch.inf
    return net


INSTEAD = r"; onward.save_weights\(net, path\) keeps its weights alone, and onward.load_weights\(net, path\) puts them into a net that"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: of_blocks(Own()), "a Own is not among the modules that a file can describe" + INSTEAD),
        (lambda: of_blocks(nn.Linear(4, 4), nn.Sequential(nn.Tanh(), Own())), "a Own is not among" + ".*" + INSTEAD),
        (lambda: of_blocks(hooked()), "a Linear with hooks or parametrisations cannot be described in a file" + INSTEAD),
        (lambda: of_blocks(nn.utils.parametrizations.weight_norm(nn.Linear(4, 4))), "not among|with hooks or param"),
        (tied, "a parameter stands in two places, which a file would part; onward.save_weights keeps the weights"),
        (
            lambda: of_blocks(nn.Linear(4, 4), nn.Linear(4, 4)).double().blocks and mixed(),
            "must be .* in torch.float32, got",
        ),
        (infinite, "blocks.0.0.weight must be finite"),
        (lambda: LayeredNet([nn.Identity()], None, features=(4,)), "a net that is saved must have weights, got none"),
        (lambda: LayeredNet([nn.Linear(4, 4)], None, features=(4,), seed=2**60), "a seed must be a whole number within"),
    ],
)
def test_what_could_not_come_back_is_refused_with_what_can_be_done(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words) as refused:
        parts(make())
    assert "\n" not in str(refused.value)


def mixed() -> LayeredNet:
    net = of_blocks(nn.Linear(4, 4), nn.Linear(4, 4))
    net.blocks[1].double()
    return net


Change = Callable[[dict[str, Any], dict[str, torch.Tensor]], object]
FIRST = "blocks.0.1.weight"
HUGE = 10**12
HOSTILE: dict[str, Change] = {
    "a key too many": lambda c, t: c.update(code="import os"),
    "a key too few": lambda c, t: c.pop("seed"),
    "no blocks": lambda c, t: c.update(blocks=[]),
    "blocks of text": lambda c, t: c.update(blocks="Linear"),
    "a kind that is no text": lambda c, t: c["blocks"][0].update(kind=["Sequential"]),
    "an unknown kind": lambda c, t: c["blocks"][0]["parts"][1][1].update(kind="torch.nn.Linear"),
    "a kind of code": lambda c, t: c["blocks"][0]["parts"][1][1].update(kind="__import__"),
    "a setting too many": lambda c, t: c["blocks"][0]["parts"][1][1].update(device="cpu"),
    "a setting too few": lambda c, t: c["blocks"][0]["parts"][1][1].pop("bias"),
    "a setting of text": lambda c, t: c["blocks"][0]["parts"][1][1].update(bias="yes"),
    "a number in the place of an answer": lambda c, t: c["blocks"][0]["parts"][1][1].update(bias=3),
    "more neurons than memory": lambda c, t: c["blocks"][0]["parts"][1][1].update(out_features=HUGE),
    "many neurons": lambda c, t: c["blocks"][0]["parts"][1][1].update(out_features=2**30, in_features=2**30),
    "no neurons": lambda c, t: c["blocks"][0]["parts"][1][1].update(out_features=-1),
    "a part without a name": lambda c, t: c["blocks"][0]["parts"][1].__setitem__(0, None),
    "a part named like a method": lambda c, t: c["blocks"][0]["parts"][1].__setitem__(0, "forward"),
    "a part with a point in its name": lambda c, t: c["blocks"][0]["parts"][1].__setitem__(0, "a.b"),
    "two parts of one name": lambda c, t: c["blocks"][0]["parts"].append(["0", {"kind": "ReLU", "inplace": False}]),
    "parts that are no list": lambda c, t: c["blocks"][0].update(parts={"0": 1}),
    "an input of more numbers than memory": lambda c, t: c.update(features=[HUGE, 3]),
    "an input of many axes": lambda c, t: c.update(features=[1] * 100 + [6]),
    "an input of text": lambda c, t: c.update(features=["2", 3]),
    "an input that does not fit": lambda c, t: c.update(features=[7]),
    "a head that is no module": lambda c, t: c.update(head=3),
    "a head of another size": lambda c, t: c["head"].update(in_features=9),
    "a seed of text": lambda c, t: c.update(seed="0"),
    "a huge seed": lambda c, t: c.update(seed=2**62),
    "an unknown dtype": lambda c, t: c.update(dtype="int64"),
    "a dtype that is none": lambda c, t: c.update(dtype=[1]),
    "another dtype": lambda c, t: c.update(dtype="float64"),
    "an unknown resting parameter": lambda c, t: c.update(resting=["blocks.9.weight"]),
    "resting parameters that are no list": lambda c, t: c.update(resting=FIRST),
    "weights of another shape": lambda c, t: t.update({FIRST: t[FIRST].T.contiguous()}),
    "weights of another dtype": lambda c, t: t.update({FIRST: t[FIRST].double()}),
    "weights that are not finite": lambda c, t: t[FIRST].fill_(float("nan")),
    "a weight too few": lambda c, t: t.pop(FIRST),
    "a weight too many": lambda c, t: t.update(spare=torch.zeros(2)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_describes_no_net_is_refused(name: str) -> None:
    tensors, configuration = parts(mlp((2, 3), (5, 4), 2))
    HOSTILE[name](configuration, tensors)
    with pytest.raises(ValueError, match=".") as refused:
        from_parts(tensors, configuration)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 900


@pytest.mark.parametrize(
    "module",
    [
        {"kind": "Conv2d", "in_channels": 1, "out_channels": 1, "kernel_size": [1, 1], "stride": [1, 1],
         "padding": [2**20, 2**20], "dilation": [1, 1], "groups": 1, "bias": True, "padding_mode": "zeros"},
        {"kind": "AdaptiveAvgPool2d", "output_size": 2**20},
    ],
)  # fmt: skip
def test_a_module_that_would_emit_more_than_fits_is_refused_before_it_is_run(module: dict[str, Any]) -> None:
    tensors, configuration = parts(cnn((1, 4, 4), 2, channels=(1,)))
    inner = configuration["blocks"][0]["parts"]
    inner[1][1] = module
    tensors |= {"blocks.0.1.weight": torch.zeros(1, 1, 1, 1), "blocks.0.1.bias": torch.zeros(1)}
    with pytest.raises(ValueError, match="would emit more than 2147483648 numbers"):
        from_parts(tensors, configuration)


def test_any_value_in_the_place_of_another_is_refused_or_harmless() -> None:
    tensors, configuration = parts(own())
    refused: list[str] = []
    for place in list(_places(configuration)):
        for odd in (None, True, -1, 1e308, "x", [[1]], 2**62):
            changed = copy.deepcopy(configuration)
            inner: Any = changed
            for key in place[:-1]:
                inner = inner[key]
            inner[place[-1]] = odd
            try:
                net = from_parts(tensors, changed)
            except ValueError as error:
                refused.append(str(error))
            else:
                net(torch.zeros(1, 64))
    assert len(refused) > 400
    assert not any("\n" in sentence for sentence in refused)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Any:
    if path:
        yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inside:
        yield from _places(one, (*path, key))


def test_every_kind_is_described_and_made() -> None:
    """Of modules with settings other than the default where there are any; each has its own name."""
    seen = set()
    for make in NETS.values():
        stack = list(make().modules())
        seen |= {describe_module(one)["kind"] for one in stack if type(one) in NAMES}
    rest = {
        "Conv1d": nn.Conv1d(2, 4, 3, padding=1, groups=2),
        "Unfold": nn.Unfold(2, dilation=2, padding=1, stride=3),
        "Sigmoid": nn.Sigmoid(),
        "Identity": nn.Identity(),
        "ReLU": nn.ReLU(inplace=True),
    }
    for name, module in rest.items():
        assert describe_module(module)["kind"] == name
        assert str(make_module(describe_module(module))) == str(module)
    assert seen | set(rest) == set(KINDS)


def test_a_learner_that_was_cut_keeps_its_net() -> None:
    learner = cut(MonoForward(mlp(6, (5, 4, 3), 2)), 2)
    after = from_parts(*parts(learner.net))
    x = torch.randn(3, 6, generator=seeded())
    assert torch.equal(after(x), learner.scores(x))
