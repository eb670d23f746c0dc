"""A layered mesh *is* a multi-layer perceptron and a recurrent mesh *is* `nn.RNN`: same outputs, same gradients."""

import pytest
import torch
from torch import nn

from onward import graphs
from onward.kernels.losses import cross_entropy, mean_squared_error
from onward.learners.forward_only import ForwardOnly
from onward.nets.mesh import MeshNet


def fill(net: MeshNet, block: str, matrix: torch.Tensor) -> None:
    """Put a torch weight matrix (targets x sources) into the edges of a block, which stand row by row of the sources."""
    edges = torch.from_numpy(net.topology.blocks[block])
    with torch.no_grad():
        net.weight[edges] = matrix.T.flatten()


@pytest.mark.parametrize("engine", ["influence", "factored"])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_layered_mesh_is_a_perceptron(engine: str, activation: str) -> None:
    torch.manual_seed(0)
    act = {"relu": nn.ReLU, "tanh": nn.Tanh}[activation]
    mlp = nn.Sequential(nn.Linear(4, 6), act(), nn.Linear(6, 5), act(), nn.Linear(5, 3)).double()
    linears = [layer for layer in mlp if isinstance(layer, nn.Linear)]
    topology = graphs.layered(4, [6, 5], 3)
    net = MeshNet(topology, 3, hidden=activation, dtype=torch.float64)
    # Edges into a layer come from the layer before and from the bias; each target column of A holds one linear layer.
    a = torch.zeros(topology.neurons, topology.neurons, dtype=torch.float64)
    starts, bias = [0, 5, 11, 16], 4
    for k, layer in enumerate(linears):
        sources = slice(starts[k], starts[k] + layer.in_features)
        columns = slice(starts[k + 1], starts[k + 1] + layer.out_features)
        a[sources, columns] = layer.weight.detach().T
        a[bias, columns] = layer.bias.detach()
    with torch.no_grad():
        net.weight.copy_(a[torch.tensor(topology.source), torch.tensor(topology.target)])
    x, y = torch.randn(8, 4, dtype=torch.float64), torch.randint(3, (8,))
    outputs = mlp(x)
    torch.testing.assert_close(net(x), outputs, rtol=1e-12, atol=1e-13)
    nn.functional.cross_entropy(outputs, y).backward()
    found = torch.from_numpy(
        topology.adjacency(next(ForwardOnly(net, cross_entropy, engine=engine).credit(x, y)).gradients["net.weight"])
    )
    for k, layer in enumerate(linears):
        sources = slice(starts[k], starts[k] + layer.in_features)
        columns = slice(starts[k + 1], starts[k + 1] + layer.out_features)
        assert layer.weight.grad is not None
        assert layer.weight.grad.norm() > 0
        torch.testing.assert_close(found[sources, columns], layer.weight.grad.T, rtol=1e-11, atol=1e-14)
        torch.testing.assert_close(found[bias, columns], layer.bias.grad, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("engine", ["influence", "factored"])
def test_recurrent_mesh_is_an_rnn_with_tied_weights(engine: str) -> None:
    """`nn.RNN` reads an input and its hidden state at once, as a mesh does; its linear readout comes one tick later."""
    torch.manual_seed(1)
    steps = 5
    rnn = nn.RNN(3, 6, nonlinearity="tanh", batch_first=True).double()
    readout = nn.Linear(6, 2).double()
    topology = graphs.recurrent(3, 6, 2)
    net = MeshNet(topology, steps + 1, hidden="tanh", dtype=torch.float64)
    rnn_weights = dict(rnn.named_parameters())
    fill(net, "input-hidden", rnn_weights["weight_ih_l0"].detach())
    fill(net, "hidden-hidden", rnn_weights["weight_hh_l0"].detach())
    fill(net, "hidden-output", readout.weight.detach())
    fill(net, "bias-hidden", (rnn_weights["bias_ih_l0"] + rnn_weights["bias_hh_l0"]).detach().unsqueeze(1))
    fill(net, "bias-output", readout.bias.detach().unsqueeze(1))
    x, y = torch.randn(7, steps, 3, dtype=torch.float64), torch.randn(7, 2, dtype=torch.float64)
    hidden, _ = rnn.forward(x)
    outputs = readout(hidden[:, -1])
    then = torch.cat([x, torch.zeros(7, 1, 3, dtype=torch.float64)], dim=1)
    torch.testing.assert_close(net.states(then)[:, 1:-1, :6], hidden, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(net(then), outputs, rtol=1e-12, atol=1e-13)
    nn.functional.mse_loss(outputs, y).backward()
    found = next(ForwardOnly(net, mean_squared_error, engine=engine).credit(then, y)).gradients["net.weight"]
    expected = {
        "input-hidden": rnn_weights["weight_ih_l0"].grad,
        "hidden-hidden": rnn_weights["weight_hh_l0"].grad,
        "hidden-output": readout.weight.grad,
        "bias-hidden": rnn_weights["bias_ih_l0"].grad,
        "bias-output": readout.bias.grad,
    }
    for block, gradient in expected.items():
        assert gradient is not None
        assert gradient.norm() > 0
        edges = torch.from_numpy(topology.blocks[block])
        torch.testing.assert_close(found[edges], gradient.t().flatten(), rtol=1e-11, atol=1e-14)
