"""Gradient and Gauss-Newton curvature against autograd: a Jacobian by reverse mode, a Hessian of the loss by double reverse."""

import pytest
import torch
from torch import Tensor

from onward import graphs
from onward.kernels import losses
from onward.kernels.losses import Loss
from onward.learners.forward_only import ForwardOnly
from onward.nets.mesh import MeshNet

LOSSES = [losses.cross_entropy, losses.mean_squared_error, losses.binary_cross_entropy]
X = torch.randn(7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
IMPORTANCE = torch.tensor([0.0, 1.0, 2.0, 0.5, 1.5, 1.0, 1.0], dtype=torch.float64)


def target(loss: Loss) -> Tensor:
    return (
        torch.arange(7) % 3
        if loss.classes
        else torch.rand(7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    )


def mesh(ticks: int = 3) -> MeshNet:
    generator = torch.Generator().manual_seed(2)
    return MeshNet(graphs.mesh(3, 4, 3), ticks, hidden="tanh", generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_root_squares_to_the_second_derivative_of_the_loss(loss: Loss, weighted: bool) -> None:
    importance = IMPORTANCE if weighted else None
    outputs = torch.randn(7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    hessian = torch.autograd.functional.hessian(lambda y: loss(y, target(loss), importance)[0], outputs)
    assert isinstance(hessian, Tensor)
    root = loss.curvature_root(outputs, importance)
    for b in range(7):
        torch.testing.assert_close(root[b].T @ root[b], hessian[b, :, b], rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
@pytest.mark.parametrize("every_tick", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("engine", ["factored", "influence"])
def test_gradient_and_curvature_are_those_of_autograd(loss: Loss, every_tick: bool, weighted: bool, engine: str) -> None:
    net, importance = mesh(), IMPORTANCE if weighted else None
    y = target(loss)
    ours = ForwardOnly(net, losses.every_tick(loss) if every_tick else loss, engine=engine).quadratic(
        X, y, importance=importance
    )
    weight = net.weight.detach()
    read = range(1, 4) if every_tick else [3]

    def outputs(w: Tensor, tick: int) -> Tensor:
        other = mesh()
        return torch.func.functional_call(_States(other), {"net.weight": w}, (X,))[:, tick, -3:]

    def value(w: Tensor) -> Tensor:
        return torch.stack([loss(outputs(w, tick), y, importance)[0] for tick in read]).mean()

    gradient = torch.autograd.functional.jacobian(value, weight)
    curvature = torch.zeros(len(weight), len(weight), dtype=torch.float64)
    for tick in read:
        jacobian = torch.autograd.functional.jacobian(lambda w, tick=tick: outputs(w, tick), weight).flatten(0, 1)
        hessian = torch.autograd.functional.hessian(lambda at: loss(at, y, importance)[0], outputs(weight, tick))
        hessian = torch.as_tensor(hessian).reshape(21, 21)
        curvature += jacobian.T @ hessian @ jacobian / len(read)
    torch.testing.assert_close(ours.value, value(weight), rtol=1e-12, atol=0)
    torch.testing.assert_close(ours.gradient, gradient, rtol=1e-10, atol=1e-13)
    torch.testing.assert_close(ours.curvature, curvature, rtol=1e-10, atol=1e-13)
    assert ours.curvature.abs().max() > 1e-3


class _States(torch.nn.Module):
    def __init__(self, net: MeshNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return self.net.states(x)


def test_a_loss_that_does_not_know_its_curvature_is_refused() -> None:
    huber = losses.differentiable("huber", torch.nn.functional.huber_loss)
    with pytest.raises(ValueError, match="second-order steps need the curvature of the loss, which 'huber' does not give"):
        ForwardOnly(mesh(), huber).quadratic(X, torch.zeros(7, 3, dtype=torch.float64))
    with pytest.raises(ValueError, match="'huber' is one number a batch, so its examples cannot be weighted"):
        next(ForwardOnly(mesh(), huber).credit(X, torch.zeros(7, 3, dtype=torch.float64), importance=IMPORTANCE))
