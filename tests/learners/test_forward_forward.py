from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from onward.learners.base import AbstractLearner
from onward.learners.forward_forward import ForwardForward
from onward.learners.layer_collaboration import LayerCollaboration
from onward.learners.one_pass_forward_forward import OnePassForwardForward
from onward.learners.symba import SymBa
from onward.learners.two_passes import Peers
from onward.nets.builders import cnn, mlp, vgg8b
from onward.nets.layered import LayeredNet
from onward.training.data import Dataset, Split, partition
from onward.training.fit import Recipe, Training, fit
from onward.training.metrics import accuracy

LOCAL: dict[str, Callable[[LayeredNet], AbstractLearner]] = {
    "forward-forward": ForwardForward,
    "one pass": OnePassForwardForward,
    "symba": partial(SymBa, pattern=3),
}


def net(widths: tuple[int, ...] = (9, 8, 7), classes: int = 2, features: int = 8) -> LayeredNet:
    return mlp(features, widths, classes, generator=torch.Generator().manual_seed(2)).double()


def batch(features: int = 8, classes: int = 2) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(11, features, generator=generator, dtype=torch.float64), torch.arange(11) % classes


def mean_of(learner: ForwardForward) -> Tensor:
    """The running mean of the first block."""
    return learner.passes.means[0].get_buffer("value")


def unit(h: Tensor) -> Tensor:
    return h / h.square().mean(1, keepdim=True).sqrt()


def written(x: Tensor, y: Tensor, classes: int = 2) -> Tensor:
    return torch.cat([3 * nn.functional.one_hot(y, classes).to(x), x[:, classes:]], 1)


def test_the_credit_of_every_block_is_that_of_autograd_on_its_own_loss() -> None:
    """-log s(g+ - theta) - log(1 - s(g- - theta)), mean over examples; each block's input is detached and normalised."""
    taught = net()
    x, y = batch()
    importance = torch.linspace(0, 2, 11, dtype=torch.float64)
    learner = ForwardForward(taught, threshold=0.7)
    right, wrong = written(x, y), written(x, 1 - y)
    for k, credit in enumerate(learner.credit(x, y, importance=importance)):
        right, wrong = (taught.blocks[k](unit(h.detach())) for h in (right, wrong))
        theta = 0.7 * right.shape[1]
        p, q = (torch.sigmoid(h.square().sum(1) - theta) for h in (right, wrong))
        loss = (importance * -(p.log() + (1 - q).log())).mean()
        torch.testing.assert_close(credit.loss, loss.detach())
        assert sorted(credit.gradients) == [f"net.blocks.{k}.0.bias", f"net.blocks.{k}.0.weight"]
        for name, gradient in credit.gradients.items():
            own = taught.blocks[k].get_parameter(name.removeprefix(f"net.blocks.{k}."))
            (expected,) = torch.autograd.grad(loss, own, retain_graph=True)
            torch.testing.assert_close(gradient, expected, rtol=1e-11, atol=1e-13)


def test_peer_normalisation_adds_its_own_gradient_and_moves_the_running_mean_in_training_mode() -> None:
    taught = net((9,))
    x, y = batch()
    plain, learner = ForwardForward(taught), ForwardForward(taught, peers=Peers(0.2, 0.8))
    (with_peers,) = learner.eval().credit(x, y)
    (without,) = plain.eval().credit(x, y)
    activity = taught.blocks[0](unit(written(x, y)))
    m = 0.2 * activity.mean(0)
    value = 0.2 / 0.2 * (m - m.mean()).square().sum()
    torch.testing.assert_close(with_peers.loss - without.loss, value.detach())
    for name, gradient in with_peers.gradients.items():
        (more,) = torch.autograd.grad(value, taught.get_parameter(name.removeprefix("net.")), retain_graph=True)
        torch.testing.assert_close(gradient - without.gradients[name], more, rtol=1e-9, atol=1e-12)
    means = mean_of(learner)
    assert (means == 0).all()
    list(learner.train().credit(x, y))
    torch.testing.assert_close(means, m.detach())


