"""Blocks on several ranks come to what they come to in one process, bit for bit: epochs, weights, buffers."""

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.pipeline import runs
from tests.pipeline.launch import Launcher, Outcome

RULES = {
    "mlp": [1, 3],
    "float64": [3, 1],
    "cnn": [1, 2, 1],
    "dropout": [2, 1, 1],
    "vgg": [1, 4, 2],
    "mixer": [1, 3],
    "total": [1, 2, 1],
    "frozen": [1, 1, 2],
    "deep": [138, 1, 1],
    "numbers": [2, 2],
    "ff": [2, 1, 1],
    "ff peers": [1, 3],
    "symba": [2, 2],
    "predsim": [1, 3],
    "predsim cnn": [2, 2],
}
RECIPES: dict[str, tuple[str, str, list[int], dict[str, Any]]] = {
    "one rank": ("mlp", "adam", [4], {}),
    "two, measured": ("mlp", "adam", [0, 0], {}),
    "four": ("cnn", "adam", [1, 1, 1, 1], {}),
    "products in half precision": ("cnn", "bfloat16", [1, 2, 1], {}),
    "a schedule, whole batches, one order": ("mlp", "sgd", [1, 3], {}),
    "a schedule that waits": ("mlp", "plateau", [1, 2, 1], {}),
    "patience": ("dropout", "patience", [2, 2], {}),
    "patience of counted batches": ("ff", "patience", [2, 2], {}),
    "weighted and changed at random": ("mlp", "adam", [2, 2], {"importance": True, "augment": True}),
    "epochs that overlap": ("mlp", "adam", [2, 1, 1], {"run": {"ahead": 1, "places": 1}}),
    "all epochs overlap": ("dropout", "adam", [2, 2], {"run": {"ahead": 5}}),
}


def check(
    launcher: Launcher, folder: Path, learner: str, recipe: str, sizes: list[int], options: dict[str, Any]
) -> Outcome:
    expected = runs.whole(learner, recipe, **{name: value for name, value in options.items() if name != "run"})
    given = None if 0 in sizes else sizes
    outcome = launcher.run("apart", len(sizes), folder, learner=learner, recipe=recipe, sizes=given, gather=True, **options)
    outcome.check()
    blocks = set()
    for rank in range(len(sizes)):
        told = outcome.told(rank)
        assert told["epochs"] == expected["epochs"]
        assert told["shared"] == expected["shared"]
        assert {k: expected["blocks"][k] for k in told["blocks"]} == told["blocks"]
        assert not blocks & told["blocks"].keys(), "a block is on two ranks"
        assert given is None or len(told["blocks"]) == sizes[rank]
        blocks |= told["blocks"].keys()
    assert outcome.told(0)["gathered"]["blocks"] == expected["blocks"]
    return outcome


@pytest.mark.parametrize("learner", RULES)
def test_every_local_rule_on_ranks_is_itself_in_one_process(launcher: Launcher, tmp_path: Path, learner: str) -> None:
    assert RULES.keys() == runs.LEARNERS.keys()
    check(launcher, tmp_path, learner, "adam", RULES[learner], {})


@pytest.mark.parametrize("kind", RECIPES)
def test_every_recipe_on_ranks_is_itself_in_one_process(launcher: Launcher, tmp_path: Path, kind: str) -> None:
    learner, recipe, sizes, options = RECIPES[kind]
    check(launcher, tmp_path, learner, recipe, sizes, options)


def test_another_seed_would_be_noticed() -> None:
    """What is compared above differs if the run does."""
    one, two = runs.whole("mlp", "adam"), runs.whole("mlp", "adam", augment=True)
    assert one["epochs"] != two["epochs"]
    assert not set(one["blocks"].values()) & set(two["blocks"].values())


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [[4], [1, 3], [2, 2], [3, 1], [1, 1, 2], [2, 1, 1], [1, 2, 1], [1, 1, 1, 1]], ids=str)
@pytest.mark.parametrize("recipe", ["adam", "sgd", "bfloat16", "plateau", "patience"])
@pytest.mark.parametrize("learner", [name for name in RULES if name != "vgg"])
def test_every_rule_recipe_and_split(
    launcher: Launcher, tmp_path: Path, learner: str, recipe: str, sizes: list[int]
) -> None:
    if recipe == "bfloat16" and learner == "float64":
        pytest.skip("half precision is for products in single precision")
    check(launcher, tmp_path, learner, recipe, sizes, {"importance": learner != "numbers"})


def test_a_batch_is_taught_while_the_one_before_is(launcher: Launcher, tmp_path: Path) -> None:
    options: dict[str, Any] = {"slow": 0.03, "validation": False, "run": {"ahead": 1}}
    outcome = launcher.run("apart", 2, tmp_path, learner="mlp", recipe="adam", sizes=[2, 2], **options)
    outcome.check()
    first, second = outcome.told(0)["taught"], outcome.told(1)["taught"]
    assert len(first) == len(second) == 24
    together = sum(any(a < end and begin < b for a, b in second) for begin, end in first)
    assert together > 12
    assert outcome.told(1)["epochs"] == runs.whole("mlp", "adam", validation=False)["epochs"]


def test_bytes_are_counted_and_only_go_forward(launcher: Launcher, tmp_path: Path) -> None:
    outcome = launcher.run("apart", 2, tmp_path, learner="mlp", recipe="adam", sizes=[2, 2], validation=False)
    outcome.check()
    activities = 3 * 55 * runs.WIDTHS[1] * torch.float32.itemsize
    frames = 3 * (4 + 1) + 1  # batches and the end of an epoch, the end of the run
    told = 3 * (4 * 64 + 55 * torch.int64.itemsize)  # losses so far in a place of 64 bytes, labels
    least = activities + told + frames * 2048
    assert least <= outcome.told(0)["sent"] <= least + frames * 128
    assert outcome.told(1)["sent"] == 0
