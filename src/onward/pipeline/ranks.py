"""Being one of several processes: who this one is, how the others are reached, and how all of them end together.

`joined` is what a script that `torchrun` starts puts around its work; started without, it is the only rank.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from types import FrameType
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed import HashStore, PrefixStore, rendezvous  # pyright: ignore[reportPrivateImportUsage]

from onward.pipeline.watch import RANK_0, Notes, RankLost, Watch
from onward.pipeline.wire import receive, send

LIFELINE = 1  # the tag of what is waited for from a rank until its end
MEETING = timedelta(minutes=5)  # to wait for all ranks to be there


@dataclass
class Ranks:
    """All processes of a run, as one of them sees them.

    Attributes:
        rank: number of this one, from 0.
        size: how many there are.
        store: where they leave notes for each other.
        watch: notices when one of them dies.
        runs: how many runs they have begun together.
        sent: bytes that this one has sent to the next.
    """

    rank: int
    size: int
    store: Notes = field(repr=False)
    watch: Watch = field(repr=False)
    runs: int = 0
    sent: int = 0

    def __post_init__(self) -> None:
        self.store = self.store.clone()

    @property
    def first(self) -> bool:
        """Whether this is rank 0, which has the data."""
        return self.rank == 0

    @property
    def last(self) -> bool:
        """Whether this is the rank with the last block."""
        return self.rank == self.size - 1

    def note(self, key: str, text: str) -> None:
        """Leave a note for all ranks."""
        self.store.set(key, text)

    def read(self, key: str) -> str:
        """Wait for a note, and read it. `RankLost` if a rank is lost meanwhile."""
        try:
            self.watch.until(lambda: self.store.check([key]))
            return self.store.get(key).decode()
        except RankLost:
            raise
        except RuntimeError:
            raise self.watch.broken(0) from None


class _Ended(BaseException):
    """The process was asked to end, as torchrun asks all when one has died."""


@contextmanager
def joined(*, patience: float = 20.0) -> Iterator[Ranks]:
    """Join the other processes that `torchrun` started, for a `with` block, at whose end all wait for each other.

    When a rank dies or raises, all others stop with one sentence that names it, and exit code 1. Where the environment does not tell
    of other ranks, this is the only one.

    Args:
        patience: seconds after which a rank that does not move (one that was stopped, whose machine is gone) is lost; one that is
            killed is noticed within two or three, whatever it is.

    Raises:
        ValueError: the process is in a group already, or a patience that is too short.
    """
    if not patience >= 2:
        raise ValueError(f"patience must be at least 2 seconds, got {patience}")
    if dist.is_initialized():
        raise ValueError("joined() makes the process group itself, but this process is in one already")
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        alone: Any = HashStore()
        yield Ranks(0, 1, alone, Watch(alone, 0, 1, patience=patience))
        return
    store, rank, size = next(iter(rendezvous("env://", timeout=MEETING)))
    store.set_timeout(MEETING)
    agent = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    keeper = "the process that started the ranks" if agent else RANK_0
    group = PrefixStore("group", store)
    dist.init_process_group("gloo", store=group, rank=rank, world_size=size, timeout=MEETING)
    notes: Any = PrefixStore("onward", store)
    watch = Watch(notes, rank, size, patience=patience, keeper=keeper)
    try:
        with _asked_to_end():
            lines = _tied(watch)
            yield Ranks(rank, size, notes, watch)
            watch.leave()
            _untied(watch, lines)
    except RankLost as error:
        _stop(watch, str(error))
    except _Ended:
        dead = watch.silent()
        said = watch.announce(f"rank {dead[0]} was lost: its process ended before its work") if dead else None
        _stop(watch, said or watch.announce(f"rank {rank} was asked to end"))
    except BaseException as error:
        what = str(error) if isinstance(error, Exception) else ""
        watch.announce(f"rank {rank} has stopped: {what or type(error).__name__}")
        watch.linger()
        atexit.register(_exit)  # threads that wait for a rank abort an interpreter that ends around them
        raise
    dist.destroy_process_group()


def _tied(watch: Watch) -> list[threading.Thread]:
    """Wait for a byte from each neighbour, in threads: it comes at the end, or the connection breaks when the neighbour dies."""

    def hold(other: int) -> None:
        try:
            receive(torch.empty(1, dtype=torch.uint8), other, LIFELINE)
        except RuntimeError:
            watch.broken(other)

    lines = [threading.Thread(target=hold, args=(other,), daemon=True) for other in watch.neighbours]
    for line in lines:
        line.start()
    return lines


def _untied(watch: Watch, lines: list[threading.Thread]) -> None:
    """Send the byte, and wait for those of the neighbours."""
    for other in watch.neighbours:
        try:
            send(torch.zeros(1, dtype=torch.uint8), other, LIFELINE)
        except RuntimeError:
            raise watch.broken(other) from None
    for line in lines:
        line.join(watch.patience)


def _stop(watch: Watch, sentence: str) -> None:
    """End the process. Threads may wait for a rank that will never answer, so nothing is waited for."""
    sys.stdout.flush()
    sys.stderr.write(f"rank {watch.rank} stops: {sentence}\n")
    sys.stderr.flush()
    watch.linger()
    _exit()


def _exit() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)


@contextmanager
def _asked_to_end() -> Iterator[None]:
    """Turn SIGTERM, where nobody else handles it, into an exception."""
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise _Ended

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGTERM) is end:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