def test_scores_are_the_goodness_of_all_blocks_but_the_first_with_each_label() -> None:
    taught = net(classes=3)
    x, _ = batch()
    columns = []
    for label in range(3):
        h = taught.blocks[0](unit(written(x, torch.full((11,), label), 3)))
        second = taught.blocks[1](unit(h))
        third = taught.blocks[2](unit(second))
        columns.append(second.square().sum(1) + third.square().sum(1))
    torch.testing.assert_close(ForwardForward(taught).scores(x), torch.stack(columns, 1).detach())
    first = ForwardForward(taught, read=[0]).scores(x)
    torch.testing.assert_close(ForwardForward(net((9,), 3)).scores(x), first)  # the only block there is


def test_scores_do_not_depend_on_how_many_examples_are_scored_together() -> None:
    x, _ = batch()
    for make in (ForwardForward, LayerCollaboration, OnePassForwardForward):
        learner = make(net(classes=3))
        alone = torch.cat([learner.scores(one) for one in x.split(1)])
        torch.testing.assert_close(learner.scores(x), alone)
        torch.testing.assert_close(learner.scores(x.repeat(150, 1))[:11], alone)


@pytest.mark.parametrize("rule", LOCAL)
def test_credit_of_a_block_is_bitwise_the_same_whatever_comes_after_it(rule: str) -> None:
    x, y = batch(5 if rule == "symba" else 8)
    taught = net()
    learner = LOCAL[rule](taught).eval()
    before = list(learner.credit(x, y))
    with torch.no_grad():
        for parameter in taught.blocks[2].parameters():
            parameter.normal_(generator=torch.Generator().manual_seed(9))
    after = list(learner.credit(x, y))
    for k in (0, 1):
        assert torch.equal(before[k].loss, after[k].loss)
        assert all(torch.equal(gradient, after[k].gradients[name]) for name, gradient in before[k].gradients.items())
    assert not torch.equal(before[2].loss, after[2].loss)


@pytest.mark.parametrize("rule", LOCAL)
def test_what_a_block_passes_on_is_its_activity_before_it_is_updated(rule: str) -> None:
    x, y = batch(5 if rule == "symba" else 8)
    learner = LOCAL[rule](net()).eval()
    untouched = [credit.loss for credit in learner.credit(x, y)]
    found = []
    for credit in learner.credit(x, y):
        found.append(credit.loss)
        with torch.no_grad():
            for name in credit.gradients:
                learner.get_parameter(name).zero_()
    assert all(torch.equal(one, other) for one, other in zip(found, untouched, strict=True))


@pytest.mark.parametrize("rule", [*LOCAL, "layer collaboration"])
def test_no_block_is_given_an_input_that_has_a_history(rule: str) -> None:
    x, y = batch(5 if rule == "symba" else 8)
    taught, histories = net(), []
    learner = {**LOCAL, "layer collaboration": LayerCollaboration}[rule](taught)
    for block in taught.blocks:
        block.register_forward_pre_hook(lambda _, given: histories.append(given[0].requires_grad))
    list(learner.credit(x, y))
    assert len(histories) == (6 if rule == "one pass" else 3)
    assert not any(histories)


def test_wrong_labels_change_from_batch_to_batch_and_not_in_evaluation_mode() -> None:
    learner = ForwardForward(net(classes=5))
    x, y = batch(classes=5)
    one, two = ([credit.loss for credit in learner.credit(x, y)] for _ in range(2))
    assert not torch.equal(one[0], two[0])
    learner.eval()
    one, two = ([credit.loss for credit in learner.credit(x, y)] for _ in range(2))
    assert torch.equal(one[0], two[0])


def test_learners_of_one_generator_state_draw_alike_and_of_another_do_not() -> None:
    x, y = batch(classes=5)

    def first_loss(seed: int) -> Tensor:
        learner = ForwardForward(net(classes=5), generator=torch.Generator().manual_seed(seed))
        return next(learner.credit(x, y)).loss

    assert torch.equal(first_loss(1), first_loss(1))
    assert not torch.equal(first_loss(1), first_loss(2))


def test_passes_apart_are_right_labels_then_wrong_ones_for_as_many_batches() -> None:
    taught = net((9,))
    x, y = batch()
    g = [taught.blocks[0](unit(written(x, label))).square().sum(1).detach() - 0.1 * 9 for label in (y, 1 - y)]
    rising, falling = nn.functional.softplus(-g[0]).mean(), nn.functional.softplus(g[1]).mean()
    learner = ForwardForward(taught, apart=2)
    for expected in (rising, rising, falling, falling, rising):
        (credit,) = learner.credit(x, y)
        torch.testing.assert_close(credit.loss, expected)
    (both,) = ForwardForward(taught).credit(x, y)
    torch.testing.assert_close(both.loss, rising + falling)


