"""Running does what is missing and no more, keeps what was finished, and stores what is needed to do it again."""

import json
import re
import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from onward.experiments import result
from onward.experiments.result import load, path_of
from onward.experiments.run import missing, run, stored
from onward.experiments.spec import Experiment, Outcome, Progress

CALLS: list[list[int]] = []


def trial(seeds: Sequence[int], progress: Progress, *, scale: float, fails_at: int = -1) -> list[Outcome]:
    CALLS.append(list(seeds))
    if fails_at in seeds:
        raise KeyboardInterrupt
    progress(0.5)
    return [Outcome({"value": scale * seed}, {"series": [float(seed), 1 / 3]}) for seed in seeds]


def experiment(scale: float = 2.0, **more: int) -> Experiment:
    return Experiment("group/name", partial(trial, scale=scale, **more), seeds=5, together=2)


@pytest.fixture(autouse=True)
def _no_calls() -> None:
    CALLS.clear()


def test_seeds_are_run_in_groups_and_stored_one_by_one(tmp_path: Path) -> None:
    told: list[float] = []
    results = list(run(experiment(), tmp_path, progress=told.append))
    assert CALLS == [[100, 101], [102, 103], [104]]
    assert [result.seed for result in results] == [100, 101, 102, 103, 104]
    assert told == pytest.approx([0.2, 0.6, 0.9, 1.0])
    text = json.loads(path_of(tmp_path, "group/name", 101).read_text())
    assert text["metrics"] == {"value": 202.0}
    assert text["beside"] == [100, 101]
    assert {"torch", "python", "processor", "cores"} <= set(text["environment"])
    assert text["spec"]["trial"]["scale"] == 2.0
    assert len(text["commit"]) >= 7


def test_what_is_stored_is_not_run_again(tmp_path: Path) -> None:
    list(run(experiment(), tmp_path, [100, 103]))
    CALLS.clear()
    list(run(experiment(), tmp_path))
    assert CALLS == [[101, 102], [104]]
    CALLS.clear()
    assert list(run(experiment(), tmp_path)) == []
    assert CALLS == []
    assert [result.seed for result in stored(experiment(), tmp_path)] == [100, 101, 102, 103, 104]


def test_seeds_beyond_those_declared_are_stored_and_shown(tmp_path: Path) -> None:
    list(run(experiment(), tmp_path, [100, 107]))
    assert [one.seed for one in stored(experiment(), tmp_path)] == [100, 107]
    assert missing(experiment(), tmp_path) == [101, 102, 103, 104]


def test_a_changed_spec_is_run_anew(tmp_path: Path) -> None:
    list(run(experiment(), tmp_path))
    assert missing(experiment(scale=3.0), tmp_path) == [100, 101, 102, 103, 104]
    assert stored(experiment(scale=3.0), tmp_path) == []


def test_stopping_keeps_what_was_finished(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        list(run(experiment(fails_at=103), tmp_path))
    assert missing(experiment(fails_at=103), tmp_path) == [102, 103, 104]
    assert not list(tmp_path.rglob("*.part"))


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    list(run(experiment(), tmp_path, [100]))
    path = path_of(tmp_path, "group/name", 100)
    for damage in ("{", "{}", "[1]", '{"seed": 1}'):
        path.write_text(damage)
        with pytest.raises(ValueError, match="seed-100.json is not a result of onward"):
            load(tmp_path, "group/name", 100)


def test_numbers_that_are_not_finite_stay_valid_json(tmp_path: Path) -> None:
    bad = Experiment("bad", partial(trial, scale=float("nan")), seeds=1)
    list(run(bad, tmp_path))
    assert json.loads(path_of(tmp_path, "bad", 100).read_text())["metrics"]["value"] is None


def test_commit_tells_of_changes_anywhere_in_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "src" / "onward"
    (package / "experiments").mkdir(parents=True)
    (package / "kernels").mkdir()
    for name in ("__init__.py", "experiments/result.py", "kernels/a.py"):
        (package / name).write_text("")
    monkeypatch.setattr(result, "__file__", str(package / "experiments" / "result.py"))
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run([*git, "init", "-q"], check=True)
    assert result.commit() == "unknown", "a package that git does not track has no commit"
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "first"], check=True)
    clean = result.commit()
    assert re.fullmatch(r"[0-9a-f]{40}", clean)
    (package / "kernels" / "a.py").write_text("changed")
    assert result.commit() == clean + "+"


def test_results_are_readable_by_others(tmp_path: Path) -> None:
    list(run(experiment(), tmp_path, [100]))
    assert path_of(tmp_path, "group/name", 100).stat().st_mode & 0o444 == 0o444
