"""Ctrl-C waits for the end of a step, so that a run can be stored before it leaves."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupt:
    """Whether Ctrl-C has been pressed meanwhile."""

    came = False


@contextmanager
def held_back() -> Iterator[Interrupt]:
    """Hold Ctrl-C back while the block runs, and raise `KeyboardInterrupt` at its end; pressed twice, it does not wait.

    Python's own handler is put aside meanwhile. In a thread other than the main one, and where somebody else handles the
    signal, nothing is changed and `came` stays False.
    """
    interrupt = Interrupt()
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield interrupt
        return

    def note(number: int, frame: FrameType | None) -> None:
        if interrupt.came:
            signal.default_int_handler(number, frame)
        interrupt.came = True

    signal.signal(signal.SIGINT, note)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if interrupt.came:
        raise KeyboardInterrupt
