"""The same gradient as a sum of per-tick factors: fast when ticks are few.

    P[b, e, :] = sum_k s_k[b, source e] M_k[b, target e, :],     M_k = D_k R D_(k+1) R ... D_T,   D_k = diag(slope_k)

The influence of an edge splits into what its source said at tick k and how a push on its target at that tick spreads
until now. What stands in `M_k` between `D_k` and the last `R D_T` is carried forward with one matrix product per tick, and written down from
`R D_(k+1) R D_(k+2)` on: a single `R D` is the same weights for all examples, and stays two factors. Where a loss reads the outputs, its
derivative is put behind the last `R D_T`, which makes a vector of that and of every factor before it; edges enter after that. Up to three ticks
no product of matrices is left to carry, and what remains is the arithmetic of backpropagation through the ticks. Neurons that feed nobody
are moved where they are read and not before, and pass nothing on.

Axes: b batch, e edges, f free neurons, i clamped inputs, k ticks, o outputs (the last free neurons), s j speaking neurons (the first free
neurons), r what is read: inputs and speaking neurons; `*nets` nets side by side.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from onward.kernels import activations, dynamics
from onward.kernels.activations import Activation
from onward.kernels.dynamics import Read, Wiring


class Blocks(NamedTuple):
    """The matrix that drives the state, without the rows of neurons that feed nobody: what moves speaking neurons, and what outputs are read by."""

    of_inputs: Float[Tensor, "*nets i s"]
    recurrent: Float[Tensor, "*nets s j"]  # R
    reading: Float[Tensor, "*nets r o"]
    heard: Float[Tensor, "*nets s o"]  # the rows of it that are R


class Factors(NamedTuple):
    """What was said until the outputs were read, how a push on earlier ticks has spread, and how the outputs took it."""

    inputs: list[Tensor]  # k entries of (*nets b i)
    before: list[Tensor | None]  # k entries of (*nets b s), what speaking neurons said; the first is None from rest
    slopes: list[Tensor]  # k-1 entries of (*nets b s)
    spread: Tensor | None  # R D_(k+1) R ... up to the tick before, (*nets k-3 b s j); None before the fourth tick
    recurrent: Tensor  # R, which with the last of the slopes is what a push on the tick before has spread to, (*nets s j)
    reads: Tensor  # of the outputs, (*nets b r)
    heard: Tensor  # R of the outputs, (*nets s o)
    slope: Tensor  # of the outputs, (*nets b o)


def prepare(
    weight: Float[Tensor, "*nets e"],
    wiring: Wiring,
    ticks: int,
    initial: Float[Tensor, "*nets b f"] | None,
    activation: Activation,
) -> tuple[Float[Tensor, "*nets n f"], Blocks]:
    """Give the matrix that drives the state, and its blocks."""
    w = dynamics.matrix(weight, wiring)
    of_inputs, recurrent, _ = w.split((wiring.fixed, wiring.speaking, wiring.free - wiring.speaking), dim=-2)
    reading = wiring.of_outputs(w.narrow(-2, 0, wiring.fixed + wiring.speaking))
    return w, Blocks(wiring.of_speaking(of_inputs), wiring.of_speaking(recurrent), reading, wiring.of_outputs(recurrent))


def propagate(
    w: Float[Tensor, "*nets n f"],
    blocks: Blocks,
    wiring: Wiring,
    clamped: Float[Tensor, "t *nets b i"],
    initial: Float[Tensor, "*nets b f"] | None,
    activation: Activation,
    *,
    every_tick: bool,
) -> Iterator[Read]:
    """Run the ticks, the state and the factors together; give the outputs where they are read."""
    moves, reads = activations.split(activation, wiring.free - wiring.speaking, wiring.outputs)
    drive = dynamics.by_parts(blocks.of_inputs, blocks.recurrent)
    every = dynamics.each(clamped)
    inputs, before, slopes, spread = [], [], [], None
    now = None if initial is None else wiring.of_speaking(initial)
    for number, given in enumerate(every):
        inputs.append(given)
        before.append(now)
        final = number == len(every) - 1
        if final or every_tick:
            said = functional.pad(given, (0, wiring.speaking)) if now is None else torch.cat([given, now], dim=-1)
            driven = said @ blocks.reading
            outputs = reads.function(driven)
            slope = reads.slope_at(driven, outputs)
            yield Read(
                number,
                outputs,
                Factors([*inputs], [*before], [*slopes], spread, blocks.recurrent, said, blocks.heard, slope),
            )
        if not final:
            driven = drive(given, now)
            now = moves.function(driven)
            slope = moves.slope_at(driven, now)
            if len(slopes) > 1:
                spread = _pushed(spread, slopes[-1], slope, blocks.recurrent)
            slopes.append(slope)


def _pushed(
    spread: Float[Tensor, "*nets k b s s"] | None,
    before: Float[Tensor, "*nets b s"],
    slope: Float[Tensor, "*nets b s"],
    r: Float[Tensor, "*nets s s"],
) -> Float[Tensor, "*nets k_and_one b s s"]:
    """Carry what has spread over one tick, and write down what `R` and the slope before this one were."""
    newest = _over((r.unsqueeze(-3) * before.unsqueeze(-2)).unsqueeze(-4), r)
    spread = newest if spread is None else torch.cat([_over(spread, r), newest], dim=-4)
    return spread.mul_(slope.unsqueeze(-2).unsqueeze(-4))


def _over(spread: Float[Tensor, "*nets k b s s"], r: Float[Tensor, "*nets s s"]) -> Float[Tensor, "*nets k b s s"]:
    return (spread.flatten(-4, -2) @ r).view_as(spread)


def gradient(factors: Factors, error: Float[Tensor, "*nets b o"], wiring: Wiring) -> Float[Tensor, "*nets e"]:
    """Contract with the derivative of the loss at the outputs: let it meet the factors, and what comes of that the reads."""
    pushed = error * factors.slope
    at_outputs = factors.reads.transpose(-1, -2) @ pushed
    if not factors.slopes:
        return dynamics.of_pairs(functional.pad(at_outputs, (wiring.free - wiring.outputs, 0)), wiring)
    return dynamics.of_pairs(_joined(_earlier(factors, pushed), at_outputs, wiring), wiring)


def _joined(
    at_speaking: Float[Tensor, "*nets r s"], at_outputs: Float[Tensor, "*nets r o"], wiring: Wiring
) -> Float[Tensor, "*nets r f"]:
    """Lay side by side what was found for pairs that end at speaking neurons and at outputs; where outputs speak, add it up."""
    if wiring.speaking + wiring.outputs == wiring.free:
        return torch.cat([at_speaking, at_outputs], dim=-1)
    per_pair = functional.pad(at_speaking, (0, wiring.free - wiring.speaking))
    wiring.of_outputs(per_pair).add_(at_outputs)
    return per_pair


def _earlier(factors: Factors, pushed: Float[Tensor, "*nets b o"]) -> Float[Tensor, "*nets r s"]:
    """Sum over the ticks before the last what was said times the blame of whom it was said to."""
    blame = _blame(factors, pushed)
    by_inputs = _met(factors.inputs[:-1], blame)
    moving = [before for before in factors.before[:-1] if before is not None]
    if moving:
        by_speaking = _met(moving, blame[-len(moving) :])
    else:
        speaking = by_inputs.shape[-1]
        by_speaking = by_inputs.new_zeros(*by_inputs.shape[:-2], speaking, speaking)
    return torch.cat([by_inputs, by_speaking], dim=-2)


def _blame(factors: Factors, pushed: Float[Tensor, "*nets b o"]) -> list[Tensor]:
    """What the loss takes of the drive at each tick but the last, one (*nets b s) a tick."""
    reached = pushed @ factors.heard.transpose(-1, -2)
    *earlier, last = factors.slopes
    blame = [last * reached]
    if earlier:
        blame.insert(0, earlier.pop() * (blame[0] @ factors.recurrent.transpose(-1, -2)))
    if factors.spread is not None:
        # A row times a matrix is far faster than a matrix times a column, where there are many of them.
        rows = reached.unsqueeze(-2).unsqueeze(-4) @ factors.spread.transpose(-1, -2)
        blame[:0] = [slope * row for slope, row in zip(earlier, rows.squeeze(-2).unbind(-3), strict=True)]
    return blame


def _met(said: list[Tensor], blame: list[Tensor]) -> Float[Tensor, "*nets said s"]:
    """Sum over ticks and examples what was said times the blame; where the same was said at all ticks, those first."""
    if all(one is said[0] for one in said):
        return said[0].transpose(-1, -2) @ sum(blame[1:], blame[0])
    return torch.cat(said, dim=-2).transpose(-1, -2) @ torch.cat(blame, dim=-2)


def jacobian(factors: Factors, wiring: Wiring) -> Float[Tensor, "*nets b o e"]:
    """Derivative of every output with respect to every weight."""
    to_outputs = functional.pad(torch.diag_embed(factors.slope), (0, 0, wiring.free - wiring.outputs, 0)).unsqueeze(-4)
    reads = factors.reads.unsqueeze(-3)
    if factors.slopes:
        earlier = torch.stack(_toward_outputs(factors), dim=-4)
        to_outputs = torch.cat([functional.pad(earlier, (0, 0, 0, wiring.free - wiring.speaking)), to_outputs], dim=-4)
        rest = torch.zeros_like(factors.slopes[0])
        before = torch.stack([rest if one is None else one for one in factors.before[:-1]], dim=-3)
        said = torch.cat([torch.stack(factors.inputs[:-1], dim=-3), before], dim=-1)
        reads = torch.cat([said, reads], dim=-3)
    return torch.einsum("...kbe,...kbeo->...boe", reads[..., wiring.source], to_outputs[..., wiring.target, :])


def _toward_outputs(factors: Factors) -> list[Tensor]:
    """Derivative of the outputs with respect to the drive at each tick but the last, one (*nets b s o) a tick."""
    reached = factors.heard.unsqueeze(-3) * factors.slope.unsqueeze(-2)
    *earlier, last = (slope.unsqueeze(-1) for slope in factors.slopes)
    toward = [last * reached]
    if earlier:
        toward.insert(0, earlier.pop() * torch.einsum("...sj,...bjo->...bso", factors.recurrent, toward[0]))
    if factors.spread is not None:
        rows = factors.spread @ reached.unsqueeze(-4)
        toward[:0] = [slope * row for slope, row in zip(earlier, rows.unbind(-4), strict=True)]
    return toward
