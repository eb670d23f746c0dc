"""What every export asks before it begins: one net, finite weights, scaling that fits it, activations that can be named.

Scaling is taken in the dtype of the net, so that a net that takes float32 data goes on doing so.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from onward.kernels.activations import ACTIVATIONS
from onward.nets.layered import LayeredNet
from onward.nets.mesh import MeshNet
from onward.nets.standardise import Standardise


def no_other(net: object) -> None:
    """Refuse, with a `ValueError` that names the way out, what is neither a mesh nor a layered net, such as a learner."""
    if isinstance(net, MeshNet | LayeredNet):
        return
    kind, way = type(net).__name__, ""
    if isinstance(getattr(net, "net", None), MeshNet | LayeredNet):
        way = "; its net is learner.net" + (", cut to k blocks learner.truncate(k)" if hasattr(net, "truncate") else "")
    elif isinstance(net, nn.Sequential):
        way = "; LayeredNet.from_sequential(net, features=...) makes one of it"
    raise ValueError(f"only a MeshNet or LayeredNet can be exported, got {kind}{way}")


def one_net(net: MeshNet) -> None:
    """Refuse, with a `ValueError`, a stack of nets, and weights that are not finite."""
    if net.nets:
        raise ValueError(f"only a single net can be exported, got {net.nets[0]} nets side by side; unstack() gives each")
    wrong = net.weight[~net.weight.isfinite()]
    if len(wrong):
        raise ValueError(f"only finite weights can be exported, got {wrong[0].item()}")


def named_activations(net: MeshNet, form: str) -> tuple[str, str]:
    """Give the names of the hidden and the output activation, or refuse with a `ValueError` what `form` has no name for."""
    for activation in (net.hidden, net.output):
        if ACTIVATIONS.get(activation.name) != activation:
            known = ", ".join(ACTIVATIONS)
            raise ValueError(
                f"{form} knows the activations {known}, got a function of one's own, {activation.name!r}; "
                f"to_module and to_program take it"
            )
    return net.hidden.name, net.output.name


def real_dtype(weight: Tensor, form: str) -> torch.dtype:
    """Give the dtype of the weights of a net, or refuse with a `ValueError` one that is neither float32 nor float64."""
    dtype = weight.dtype
    if dtype not in (torch.float32, torch.float64):
        raise ValueError(f"{form} holds torch.float32 or torch.float64, got a net in {dtype}; .to() converts it")
    return dtype


def scalings(
    like: Tensor, features: int, count: int, inputs: Standardise | None, outputs: Standardise | None
) -> tuple[Standardise | None, Standardise | None]:
    """Give both scalings in the dtype and on the device of a net, or refuse with a `ValueError` one that does not fit.

    Args:
        like: weights of the net.
        features: numbers of an example.
        count: of outputs.
        inputs: scaling of the examples.
        outputs: scaling of the outputs.
    """
    return _scaling(like, "inputs", inputs, features), _scaling(like, "outputs", outputs, count)


def _scaling(like: Tensor, role: str, given: Standardise | None, columns: int) -> Standardise | None:
    if given is None:
        return None
    for part, values in zip(given._fields, given, strict=True):
        if tuple(values.shape) != (columns,):
            raise ValueError(f"the {part} of the {role} must hold {columns} numbers, got shape {tuple(values.shape)}")
    shift, scale = (values.detach().to(like.device, like.dtype, copy=True) for values in given)
    if not shift.isfinite().all():
        wrong = shift[~shift.isfinite()][0]
        raise ValueError(f"the shift of the {role} must be finite in {like.dtype}, got {wrong.item()}")
    if not scale.isfinite().all() or not scale.all():
        wrong = scale[~scale.isfinite() | (scale == 0)][0]
        raise ValueError(f"the scale of the {role} must be finite and not 0 in {like.dtype}, got {wrong.item()}")
    return Standardise(shift, scale)
