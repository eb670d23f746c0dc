"""One gradient by automatic differentiation, of either mode, of a run that is written by hand for the net at hand.

Written as one writes it who knows what it costs: what static inputs bring is multiplied once, the first tick, which starts from zero, takes no
product with the state, outputs that feed nobody are computed where they are read, and edges are laid out as a matrix once a step.

Axes: b batch, i features, o outputs, e edges.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from onward.learners.backprop import Backprop
from onward.nets.mesh import MeshNet
from onward.papers.mesh_neural_networks.gradient_tasks import Step, Task


def outputs_by_hand(net: MeshNet) -> Callable[[Tensor, Tensor], Tensor]:
    """Give the function of weights and inputs (`b i`, or `i`) that automatic differentiation is let loose on."""
    topology, ticks = net.topology, net.ticks
    fixed, free, last = topology.fixed, topology.free, topology.outputs
    apart = ticks > 1 and topology.speaking + last == free  # no output feeds anybody
    moved = topology.speaking if apart else free

    def outputs(weight: Tensor, x: Tensor) -> Tensor:
        x = functional.pad(x, (0, 1), value=1.0) if topology.bias else x
        w = weight.new_zeros((fixed + moved) * free).scatter(0, net.place, weight).view(fixed + moved, free)
        moving, reading = w.split((moved, last), dim=1) if apart else (w, w)
        of_inputs, recurrent = moving.split((fixed, moved))
        brought = x @ of_inputs
        activity = torch.relu(brought)
        for _ in range(ticks - 1 - apart):
            activity = torch.relu(_plus(brought, activity, recurrent))
        return torch.relu(torch.cat([x, activity], dim=-1) @ reading) if apart else activity[..., -last:]

    return outputs


def _plus(brought: Tensor, activity: Tensor, recurrent: Tensor) -> Tensor:
    return torch.addmm(brought, activity, recurrent) if activity.ndim == 2 else brought + activity @ recurrent


def loss_by_hand(given: Task) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """Give the loss as a function of weights, inputs and labels."""
    run = outputs_by_hand(given.net)
    return lambda weight, x, y: functional.cross_entropy(run(weight, x), y)


def jacobian(given: Task, *, transform: Callable[..., Any]) -> Step:
    """The Jacobian of all outputs by `torch.func.jacfwd` or `jacrev`, over examples by `vmap`, then met with the error."""
    run, weight = outputs_by_hand(given.net), given.net.weight.detach()

    def twice(weight: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        scores = run(weight, x)
        return scores, scores

    of_all = torch.func.vmap(transform(twice, has_aux=True), in_dims=(None, 0))

    def step() -> Tensor:
        derivative, scores = of_all(weight, given.x)
        right = functional.one_hot(given.y, scores.shape[1])
        return torch.einsum("boe,bo->e", derivative, (scores.softmax(1) - right) / len(scores))

    return step


def jacfwd_of_loss(given: Task) -> Step:
    """The derivative of the loss of the batch, one number, by `torch.func.jacfwd`: one tangent an edge for all examples together."""
    ready, weight = torch.func.jacfwd(loss_by_hand(given)), given.net.weight.detach()
    return lambda: ready(weight, given.x, given.y)


def backprop_through_time(given: Task, *, compiled: bool = False) -> Step:
    """Reverse-mode automatic differentiation through the ticks, eager or by `torch.compile`."""
    loss = loss_by_hand(given)
    ready = torch.compile(loss, dynamic=False) if compiled else loss
    weight = given.net.weight.detach().clone().requires_grad_()

    def step() -> Tensor:
        with torch.enable_grad():
            value = ready(weight, given.x, given.y)
            return torch.autograd.grad(value, weight)[0]

    return step


def backprop_of_the_library(given: Task) -> Step:
    """The learner `Backprop`, which takes sequences, losses at every tick and nets side by side as well."""
    learner = Backprop(given.net)

    def step() -> Tensor:
        (credit,) = learner.credit(given.x, given.y)
        return credit.gradients["net.weight"]

    return step
