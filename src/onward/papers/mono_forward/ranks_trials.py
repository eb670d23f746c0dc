"""The trial of ranks: Mono-Forward and BP on one rank and on two, in turns within one run; medians over the turns, ratios of turns that stood side by side.

Every rank is a process with one thread. In turns with one rank the other core is idle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from onward.experiments.spec import Outcome, Progress
from onward.papers.mono_forward.ranks_alone import BP
from onward.papers.mono_forward.ranks_case import Case
from onward.papers.mono_forward.ranks_processes import Launcher
from onward.pipeline.partition import Partition

DEADLINE = 1800.0  # seconds until ranks that do not end are killed
TIMED = 0.9  # the part of a run that is timed
SCHEDULES = ("gpipe", "1f1b")
WAYS = {"mf_1": ("mf", 1), "mf_2": ("mf", 2), "bp_1": ("bp", 1), "gpipe": ("gpipe", 2), "1f1b": ("1f1b", 2)}
Found = dict[str, Any]


def measure(seeds: Sequence[int], progress: Progress, *, case: Case, deadline: float = DEADLINE) -> list[Outcome]:
    """Time all ways of training a net on two ranks and on one, and take their memory.

    Metrics, of which those without a unit are ratios:
        `<way>_seconds` a step of `mf_1`, `mf_2` and, in one process with two threads for a product, `mf_2t`; of `bp_1` and `bp_2t`, the faster
        of eager and compiled (`<way>_eager_seconds` and, where it ran, `<way>_compiled_seconds`); of `gpipe` and `1f1b`, in `<way>_pieces`
        micro-batches, the quickest of a try before; `mf_speedup` of 2 ranks over 1, `mf_allowed` by the balance of the blocks' times,
        `mf_reached` of that; `gpipe_speedup`, `1f1b_speedup` and `bp_2t_speedup` over BP on 1 rank, `bp_allowed`; `mf_over_gpipe`,
        `mf_over_1f1b`, `mf_over_bp_2t` and `mf_over_mf_2t`, how many times as fast Mono-Forward on 2 ranks is, `mf_over_best` than the
        fastest way of BP on 2 cores, and `mf_over_bp`, both on 1 rank; `mf_bytes` and `bp_bytes` from rank to rank a step;
        `wire_seconds_a_byte`; `<way>_peak_<rank>` and `<way>_before_<rank>`, resident bytes at most and before there was a net.
    History: `mf_blocks`, `bp_forward`, `bp_backward` and `bp_update`, seconds by block; the `partition` and `bp_partition`; `gpipe_tries` and
        `1f1b_tries`, seconds a step by number of micro-batches; seconds of every turn by way.

    Args:
        seeds: of weights and data; each is a run of its own.
        progress: told the part that is done.
        case: what is timed.
        deadline: seconds for a run.

    Raises:
        RanksFailed: a rank has failed, or not ended in time.
    """
    found = []
    with Launcher() as launcher:
        for number, seed in enumerate(seeds):

            def tell(part: float, number: int = number) -> None:
                progress((number + part) / len(seeds))

            found.append(run(launcher, seed, case, deadline, tell))
    return found


def run(launcher: Launcher, seed: int, case: Case, deadline: float, tell: Progress) -> Outcome:
    """Give the metrics and series of one run. Arguments and errors as for `measure`."""
    told = {"case": asdict(case), "seed": seed}
    first, last = launcher.run("timed", told, 2, deadline=deadline, tell=lambda part: tell(TIMED * part))
    metrics, history = judged(first, last)
    for name, (way, ranks) in WAYS.items():
        sizes = first["partition" if way == "mf" else "bp_partition"] if ranks == 2 else [len(case.sizes)]
        also = {"way": way, "pieces": int(metrics.get(f"{way}_pieces", 1)), "sizes": sizes}
        for rank, one in enumerate(launcher.run("occupied", told | also, ranks, deadline=deadline)):
            metrics |= {f"{name}_{when}_{rank}": one[when] for when in ("peak", "before")}
    tell(1.0)
    return Outcome(metrics, history)


def judged(first: Found, last: Found) -> tuple[dict[str, float | int], dict[str, list[float | int]]]:
    """Give the metrics and series of a run from what its first and last rank found."""
    turns = [one | {"mf_2": other["mf_2"]} for one, other in zip(first["turns"], last["turns"], strict=True)]
    blocks = _by_place(turns, lambda turn: turn["blocks"])
    parts = {
        name: _by_place(turns, lambda turn, name=name: turn["parts"][name]) for name in ("forward", "backward", "update")
    }
    whole = [sum(times) for times in zip(*parts.values(), strict=True)]
    ways = [name for name in turns[0] if name not in ("blocks", "parts", "wire")]
    seconds = {way: median(turn[way] for turn in turns) for way in ways}
    best = {
        name: min((way for way in (name, f"{name}_compiled") if way in ways), key=seconds.__getitem__)
        for name in BP.values()
    }
    two_cores = min((best[BP[2]], *SCHEDULES), key=seconds.__getitem__)

    def ratio(slow: str, fast: str) -> float:
        return median(turn[slow] / turn[fast] for turn in turns)

    speedup, allowed = ratio("mf_1", "mf_2"), Partition(tuple(first["partition"])).speedup(blocks)
    metrics: dict[str, float | int] = {f"{way}_seconds": value for way, value in seconds.items()}
    for name, quicker in best.items():
        metrics |= {f"{name}_eager_seconds": seconds[name], f"{name}_seconds": seconds[quicker]}
    metrics |= {"mf_speedup": speedup, "mf_allowed": allowed, "mf_reached": speedup / allowed}
    metrics |= {
        "bp_allowed": Partition(tuple(first["bp_partition"])).speedup(whole),
        "mf_over_bp": ratio(best[BP[1]], "mf_1"),
        "mf_over_best": ratio(two_cores, "mf_2"),
        "mf_over_mf_2t": ratio("mf_2t", "mf_2"),
    }
    for name, way in {**{name: name for name in SCHEDULES}, BP[2]: best[BP[2]]}.items():
        metrics[f"{name}_speedup"] = ratio(best[BP[1]], way)
        metrics[f"mf_over_{name}"] = ratio(way, "mf_2")
    metrics |= {f"{name}_pieces": first["pieces"][name] for name in SCHEDULES}
    metrics |= {"mf_bytes": first["bytes"], "bp_bytes": first["bp_bytes"]}
    metrics["wire_seconds_a_byte"] = median(turn["wire"] for turn in turns)
    history: dict[str, list[float | int]] = {"mf_blocks": blocks, **{f"bp_{name}": value for name, value in parts.items()}}
    history |= {"partition": list(first["partition"]), "bp_partition": list(first["bp_partition"])}
    history |= {f"{name}_tries": first["tries"][name] for name in SCHEDULES}
    history |= {way: [turn[way] for turn in turns] for way in ways}
    return metrics, history


def _by_place(turns: Sequence[Found], series: Callable[[Found], list[float]]) -> list[float | int]:
    """Give the median over the turns of every place of a series."""
    return [median(one) for one in zip(*map(series, turns), strict=True)]
