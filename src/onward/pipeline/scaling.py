"""What many ranks come to, derived from the times of one block and of the wire: batches a second, bytes of a rank, bytes on the wire.

Mono-Forward fills its pipeline once a run; 1F1B (Narayanan et al., 2019) fills and empties it for every batch, as BP updates once all gradients are back.
All blocks are alike. R ranks with k blocks each; B examples a batch, m micro-batches; A bytes of a batch's activity.
"""

from __future__ import annotations

from dataclasses import dataclass

from onward.pipeline.frames import ALIGNMENT, HEADER

NUMBER, LABEL = 4, 8  # bytes: float32, int64


@dataclass(frozen=True)
class Block:
    """A block, and what it takes for a whole batch.

    Attributes:
        batch: examples, B.
        width: numbers of an example's activity.
        parameters: of the block.
        projection: numbers of its projection, which BP has not.
        teach: seconds of Mono-Forward, the update in it: t.
        forward: seconds of BP's forward pass: f.
        backward: seconds of its backward pass: b.
        update: seconds of BP's update: u.

    Raises:
        ValueError: sizes below 1, or seconds that are not above 0.
    """

    batch: int
    width: int
    parameters: int
    projection: int
    teach: float
    forward: float
    backward: float
    update: float

    def __post_init__(self) -> None:
        for name in ("batch", "width", "parameters", "projection"):
            if getattr(self, name) < 1:
                raise ValueError(f"the {name} of a block must be at least 1, got {getattr(self, name)}")
        for name in ("teach", "forward", "backward", "update"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"the seconds of {name} must be above 0, got {getattr(self, name)}")

    @property
    def activity(self) -> int:
        """Bytes of a batch's activity, A."""
        return NUMBER * self.batch * self.width


@dataclass(frozen=True)
class Ways:
    """How many ranks there are, and how they are joined.

    Attributes:
        ranks: R.
        blocks: of each rank, k.
        wire: seconds a byte takes between neighbours.

    Raises:
        ValueError: fewer than one rank or block, or a wire that takes less than no time.
    """

    ranks: int
    blocks: int = 1
    wire: float = 0.0

    def __post_init__(self) -> None:
        for name in ("ranks", "blocks"):
            if getattr(self, name) < 1:
                raise ValueError(f"there must be at least one of the {name}, got {getattr(self, name)}")
        if not 0 <= self.wire < float("inf"):
            raise ValueError(f"a byte takes 0 seconds or more on the wire, got {self.wire}")


def frame_bytes(block: Block, losses: int) -> int:
    """Give the bytes that `pipeline.fit` sends to the next rank for a batch: header, activity, labels, and losses of the blocks so far."""
    return 8 * HEADER + _padded(block.activity) + _padded(LABEL * block.batch) + _padded(NUMBER * losses)


def mono_forward_seconds(block: Block, ways: Ways) -> float:
    """Give the seconds between two batches in steady state: max(k t, wire x frame).

    A frame is sent while the next batch is computed, so the wire counts only where it takes longer; a thread beside the one that
    computes has to be free for it.
    """
    return max(ways.blocks * block.teach, ways.wire * _last_frame(block, ways))


def mono_forward_fill(block: Block, ways: Ways) -> float:
    """Give the seconds until the last rank has its first batch, once a run: (R - 1) (k t + wire x frame), with the longest frame."""
    return (ways.ranks - 1) * (ways.blocks * block.teach + ways.wire * _last_frame(block, ways))


def one_f_one_b_seconds(block: Block, ways: Ways, pieces: int) -> float:
    """Give the seconds of a batch: (m + R - 1) k (f + b) / m + 2 (R - 1) wire A / m x ceil(m / R) + k u.

    Exact without a wire. Rank 0 has at most R micro-batches under way, so every R-th waits for a way there and back; that is a lower bound, which
    favours 1F1B. So does it that a micro-batch takes an m-th of a batch's time.

    Raises:
        ValueError: micro-batches of less than one example.
    """
    _check(block, pieces)
    slots = (pieces + ways.ranks - 1) * ways.blocks * (block.forward + block.backward) / pieces
    waits = 2 * (ways.ranks - 1) * ways.wire * block.activity / pieces * -(-pieces // ways.ranks)
    return slots + waits + ways.blocks * block.update


def bubble(ranks: int, pieces: int) -> float:
    """Give the part of the time in which a rank of 1F1B is idle, wire and update left out: (R - 1) / (m + R - 1)."""
    return (ranks - 1) / (pieces + ranks - 1)


def mono_forward_memory(block: Block, ways: Ways, *, places: int = 2) -> int:
    """Give the bytes of a rank in the middle: weights and two means of Adam, gradients of one block, and frames.

    4 x (3 k + 1) x (parameters + projection) + (2 places + 2) frames + the activity and the blame of a block at work, and its input where
    that is not in a frame (k > 1). Of frames, one is at work, `places` wait at each end, and a thread has one in hand.
    """
    numbers = block.parameters + block.projection
    working = (2 if ways.blocks == 1 else 3) * block.activity
    return NUMBER * (3 * ways.blocks + 1) * numbers + (2 * places + 2) * _last_frame(block, ways) + working


def one_f_one_b_memory(block: Block, ways: Ways, pieces: int, rank: int = 0) -> int:
    """Give the bytes of a rank: 16 k parameters + (min(m, R - r) (k + 1) + 2) A / m.

    Weights, gradients and two means of Adam of all its blocks, as gradients are added up over the micro-batches; of each micro-batch
    under way its input and k activities; and one micro-batch's activity and blame that go in and out. Rank 0 has the most.

    Raises:
        ValueError: micro-batches of less than one example, or no such rank.
    """
    _check(block, pieces)
    if not 0 <= rank < ways.ranks:
        raise ValueError(f"there are ranks 0 to {ways.ranks - 1}, got {rank}")
    kept = min(pieces, ways.ranks - rank) * (ways.blocks + 1) + 2
    return 4 * NUMBER * ways.blocks * block.parameters + -(-kept * block.activity // pieces)


def mono_forward_wire(block: Block, ways: Ways) -> int:
    """Give the bytes that a batch puts on all wires together: a frame for each of R - 1, with the losses of the blocks before."""
    return sum(frame_bytes(block, ways.blocks * before) for before in range(1, ways.ranks))


def one_f_one_b_wire(block: Block, ways: Ways) -> int:
    """Give the bytes that a batch puts on all wires together, activities forth and gradients back: 2 (R - 1) A."""
    return 2 * (ways.ranks - 1) * block.activity


def _last_frame(block: Block, ways: Ways) -> int:
    return frame_bytes(block, ways.blocks * (ways.ranks - 1))


def _check(block: Block, pieces: int) -> None:
    if not 1 <= pieces <= block.batch:
        raise ValueError(f"a batch of {block.batch} has 1 to {block.batch} micro-batches, got {pieces}")


def _padded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
