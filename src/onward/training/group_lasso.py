"""Group lasso over neurons while a mesh is trained: between two steps the edges of every hidden neuron shrink together.

for epoch in run.steps():
    shrink(net, 0.001)
    if epoch is not None:  # the last step of an epoch
        change_graph(run, vanished(net))
"""

from __future__ import annotations

import torch

from onward.kernels import groups
from onward.nets.mesh import MeshNet


@torch.no_grad()
def shrink(net: MeshNet, strength: float) -> None:
    """Take a proximal step, in place: neurons whose weights are small enough are zero from then on, and stay it if they are removed.

    Args:
        net: the mesh, or nets side by side.
        strength: how far the root mean square of the weights of a neuron falls, at least 0; a learning rate times a penalty.

    Raises:
        ValueError: a strength below 0.
    """
    if not strength >= 0:
        raise ValueError(f"the strength of a proximal step must be at least 0, got {strength}")
    of = groups.groups_of(net.topology, net.weight.device)
    net.weight.copy_(groups.shrink(net.weight, of, strength))
