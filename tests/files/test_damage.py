"""No damaged file is used: each is refused in one sentence, in bounded memory, and runs nothing."""

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from onward.files import sealed
from tests.files import damage

ROOT = Path(__file__).parents[2]


def check(folder: Path, count: int, seed: int) -> Counter[str]:
    """Read damaged files, and raise if one is not refused as it should be; count the ways of damage."""
    marker, path = folder / "marker", folder / "file"
    files = damage.good(folder)
    ways: Counter[str] = Counter()
    for k, (way, data) in enumerate(damage.damaged(files, marker, count, seed)):
        path.write_bytes(data)
        try:
            sealed.read(path, "model")
        except sealed.FileDamaged as error:
            sentence = str(error)
            if "\n" in sentence or len(sentence) > 400 + len(str(path)) or not sentence.startswith(str(path)):
                raise AssertionError(f"file {k} ({way}) is refused with {sentence!r}") from error
            if "memory" in sentence or isinstance(error.__cause__, MemoryError):
                raise AssertionError(f"file {k} ({way}) exhausts the memory") from error
        else:
            raise AssertionError(f"file {k} ({way}) is damaged, but was read")
        ways[way] += 1
    assert not marker.exists()
    for k, data in enumerate(files):
        path.write_bytes(data)
        assert sealed.read(path, "model").tensors, f"good file {k}"
    return ways


def test_two_thousand_damaged_files_are_refused_in_one_sentence_each(tmp_path: Path) -> None:
    began = time.perf_counter()
    ways = check(tmp_path, 2000, seed=0)
    assert ways.total() == 2000
    assert len(ways) == 12
    assert min(ways.values()) >= 20
    assert time.perf_counter() - began < 120


@pytest.mark.slow
def test_forty_thousand_more_are_refused(tmp_path: Path) -> None:
    for seed in range(1, 21):
        check(tmp_path, 2000, seed)


def test_the_malicious_pickle_would_make_its_file_if_it_were_loaded(tmp_path: Path) -> None:
    import pickle

    marker = tmp_path / "marker"
    pickle.loads(damage.foreign(marker)[2]).close()  # noqa: S301
    assert marker.exists()


def peak(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) // 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is measured with /proc")
def test_refusing_takes_less_than_200_megabytes(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.files.test_damage", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 200


def measure(folder: Path) -> int:
    """Read the files that are meant to exhaust a reader, one after the other; give the peak in megabytes over the start."""
    files = [*damage.hostile(), *damage.exhausting()]
    paths = [folder / f"hostile-{k}" for k in range(len(files) + 1)]
    for path, data in zip(paths, files, strict=False):
        path.write_bytes(data)
    with paths[-1].open("wb") as file:  # as large as a disk, but there is nothing in it
        file.truncate(2**40)
    del files
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before = peak("VmRSS")
    for path in paths:
        try:
            sealed.read(path, "model")
        except sealed.FileDamaged:
            continue
        raise AssertionError(path)
    return peak("VmHWM") - before


if __name__ == "__main__":
    sys.stdout.write(str(measure(Path(sys.argv[1]))))
