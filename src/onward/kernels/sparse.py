"""The factored gradient on the entries that can differ from zero alone: for meshes far too large for a dense matrix.

    M_k[j, f] <- slope[f] * sum_g M_k[j, g] R[g, f],     dL/dw[e] = sum_k s_k[source e] sum_f M_k[target e, f] v[f]

The same factors as in `factored`, each a sparse matrix of the pairs that a push has had the time to reach (`pattern`), pushed
forward tick by tick, but for the hop into the outputs. That is the same for all factors, so the derivative of the loss meets it first: `v[f]`, what the loss
asks of neuron `f` by way of the last tick. What the ticks read and their slopes are kept, which is little beside the factors; factors of
different `j` have nothing to do with each other and are pushed chunk by chunk, so that memory holds as many chunks as are worked on at the same time.

Inside, values stand neuron by neuron with the examples last. Axes: b batch, n neurons, f free neurons, e edges, o outputs, q questions: derivatives of
outputs that are followed to the weights at a time, one for a loss, one an output for a Jacobian.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from onward.kernels import activations, dynamics
from onward.kernels.activations import Activation
from onward.kernels.dynamics import Read, Wiring
from onward.kernels.in_order import InOrder
from onward.kernels.pattern import Chunk, Hop, Pattern, pattern
from onward.kernels.room import Room
from onward.kernels.sparse_weights import Ends, Rows, SparseWeights, csr, matrix, meet, product, widened


class Layout:
    """What follows from the graph alone, made when it is first asked for, and room to work in. Of one mesh; copies begin with nothing.

    Attributes:
        in_order: does the work of all chunks; one that has threads does several at the same time.
    """

    def __init__(self, in_order: InOrder = map) -> None:
        """Begin with nothing."""
        self.in_order = in_order
        self._patterns: dict[tuple[int, bool, torch.device], Pattern] = {}
        self._ends: Ends | None = None
        self._rooms: dict[tuple[int | None, torch.dtype, torch.device], Room] = {}

    def __reduce__(self) -> tuple[type[Layout], tuple[InOrder]]:
        return Layout, (self.in_order,)

    def pattern(self, wiring: Wiring, ticks: int, *, silent: bool) -> Pattern:
        """Give the pattern for a number of ticks."""
        key = ticks, silent, wiring.source.device
        if key not in self._patterns:
            self._patterns[key] = pattern(wiring, ticks, silent=silent)
        return self._patterns[key]

    def ends(self, wiring: Wiring) -> Ends:
        """Give the edges by the neurons at their ends."""
        if self._ends is None or self._ends.wiring.source.device != wiring.source.device:
            self._ends = Ends(wiring)
        return self._ends

    def room(self, like: Tensor) -> Room:
        """Give the room of the thread that asks, for tensors of a dtype and device; those of threads that have ended go."""
        key = threading.get_ident(), like.dtype, like.device
        if key not in self._rooms:
            known, alive = list(self._rooms), {thread.ident for thread in threading.enumerate()}
            for of in known:  # others may ask meanwhile, so the dictionary stays the same
                if of[0] not in alive:
                    self._rooms.pop(of, None)
            self._rooms[key] = Room(*key[1:])
        return self._rooms[key]


class Prepared(NamedTuple):
    """The weights, and how the mesh is laid out for so many ticks."""

    weight: Float[Tensor, "*nets e"]
    pattern: Pattern
    layout: Layout


class Course(NamedTuple):
    """All ticks of one net until now: what they read, and the slopes at their drives; with the weights and the layout of the mesh."""

    weight: Float[Tensor, " e"]
    pattern: Pattern
    layout: Layout
    reads: list[Float[Tensor, "n b"]]
    slopes: list[Float[Tensor, "f b"]]


def prepare(
    weight: Float[Tensor, "*nets e"],
    wiring: Wiring,
    ticks: int,
    initial: Float[Tensor, "*nets b f"] | None,
    activation: Activation,
    *,
    layout: Layout | None = None,
) -> tuple[SparseWeights, Prepared]:
    """Give what drives the state, and what the derivative is made with.

    A `layout`, which is kept from step to step, saves most of the time; left out, one is made.
    """
    layout = Layout() if layout is None else layout
    laid_out = layout.pattern(wiring, ticks, silent=activation.silent_at_zero and (initial is None or not initial.any()))
    return SparseWeights(weight, layout.ends(wiring)), Prepared(weight, laid_out, layout)


def propagate(
    w: SparseWeights,
    prepared: Prepared,
    wiring: Wiring,
    clamped: Float[Tensor, "t *nets b i"],
    initial: Float[Tensor, "*nets b f"] | None,
    activation: Activation,
    *,
    every_tick: bool,
) -> Iterator[Read]:
    """Run the ticks, and take note of what they read and of their slopes; give the outputs where they are read, and the course until there."""
    nets = prepared.weight.shape[:-1]
    if not nets:
        yield from _run(prepared, wiring, clamped, initial, activation, every_tick=every_tick)
        return
    each = [
        _run(
            prepared._replace(weight=weight),
            wiring,
            clamped[:, k],
            None if initial is None else initial[k],
            activation,
            every_tick=every_tick,
        )
        for k, weight in enumerate(prepared.weight)
    ]
    for reads in zip(*each, strict=True):
        yield Read(reads[0].number, torch.stack([one.outputs for one in reads]), [one.derivative for one in reads])


def _run(
    prepared: Prepared,
    wiring: Wiring,
    clamped: Float[Tensor, "t b i"],
    initial: Float[Tensor, "b f"] | None,
    activation: Activation,
    *,
    every_tick: bool,
) -> Iterator[Read]:
    """Run the ticks of one net."""
    weight, laid_out, layout = prepared
    entering = matrix(weight, layout.ends(wiring).entering)
    hidden, output = activations.split(activation, wiring.outputs, wiring.outputs)
    parts = wiring.free - wiring.outputs, wiring.outputs
    now = weight.new_zeros(wiring.free, clamped.shape[1]) if initial is None else initial.T
    reads, slopes = [], []
    for number, given in enumerate(dynamics.each(clamped)):
        reads.append(torch.cat([given.T, now]))
        drives = product(entering, reads[-1]).split(parts)
        activities = [part.function(drive) for part, drive in zip((hidden, output), drives, strict=True)]
        slopes.append(torch.cat([hidden.slope_at(drives[0], activities[0]), output.slope_at(drives[1], activities[1])]))
        now = torch.cat(activities)
        if every_tick or number == len(clamped) - 1:
            yield Read(number, activities[1].T, Course(weight, laid_out, layout, [*reads], [*slopes]))


def gradient(carried: Course | list[Course], error: Float[Tensor, "*nets b o"], wiring: Wiring) -> Float[Tensor, "*nets e"]:
    """Push the factors of every chunk to the tick before the last, and contract them with what the loss asks there."""
    if isinstance(carried, list):
        return torch.stack([gradient(*of_net, wiring) for of_net in zip(carried, error, strict=True)])
    return _gradient(carried, error.T.contiguous(), wiring)


def jacobian(carried: Course | list[Course], wiring: Wiring) -> Float[Tensor, "*nets b o e"]:
    """Derivative of every output with respect to every weight."""
    if isinstance(carried, list):
        return torch.stack([jacobian(of_net, wiring) for of_net in carried])
    return _jacobian(carried, wiring)


# Threads that do a part of the work are in no inference mode, and must be able to write what is made here.
@torch.inference_mode(False)
@torch.no_grad()
def _gradient(one: Course, error: Float[Tensor, "o b"], wiring: Wiring) -> Float[Tensor, " e"]:
    found, reads = torch.zeros_like(one.weight), widened(torch.cat(one.reads, dim=1))
    asked = _asked(one, error.unsqueeze(0), wiring)

    def of_chunk(chunk: Chunk) -> None:
        (blame,) = _blame(one, chunk, asked, wiring)
        places = matrix(one.weight, chunk.entering)
        found.index_copy_(0, chunk.entering.edges.long(), meet(places, blame, reads))

    _for_chunks(one, of_chunk)
    return found


@torch.inference_mode(False)
@torch.no_grad()
def _jacobian(one: Course, wiring: Wiring) -> Float[Tensor, "b o e"]:
    outputs, examples = wiring.outputs, one.reads[0].shape[1]
    every = torch.eye(outputs, dtype=one.weight.dtype, device=one.weight.device)
    asked = _asked(one, every.unsqueeze(2).expand(-1, -1, examples), wiring)
    found = one.weight.new_zeros(examples, outputs, one.weight.numel())

    def of_chunk(chunk: Chunk) -> None:
        starts, sources, edges, _ = chunk.entering
        targets = torch.repeat_interleave(starts.diff())
        blame = _blame(one, chunk, asked, wiring).split(examples, dim=2)
        for reads, at_tick in zip(one.reads, blame, strict=True):
            found[..., edges] += (at_tick[:, targets] * reads[sources]).permute(2, 0, 1)

    _for_chunks(one, of_chunk)
    return found


def _for_chunks(one: Course, work: Callable[[Chunk], None]) -> None:
    """Do the work of all chunks, several at the same time if the layout has threads for it; other devices have their own."""
    in_order = one.layout.in_order if one.weight.device.type == "cpu" else map
    for _ in in_order(torch.no_grad()(work), one.pattern.chunks):  # which holds for one thread alone
        pass


class _Asked(NamedTuple):
    """What is asked of the free neurons: at their drives of the last tick, which outputs alone answer to, and at those of the tick before."""

    last: Float[Tensor, "q o b"]
    before: Float[Tensor, "q f b"] | None


def _asked(one: Course, error: Float[Tensor, "q o b"], wiring: Wiring) -> _Asked:
    """Bring derivatives of outputs to the drives of the last tick, and through its weights to those of the tick before, if there was one."""
    last = error * one.slopes[-1][-wiring.outputs :]
    if len(one.slopes) == 1:
        return _Asked(last, None)
    questions, outputs, examples = error.shape
    together = last.transpose(0, 1).reshape(outputs, questions * examples)
    before = product(matrix(one.weight, one.pattern.outward), together).view(-1, questions, examples)
    return _Asked(last, before.transpose(0, 1) * one.slopes[-2])


def _blame(one: Course, chunk: Chunk, asked: _Asked, wiring: Wiring) -> Float[Tensor, "q pushed ticks_times_b"]:
    """Push the factors of a chunk forward to the tick before the last, and let them meet what is asked there.

    Gives the derivative with respect to the drives of the neurons that were pushed, of all ticks, the examples of a tick side by side.
    """
    ticks, examples = len(one.slopes), one.slopes[0].shape[1]
    found = one.weight.new_zeros(len(asked.last), chunk.size, ticks * examples)
    of_ticks = found.split(examples, dim=2)
    first_output = wiring.free - wiring.outputs
    outputs = chunk.pushed >= first_output
    of_ticks[-1][:, outputs] = asked.last[:, chunk.pushed[outputs] - first_output]
    if asked.before is None:
        return found
    of_ticks[-2].copy_(asked.before.index_select(1, chunk.pushed))
    room, hops = one.layout.room(one.weight), chunk.hops[: ticks - 1]
    factors = [room.given(("factor", hop), each.reached.numel(), examples) for hop, each in enumerate(hops)]
    moves = [_move(one.weight, number, hop.made, room) for number, hop in enumerate(hops) if hop.made is not None]
    for tick, slope in enumerate(one.slopes[:-2]):
        for hop in range(tick, 0, -1):  # the oldest first, into whose place the next one moves
            moved = product(moves[hop - 1], factors[hop - 1], out=factors[hop])
            moved.mul_(_at(slope, hops[hop], room.given("at", *moved.shape)))
        _at(slope, hops[0], factors[0])
    for hop in range(ticks - 2, 0, -1):
        moved = product(moves[hop - 1], factors[hop - 1], out=factors[hop])
        sums = _sums(hops[hop], room)
        for into, question in zip(of_ticks[-2 - hop], asked.before, strict=True):
            answers = _at(question, hops[hop], room.given("at", *moved.shape)).mul_(moved)
            into.copy_(product(sums, answers, out=room.given("sums", chunk.size, examples)))
    return found


def _move(weight: Float[Tensor, " e"], number: int, made: Rows, room: Room) -> Tensor:
    """Give the sparse matrix that takes the entries of a hop to those of the next."""
    return matrix(weight, made, out=room.given(("weights", number), made.edges.numel()))


def _sums(hop: Hop, room: Room) -> Tensor:
    """Give the sparse matrix that sums the entries of each neuron that was pushed."""
    entries = hop.reached.numel()
    return csr(hop.starts, room.counting(entries), room.ones(entries), entries)


def _at(values: Float[Tensor, "f b"], hop: Hop, into: Float[Tensor, "entries b"]) -> Float[Tensor, "entries b"]:
    """Give what belongs to the neurons that were reached; of a single example as a vector, which is quicker."""
    if values.shape[1] == 1:
        torch.index_select(values[:, 0], 0, hop.reached, out=into[:, 0])
    else:
        torch.index_select(values, 0, hop.reached, out=into)
    return into