def test_batches_of_wrong_labels_alone_leave_peer_normalisation_out() -> None:
    x, y = batch()
    plain, learner = ForwardForward(net((9,)), apart=1), ForwardForward(net((9,)), apart=1, peers=Peers())
    (rising, falling), (_, expected) = ([next(one.credit(x, y)) for _ in range(2)] for one in (learner, plain))
    means = mean_of(learner).clone()
    assert rising.loss > next(ForwardForward(net((9,)), apart=1).credit(x, y)).loss
    assert torch.equal(falling.loss, expected.loss)
    next(learner.credit(x, y))
    torch.testing.assert_close(mean_of(learner), 1.9 * means)  # 0.9 of it stays, as much comes


@pytest.mark.parametrize("kind", ["plain", "peers", "apart", "one pass"])
def test_a_run_that_is_taken_up_again_ends_bitwise_as_if_it_had_not_been_left(kind: str) -> None:
    def run(seed: int) -> Training:
        generator = torch.Generator().manual_seed(seed)
        make: dict[str, Callable[[], AbstractLearner]] = {
            "plain": lambda: ForwardForward(net(classes=5), generator=generator),
            "peers": lambda: ForwardForward(net(classes=5), peers=Peers(), generator=generator),
            "apart": lambda: ForwardForward(net(classes=5), apart=3, generator=generator),
            "one pass": lambda: OnePassForwardForward(net(classes=5), generator=generator),
        }
        x, y = batch(classes=5)
        data = Dataset("any", Split(x, y), Split(x, y))
        recipe = Recipe(partial(torch.optim.Adam, lr=0.01), epochs=4, batch=3)
        return Training(make[kind](), data, recipe, generator=torch.Generator().manual_seed(7))

    whole, left, taken_up = run(1), run(1), run(2)
    list(whole.epochs())
    steps = left.steps()
    for _ in range(6):
        next(steps)
    taken_up.load(left.state())
    list(taken_up.epochs())
    for name, value in whole.learner.state_dict().items():
        assert torch.equal(value, taken_up.learner.state_dict()[name]), name


def test_a_block_that_does_not_learn_yields_no_parcel_and_still_passes_its_activity_on() -> None:
    taught, x, y = net(), *batch()
    second = list(ForwardForward(taught).eval().credit(x, y))[1]
    taught.blocks[0].requires_grad_(False)
    found = list(ForwardForward(taught).eval().credit(x, y))
    assert len(found) == 2
    assert torch.equal(found[0].loss, second.loss)


