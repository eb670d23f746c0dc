"""One direction: frames leave for the next rank and come from the one before, while this one computes.

A thread sends what waits and a thread fetches what comes, each through a queue of a few places, so that a fast rank is held back
by a slow one and memory is bounded. What is sent is a copy, so nobody needs to wait before changing a tensor.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from jaxtyping import UInt8
from torch import Tensor

from onward.pipeline.frames import HEADER, Frame, Kind, pack, payload_size, size_of, unpack
from onward.pipeline.watch import Watch

LOOK = 0.05  # seconds between two looks at whether a rank was lost
LONG = timedelta(days=30)  # a slow rank is no dead one; which is which, the watch tells

Item = TypeVar("Item")


def send(tensor: Tensor, to: int, tag: int = 0) -> None:
    """Send a contiguous tensor, and wait until it has gone. `RuntimeError` if the connection breaks."""
    work = dist.isend(tensor, to, tag=tag)
    assert work is not None  # noqa: S101
    work.wait(LONG)


def receive(tensor: Tensor, source: int, tag: int = 0) -> None:
    """Wait for a tensor, to be written into one. `RuntimeError` if the connection breaks."""
    work = dist.irecv(tensor, source, tag=tag)
    assert work is not None  # noqa: S101
    work.wait(LONG)


class _Line:
    """A thread at one end of a connection, and what became of it."""

    def __init__(self, watch: Watch, peer: int, work: Callable[[], object]) -> None:
        self.watch, self.peer = watch, peer
        self.error: BaseException | None = None
        self._work = work
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait until the work is done."""
        while self._thread.is_alive():
            self.check()
            self._thread.join(LOOK)
        self.check()

    def check(self) -> None:
        self.watch.check()
        if isinstance(self.error, RuntimeError):
            raise self.watch.broken(self.peer) from None
        if self.error is not None:
            raise self.error

    def wait(self, take: Callable[..., Item]) -> Item:
        """Call a method of a queue until it succeeds, looking meanwhile whether it ever can."""
        while True:
            try:
                return take(timeout=LOOK)
            except (queue.Empty, queue.Full):
                self.check()

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # told by whoever waits for this thread
            self.error = error


def alongside(watch: Watch, peer: int, work: Callable[[], object]) -> None:
    """Do something that waits for another rank. `RankLost` if it will never answer."""
    _Line(watch, peer, work).join()


class Sender:
    """Sends frames to the next rank."""

    def __init__(self, watch: Watch, to: int, places: int) -> None:
        """Begin to send; `places` is how many frames may wait or be under way."""
        self._bytes = 0
        self._to = to
        self._free: queue.Queue[UInt8[Tensor, "n"]] = queue.Queue()
        self._ready: queue.Queue[tuple[Tensor, Tensor, bool]] = queue.Queue()
        for _ in range(places):
            self._free.put(torch.empty(0, dtype=torch.uint8))
        self._line = _Line(watch, to, self._work)

    def send(self, frame: Frame) -> None:
        """Copy a frame and have it sent; waits only while all places are taken.

        Raises:
            RankLost: a rank has ended before its work.
        """
        self._line.check()
        size = size_of(frame)
        buffer = self._line.wait(self._free.get)
        if buffer.numel() < size:
            buffer = torch.empty(size, dtype=torch.uint8)
        header = pack(frame, buffer)
        self._ready.put((header, buffer, frame.kind is Kind.END))
        self._bytes += header.nbytes + size

    def counted(self) -> int:
        """Give the bytes sent since they were last asked for, headers included."""
        found, self._bytes = self._bytes, 0
        return found

    def close(self) -> None:
        """Wait until all has been sent, the last frame being `Kind.END`. `RankLost` as for `send`."""
        self._line.join()

    def _work(self) -> None:
        end = False
        while not end:
            header, buffer, end = self._ready.get()
            send(header, self._to)
            if size := payload_size(header):
                send(buffer[:size], self._to)
            self._free.put(buffer)


class Receiver:
    """Fetches frames from the rank before."""

    def __init__(self, watch: Watch, source: int, places: int) -> None:
        """Begin to fetch; `places` is how many frames may wait."""
        self._source = source
        self._arrived: queue.Queue[Frame] = queue.Queue(places)
        self._line = _Line(watch, source, self._work)

    def receive(self) -> Frame:
        """Wait for the next frame. `RankLost`: a rank has ended before its work."""
        self._line.watch.check()
        return self._line.wait(self._arrived.get)

    def _work(self) -> None:
        end = False
        while not end:
            header = torch.empty(HEADER, dtype=torch.int64)
            receive(header, self._source)
            payload = torch.empty(payload_size(header), dtype=torch.uint8)
            if payload.numel():
                receive(payload, self._source)
            frame = unpack(header, payload)
            self._arrived.put(frame)
            end = frame.kind is Kind.END
