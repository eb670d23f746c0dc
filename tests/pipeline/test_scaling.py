"""The formulas of many ranks against numbers computed by hand, simulations of the schedules, and what is really sent and held."""

from functools import partial

import pytest
import torch
from torch import nn

from onward.learners.mono_forward import MonoForward
from onward.nets.builders import mlp
from onward.pipeline import scaling
from onward.pipeline.frames import HEADER, Frame, Kind, size_of
from onward.pipeline.scaling import Block, Ways
from onward.training.fit import Recipe
from onward.training.step_cost import step_cost

BLOCK = Block(batch=64, width=32, parameters=1024, projection=320, teach=3.0, forward=1.0, backward=2.0, update=0.5)
ADAM = Recipe(partial(torch.optim.Adam, fused=True), 1)


def test_mono_forward_by_hand() -> None:
    ways = Ways(4, 2, wire=1e-4)
    frame = 2048 + 64 * 32 * 4 + 64 * 8 + 64  # header, activity, labels, up to 16 losses
    assert scaling.mono_forward_seconds(BLOCK, ways) == 6.0
    assert scaling.mono_forward_fill(BLOCK, ways) == pytest.approx(3 * (6 + 1e-4 * frame))
    assert scaling.mono_forward_seconds(BLOCK, Ways(4, 2, wire=1e-2)) == pytest.approx(1e-2 * frame)
    assert scaling.mono_forward_wire(BLOCK, ways) == 3 * (2048 + 8192 + 512 + 64)
    assert scaling.mono_forward_memory(BLOCK, ways, places=1) == 4 * 7 * 1344 + 4 * frame + 3 * 8192


def test_one_f_one_b_by_hand() -> None:
    ways = Ways(4, 2, wire=1e-4)
    assert scaling.one_f_one_b_seconds(BLOCK, ways, 8) == pytest.approx(11 * 6 / 8 + 2 * 3 * 1e-4 * 1024 * 2 + 1.0)
    assert scaling.bubble(4, 8) == pytest.approx(3 / 11)
    assert scaling.one_f_one_b_wire(BLOCK, ways) == 6 * 8192
    assert scaling.one_f_one_b_memory(BLOCK, ways, 8) == 16 * 2 * 1024 + (4 * 3 + 2) * 1024
    assert scaling.one_f_one_b_memory(BLOCK, ways, 8, rank=3) == 16 * 2 * 1024 + (1 * 3 + 2) * 1024
    assert scaling.one_f_one_b_memory(BLOCK, Ways(64), 8) == 16 * 1024 + (8 * 2 + 2) * 1024


def _mono_forward(ways: Ways, batches: int) -> list[float]:
    """When the last rank ends each batch: every rank one after another, every wire one frame at a time."""
    compute = ways.blocks * BLOCK.teach
    wire = ways.wire * scaling.frame_bytes(BLOCK, ways.blocks * (ways.ranks - 1))
    arrived = [0.0] * batches
    for rank in range(ways.ranks):
        ended, carried, sent = [], [], 0.0
        for at in arrived:
            ended.append(max(at, ended[-1] if ended else 0.0) + compute)
            sent = max(sent, ended[-1]) + wire
            carried.append(sent)
        arrived = ended if rank == ways.ranks - 1 else carried
    return arrived


@pytest.mark.parametrize("wire", [0.0, 1e-4, 1e-2])
@pytest.mark.parametrize("ranks", [1, 2, 8])
def test_mono_forward_is_as_simulated(ranks: int, wire: float) -> None:
    ways = Ways(ranks, 2, wire)
    ended = _mono_forward(ways, 50)
    first = scaling.mono_forward_fill(BLOCK, ways) + 2 * BLOCK.teach
    if wire < 1e-2 or ranks > 1:
        period = scaling.mono_forward_seconds(BLOCK, ways)
        assert ended[-1] - ended[-2] == pytest.approx(period)
        assert ended[-1] == pytest.approx(first + 49 * period)
    assert ended[0] == pytest.approx(first)