@pytest.mark.parametrize(
    ("make", "shape"),
    [(partial(cnn, channels=(4, 6)), (1, 6, 6)), (partial(vgg8b, multiplier=0.05), (2, 8, 8)), (partial(mlp, widths=(9, 7)), (1, 4, 4))],
)  # fmt: skip
def test_pictures_are_learned_by_blocks_of_any_kind(make: Callable[..., LayeredNet], shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(6, *shape, generator=generator), torch.arange(6) % 3
    for rule in (ForwardForward, OnePassForwardForward, LayerCollaboration):
        learner = rule(make(shape, outputs=3, generator=torch.Generator().manual_seed(1)))
        named = {name for credit in learner.credit(x, y) for name in credit.gradients}
        assert named == set(dict(learner.named_parameters()))
        assert learner.scores(x).shape == (6, 3)


def test_the_head_of_the_net_is_no_part_of_what_learns() -> None:
    taught = net()
    for rule in (ForwardForward, OnePassForwardForward, LayerCollaboration, partial(SymBa, pattern=3)):
        assert taught.head is not None
        theirs = [id(parameter) for parameter in rule(taught).parameters()]
        assert id(taught.head.get_parameter("weight")) not in theirs
        assert id(taught.blocks[0].get_parameter("0.weight")) in theirs


def test_products_of_half_precision_give_credit_of_single_precision_near_the_true_one() -> None:
    taught = mlp(40, (60, 50), 10, generator=torch.Generator().manual_seed(2))
    x, y = torch.randn(30, 40, generator=torch.Generator().manual_seed(0)), torch.arange(30) % 10
    for make in (ForwardForward, OnePassForwardForward, LayerCollaboration, partial(SymBa, pattern=10)):
        learner = make(taught).eval()
        inputs = x[:, :30] if make not in (ForwardForward, OnePassForwardForward, LayerCollaboration) else x
        exact, scores = list(learner.credit(inputs, y)), learner.scores(inputs)
        with torch.autocast("cpu", torch.bfloat16):
            rough, near = list(learner.credit(inputs, y)), learner.scores(inputs)
        assert near.dtype == torch.float32
        assert not torch.equal(near, scores)
        torch.testing.assert_close(near, scores, rtol=0.05, atol=0.05)
        for one, other in zip(exact, rough, strict=True):
            for name, gradient in one.gradients.items():
                assert other.gradients[name].dtype == torch.float32
                assert (other.gradients[name] - gradient).norm() < 0.05 * gradient.norm()


@pytest.mark.parametrize(
    ("make", "epochs"),
    [
        (ForwardForward, 10),
        pytest.param(partial(ForwardForward, threshold=1.0, strength=1.0), 30, marks=pytest.mark.slow),
        pytest.param(partial(ForwardForward, peers=Peers()), 30, marks=pytest.mark.slow),
        pytest.param(partial(ForwardForward, apart=1), 40, marks=pytest.mark.slow),
        pytest.param(OnePassForwardForward, 10, marks=pytest.mark.slow),
        pytest.param(LayerCollaboration, 30, marks=pytest.mark.slow),
    ],
)
def test_handwritten_digits_are_learned(make: Callable[..., AbstractLearner], epochs: int) -> None:
    data = digits(room=10)
    learner = make(mlp(74, (200, 200), None, generator=torch.Generator().manual_seed(0)), 10)
    recipe = Recipe(partial(torch.optim.Adam, lr=5e-3), epochs=epochs, batch=50)
    *_, _last = fit(learner, data, recipe, generator=torch.Generator().manual_seed(0))
    assert accuracy(learner.scores(data.test.x), data.test.y) > 0.9


def test_the_defaults_learn_digits_from_the_first_passes_on() -> None:
    """The measurement that chose them, made small: a threshold of 1 and labels of 1 are still near chance here."""
    data, right = digits(room=10), {}
    for words, rule in {
        "default": ForwardForward,
        "ones": partial(ForwardForward, threshold=1.0, strength=1.0),
    }.items():
        learner = rule(mlp(74, (100, 100), 10, generator=torch.Generator().manual_seed(0)))
        recipe = Recipe(partial(torch.optim.Adam, lr=0.001), epochs=4, batch=64)
        *_, _last = fit(learner, data, recipe, generator=torch.Generator().manual_seed(0))
        right[words] = accuracy(learner.scores(data.test.x), data.test.y).item()
    assert right["default"] > 0.65
    assert right["ones"] < 0.35


def digits(room: int) -> Dataset:
    """The 8 x 8 digits of scikit-learn with some numbers before each that a label may be written over."""
    x, y = (np.asarray(part) for part in load_digits(return_X_y=True))
    data = partition("digits", x, y, seed=0, test=0.2, validation=0)

    def wider(split: Split) -> Split:
        return Split(torch.cat([torch.zeros(len(split), room), split.x], 1), split.y)

    return Dataset(data.name, wider(data.train), wider(data.test))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ForwardForward(net(), threshold=0.0), "threshold must be above 0, got 0.0"),
        (lambda: ForwardForward(net(), apart=0), "at least 1 batch apart, got 0"),
        (lambda: ForwardForward(net(), read=[3]), r"blocks between 0 and 2 to read, got \[3\]"),
        (lambda: ForwardForward(net(), read=[]), r"blocks between 0 and 2 to read, got \[\]"),
        (lambda: ForwardForward(net(), 8), "first 8 numbers of an input, but it has only 8"),
        (lambda: ForwardForward(mlp(8, (5,), None)), "no head to tell the number of classes"),
        (lambda: ForwardForward(mlp(8, (5,), None), 1), "at least two classes, got 1"),
        (lambda: Peers(momentum=1.0), "at least 0 and below 1, got 1.0"),
    ],
)
def test_what_cannot_be_taught_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_values_to_predict_are_refused() -> None:
    x, _ = batch()
    for make in (ForwardForward, OnePassForwardForward, LayerCollaboration):
        with pytest.raises(ValueError, match=r"takes class numbers \(int64\), got targets of torch.float64"):
            list(make(net()).credit(x, x[:, :2]))
