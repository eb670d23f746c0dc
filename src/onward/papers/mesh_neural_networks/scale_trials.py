"""The trial of scale: one gradient of a very large mesh, forward-only on the live pattern beside backpropagation through the same sparse weights.

Every measurement is a process of its own, so that the peak of its resident set is that of the forward-only gradient alone: it is
taken before backpropagation runs. Both then take turns.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from statistics import median
from typing import Any

import torch
from torch import Tensor

from onward import graphs
from onward.experiments.spec import Outcome, Progress
from onward.kernels import losses, reach
from onward.kernels.plan import plan
from onward.learners.backprop import Backprop
from onward.learners.base import AbstractLearner
from onward.learners.forward_only import ForwardOnly
from onward.meters.process import peak_resident, resident
from onward.nets.mesh import MeshNet

FEATURES, OUTPUTS = 784, 10
SMALL = 100_000  # hidden neurons up to which the gradient is made in double precision too


@dataclass(frozen=True)
class Case:
    """A mesh whose gradient is measured.

    Attributes:
        sides: of the torus of hidden neurons.
        rewired: part of its edges that are drawn anew; 0 is a lattice, 1 a random graph of eight edges a neuron.
        ticks: updates.
        batch: examples.
        threads: of PyTorch.
        rounds: turns of either method, of one gradient each.
    """

    sides: tuple[int, int]
    rewired: float
    ticks: int = 5
    batch: int = 1
    threads: int = 2
    rounds: int = 5

    @property
    def hidden(self) -> int:
        """Number of hidden neurons."""
        return self.sides[0] * self.sides[1]


def measure(seeds: Sequence[int], progress: Progress, *, case: Case) -> list[Outcome]:
    """Measure a case in a process of its own, a seed after the other.

    Metrics:
        `neurons`, `edges`, `live` (edges that can influence an output, a part of all), `alive` (a part of the hidden neurons that are not
        at zero at the end), `moved` (edges whose gradient is not zero, a part of all); `engine_is_sparse` (1 if the plan's choice is), `planned_bytes`; `layout_seconds` (once a
        mesh), `fop_seconds` and `bptt_seconds` a gradient (medians), `ratio` (median over the turns); `peak_bytes` of the process and
        `before_bytes` before there was a net; `error` and `bptt_error` in float32, relative (Euclidean) to backpropagation in
        float64, and, for up to 100,000 hidden neurons, `exact_error` in float64.
    History: `fop` and `bptt`, seconds of every turn.

    Raises:
        RuntimeError: the process has failed.
    """
    found = []
    for number, seed in enumerate(seeds):
        order = json.dumps({"case": asdict(case), "seed": seed})
        done = subprocess.run([sys.executable, "-m", __name__], input=order, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            said = done.stderr.strip().splitlines() or [f"it ended with exit code {done.returncode}"]
            raise RuntimeError(f"the measurement of {case} has failed: {said[-1]}")
        answer = json.loads(done.stdout.splitlines()[-1])
        found.append(Outcome(answer["metrics"], answer["history"]))
        progress((number + 1) / len(seeds))
    return found


def run(case: Case, seed: int) -> dict[str, Any]:
    """Measure a case in this process."""
    torch.set_num_threads(case.threads)
    before = sum(resident().values())
    net, x, y = _made(case, seed)
    topology = net.topology
    planned = plan(topology, case.ticks, case.batch)
    learner = ForwardOnly(net, engine="sparse")
    first = _timed(partial(_gradient, learner, x, y))
    peak = peak_resident()
    rival = Backprop(net)
    _gradient(rival, x, y)
    turns = [[_timed(partial(_gradient, one, x, y)) for one in (learner, rival)] for _ in range(case.rounds)]
    ours, theirs = ([turn[k] for turn in turns] for k in (0, 1))
    errors = _errors(net, learner, rival, x, y, double=case.hidden <= SMALL)
    metrics = {
        "neurons": topology.neurons,
        "edges": topology.edges,
        "live": float(reach.live(topology, case.ticks).mean()),
        "alive": float((net.states(x)[..., -1, : -topology.outputs] != 0).double().mean()),
        "engine_is_sparse": int(planned.engine == "sparse"),
        "planned_bytes": planned.costs["sparse"].bytes,
        "layout_seconds": first - median(ours),
        "fop_seconds": median(ours),
        "bptt_seconds": median(theirs),
        "ratio": median(one / other for one, other in turns),
        "peak_bytes": peak,
        "before_bytes": before,
        **errors,
    }
    return {"metrics": metrics, "history": {"fop": ours, "bptt": theirs}}


def _made(case: Case, seed: int) -> tuple[MeshNet, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    topology = graphs.lattice(FEATURES, case.sides, OUTPUTS, generator=generator, rewired=case.rewired)
    net = MeshNet(topology, case.ticks, generator=generator)
    x = torch.randn(case.batch, FEATURES, generator=generator)
    return net, x, torch.randint(OUTPUTS, (case.batch,), generator=generator)


def _gradient(learner: AbstractLearner, x: Tensor, y: Tensor) -> Tensor:
    (credit,) = learner.credit(x, y)
    return credit.gradients["net.weight"].detach()


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _errors(
    net: MeshNet, learner: AbstractLearner, rival: AbstractLearner, x: Tensor, y: Tensor, *, double: bool
) -> dict[str, float]:
    """Compare both gradients with backpropagation in double precision."""
    ours, theirs = _gradient(learner, x, y), _gradient(rival, x, y)
    precise = net.with_weight(net.weight.detach().double())
    true = _gradient(Backprop(precise, losses.cross_entropy), x.double(), y)

    def error(found: Tensor) -> float:
        return float((found.double() - true).norm() / true.norm())

    found = {"moved": float((true != 0).double().mean()), "error": error(ours), "bptt_error": error(theirs)}
    if double:
        found["exact_error"] = error(_gradient(ForwardOnly(precise, engine="sparse"), x.double(), y))
    return found


if __name__ == "__main__":
    asked = json.loads(sys.stdin.read())
    asked["case"]["sides"] = tuple(asked["case"]["sides"])
    sys.stdout.write(json.dumps(run(Case(**asked["case"]), asked["seed"])) + "\n")
