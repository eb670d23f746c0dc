"""The same gradient as a sum of per-tick factors: fast when ticks are few.

    P[b, e, :] = sum_k s_k[b, source e] M_k[b, target e, :],     M_k = D_k R D_(k+1) R ... D_T,   D_k = diag(slope_k)

The influence of an edge splits into what its source said at tick k and how a push on its target at that tick spreads
until now. What stands in `M_k` between `D_k` and the last `R D_T` is carried forward with one matrix product per tick; it begins as
`R D_(k+1)`, a scaling. Nothing is differentiated backwards: where a loss reads the outputs, its derivative is put behind the last `R D_T`, which
makes a vector of that and of every factor before it; edges enter after that. Neurons that feed nobody are moved where they are read and
not before, and pass nothing on.

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
    spread: Tensor | None  # R D_(k+1) R ... up to the tick before, (*nets k-2 b s j); None before the third tick
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
            yield Read(number, outputs, Factors([*inputs], [*before], [*slopes], spread, said, blocks.heard, slope))
        if not final:
            driven = drive(given, now)
            now = moves.function(driven)
            slope = moves.slope_at(driven, now)
            spread = _pushed(spread, slope, blocks.recurrent) if slopes else None
            slopes.append(slope)


def _pushed(
    spread: Float[Tensor, "*nets k b s s"] | None, slope: Float[Tensor, "*nets b s"], r: Float[Tensor, "*nets s s"]
) -> Float[Tensor, "*nets k_and_one b s s"]:
    """Carry what has spread over one tick, and begin with the tick before that."""
    slope = slope.unsqueeze(-2)
    newest = (r.unsqueeze(-3) * slope).unsqueeze(-4)
    if spread is None:
        return newest
    further = (spread.flatten(-4, -2) @ r).view_as(spread)
    return torch.cat([further.mul_(slope.unsqueeze(-4)), newest], dim=-4)


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
    blame = [slope * reached for slope, reached in zip(factors.slopes, _reached(factors, pushed), strict=True)]
    by_inputs = _met(factors.inputs[:-1], blame)
    moving = [before for before in factors.before[:-1] if before is not None]
    if moving:
        by_speaking = _met(moving, blame[-len(moving) :])
    else:
        speaking = by_inputs.shape[-1]
        by_speaking = by_inputs.new_zeros(*by_inputs.shape[:-2], speaking, speaking)
    return torch.cat([by_inputs, by_speaking], dim=-2)


def _reached(factors: Factors, pushed: Float[Tensor, "*nets b o"]) -> list[Tensor]:
    """What the loss takes of the activity after each tick but the last, one (*nets b s) a tick."""
    newest = pushed @ factors.heard.transpose(-1, -2)
    if factors.spread is None:
        return [newest]
    # A row times a matrix is far faster than a matrix times a column, where there are many of them.
    rows = newest.unsqueeze(-2).unsqueeze(-4) @ factors.spread.transpose(-1, -2)
    return [*rows.squeeze(-2).unbind(-3), newest]


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
        reached = (factors.heard.unsqueeze(-3) * factors.slope.unsqueeze(-2)).unsqueeze(-4)
        if factors.spread is not None:
            reached = torch.cat([factors.spread @ reached, reached], dim=-4)
        earlier = torch.stack(factors.slopes, dim=-3).unsqueeze(-1) * reached
        to_outputs = torch.cat([functional.pad(earlier, (0, 0, 0, wiring.free - wiring.speaking)), to_outputs], dim=-4)
        rest = torch.zeros_like(factors.slopes[0])
        before = torch.stack([rest if one is None else one for one in factors.before[:-1]], dim=-3)
        said = torch.cat([torch.stack(factors.inputs[:-1], dim=-3), before], dim=-1)
        reads = torch.cat([said, reads], dim=-3)
    return torch.einsum("...kbe,...kbeo->...boe", reads[..., wiring.source], to_outputs[..., wiring.target, :])
