"""The trial of scale: one gradient of a very large mesh, forward-only on the live pattern beside backpropagation through the same sparse weights.

Backpropagation is written by hand (`sparse_backprop`) and by automatic differentiation. All take turns in one process; before the others begin there,
the peak of its resident set is that of forward-only propagation, and each way of backpropagation has its own peak in a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from statistics import median
from typing import Any

import torch
from torch import Tensor

from onward import graphs
from onward.experiments.spec import Outcome, Progress
from onward.experiments.turns import Turns, alone, in_turns, timed
from onward.kernels import forward_only, reach, sparse
from onward.kernels.forward_only import Engine
from onward.kernels.plan import Plan, plan
from onward.learners.backprop import Backprop
from onward.learners.base import AbstractLearner
from onward.learners.forward_only import ForwardOnly
from onward.learners.workers import AsPyTorch
from onward.meters.process import peak_resident, resident
from onward.nets.mesh import MeshNet
from onward.papers.mesh_neural_networks import sparse_backprop
from onward.papers.mesh_neural_networks.gradients import checked
from onward.papers.mesh_neural_networks.sparse_backprop import Blocks

FEATURES, OUTPUTS = 784, 10
OURS, RIVALS = "fop", ("by_hand", "autograd")
WORDS = {OURS: "FOP", "by_hand": "BPTT by hand", "autograd": "BPTT by autograd"}


@dataclass(frozen=True)
class Case:
    """A mesh whose gradient is measured.

    Attributes:
        sides: of the torus of hidden neurons.
        rewired: part of its edges that are drawn anew; 0 is a lattice, 1 a random graph of eight edges a neuron.
        ticks: updates.
        batch: examples.
        threads: of PyTorch.
        rounds: turns of every way.
        seconds: that the gradients of a turn take about; one gradient at least.
    """

    sides: tuple[int, int]
    rewired: float
    ticks: int = 5
    batch: int = 1
    threads: int = 2
    rounds: int = 6
    seconds: float = 0.5

    @property
    def hidden(self) -> int:
        """Number of hidden neurons."""
        return self.sides[0] * self.sides[1]


def measure(seeds: Sequence[int], progress: Progress, *, case: Case) -> list[Outcome]:
    """Measure a case in processes of its own, a seed after the other.

    Metrics:
        `neurons`, `edges`; `live` (edges that can influence an output, a part of all), `moved` (edges whose gradient is not zero, a part of all),
        `alive` (a part of the hidden neurons that are not at zero at the end). `planned_bytes`, all that the plan says is needed, and `planned_ratio`, its operations to those of backpropagation; resident sets: `before_bytes` before
        there was a net, `net_bytes` the peak when it was there, `<way>_peak_bytes` the peak when the first gradient was there, `checked_peak_bytes`
        the peak of all, the check in float64 and all ways together. `layout_seconds` (of FOP, once a mesh), `<way>_seconds` a gradient (medians).
        `<way>_apart` in float32, `fop_exact` and `by_hand_exact` in float64, all edges, relative (Euclidean) to automatic differentiation in float64.
    History: `fop`, `by_hand` and `autograd`, seconds of a gradient in every turn.

    Raises:
        RuntimeError: the process has failed; the plan would not take the sparse engine, or a gradient is not that of backpropagation.
    """
    found, parts = [], (OURS, *RIVALS)
    for number, seed in enumerate(seeds):
        metrics: dict[str, float | int] = {}
        history: dict[str, list[float | int]] = {}
        for done, way in enumerate(parts):
            answer = _asked(case, seed, way)
            metrics |= answer["metrics"]
            history |= answer["history"]
            progress((number + (done + 1) / len(parts)) / len(seeds))
        found.append(Outcome(metrics, history))
    return found


def _asked(case: Case, seed: int, way: str) -> dict[str, Any]:
    order = json.dumps({"case": asdict(case), "seed": seed, "way": way})
    done = subprocess.run([sys.executable, "-m", __name__], input=order, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"it ended with exit code {done.returncode}"]
        raise RuntimeError(f"the measurement of {case} has failed: {said[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def run(case: Case, seed: int, way: str) -> dict[str, Any]:
    """Measure in this process: of FOP all that is measured, of a way of backpropagation its peak alone."""
    with alone(case.threads):
        return _in_turns(case, seed) if way == OURS else _peak(case, seed, way)


def _in_turns(case: Case, seed: int) -> dict[str, Any]:
    before = sum(resident().values())
    net, x, y = made(case, seed)
    with_net = peak_resident()
    silent = net.activation.silent_at_zero
    live = reach.live(net.topology, case.ticks, silent_at_zero=silent)
    planned = sparsely_planned(net, case.batch, int(live.sum()))
    layout = sparse.Layout(AsPyTorch().map)
    laid_out_in = timed(lambda: (layout.ends(net.wiring), layout.pattern(net.wiring, case.ticks, silent=silent)))
    ways: dict[str, Callable[[], Tensor]] = {OURS: partial(gradient, ForwardOnly(net, engine=laid_out(layout)), x, y)}
    first = {OURS: ways[OURS]()}
    peak = peak_resident()
    blocks = sparse_backprop.lay_out(net)
    ways |= {name: _rival(name, net, blocks, x, y) for name in RIVALS}
    first |= {name: ways[name]() for name in RIVALS}
    _, history = in_turns(ways, Turns(case.rounds, steps=1, seconds=case.seconds), lambda part: None)
    errors = _errors(net, layout, blocks, x, y, first)
    with torch.no_grad():
        alive = net.states(x)[..., -1, : -net.topology.outputs] != 0
    metrics = {
        "neurons": net.topology.neurons,
        "edges": net.topology.edges,
        "live": float(live.mean()),
        "alive": float(alive.double().mean()),
        "planned_bytes": planned.needed,
        "planned_ratio": planned.costs["sparse"].flops / planned.others["backprop through the ticks"].flops,
        "before_bytes": before,
        "net_bytes": with_net,
        f"{OURS}_peak_bytes": peak,
        "checked_peak_bytes": peak_resident(),
        "layout_seconds": laid_out_in,
        **{f"{name}_seconds": median(times) for name, times in history.items()},
        **errors,
    }
    return {"metrics": metrics, "history": history}


def _peak(case: Case, seed: int, way: str) -> dict[str, Any]:
    net, x, y = made(case, seed)
    _rival(way, net, sparse_backprop.lay_out(net) if way == "by_hand" else None, x, y)()
    return {"metrics": {f"{way}_peak_bytes": peak_resident()}, "history": {}}


def made(case: Case, seed: int) -> tuple[MeshNet, Tensor, Tensor]:
    """Draw the mesh of a case, and a batch of noise: inputs and class numbers."""
    generator = torch.Generator().manual_seed(seed)
    topology = graphs.lattice(FEATURES, case.sides, OUTPUTS, generator=generator, rewired=case.rewired)
    net = MeshNet(topology, case.ticks, generator=generator)
    x = torch.randn(case.batch, FEATURES, generator=generator)
    return net, x, torch.randint(OUTPUTS, (case.batch,), generator=generator)


def sparsely_planned(net: MeshNet, batch: int, live: int) -> Plan:
    """Plan a gradient.

    Raises:
        ValueError: the engine that the plan takes is not the sparse one, so that nobody would make this gradient so.
    """
    found = plan(net.topology, net.ticks, batch, live=live)
    if found.engine != "sparse":
        raise ValueError(
            f"scale is measured where the plan takes the engine 'sparse', got {found.engine!r} for {net.topology}"
        )
    return found


def laid_out(layout: sparse.Layout) -> Engine:
    """Give the sparse engine with a layout that nets of one graph share, whatever their dtype."""
    return forward_only.SPARSE._replace(name="sparse, laid out", prepare=partial(sparse.prepare, layout=layout))


def gradient(learner: AbstractLearner, x: Tensor, y: Tensor) -> Tensor:
    """Give the gradient of a batch, one number an edge."""
    (credit,) = learner.credit(x, y)
    return credit.gradients["net.weight"].detach()


def _rival(name: str, net: MeshNet, blocks: Blocks | None, x: Tensor, y: Tensor) -> Callable[[], Tensor]:
    if name == "autograd":
        return partial(gradient, Backprop(net), x, y)
    assert blocks is not None  # noqa: S101
    return partial(sparse_backprop.gradient, net, blocks, x, y)


def _errors(
    net: MeshNet, layout: sparse.Layout, blocks: Blocks, x: Tensor, y: Tensor, found: Mapping[str, Tensor]
) -> dict[str, float]:
    """Compare all gradients with automatic differentiation in double precision, at every edge."""
    precise, x = net.with_weight(net.weight.detach().double()), x.double()
    right = gradient(Backprop(precise), x, y)
    if not 0 < right.norm() < torch.inf:
        raise ValueError(f"gradients cannot be checked against one whose norm is {right.norm().item()}")
    exact = {
        OURS: gradient(ForwardOnly(precise, engine=laid_out(layout)), x, y),
        "by_hand": sparse_backprop.gradient(precise, blocks, x, y),
    }
    return {
        "moved": float((right != 0).double().mean()),
        **{f"{name}_apart": checked(WORDS[name], one, right) for name, one in found.items()},
        **{f"{name}_exact": checked(f"{WORDS[name]} in float64", one, right) for name, one in exact.items()},
    }


if __name__ == "__main__":
    asked = json.loads(sys.stdin.read())
    asked["case"]["sides"] = tuple(asked["case"]["sides"])
    sys.stdout.write(json.dumps(run(Case(**asked["case"]), asked["seed"], asked["way"])) + "\n")
