"""Two runs that write into one folder do not mix, and a run that died does not stand in the way."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from onward.files import lock
from tests.files.test_atomic import ROOT


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[int]:
    command = [sys.executable, "-m", "tests.files.writers", "hold", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "held\n"
        yield running.pid
        running.kill()


def test_a_folder_that_another_process_holds_is_busy_until_that_is_killed(tmp_path: Path, holder: int) -> None:
    said = f"{tmp_path} is in use by process {holder}; wait until it has ended, or choose another folder"
    with pytest.raises(lock.FolderBusy) as caught, lock.exclusive(tmp_path):
        pass
    assert str(caught.value) == said
    assert isinstance(caught.value, ValueError)
    os.kill(holder, signal.SIGKILL)
    os.waitid(os.P_PID, holder, os.WEXITED | os.WNOWAIT)
    with lock.exclusive(tmp_path):
        assert (tmp_path / lock.NAME).read_text() == str(os.getpid())


def test_the_folder_is_free_after_the_block_even_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), lock.exclusive(tmp_path):
        raise KeyError
    with lock.exclusive(tmp_path), pytest.raises(lock.FolderBusy), lock.exclusive(tmp_path):
        pass
    with lock.exclusive(tmp_path):
        pass


def test_a_child_that_leaves_the_block_does_not_free_its_parents_folder(tmp_path: Path) -> None:
    with lock.exclusive(tmp_path):
        block = lock.exclusive(tmp_path / "inner")
        (tmp_path / "inner").mkdir()
        block.__enter__()
        child = os.fork()
        if not child:
            block.__exit__(None, None, None)
            os._exit(0)
        os.waitpid(child, 0)
        with pytest.raises(lock.FolderBusy), lock.exclusive(tmp_path / "inner"):
            pass
        block.__exit__(None, None, None)


def test_a_holder_whose_number_is_not_written_yet_is_another_process(tmp_path: Path) -> None:
    with lock.exclusive(tmp_path):
        (tmp_path / lock.NAME).write_text("")
        with pytest.raises(lock.FolderBusy, match="in use by another process;"), lock.exclusive(tmp_path):
            pass


def test_folders_do_not_hinder_each_other(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    with lock.exclusive(tmp_path), lock.exclusive(tmp_path / "inner"):
        assert (tmp_path / "inner" / lock.NAME).exists()


def test_a_folder_that_is_not_there_cannot_be_locked(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="missing cannot be locked: No such file or directory"),
        lock.exclusive(tmp_path / "missing"),
    ):
        pass


def test_where_there_is_no_flock_a_warning_says_that_nothing_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "fcntl", None)
    with pytest.warns(RuntimeWarning, match="is not locked, as this system has no flock"), lock.exclusive(tmp_path):
        pass
    assert not list(tmp_path.iterdir())
