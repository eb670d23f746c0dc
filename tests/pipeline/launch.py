"""Ranks for tests: a process that has imported everything once and forks as many as are asked for, each with a deadline.

`python -m tests.pipeline.launch` is that process; `Launcher` is how a test talks to it. No rank outlives its deadline.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Outcome:
    """How ranks ended: exit codes (negative for a signal), seconds from the kill to the end of each, and their folder."""

    codes: list[int]
    seconds: list[float]
    folder: Path

    def said(self, rank: int) -> str:
        return (self.folder / f"{rank}.err").read_text()

    def told(self, rank: int) -> dict[str, Any]:
        path = self.folder / f"{rank}.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def check(self) -> None:
        assert not any(self.codes), "\n".join(self.said(rank) for rank in range(len(self.codes)))


class Launcher:
    """Has tasks of `tests.pipeline.runs` run by ranks."""

    def __init__(self) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "tests.pipeline.launch"]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def run(
        self,
        task: str,
        ranks: int,
        folder: Path,
        *,
        kill: tuple[int, float] | None = None,
        by: int = signal.SIGKILL,
        ask: tuple[int, ...] = (),
        deadline: float = 60,
        **arguments: Any,
    ) -> Outcome:
        """Run a task; `kill` a rank so many seconds after it said that it has begun, and `ask` others to end, as torchrun does."""
        folder.mkdir(exist_ok=True)
        for old in folder.glob("*.json"):
            old.unlink()
        order = {
            "task": task,
            "ranks": ranks,
            "folder": str(folder),
            "kill": kill,
            "by": by,
            "ask": ask,
            "deadline": deadline,
        }
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({**order, "arguments": arguments}) + "\n")
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], deadline + 60)
        assert ready, "the launcher does not answer"
        codes, seconds = json.loads(self.process.stdout.readline())
        return Outcome(codes, seconds, folder)

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def fork(rank: int, size: int, port: int, order: dict[str, Any]) -> int:
    number = os.fork()
    if number:
        return number
    code = 1
    try:
        folder = Path(order["folder"])
        os.dup2(os.open(folder / f"{rank}.out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
        os.dup2(os.open(folder / f"{rank}.err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        os.environ.update(address, RANK=str(rank), WORLD_SIZE=str(size))
        from tests.pipeline import runs

        getattr(runs, order["task"])(folder, **order["arguments"])
        code = 0
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def carry_out(order: dict[str, Any]) -> tuple[list[int], list[float]]:
    """Fork the ranks of an order, kill one if it says so, and wait for all."""
    size, port = order["ranks"], free_port()
    children = [fork(rank, size, port, order) for rank in range(size)]
    deadline = time.monotonic() + order["deadline"]
    kill, when = order["kill"], None
    codes: list[int | None] = [None] * size
    seconds = [0.0] * size
    while None in codes:
        if kill is not None and when is None and (Path(order["folder"]) / f"{kill[0]}.begun").exists():
            time.sleep(kill[1])
            os.kill(children[kill[0]], order["by"])
            for rank in order["ask"]:
                os.kill(children[rank], signal.SIGTERM)
            when = time.monotonic()
        for rank, child in enumerate(children):
            if codes[rank] is not None:
                continue
            if time.monotonic() > deadline:
                os.kill(child, signal.SIGKILL)
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                codes[rank] = os.waitstatus_to_exitcode(status)
                seconds[rank] = time.monotonic() - when if when else 0.0
        if kill is not None and order["by"] == signal.SIGSTOP and [k for k in range(size) if codes[k] is None] == [kill[0]]:
            os.kill(children[kill[0]], signal.SIGKILL)
        time.sleep(0.005)
    return [code if code is not None else 1 for code in codes], seconds


if __name__ == "__main__":
    import torch

    from tests.pipeline import runs as runs

    torch.set_num_threads(1)
    stepped = torch.zeros(1, requires_grad=True)
    stepped.grad = torch.ones(1)
    torch.optim.Adam([stepped]).step()  # imports much, which every child would import again
    for line in sys.stdin:
        sys.stdout.write(json.dumps(carry_out(json.loads(line))) + "\n")
        sys.stdout.flush()
