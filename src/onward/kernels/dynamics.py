"""The ticks of a mesh: all free neurons update at once from what they read.

    t = s W,   h' = f(t),   s = (clamped inputs of this tick, free activity of the last one)

(Mesh Neural Networks, equation 3 and Algorithm 1.) What inputs bring that stand still is multiplied once for all ticks.

Axes: b batch, n neurons, i clamped inputs, f free neurons, e edges, t ticks; `*nets` are nets of one topology run side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from onward.kernels.activations import Activation
from onward.topology import Topology


class Wiring(NamedTuple):
    """A topology as tensors: edge `e` carries the activity of neuron `source[e]` to free neuron `target[e]`.

    Its weight stands at `place[e]` of the matrix of all pairs, neurons x free neurons, read row by row.
    """

    source: Int[Tensor, " e"]
    target: Int[Tensor, " e"]
    place: Int[Tensor, " e"]
    fixed: int
    free: int
    outputs: int
    speaking: int  # free neurons up to the last that an edge leaves

    @property
    def neurons(self) -> int:
        """Number of neurons."""
        return self.fixed + self.free

    def of_outputs(self, values: Float[Tensor, "*any f"]) -> Float[Tensor, "*any o"]:
        """Give what belongs to the outputs, the last of the free neurons."""
        return values.narrow(-1, self.free - self.outputs, self.outputs)

    def of_speaking(self, values: Float[Tensor, "*any f"]) -> Float[Tensor, "*any s"]:
        """Give what belongs to the speaking neurons, the first of the free ones."""
        return values.narrow(-1, 0, self.speaking)

    def part(self, edges: Int[Tensor, " some"]) -> Wiring:
        """Give the wiring with some of the edges only."""
        return self._replace(source=self.source[edges], target=self.target[edges], place=self.place[edges])


def ends_and_places(topology: Topology, device: torch.device | str | None = None) -> dict[str, Int[Tensor, " e"]]:
    """Give the tensors of a wiring."""
    source, target = topology.source, topology.target - topology.fixed
    arrays = {"source": source, "target": target, "place": source * topology.free + target}
    return {name: torch.tensor(array, device=device) for name, array in arrays.items()}


def wiring_of(topology: Topology, device: torch.device | str | None = None) -> Wiring:
    """Give a topology as tensors."""
    return wired(topology, **ends_and_places(topology, device))


def wired(topology: Topology, **tensors: Int[Tensor, " e"]) -> Wiring:
    """Give a topology as tensors that are there already."""
    return Wiring(**tensors, fixed=topology.fixed, free=topology.free, outputs=topology.outputs, speaking=topology.speaking)


class Tick(NamedTuple):
    """One update: what was read of inputs and of free neurons, the drive it made, and the activity that came of it."""

    inputs: Float[Tensor, "*nets b i"]  # one tensor for all ticks if they stand still
    before: Float[Tensor, "*nets b f"] | None  # None at the first tick from rest
    drive: Float[Tensor, "*nets b f"]
    activity: Float[Tensor, "*nets b f"]

    @property
    def reads(self) -> Float[Tensor, "*nets b n"]:
        """What all neurons offered."""
        return _reads(self.inputs, torch.zeros_like(self.drive) if self.before is None else self.before)


class Read(NamedTuple):
    """The outputs as a loss reads them after a tick, and what an engine has carried to them."""

    number: int
    outputs: Float[Tensor, "*nets b o"]
    derivative: Any


def matrix(weight: Float[Tensor, "*nets e"], wiring: Wiring) -> Float[Tensor, "*nets n f"]:
    """Lay edge weights out as the columns of the adjacency matrix that enter free neurons."""
    nets = weight.shape[:-1]
    flat = weight.new_zeros(*nets, wiring.neurons * wiring.free)
    return flat.scatter(-1, wiring.place.expand_as(weight), weight).view(*nets, wiring.neurons, wiring.free)


def of_pairs(matrix: Float[Tensor, "*nets n f"], wiring: Wiring) -> Float[Tensor, "*nets e"]:
    """Read off a matrix of all pairs what belongs to edges: the other way round."""
    return matrix.flatten(-2).index_select(-1, wiring.place)


def run(
    w: Any,
    clamped: Float[Tensor, "t *nets b i"],
    initial: Float[Tensor, "*nets b f"] | None,
    activation: Activation,
) -> Iterator[Tick]:
    """Update the free neurons once for every entry of `clamped`, and give each tick as it happens.

    `initial` is the activity before the first tick; None is rest, where all is zero. `w` is what `matrix` gives, or something else that has a
    shape and that what is read can be multiplied by (`sparse_weights`).
    """
    if isinstance(w, Tensor):
        drive = by_parts(*w.split((clamped.shape[-1], w.shape[-2] - clamped.shape[-1]), dim=-2))
    else:
        drive = partial(_whole, w)
    activity = initial
    for inputs in each(clamped):
        before, driven = activity, drive(inputs, activity)
        activity = activation.function(driven)
        yield Tick(inputs, before, driven, activity)


def static(clamped: Float[Tensor, "t *nets b i"]) -> bool:
    """Tell whether inputs are static, seen from how they are laid out: all ticks share their numbers."""
    return clamped.stride(0) == 0


def each(clamped: Float[Tensor, "t *nets b i"]) -> Sequence[Float[Tensor, "*nets b i"]]:
    """Give the inputs of each tick; where they stand still, the same tensor for all ticks."""
    return [clamped[0]] * clamped.shape[0] if static(clamped) else clamped.unbind()


def by_parts(
    of_inputs: Float[Tensor, "*nets i f"], recurrent: Float[Tensor, "*nets g f"]
) -> Callable[[Tensor, Tensor | None], Tensor]:
    """Give the drive that inputs and activity make; what inputs bring is multiplied once for as long as they are the same tensor."""
    add = torch.addmm if recurrent.ndim == 2 else torch.baddbmm
    seen, brought = of_inputs, of_inputs

    def drive(inputs: Tensor, before: Tensor | None) -> Tensor:
        nonlocal seen, brought
        if inputs is not seen:
            seen, brought = inputs, inputs @ of_inputs
        return brought if before is None else add(brought, before, recurrent)

    return drive


def _whole(
    w: Any, inputs: Float[Tensor, "*nets b i"], before: Float[Tensor, "*nets b f"] | None
) -> Float[Tensor, "*nets b f"]:
    if before is None:
        before = inputs.new_zeros(*inputs.shape[:-1], w.shape[-1])
    return _reads(inputs, before) @ w


def _reads(inputs: Float[Tensor, "*nets b i"], before: Float[Tensor, "*nets b f"]) -> Float[Tensor, "*nets b n"]:
    return torch.cat([inputs, before], dim=-1) if inputs.shape[-1] else before
