"""A Mesh Neural Network: a topology, a weight for every edge, a number of ticks.

All free neurons update together at every tick; the outputs are read after the last one (Galatolo, Cimino and Vaglini,
Neural Processing Letters 53, 2021, section 3.1). Axes: b batch, t ticks, i features, f free neurons, o outputs, e edges;
`*nets` is empty, or the number of nets that `stack` put side by side.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from onward import given
from onward.kernels import activations, dynamics, reach
from onward.kernels.activations import Activation
from onward.kernels.dynamics import Wiring
from onward.kernels.sparse_weights import Ends, SparseWeights, mostly_zeros
from onward.nets import initialise
from onward.topology import Topology


class MeshNet(nn.Module):
    """A mesh that can be run forward; how it learns is a learner's affair.

    Attributes:
        topology: the graph.
        ticks: updates that a static input is held for. A sequence brings its own number, one tick an entry.
        hidden: activation of the hidden neurons.
        output: activation of the output neurons.
        activation: both, side by side, acting on all free neurons.
        weight: the parameters, one for every edge of the topology and in its order.
    """

    source: Tensor
    target: Tensor
    place: Tensor

    def __init__(
        self,
        topology: Topology,
        ticks: int,
        *,
        hidden: Activation | str = "relu",
        output: Activation | str = "identity",
        weight: Tensor | np.ndarray | None = None,
        initialise: initialise.Initialise = initialise.fan_in,
        generator: torch.Generator | None = None,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str | None = None,
    ) -> None:
        """Make a mesh.

        Args:
            topology: the graph; a bias in it is fed with 1 by the net itself.
            ticks: number of updates, at least 1 and enough for an input to reach every output.
            hidden: activation of the hidden neurons, by name or with its slope.
            output: activation of the output neurons.
            weight: first weights, one an edge; drawn by `initialise` if left out.
            initialise: how first weights are drawn.
            generator: source of the draw; if left out, one seeded with 0.
            dtype: of the weights, and so of the data it takes.
            device: where the weights live.

        Raises:
            ValueError: ticks that are no whole number or too few, an unknown activation, weights of the wrong number or not finite.
        """
        super().__init__()
        ticks = given.whole("ticks", ticks)
        reach.check_outputs(topology, ticks)
        self._long_enough = {ticks}  # numbers of ticks after which an input has reached every output
        self._ends: Ends | None = None  # made when it is first needed, as is the wiring
        self._wiring: Wiring | None = None
        self.topology = topology
        self.ticks = ticks
        self.hidden = activations.find(hidden)
        self.output = activations.find(output)
        self.activation = activations.side_by_side(self.hidden, self.output, topology.outputs)
        if weight is None:
            weight = initialise(topology, torch.Generator().manual_seed(0) if generator is None else generator)
        values = torch.as_tensor(weight)
        if values.shape[-1:] != (topology.edges,) or values.ndim > 2:
            raise ValueError(f"expected one weight for each of {topology.edges} edges, got shape {tuple(values.shape)}")
        values = values.detach().to(device, dtype, copy=True)
        if values.device.type != "meta" and not values.isfinite().all():
            raise ValueError(f"weights must be finite in {dtype}, got {values[~values.isfinite()][0].item()}")
        self.weight = nn.Parameter(values)
        for name, tensor in dynamics.ends_and_places(topology, device).items():
            self.register_buffer(name, tensor, persistent=False)

    @classmethod
    def stack(cls, nets: Sequence[MeshNet]) -> MeshNet:
        """Put nets of one topology side by side as one net with a leading axis, to be run and trained in one computation.

        No weight of one net ever meets another's; a learner sees them as one net whose loss is one number a net.
        """
        if not nets:
            raise ValueError("a stack needs at least one net, got none")
        first = nets[0]
        for net in nets[1:]:
            alike = (net.topology, net.ticks, net.hidden, net.output) == (
                first.topology,
                first.ticks,
                first.hidden,
                first.output,
            )
            if not alike:
                raise ValueError(f"only nets of one topology, ticks and activation can be stacked, got {first} and {net}")
        return first.with_weight(torch.stack([net.weight.detach() for net in nets]))

    def unstack(self) -> list[MeshNet]:
        """Give the nets that stand side by side, each on its own."""
        return [self.with_weight(weight) for weight in self.weight.detach()] if self.nets else [self]

    def with_weight(self, weight: Tensor) -> MeshNet:
        """Give a net alike but for its weights (and their dtype and device)."""
        alike = {"hidden": self.hidden, "output": self.output, "dtype": weight.dtype, "device": weight.device}
        return MeshNet(self.topology, self.ticks, weight=weight, **alike)

    def become(self, topology: Topology, weight: Tensor) -> None:
        """Become a mesh of another graph, in place: the parameter stays the same object, so that who holds it goes on holding it.

        Args:
            topology: the graph, of the same inputs and outputs.
            weight: one an edge of it, `*nets e`.

        Raises:
            ValueError: other inputs or outputs, other nets side by side, or what a mesh of that graph is refused for.
        """
        for what in ("features", "bias", "outputs", "clamped"):
            old, new = getattr(self.topology, what), getattr(topology, what)
            if old != new:
                raise ValueError(
                    f"a mesh can become one of the same inputs and outputs, but {what} would be {new}, not {old}"
                )
        if tuple(weight.shape[:-1]) != self.nets:
            raise ValueError(f"the weights must be of nets {list(self.nets)}, got shape {tuple(weight.shape)}")
        alike = {"hidden": self.hidden, "output": self.output, "dtype": self.weight.dtype, "device": self.weight.device}
        made = MeshNet(topology, self.ticks, weight=weight, **alike)
        self.topology, self.source, self.target, self.place = topology, made.source, made.target, made.place
        self._long_enough, self._ends = made._long_enough, None
        self.weight.grad = None
        self.weight.data = made.weight.data

    @property
    def nets(self) -> tuple[int, ...]:
        """The leading axis of a stack, as a shape: `()` for one net."""
        return tuple(self.weight.shape[:-1])

    def read_by(self) -> Tensor | SparseWeights:
        """Give what the state is multiplied by at every tick: a dense matrix, or a sparse one where that would be large and mostly zeros."""
        if self.nets or not mostly_zeros(self.topology):
            return dynamics.matrix(self.weight, self.wiring)
        if self._ends is None or self._ends.wiring is not self.wiring:
            self._ends = Ends(self.wiring)
        return SparseWeights(self.weight, self._ends)

    @property
    def wiring(self) -> Wiring:
        """The topology as tensors, for the kernels."""
        source = self.source
        if self._wiring is None or self._wiring.source is not source:  # of another graph, or on another device
            self._wiring = dynamics.wired(self.topology, source=source, target=self.target, place=self.place)
        return self._wiring

    def drive(
        self, x: Float[Tensor, "..."], initial: Float[Tensor, "..."] | None = None, *, goes_on: bool = False
    ) -> tuple[Float[Tensor, "t *nets b i"], Float[Tensor, "*nets b f"] | None]:
        """Lay data out for the kernels: the clamped inputs (with the bias) of every tick, and the first free state, None if it is rest.

        Args:
            x: a static input `*nets b i`, held for all ticks, or a sequence `*nets b t i`, one entry a tick.
            initial: the free neurons' activity before the first tick, `*nets b f`; zero if left out. Free inputs
                (equation 3) start from the sum of the data and this.
            goes_on: whether a sequence is a piece of a longer one, which need not be long enough for its outputs by itself.

        Raises:
            ValueError: shapes or dtypes that do not fit, an empty batch, or a sequence too short for its outputs. Values are
                not looked at here, as that would cost every step; `Split` and `check_gradients` refuse NaN and infinity.
        """
        if not isinstance(x, Tensor):
            raise ValueError(f"expected the input as a torch.Tensor, got {type(x).__name__}; torch.as_tensor() makes one")
        topology, weight = self.topology, self.weight
        nets, shape = weight.ndim - 1, tuple(x.shape)
        if x.ndim not in (nets + 2, nets + 3) or shape[:nets] != weight.shape[:-1] or shape[-1] != topology.features:
            side = f"{self.nets[0]} x " if nets else ""
            raise ValueError(
                f"expected an input of shape {side}batch x {topology.features} features, or {side}batch x ticks x "
                f"{topology.features}, got {shape}"
            )
        if not shape[nets]:
            raise ValueError("a batch needs at least one example, got none")
        for name, values in (("input", x), ("initial state", initial)):
            if values is not None and values.dtype != weight.dtype:
                raise ValueError(f"the {name} is {values.dtype} but the weights are {weight.dtype}; convert one with .to()")
        if topology.bias:
            x = functional.pad(x, (0, 1), value=1.0)
        if x.ndim == nets + 2:
            clamped = x.expand(self.ticks, *x.shape)
        else:
            clamped, ticks = x.movedim(nets + 1, 0), shape[nets + 1]
            if not ticks:
                raise ValueError("a sequence needs at least 1 tick, got 0")
            if not goes_on and ticks not in self._long_enough:
                reach.check_outputs(topology, ticks)
                self._long_enough.add(ticks)
        if initial is not None and initial.shape != (*shape[: nets + 1], topology.free):
            expected = (*shape[: nets + 1], topology.free)
            raise ValueError(f"expected an initial state of shape {expected}, got {tuple(initial.shape)}")
        if topology.clamped:
            return clamped, initial
        if x.ndim != nets + 2:
            raise ValueError("free inputs take their data as the initial state, so a sequence cannot be given")
        state = functional.pad(x, (0, topology.free - topology.inputs))
        return clamped[..., :0], state if initial is None else state + initial

    def states(
        self, x: Float[Tensor, "..."], initial: Float[Tensor, "..."] | None = None
    ) -> Float[Tensor, "*nets b ticks f"]:
        """Run the mesh; give the activity of the free neurons before the first tick and after every one.

        The third axis has one entry more than there are ticks. Arguments and errors as in `drive`.
        """
        clamped, state = self.drive(x, initial)
        after = [tick.activity for tick in dynamics.run(self.read_by(), clamped, state, self.activation)]
        return torch.stack([torch.zeros_like(after[0]) if state is None else state, *after], dim=-2)

    def outputs(
        self, x: Float[Tensor, "..."], initial: Float[Tensor, "..."] | None = None
    ) -> Float[Tensor, "*nets b ticks o"]:
        """Run the mesh; give the activity of the outputs after every tick. Arguments and errors as in `drive`."""
        ticks = dynamics.run(self.read_by(), *self.drive(x, initial), self.activation)
        return torch.stack([self.wiring.of_outputs(tick.activity) for tick in ticks], dim=-2)

    def forward(self, x: Float[Tensor, "..."], initial: Float[Tensor, "..."] | None = None) -> Float[Tensor, "*nets b o"]:
        """Run the mesh; give the activity of the outputs after the last tick. Arguments and errors as in `drive`."""
        clamped, state = self.drive(x, initial)
        (last,) = deque(dynamics.run(self.read_by(), clamped, state, self.activation), maxlen=1)  # no earlier one is kept
        return self.wiring.of_outputs(last.activity)

    def extra_repr(self) -> str:
        """Say what the mesh is, for `print`."""
        beside = f"{self.nets[0]} nets of " if self.nets else ""
        ticks = "1 tick" if self.ticks == 1 else f"{self.ticks} ticks"
        return f"{beside}{self.topology}; {ticks}, {self.activation.name}"