def _one_f_one_b(ranks: int, pieces: int, forward: float, backward: float, wire: float) -> float:
    """When the last pass of a batch ends: forward passes until R - r are under way, then one back, one forth."""
    orders = []
    for rank in range(ranks):
        ahead = min(pieces, ranks - rank)
        order = [("forth", piece) for piece in range(ahead)]
        for piece in range(pieces):
            order += [("back", piece)] + ([("forth", piece + ahead)] if piece + ahead < pieces else [])
        orders.append(order)
    ended: dict[tuple[str, int, int], float] = {}
    free = [0.0] * ranks
    while any(orders):
        for rank, order in enumerate(orders):
            while order:
                kind, piece = order[0]
                other = rank - 1 if kind == "forth" else rank + 1
                needs = (kind, piece, other) if 0 <= other < ranks else None
                if needs is not None and needs not in ended:
                    break
                ready = 0.0 if needs is None else ended[needs] + wire
                free[rank] = max(free[rank], ready) + (forward if kind == "forth" else backward)
                ended[kind, piece, rank] = free[rank]
                order.pop(0)
    return max(ended.values())


@pytest.mark.parametrize("ranks", [1, 2, 4, 8])
@pytest.mark.parametrize("pieces", [1, 4, 8, 32])
def test_one_f_one_b_is_as_simulated(ranks: int, pieces: int) -> None:
    def both(wire: float) -> tuple[float, float]:
        ways = Ways(ranks, 2, wire)
        forth, back = 2 * BLOCK.forward / pieces, 2 * BLOCK.backward / pieces
        found = _one_f_one_b(ranks, pieces, forth, back, wire * BLOCK.activity / pieces) + 2 * BLOCK.update
        return scaling.one_f_one_b_seconds(BLOCK, ways, pieces), found

    derived, simulated = both(0.0)
    assert derived == pytest.approx(simulated)
    derived, simulated = both(1e-5)
    assert derived <= simulated + 1e-9
    assert derived == pytest.approx(simulated, rel=0.05)
    if ranks <= 2:
        assert derived == pytest.approx(simulated)


@pytest.mark.parametrize(("batch", "width", "losses"), [(64, 32, 5), (7, 3, 0)])
def test_a_frame_has_the_bytes_that_the_pipeline_sends(batch: int, width: int, losses: int) -> None:
    block = Block(batch, width, 1, 1, 1.0, 1.0, 1.0, 1.0)
    tensors = (torch.zeros(batch, width), torch.zeros(batch, dtype=torch.int64), None, torch.zeros(losses))
    assert scaling.frame_bytes(block, losses) == 8 * HEADER + size_of(Frame(Kind.STEP, tensors=tensors))


def test_memory_of_a_block_is_that_of_a_counted_step() -> None:
    width, batch = 400, 300
    learner = MonoForward(mlp(width, (width,), 10, bias=False))
    counted = step_cost(learner, ADAM, (width,), batch, 10).peak
    projection = sum(one.numel() for one in learner.parameters()) - width * width
    block = Block(batch, width, width * width, projection, 1.0, 1.0, 1.0, 1.0)
    waiting = 5 * scaling.frame_bytes(block, 0)
    assert scaling.mono_forward_memory(block, Ways(1)) - waiting == pytest.approx(counted, rel=0.03)


def test_memory_of_a_micro_batch_is_what_autograd_saves() -> None:
    blocks = nn.Sequential(*(nn.Sequential(nn.Linear(32, 32, bias=False), nn.ReLU()) for _ in range(3)))
    saved: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.shape[0] == 16:  # not a weight
            saved[tensor.data_ptr()] = tensor.nbytes
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda one: one):
        given = blocks(torch.randn(16, 32))
    assert given.requires_grad
    one = Block(16, 32, 1024, 1, 1.0, 1.0, 1.0, 1.0)
    derived = scaling.one_f_one_b_memory(one, Ways(1, 3), 1) - 16 * 3 * 1024 - 2 * one.activity
    assert derived == sum(saved.values())


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="1 to 64 micro-batches, got 65"):
        scaling.one_f_one_b_seconds(BLOCK, Ways(4), 65)
    with pytest.raises(ValueError, match="ranks 0 to 3, got 4"):
        scaling.one_f_one_b_memory(BLOCK, Ways(4), 8, rank=4)
    with pytest.raises(ValueError, match="at least one of the ranks, got 0"):
        Ways(0)
    with pytest.raises(ValueError, match="seconds of teach must be above 0, got 0.0"):
        Block(1, 1, 1, 1, 0.0, 1.0, 1.0, 1.0)
