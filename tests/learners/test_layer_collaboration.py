import torch
from torch import Tensor, nn

from onward.learners.forward_forward import ForwardForward
from onward.learners.layer_collaboration import LayerCollaboration
from onward.nets.builders import mlp
from onward.nets.layered import LayeredNet

X = torch.randn(12, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
Y = torch.arange(12) % 2


def net(widths: tuple[int, ...] = (9, 8, 7)) -> LayeredNet:
    return mlp(8, widths, 2, generator=torch.Generator().manual_seed(2)).double()


def goodness_of_all(taught: LayeredNet, y: Tensor) -> list[Tensor]:
    h, found = torch.cat([3 * nn.functional.one_hot(y, 2).to(X), X[:, 2:]], 1), []
    for block in taught.blocks:
        h = block(h / h.square().mean(1, keepdim=True).sqrt()).detach().requires_grad_(False)
        found.append(h.square().sum(1))
    return found


def test_every_block_is_blamed_through_its_own_goodness_in_one_probability_of_all() -> None:
    taught = net()
    importance = torch.linspace(0, 2, 12, dtype=torch.float64)
    theta = 0.5 * (9 + 8 + 7)
    constants = [goodness_of_all(taught, label) for label in (Y, 1 - Y)]
    inputs = [torch.cat([3 * nn.functional.one_hot(label, 2).to(X), X[:, 2:]], 1) for label in (Y, 1 - Y)]
    found = list(LayerCollaboration(taught, threshold=0.5).credit(X, Y, importance=importance))
    assert len(found) == 3
    for k, credit in enumerate(found):
        inputs = [taught.blocks[k](h.detach() / h.detach().square().mean(1, keepdim=True).sqrt()) for h in inputs]
        right, wrong = (
            torch.sigmoid(h.square().sum(1) + sum(g for j, g in enumerate(others) if j != k) - theta)
            for h, others in zip(inputs, constants, strict=True)
        )
        loss = (importance * -(right.log() + (1 - wrong).log())).mean()
        torch.testing.assert_close(credit.loss, loss.detach())
        for name, gradient in credit.gradients.items():
            own = taught.get_parameter(name.removeprefix("net."))
            (expected,) = torch.autograd.grad(loss, own, retain_graph=True)
            torch.testing.assert_close(gradient, expected, rtol=1e-10, atol=1e-13)


def test_credit_of_the_first_block_depends_on_the_weights_of_the_last() -> None:
    taught = net()
    learner = LayerCollaboration(taught).eval()
    before = next(learner.credit(X, Y))
    with torch.no_grad():
        taught.blocks[2].get_parameter("0.weight").mul_(1.5)
    after = next(learner.credit(X, Y))
    assert not torch.equal(before.gradients["net.blocks.0.0.weight"], after.gradients["net.blocks.0.0.weight"])


def test_updates_between_parcels_do_not_change_the_credit_of_later_blocks() -> None:
    learner = LayerCollaboration(net()).eval()
    untouched = list(learner.credit(X, Y))
    for k, credit in enumerate(learner.credit(X, Y)):
        for name, gradient in credit.gradients.items():
            assert torch.equal(gradient, untouched[k].gradients[name])
            with torch.no_grad():
                learner.get_parameter(name).zero_()


def test_one_block_has_nobody_to_work_with_so_it_learns_as_in_forward_forward() -> None:
    taught = net((9,))
    (one,), (other,) = (list(rule(taught).credit(X, Y)) for rule in (LayerCollaboration, ForwardForward))
    torch.testing.assert_close(one.loss, other.loss)
    for name, gradient in one.gradients.items():
        torch.testing.assert_close(gradient, other.gradients[name])
