"""A file is written whole or stays as it was, whatever happens to the disk or to the writer."""

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from onward.files import atomic
from tests.files import writers

ROOT = Path(__file__).parents[2]


def process(*arguments: object) -> str:
    command = [sys.executable, "-m", "tests.files.writers", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "model.onward"
    path.write_bytes(b"before")
    return path


def untouched(path: Path) -> bool:
    """Tell whether the old file is there and nothing else."""
    return path.read_bytes() == b"before" and list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("data", [b"after", [bytearray(b"after")], [b"af", b"", memoryview(b"ter")], iter([b"after"])])
def test_the_new_bytes_replace_the_old_and_nothing_else_is_left(path: Path, data) -> None:
    atomic.write(path, data)
    assert path.read_bytes() == b"after"
    assert list(path.parent.iterdir()) == [path]


def test_a_write_that_takes_part_of_the_bytes_is_gone_on_with(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: original(descriptor, data[:3]))
    atomic.write(path, b"in many pieces")
    assert path.read_bytes() == b"in many pieces"


@pytest.mark.parametrize("call", ["write", "fsync", "replace", "open", "close"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_whatever_call_fails_the_old_file_is_unchanged(
    path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    original = getattr(os, call)

    def fail(*arguments: object, **options: object) -> None:
        if call == "close":
            original(*arguments)
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(atomic.WriteFailed) as caught:
            atomic.write(path, b"after")
    assert str(caught.value) == f"{path} cannot be written: {os.strerror(number)}; the file that was there is unchanged"
    assert caught.value.errno == number
    assert untouched(path)


def test_a_disk_that_fills_up_on_the_way_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original, room = os.write, [3]

    def write(descriptor: int, data: memoryview) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        count = original(descriptor, data[: room[0]])
        room[0] -= count
        return count

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(atomic.WriteFailed, match="No space left on device; the file that was there is unchanged"):
        atomic.write(path, b"after")
    assert untouched(path)


def test_a_file_that_grows_too_large_for_the_system_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "model"
    writers.write_version(path, 1)
    said = process("full", path)
    assert said == f"{path} cannot be written: {os.strerror(errno.EFBIG)}; the file that was there is unchanged"
    assert writers.version_of(path) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_in_making_the_bytes_is_passed_on(path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"af"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        atomic.write(path, pieces())
    assert untouched(path)


def test_the_bytes_reach_the_disk_before_the_name_and_the_name_before_the_end(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    sync, replace = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        calls.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    def rename(source: Path, target: Path) -> None:
        assert source.parent == target.parent
        assert source.name.startswith(".")
        assert source.name.endswith(".part")
        calls.append("name")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", rename)
    atomic.write(path, b"after")
    assert calls == ["file", "name", "folder"]


@pytest.mark.parametrize(("number", "fails"), [(errno.EIO, True), (errno.EINVAL, False)])
def test_a_folder_that_cannot_be_synchronised_is_told_of_only_if_it_should_have_been(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int, fails: bool
) -> None:
    sync = os.fsync

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    if fails:
        with pytest.raises(atomic.WriteFailed, match="was written, but may not survive a power failure"):
            atomic.write(path, b"after")
    else:
        atomic.write(path, b"after")
    assert path.read_bytes() == b"after"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing/model", "cannot be written: No such file or directory; no file was made"),
        ("model.onward/model", "cannot be written: Not a directory; no file was made"),
        (".", "cannot be written: it is a folder"),
        ("pipe", "cannot be written: it is not a file"),
        ("x" * 300, "cannot be written: File name too long; no file was made"),
    ],
)
def test_a_place_where_no_file_can_be_is_refused(path: Path, name: str, words: str) -> None:
    os.mkfifo(path.parent / "pipe")
    with pytest.raises(atomic.WriteFailed, match=words):
        atomic.write(path.parent / name, b"after")
    assert sorted(path.parent.iterdir()) == [path, path.parent / "pipe"]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only to the administrator")
def test_a_read_only_folder_is_refused(path: Path) -> None:
    path.parent.chmod(0o500)
    try:
        with pytest.raises(atomic.WriteFailed, match="Permission denied; the file that was there is unchanged"):
            atomic.write(path, b"after")
    finally:
        path.parent.chmod(0o700)
    assert untouched(path)


def test_a_new_file_has_the_permissions_of_the_umask_and_a_replaced_one_its_own(path: Path) -> None:
    path.chmod(0o640)
    before = os.umask(0o027)
    try:
        atomic.write(path.with_name("new"), b"")
        os.umask(0)
        atomic.write(path, b"after")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.with_name("new").stat().st_mode) == 0o640
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_link_is_followed(path: Path) -> None:
    link = path.with_name("link")
    link.symlink_to(path.name)
    atomic.write(link, b"after")
    assert link.is_symlink()
    assert path.read_bytes() == b"after"


def test_what_killed_writers_left_can_be_swept_away_and_nothing_else_is(tmp_path: Path) -> None:
    left, kept = tmp_path / f".{'0f' * 8}.part", [tmp_path / name for name in ("a.part", ".mine.part", ".0f.part", "model")]
    for file in (left, *kept):
        file.write_bytes(b"x")
    atomic.sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(kept)


def test_what_a_killed_writer_left_is_in_nobodys_way(path: Path) -> None:
    for name in (".0123456789abcdef.part", ".model.onward.part"):
        path.with_name(name).write_bytes(b"left")
    atomic.write(path, b"after")
    assert path.read_bytes() == b"after"
    assert len(list(path.parent.iterdir())) == 3


@pytest.mark.parametrize("count", [10, pytest.param(200, marks=pytest.mark.slow)])
def test_a_writer_killed_at_any_moment_leaves_one_whole_version(tmp_path: Path, count: int) -> None:
    versions, cut = map(int, process("kills", tmp_path / "model", count).split())
    assert versions > 1
    assert cut > 0


@pytest.mark.parametrize("seconds", [1, pytest.param(30, marks=pytest.mark.slow)])
def test_of_two_writers_a_reader_sees_one_or_the_other(tmp_path: Path, seconds: float) -> None:
    one, two, others = map(int, process("two", tmp_path / "model", seconds).split())
    assert one > 0
    assert two > 0
    assert others == 0
