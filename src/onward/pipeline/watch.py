"""Seeing to it that no rank waits for a dead one: all beat in a store that they share, and the first to miss one says so there.

A rank that is killed closes its connections, which its neighbours see at once; who has stopped beating is the one that died. A
rank that is frozen is missed by its neighbours after a while. What is said first counts, so all ranks name the same one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

INTERVAL = 0.5  # seconds between two beats
SILENCE = 3 * INTERVAL  # of a rank whose connection broke, until it counts as dead
SHORTEST, LONGEST = 0.001, 0.03  # seconds between two looks at something that is waited for

RANK_0 = "rank 0"
LOST, GONE, LEFT = "lost", "gone", b"left"


@runtime_checkable
class Notes(Protocol):
    """A store of `torch.distributed`: notes by key that all ranks can write and read."""

    def set(self, key: str, value: str) -> None:
        """Leave a note."""
        ...

    def get(self, key: str) -> bytes:
        """Wait for a note, and give it."""
        ...

    def check(self, keys: list[str]) -> bool:
        """Whether all of some notes are there."""
        ...

    def add(self, key: str, value: int) -> int:
        """Count something; give the count."""
        ...

    def compare_set(self, key: str, expected_value: str, desired_value: str) -> bytes:
        """Leave a note where none is, expected as no text; give what is there then."""
        ...

    def clone(self) -> Any:
        """Give the same store through a connection of its own."""
        ...


class RankLost(RuntimeError):
    """A rank has ended before its work, so this one stops too; the message is a sentence that names it."""


class Watch:
    """A rank's eye on the others, in a thread of its own.

    Attributes:
        rank: of whoever watches.
        size: number of ranks.
        patience: seconds after which a neighbour that does not beat is lost.
        keeper: whose death takes the store along.
        neighbours: the ranks before and after.
    """

    def __init__(self, store: Notes, rank: int, size: int, *, patience: float, keeper: str = RANK_0) -> None:
        """Begin to beat."""
        self.rank, self.size, self.patience, self.keeper = rank, size, patience, keeper
        self.neighbours = [other for other in (rank - 1, rank + 1) if 0 <= other < size]
        self._store = store.clone()  # an operation that waits would hold up others of the same connection
        self._lost: str | None = None
        self._leaving = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, args=(store.clone(),), daemon=True)
        if size > 1:
            self._thread.start()

    def check(self) -> None:
        """Raise `RankLost` if a rank is known to be lost."""
        if self._lost is not None:
            raise RankLost(self._lost)

    def until(self, ready: Callable[[], bool]) -> None:
        """Wait until something is so; `RankLost` if a rank is lost meanwhile."""
        pause = SHORTEST
        while not ready():
            self.check()
            time.sleep(pause)
            pause = min(2 * pause, LONGEST)

    def announce(self, sentence: str) -> str:
        """Tell all ranks why they have to stop; give what was said first."""
        if self._lost is None and self.size > 1:
            try:
                self._lost = self._store.compare_set(LOST, "", sentence).decode()
            except RuntimeError:
                self._lost = self._store_lost()
        return self._lost or sentence

    def broken(self, other: int) -> RankLost:
        """Give the error of a rank whose connection to another broke, naming the one that died, this one or a third."""
        silent = self.silent()
        if self._lost is None:
            dead = other if other in silent or not silent else silent[0]
            self.announce(f"rank {dead} was lost: its process ended before its work")
        return RankLost(self._lost or "")

    def silent(self) -> list[int]:
        """Look for a while which ranks do not beat; none once a rank is known to be lost."""
        before: dict[int, bytes | None] = {}
        after: dict[int, bytes | None] = {}
        try:
            before, began = self._beats(), time.monotonic()
            while self._lost is None and time.monotonic() - began < SILENCE:
                time.sleep(INTERVAL / 10)
            after = self._beats()
        except RuntimeError:
            self._lost = self._lost or self._store_lost()
        if self._lost is not None:
            return []
        return [rank for rank, beat in after.items() if beat not in (None, LEFT) and beat == before[rank]]

    def leave(self) -> None:
        """Wait until all ranks have come to their end, then stop beating. `RankLost` if one does not."""
        if self.size == 1:
            return
        self._leaving = True
        self._store.set(_key(self.rank), LEFT.decode())
        self.until(lambda: all(beat == LEFT for beat in self._beats().values()))
        self._stop.set()
        self._store.add(GONE, 1)
        deadline = time.monotonic() + self.patience
        while self.rank == 0 and self._store.add(GONE, 0) < self.size and time.monotonic() < deadline:
            time.sleep(SHORTEST)  # the store may live in this process

    def linger(self) -> None:
        """Keep the store, if it lives in this process, until the others had time to read why they have to stop."""
        if self.size > 1 and self.rank == 0 and self.keeper == RANK_0:
            time.sleep(SILENCE)

    def _beats(self) -> dict[int, bytes | None]:
        keys = {rank: _key(rank) for rank in range(self.size) if rank != self.rank}
        return {rank: self._store.get(key) if self._store.check([key]) else None for rank, key in keys.items()}

    def _beat(self, store: Notes) -> None:
        seen: dict[int, tuple[bytes, float]] = {}
        count = 0
        while not self._stop.is_set():
            try:
                count += 1
                store.set(_key(self.rank), LEFT.decode() if self._leaving else str(count))
                if self._lost is None and store.check([LOST]):
                    self._lost = store.get(LOST).decode()
                for other in self.neighbours:
                    beat = store.get(_key(other)) if store.check([_key(other)]) else b""
                    if other not in seen or seen[other][0] != beat:
                        seen[other] = (beat, time.monotonic())
                    elif beat != LEFT and time.monotonic() - seen[other][1] > self.patience:
                        self.announce(f"rank {other} was lost: nothing was heard of it for {self.patience:g} seconds")
            except RuntimeError:
                self._lost = self._lost or self._store_lost()
                return
            self._stop.wait(INTERVAL)

    def _store_lost(self) -> str:
        return f"{self.keeper} was lost, and with it the store in which the ranks see each other"


def _key(rank: int) -> str:
    return f"beat/{rank}"
