"""Processes that each are a rank of a trial: a launcher that has imported everything forks them, so each begins at once and has memory of its own.

A rank that fails, or one that takes too long, ends all of them, and is told of in one sentence; without the launcher's caller nothing goes on.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from onward.training.fit import TrainingFailed

LOOK = 0.01  # seconds between two looks at the ranks
GRACE = 10.0  # seconds for the others to end by themselves when one has failed
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "TORCHINDUCTOR_COMPILE_THREADS"), "1")
Tell = Callable[[float], None]
Task = Callable[..., dict[str, Any]]


class RanksFailed(TrainingFailed):
    """A rank of a trial has ended before its work; the message is one sentence that says which and why."""


class Launcher:
    """Has tasks done by ranks, each a process with one thread; to be used in a `with` block."""

    def __init__(self) -> None:
        """Start the process that forks ranks."""
        command = [sys.executable, "-m", "onward.papers.mono_forward.ranks_processes"]
        self._process = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **ONE_THREAD},
            start_new_session=True,  # an interruption reaches the caller alone, which then ends all
        )

    def __enter__(self) -> Launcher:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def run(
        self, task: str, arguments: dict[str, Any], ranks: int, *, deadline: float, tell: Tell = lambda part: None
    ) -> list[dict[str, Any]]:
        """Have a task done by some ranks; give what each found.

        Args:
            task: its name in `ranks_ways.TASKS`.
            arguments: of the task, as JSON can write them.
            ranks: how many processes.
            deadline: seconds after which all are killed.
            tell: told the part that is done, by rank 0.

        Raises:
            RanksFailed: a rank has failed, or not ended in time.
        """
        process = self._process
        assert process.stdin is not None  # noqa: S101
        assert process.stdout is not None  # noqa: S101
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(
                json.dumps({"task": task, "arguments": arguments, "ranks": ranks, "deadline": deadline}) + "\n"
            )
            process.stdin.flush()
        for line in process.stdout:
            told = json.loads(line)
            if "part" in told:
                tell(told["part"])
            elif "failed" in told:
                raise RanksFailed(told["failed"])
            else:
                return told["found"]
        raise RanksFailed(f"the process that starts the ranks of {task!r} has ended, with exit code {process.wait()}")

    def close(self) -> None:
        """End the launcher, and with it all ranks."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        try:
            self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def free_port() -> int:
    """Give a port of this machine that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def serve(tasks: dict[str, Task]) -> None:
    """Carry out the orders that come, one after another, until nobody is there to give them."""
    for line in iter(sys.stdin.readline, ""):
        with tempfile.TemporaryDirectory(prefix="onward-ranks-") as folder:
            answer = carry_out(tasks, json.loads(line), Path(folder))
        _say(answer)


def carry_out(tasks: dict[str, Task], order: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Fork the ranks of an order and wait for them; give what they found, or why there is nothing."""
    port, size = free_port(), order["ranks"]
    children = {_fork(tasks[order["task"]], order, rank, port, folder): rank for rank in range(size)}
    until, first = time.monotonic() + order["deadline"], None
    try:
        while children:
            for child, rank in list(children.items()):
                done, status = os.waitpid(child, os.WNOHANG)
                if not done:
                    continue
                del children[child]
                code = os.waitstatus_to_exitcode(status)
                if code and first is None:
                    first, until = (rank, code), min(until, time.monotonic() + GRACE)
            if children and time.monotonic() > until:
                return _failed(order, folder, first)
            if children and _abandoned():
                return {"failed": "nobody waits for the ranks any more"}
            time.sleep(LOOK)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    if first is not None:
        return _failed(order, folder, first)
    return {"found": [json.loads((folder / f"{rank}.json").read_text()) for rank in range(size)]}


def _failed(order: dict[str, Any], folder: Path, first: tuple[int, int] | None) -> dict[str, Any]:
    if first is None:
        return {"failed": f"the ranks of {order['task']!r} have not ended within {order['deadline']:g} seconds"}
    rank, code = first
    causes = sorted(folder.glob("*.error"))  # a rank that stops since another failed leaves none
    if causes:
        rank, said = int(causes[0].stem), causes[0].read_text()
    else:
        lines = (folder / f"{rank}.err").read_text().splitlines()
        said = lines[-1] if lines else f"it ended with exit code {code}"
    return {"failed": f"rank {rank} of {order['task']!r} has failed: {said}"}


def _abandoned() -> bool:
    """Whether the caller has closed its end: there is something to read, and it is the end."""
    ready, _, _ = select.select([sys.stdin], [], [], 0)
    return bool(ready) and not sys.stdin.readline()


def _fork(task: Task, order: dict[str, Any], rank: int, port: int, folder: Path) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        caller = os.dup(1)
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(folder / f"{rank}.{name}", os.O_WRONLY | os.O_CREAT), number)
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), RANK=str(rank), WORLD_SIZE=str(order["ranks"]))

        def tell(part: float) -> None:
            if rank == 0:
                os.write(caller, (json.dumps({"part": part}) + "\n").encode())

        found = task(tell=tell, **order["arguments"])
        (folder / f"{rank}.json").write_text(json.dumps(found))
        code = 0
    except Exception as error:
        traceback.print_exc()
        (folder / f"{rank}.error").write_text(str(error).strip().partition("\n")[0] or type(error).__name__)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _say(answer: dict[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    import torch

    from onward.papers.mono_forward.ranks_ways import TASKS

    torch.set_num_threads(1)
    stepped = torch.zeros(1, requires_grad=True)
    stepped.grad = torch.ones(1)
    torch.optim.Adam([stepped], fused=True).step()  # imports much, which every rank would import again
    serve(TASKS)
    os._exit(0)  # there is nothing to clear away, and an interpreter that has loaded this much takes its time to
