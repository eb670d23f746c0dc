"""A run that was left or killed goes on, on any number of ranks, and ends as the run that was not; anything else is refused."""

import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from onward.files.sealed import FileDamaged
from onward.pipeline import cut
from tests.pipeline import runs
from tests.pipeline.launch import Launcher, Outcome

EVERY = {"every_steps": 1}


def end(launcher: Launcher, folder: Path, learner: str, recipe: str, sizes: list[int], **options: Any) -> Outcome:
    """Go on to the end, and see that it is that of the run in one process."""
    expected = runs.whole(learner, recipe, **options)
    outcome = launcher.run(
        "apart", len(sizes), folder, learner=learner, recipe=recipe, sizes=sizes, store=True, gather=True, **options
    )
    outcome.check()
    for rank in range(len(sizes)):
        epochs = outcome.told(rank)["epochs"]
        assert epochs == expected["epochs"][len(expected["epochs"]) - len(epochs) :]
        assert outcome.told(rank)["shared"] == expected["shared"]
    assert outcome.told(0)["gathered"]["blocks"] == expected["blocks"]
    return outcome


def stands_at(folder: Path) -> int:
    found = cut.published(folder / "run", 4)
    return -1 if found is None else found[0]


@pytest.mark.parametrize(
    ("learner", "recipe", "options"),
    [
        ("dropout", "adam", {"importance": True, "augment": True}),
        ("ff peers", "sgd", {}),
        ("symba", "plateau", {}),
        ("cnn", "patience", {}),
    ],
)
def test_a_run_that_was_left_goes_on_with_other_ranks(
    launcher: Launcher, tmp_path: Path, learner: str, recipe: str, options: dict[str, Any]
) -> None:
    first = launcher.run("apart", 2, tmp_path, learner=learner, recipe=recipe, sizes=[1, 3], store=True, leave=1, **options)
    first.check()
    assert stands_at(tmp_path) == (3 if recipe == "sgd" else 4)
    second = launcher.run(
        "apart", 3, tmp_path, learner=learner, recipe=recipe, sizes=[2, 1, 1], store=True, leave=2, **options
    )
    second.check()
    assert [one["number"] for one in second.told(2)["epochs"]] == [2]
    third = end(launcher, tmp_path, learner, recipe, [4], **options)
    assert third.told(0)["epochs"][0]["number"] == 3
    again = end(launcher, tmp_path, learner, recipe, [2, 2], **options)
    assert again.told(1)["epochs"] == []


def test_a_run_whose_rank_was_killed_within_an_epoch_goes_on(launcher: Launcher, tmp_path: Path) -> None:
    options: dict[str, Any] = {"learner": "dropout", "recipe": "adam", "augment": True}
    killed = launcher.run("apart", 3, tmp_path, sizes=[1, 2, 1], store=True, kill=(1, 0.8), slow=0.1, run=EVERY, **options)
    assert all(killed.codes)
    assert 0 < stands_at(tmp_path) < 12
    end(launcher, tmp_path, "dropout", "adam", [2, 2], augment=True)
    assert stands_at(tmp_path) == 12
    assert [one.name for one in (tmp_path / "run").iterdir() if one.is_dir()] == ["step-000000000012"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_a_run_that_is_killed_again_and_again_ends_as_if_it_had_not_been(
    launcher: Launcher, tmp_path: Path, seed: int
) -> None:
    """Any rank, at any moment, with any split; what is stored never goes back."""
    dice = random.Random(seed)  # noqa: S311
    learner = dice.choice(["dropout", "ff peers", "predsim cnn", "symba"])
    options: dict[str, Any] = {"importance": True, "augment": bool(seed % 2)}
    stood = -1
    for _ in range(12):
        sizes = dice.choice([[1, 3], [2, 2], [3, 1], [1, 1, 2], [2, 1, 1], [1, 1, 1, 1]])
        kill = (dice.randrange(len(sizes)), dice.uniform(0, 0.4))
        killed = launcher.run(
            "apart",
            len(sizes),
            tmp_path,
            learner=learner,
            recipe="long",
            sizes=sizes,
            store=True,
            kill=kill,
            run=EVERY,
            **options,
        )
        assert all(killed.codes), "the run ended before it was killed"
        assert stands_at(tmp_path) >= stood
        stood = stands_at(tmp_path)
    assert stood > 0
    end(launcher, tmp_path, learner, "long", [2, 1, 1], **options)


@pytest.fixture(scope="module")
def left(launcher: Launcher, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run that was left after its first epoch."""
    folder = tmp_path_factory.mktemp("left")
    launcher.run("apart", 2, folder, learner="mlp", recipe="adam", sizes=[2, 2], store=True, leave=1).check()
    return folder


def test_a_checkpoint_of_another_run_is_refused(launcher: Launcher, tmp_path: Path, left: Path) -> None:
    for learner, recipe, words in (
        ("dropout", "adam", "another"),
        ("mlp", "sgd", "other batches"),
        ("vgg", "adam", "4 blocks, not 7"),
    ):
        folder = tmp_path / f"{learner} {recipe}"
        shutil.copytree(left, folder)
        sizes = [3, 4] if learner == "vgg" else [1, 3]
        outcome = launcher.run("apart", 2, folder, learner=learner, recipe=recipe, sizes=sizes, store=True)
        assert outcome.codes == [1, 1]
        sentence = outcome.said(0).splitlines()[-1]
        assert "cannot be gone on with: it" in sentence
        assert words in sentence
        assert outcome.said(1).splitlines()[-1].startswith("rank 1 stops: rank 0 has stopped: ")
        assert stands_at(folder) == 4


@pytest.mark.parametrize("name", ["block-0003.onward", "order.onward", "../pipeline.onward"])
def test_a_file_that_has_changed_is_refused(launcher: Launcher, tmp_path: Path, left: Path, name: str) -> None:
    shutil.copytree(left, tmp_path / "copy")
    path = cut.folder_of(tmp_path / "copy" / "run", 4) / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    outcome = launcher.run("apart", 2, tmp_path / "copy", learner="mlp", recipe="adam", sizes=[2, 2], store=True)
    assert outcome.codes == [1, 1]
    said = [outcome.said(rank).splitlines()[-1] for rank in (0, 1)]
    assert any(
        f"{path.name} {words}" in one for one in said for words in ("has changed since it was written", "is damaged")
    )


def test_a_part_of_another_step_is_refused(tmp_path: Path) -> None:
    cut.write_part(tmp_path, 3, "part.onward", {})
    cut.folder_of(tmp_path, 3).rename(cut.folder_of(tmp_path, 4))
    with pytest.raises(ValueError, match="part.onward cannot be gone on with: it must belong to step 4, got 3"):
        cut.read_part(tmp_path, 4, "part.onward", lambda _: None)


def test_a_step_that_was_not_published_is_not_gone_on_from(tmp_path: Path) -> None:
    """Ranks that were killed while they stored a step leave its files, and the step before."""
    record: dict[str, Any] = {"losses": None, "history": [], "seen": 0, "seconds": 0.0}
    for step in (1, 2, 3):
        cut.write_part(tmp_path, step, "part.onward", {})
    cut.publish(tmp_path, 2, 4, record)
    assert cut.published(tmp_path, 4) == (2, record)
    assert sorted(one.name for one in tmp_path.iterdir() if one.is_dir()) == ["step-000000000002", "step-000000000003"]
    with pytest.raises(FileDamaged, match="was not found"):
        cut.read_part(tmp_path, 1, "part.onward", lambda _: None)
