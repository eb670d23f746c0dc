"""What one rank is by itself: all of the run where it is the only one, and of a learner no more than its own blocks."""

import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from onward import pipeline
from onward.files.lock import FolderBusy
from onward.pipeline import cut, holding
from onward.pipeline.partition import Partition
from onward.pipeline.stage import Stage
from onward.training.data import stack
from onward.training.fit import Recipe
from tests.pipeline import runs

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("learner", ["dropout", "ff peers"])
def test_a_process_that_nobody_spread_is_the_only_rank(tmp_path: Path, learner: str) -> None:
    """And goes on from its own checkpoint, within an epoch too."""
    expected = runs.whole(learner, "patience", augment=True)
    found, at = [], []
    for leave in (1, 2, None):
        with pipeline.joined() as ranks:
            assert (ranks.rank, ranks.size, ranks.first, ranks.last) == (0, 1, True, True)
            made = runs.LEARNERS[learner]()
            epochs = pipeline.fit(
                made,
                runs.lesson(learner, augment=True),
                runs.RECIPES["patience"],
                ranks=ranks,
                generator=runs.seeded(2),
                folder=tmp_path,
                every_steps=3,
            )
            for epoch in epochs:
                found.append(epoch)
                if epoch.number == leave:
                    break
            del epochs
            at.append(cut.published(tmp_path, len(expected["blocks"])))
            pipeline.gather(made, ranks)
    assert [one[0] for one in at if one is not None] == [4, 8, 4 * len(found)]
    assert runs.told(found, made) == expected


def test_a_folder_is_held_by_one_run_at_a_time(tmp_path: Path) -> None:
    with pipeline.joined() as ranks:
        options: dict[str, Any] = {"ranks": ranks, "generator": runs.seeded(2), "folder": tmp_path}
        first = pipeline.fit(runs.LEARNERS["mlp"](), runs.lesson("mlp"), runs.RECIPES["adam"], **options)
        next(first)
        with pytest.raises(FolderBusy):
            pipeline.fit(runs.LEARNERS["mlp"](), runs.lesson("mlp"), runs.RECIPES["adam"], **options)
        list(first)


def test_what_lives_elsewhere_has_no_numbers_gradients_or_optimiser_here() -> None:
    learner = runs.LEARNERS["predsim"]()
    before = {name: holding.digest({name: value}) for name, value in learner.state_dict().items()}
    holding.release(holding.local(learner), [0, 2, 3])
    stage = Stage(learner, range(1, 2), Recipe(partial(torch.optim.Adam, lr=0.1), 1))
    own = ["net.blocks.1.0.weight", "net.blocks.1.0.bias", "projections.1.weight", "maps.1.weight"]
    here = {name for name, value in learner.state_dict().items() if value.device.type != "meta"}
    assert here == set(own) == set(stage.parameters)
    assert [holding.held(stage.rule, block) for block in range(4)] == [False, True, False, False]
    passing, losses = stage.step(torch.randn(5, 24), stage.rule.lesson(torch.arange(5) % 3))
    assert passing.shape == (5, 17)
    assert len(losses) == 1
    held = [one for group in stage.steppers[1].optimiser.param_groups for one in group["params"]]
    assert {id(one) for one in held} == {id(stage.parameters[name]) for name in own}
    assert stage.steppers.keys() == {1}
    assert all(one.grad is None for one in learner.parameters())
    changed = {name: holding.digest({name: learner.state_dict()[name]}) for name in own}
    assert all(changed[name] != before[name] for name in own)


def test_what_one_rank_cannot_do_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pipeline.joined() as ranks:
        fit: Any = partial(pipeline.fit, ranks=ranks, generator=runs.seeded(0))
        made, data, recipe = runs.LEARNERS["mlp"](), runs.lesson("mlp"), runs.RECIPES["adam"]
        for options, words in (
            ({"ahead": -1}, "ahead must be a whole number of at least 0, got -1"),
            ({"places": 0}, "places must be a whole number of at least 1, got 0"),
            ({"folder": tmp_path, "every_steps": 0}, "every_steps must be a whole number of at least 1, or None, got 0"),
            ({"folder": tmp_path, "every_seconds": -1.0}, "every_seconds must be a number of at least 0, got -1"),
            ({"generator": None}, "rank 0 needs a generator of the orders, got None"),
            ({"partition": Partition((1, 3))}, r"the partition \[1, 3\] is for 2 ranks, but there are 1"),
        ):
            with pytest.raises(ValueError, match=words):
                fit(made, data, recipe, **options)
        with pytest.raises(ValueError, match="a pipeline trains one net, got data of 2 side by side"):
            fit(made, stack([data, data]), recipe)
    with pytest.raises(ValueError, match="patience must be at least 2 seconds, got 1"), pipeline.joined(patience=1):
        pass


def test_a_parameter_that_no_block_has_is_refused() -> None:
    learner = runs.LEARNERS["mlp"]()
    learner.register_parameter("extra", torch.nn.Parameter(torch.zeros(1)))
    with pytest.raises(ValueError, match="the parameter extra of MonoForward belongs to no block"):
        holding.local(learner)


@pytest.mark.parametrize("ranks", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_the_script_of_the_page_runs(tmp_path: Path, ranks: int) -> None:
    code = re.search(r"```python\n(.*?)```", (ROOT / "docs/pipeline.md").read_text(), re.DOTALL)
    assert code is not None
    (tmp_path / "train.py").write_text(code[1])
    start = (
        [sys.executable] if ranks == 1 else [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(ranks)]
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*start, "train.py"], cwd=tmp_path, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    right = re.search(r"test accuracy ([\d.]+)", done.stdout)
    assert right is not None
    assert float(right[1]) > 0.9
    assert done.stdout.count("\n") == 11
