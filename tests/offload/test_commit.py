"""What is asked of the disk, and in which order: the committed step is on it as a whole at every moment, power failures included."""

import errno
import os
import shutil
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

from onward.files import atomic
from onward.files.sealed import FileDamaged
from onward.offload import disk, opened, record, running
from onward.offload.layout import Kept, layout
from tests.offload.made import RECIPES, lesson, perceptron, same, seeded


class Disk:
    """Notes what is written and what is brought onto the disk; at every commit keeps what a power failure would leave."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, kept: Path) -> None:
        self.folder, self.kept = folder, kept
        self.unsafe: set[str] = set()
        self.commits: list[Path] = []
        self.touched: list[str] = []
        write, synchronise, replace = disk.write, disk.synchronise, atomic.write

        def written(path: Path, bytes_: torch.Tensor) -> None:
            if (folder / record.NAME).exists():
                places = record.read(folder).places
                committed = {f"block-{k:05}.{'ab'[place.slot]}" for k, place in enumerate(places)}
                self.touched += {path.name} & committed
            self.unsafe.add(path.name)
            write(path, bytes_)

        def synchronised(path: Path) -> None:
            self.unsafe.discard(path.name)
            synchronise(path)

        def replaced(path: Path, data: Any) -> None:
            replace(path, data)
            self.commits.append(kept / str(len(self.commits)))
            shutil.copytree(folder, self.commits[-1])
            for name in self.unsafe:
                (self.commits[-1] / name).write_bytes(b"\xff" * (folder / name).stat().st_size)

        monkeypatch.setattr(disk, "write", written)
        monkeypatch.setattr(disk, "synchronise", synchronised)
        monkeypatch.setattr(atomic, "write", replaced)


@pytest.mark.parametrize(("every", "commits"), [(1, 12), (2, 6), (3, 6)])
def test_a_commit_comes_after_all_that_it_counts_on_and_nothing_is_written_over_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: int, commits: int
) -> None:
    """Whatever was not brought onto the disk is garbage in what is kept of each commit; all of them can be opened."""
    noted = Disk(monkeypatch, tmp_path / "folder", tmp_path / "kept")
    after = []
    with running(
        tmp_path / "folder", perceptron(), lesson(), RECIPES["adam"], generator=seeded(), every_steps=every
    ) as run:
        for _ in run.steps():
            if len(noted.commits) > len(after) + 1:
                after.append(run.learner.load())
    monkeypatch.undo()
    assert not noted.touched
    assert len(after) == len(noted.commits) - 1 == commits
    for kept, learner in zip(noted.commits[1:], after, strict=True):
        with opened(kept, perceptron()) as there:
            there.check()
            assert same(there.load(), learner)


def test_steps_between_two_commits_are_not_brought_onto_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noted = Disk(monkeypatch, tmp_path / "folder", tmp_path / "kept")
    with running(tmp_path / "folder", perceptron(), lesson(), RECIPES["adam"], generator=seeded(), every_steps=3) as run:
        commits = []
        for _ in islice(run.steps(), 8):
            commits.append(len(noted.commits))
    assert commits == [1, 1, 2, 3, 3, 3, 4, 5]


@pytest.mark.parametrize("refused", ["open", "read"])
def test_a_file_system_that_knows_no_direct_transfers_is_served_through_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    opening, reading, writing = os.open, os.preadv, os.pwritev
    direct: set[int] = set()

    def open_(path: Any, flags: int, *mode: int) -> int:
        if refused == "open" and flags & disk.DIRECT:
            raise OSError(errno.EINVAL, "Invalid argument")
        descriptor = opening(path, flags, *mode)
        (direct.add if flags & disk.DIRECT else direct.discard)(descriptor)
        return descriptor

    def moved(call: Any) -> Any:
        def moves(descriptor: int, *rest: Any) -> int:
            if descriptor in direct:
                raise OSError(errno.EINVAL, "Invalid argument")
            return call(descriptor, *rest)

        return moves

    bytes_ = disk.memory(3 * disk.PAGE)
    bytes_[:] = torch.arange(len(bytes_)) % 251
    found = disk.memory(3 * disk.PAGE)
    monkeypatch.setattr(os, "open", open_)
    monkeypatch.setattr(os, "preadv", moved(reading))
    monkeypatch.setattr(os, "pwritev", moved(writing))
    disk.reserve(tmp_path / "file", len(bytes_))
    disk.write(tmp_path / "file", bytes_)
    disk.read(tmp_path / "file", found)
    disk.synchronise(tmp_path / "file")
    assert torch.equal(found, bytes_)


def test_transfers_that_come_in_pieces_are_put_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.preadv, os.pwritev
    monkeypatch.setattr(os, "preadv", lambda file, views, place: reading(file, [views[0][: disk.PAGE]], place))
    monkeypatch.setattr(os, "pwritev", lambda file, views, place: writing(file, [views[0][: disk.PAGE]], place))
    bytes_, found = disk.memory(5 * disk.PAGE), disk.memory(5 * disk.PAGE)
    bytes_[:] = torch.arange(len(bytes_)) % 251
    disk.reserve(tmp_path / "file", 10)
    disk.write(tmp_path / "file", bytes_)
    disk.read(tmp_path / "file", found)
    assert torch.equal(found, bytes_)
    with pytest.raises(FileDamaged, match="truncated: expected at least 24,576 bytes"):
        disk.read(tmp_path / "file", disk.memory(6 * disk.PAGE))


def test_room_that_is_reserved_keeps_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"there")
    disk.reserve(tmp_path / "file", 9000)
    disk.reserve(tmp_path / "file", 100)
    assert (tmp_path / "file").read_bytes() == b"there" + bytes(8995)


def test_tensors_lie_aligned_and_apart() -> None:
    tensors = {
        "a": torch.zeros(3, 5),
        "b": torch.zeros((), dtype=torch.int64),
        "c": torch.zeros(0, 4),
        "d": torch.zeros(1100),
    }
    kept = {"a": {"mean": Kept(torch.float64, True), "step": Kept(torch.float32, False)}, "d": {}}
    made = layout(tensors, kept)
    memory = disk.memory(made.bytes)
    assert made.weights_bytes == 8192
    assert made.bytes == 12288
    assert made.stated() == ["a"]
    fields = [*made.weights, *made.state]
    assert [field.key for field in made.state] == ["present", "mean", "step"]
    for number, field in enumerate(fields, 1):
        assert field.start % 64 == 0
        assert field.start >= 64
        field.view(memory).fill_(number)
    for number, field in enumerate(fields, 1):
        assert (field.view(memory) == number).all()
    assert [tuple(field.view(memory).shape) for field in fields] == [(3, 5), (), (0, 4), (1100,), (1,), (3, 5), ()]
    assert not memory[:64].any()
