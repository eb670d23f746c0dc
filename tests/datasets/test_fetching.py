"""What is fetched is whole and has the known hash, or it is not there; what goes wrong is one sentence."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pooch
import pytest
import rich.console

from onward.datasets import DataUnavailable, catalogue, cifar10, cifar100, fetching, mnist
from onward.datasets.source import Remote
from onward.datasets.sources import SOURCES
from tests.datasets import made
from tests.datasets.conftest import Host

LAST = "t10k-labels-idx1-ubyte"


@pytest.fixture
def official(host: Host, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A host that serves a tiny MNIST in the place of the official one, of known hashes."""
    host.files = made.mnist_files()
    remotes = tuple(
        Remote(f"{host.url}/{name}", name, f"sha256:{hashlib.sha256(content).hexdigest()}", len(content))
        for name, content in host.files.items()
    )
    monkeypatch.setitem(SOURCES, "mnist", replace(SOURCES["mnist"], remotes=remotes))
    return host


def test_what_is_not_here_is_fetched_once(official: Host, cache: Path) -> None:
    assert len(mnist(0, validation=10).train) == 30
    assert official.asked == list(made.IDX)
    assert {path.name: path.read_bytes() for path in (cache / "mnist").iterdir()} == official.files
    assert len(mnist(1, validation=10).train) == 30
    assert len(official.asked) == 4


def test_nothing_is_said_of_a_transfer_but_to_a_terminal(
    official: Host, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    logger, handled = pooch.get_logger(), []
    before = logger.level
    monkeypatch.setattr(logger, "handle", handled.append)
    mnist(0, validation=10)
    said = capfd.readouterr()
    assert said.out == said.err == ""
    assert handled == []
    assert logger.level == before


def test_a_terminal_sees_a_bar(official: Host, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rich.console.Console, "is_terminal", True)
    monkeypatch.setenv("COLUMNS", "200")
    mnist(0, validation=10)
    said = capfd.readouterr()
    assert said.out == ""
    assert "MNIST: train-images-idx3-ubyte" in said.err
    assert "31.4/31.4 kB" in said.err


def test_files_of_ones_own_are_not_fetched(official: Host, data: Path) -> None:
    made.write(data / "mnist", made.mnist_files())
    mnist(0, validation=10)
    assert official.asked == []


def test_an_archive_is_fetched_and_read(host: Host, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "cifar-100-binary.tar.gz"
    batches = {
        f"cifar-100-binary/{part}.bin": made.cifar_records(x, y // 5, y) for part, (x, y) in made.cifar100_batches().items()
    }
    host.files = {name: made.tar(batches)}
    digest = hashlib.md5(host.files[name], usedforsecurity=False).hexdigest()
    remote = replace(SOURCES["cifar-100"].remotes[0], url=f"{host.url}/{name}", hash=f"md5:{digest}")
    monkeypatch.setitem(SOURCES, "cifar-100", replace(SOURCES["cifar-100"], remotes=(remote,)))
    assert len(cifar100(0, validation=100).train) == 100
    assert [path.name for path in (cache / "cifar-100").iterdir()] == [name]


def refused(cache: Path, why: str) -> None:
    """Fetching fails with one sentence; the files before the last stay, and of the last there is nothing."""
    with pytest.raises(DataUnavailable) as caught:
        mnist(0)
    said = str(caught.value)
    assert said.startswith("MNIST is not here: looked for train-images-idx3-ubyte and 3 more in ")
    assert str(cache / "mnist") in said
    assert f"/{LAST} could not be fetched ({why})" in said
    assert said.endswith("try again, or put the files into a folder that ONWARD_DATA names")
    assert "\n" not in said
    assert sorted(path.name for path in (cache / "mnist").iterdir()) == sorted(made.IDX[:3])


def test_a_file_of_another_hash_is_thrown_away(official: Host, cache: Path) -> None:
    known = SOURCES["mnist"].remotes[3].hash
    official.files[LAST] = official.files[LAST][:-1] + b"\x00"
    refused(cache, f"what came is not the file of the known hash {known}, and was thrown away")


def test_a_broken_transfer_leaves_nothing(official: Host, cache: Path) -> None:
    official.broken.add(LAST)
    refused(cache, "the transfer broke off")


def test_a_transfer_of_unknown_length_that_ends_early_leaves_nothing(official: Host, cache: Path) -> None:
    known = SOURCES["mnist"].remotes[3].hash
    official.short.add(LAST)
    refused(cache, f"what came is not the file of the known hash {known}, and was thrown away")


def test_a_host_that_has_it_no_longer(official: Host, cache: Path) -> None:
    del official.files[LAST]
    refused(cache, "the host answered 404")


def test_a_host_that_never_answers(official: Host, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    official.silent.add(LAST)
    monkeypatch.setattr(fetching, "PATIENCE", 0.2)
    refused(cache, "the host was silent for 0.2 s")


def test_a_host_that_is_not_there(official: Host, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    *kept, last = SOURCES["mnist"].remotes
    nobody = replace(last, url=f"http://127.0.0.1:9/{LAST}")
    monkeypatch.setitem(SOURCES, "mnist", replace(SOURCES["mnist"], remotes=(*kept, nobody)))
    refused(cache, "the connection failed")


def test_it_goes_on_where_it_broke_off(official: Host, cache: Path) -> None:
    official.broken.add(LAST)
    refused(cache, "the transfer broke off")
    official.broken.clear()
    official.asked.clear()
    assert len(mnist(0, validation=10).train) == 30
    assert official.asked == [LAST]


def test_an_interrupted_transfer_leaves_nothing(official: Host, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopping:
        total = 0

        def update(self, size: int) -> None:
            raise KeyboardInterrupt

    @contextmanager
    def stopping(words: str) -> Iterator[Stopping]:
        yield Stopping()

    monkeypatch.setattr(fetching, "_progress", stopping)
    with pytest.raises(KeyboardInterrupt):
        mnist(0)
    assert list((cache / "mnist").iterdir()) == []


def test_without_a_folder_of_ones_own_that_is_said(official: Host, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONWARD_DATA")
    official.files.clear()
    with pytest.raises(DataUnavailable, match="in no folder of yours, as ONWARD_DATA is not set, and in the cache"):
        mnist(0)


def test_a_cache_that_cannot_be_written_is_one_sentence(
    official: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ONWARD_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataUnavailable, match="MNIST cannot be written to .*: .*; ONWARD_CACHE names another folder"):
        mnist(0)


def test_without_pooch_there_is_no_fetching(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "find_spec", lambda name: None)
    with pytest.raises(DataUnavailable, match="MNIST is not here: .*; fetching needs pooch, which pip install 'onward"):
        mnist(0)


def test_the_cache_is_the_users_own_unless_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONWARD_CACHE")
    monkeypatch.setattr("pooch.os_cache", lambda project: Path("/of") / project)
    assert fetching.cache_folder(SOURCES["mnist"]) == Path("/of/onward/mnist")


def test_fetching_by_name_mends_a_damaged_cache(official: Host, cache: Path) -> None:
    made.write(cache / "mnist", {**official.files, LAST: b"damaged"})
    with pytest.raises(
        DataUnavailable, match=f"{LAST} is damaged: .*; remove it, and `onward data --fetch mnist` fetches a good one"
    ):
        mnist(0)
    assert catalogue.get("mnist") == cache / "mnist"
    assert official.asked == [LAST]
    assert len(mnist(0, validation=10).train) == 30


def test_fetching_by_name_reads_files_of_ones_own_and_leaves_them(official: Host, data: Path, cache: Path) -> None:
    made.write(data / "mnist", {**official.files, LAST: b"damaged"})
    words = (
        f"own/mnist/{LAST} is damaged: .*; put a good copy into its place, or take the data set out of the folder that "
        "ONWARD_DATA names, and `onward data --fetch mnist` fetches a good one"
    )
    for attempt in (lambda: catalogue.get("mnist"), lambda: mnist(0)):
        with pytest.raises(DataUnavailable, match=words) as caught:
            attempt()
        assert "\n" not in str(caught.value)
    assert (data / "mnist" / LAST).read_bytes() == b"damaged"
    assert official.asked == []
    (data / "mnist").rename(data / "elsewhere")
    assert catalogue.get("mnist") == cache / "mnist"
    assert len(mnist(0, validation=10).train) == 30


def test_a_part_of_a_data_set_of_ones_own_is_told_and_nothing_is_fetched(official: Host, data: Path) -> None:
    files = dict(official.files)
    del files[made.IDX[1]], files[LAST]
    made.write(data / "MNIST" / "raw", files, packed=True)
    made.write(data / "mnist", {made.IDX[0]: files[made.IDX[0]]})
    for attempt in (lambda: mnist(0), lambda: catalogue.get("mnist")):
        with pytest.raises(DataUnavailable) as caught:
            attempt()
        assert str(caught.value) == (
            f"MNIST is in {data / 'MNIST' / 'raw'} only in part: {made.IDX[1]}, {LAST} not found; put what is missing there, or "
            "take the rest out of the folder that ONWARD_DATA names, and `onward data --fetch mnist` fetches all"
        )
    assert official.asked == []
    made.write(data, official.files)
    assert len(mnist(0, validation=10).train) == 30, "it is whole elsewhere in the folder"


def test_a_part_of_an_unpacked_archive_is_told(host: Host, data: Path) -> None:
    made.write(data / "cifar-10-batches-bin", {"data_batch_1.bin": b"any"})
    lacking = ", ".join([*(f"data_batch_{k}.bin" for k in range(2, 6)), "test_batch.bin"])
    with pytest.raises(DataUnavailable, match=f"CIFAR-10 is in .*cifar-10-batches-bin only in part: {lacking} not found"):
        cifar10(0)
    assert host.asked == []


def test_what_is_fetched_is_read_too(official: Host, cache: Path) -> None:
    made.write(cache / "mnist" / "mnist", {**official.files, LAST: b"damaged"})
    with pytest.raises(DataUnavailable, match="mnist/mnist/.* is damaged: .*; remove it, and `onward data --fetch mnist`"):
        catalogue.get("mnist")


def test_a_folder_of_ones_own_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    for name, what in (("nowhere", "not there"), ("file", "a file"), ("file/below", "not there")):
        monkeypatch.setenv("ONWARD_DATA", str(tmp_path / name))
        for attempt in (lambda: mnist(0), lambda: catalogue.get("mnist"), catalogue.entries):
            with pytest.raises(DataUnavailable, match=f"ONWARD_DATA names .*{name}, which is {what}; expected the folder"):
                attempt()
    monkeypatch.setenv("ONWARD_DATA", "")
    assert catalogue.entries()


def test_fetching_by_name_takes_files_of_ones_own(official: Host, data: Path) -> None:
    made.write(data / "MNIST" / "raw", made.mnist_files())
    assert catalogue.get("mnist") == data / "MNIST" / "raw"
    assert official.asked == []


def test_fetching_an_unknown_name_names_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"unknown data set 'mnits', expected one of mnist, .*; did you mean 'mnist'\?"):
        catalogue.get("mnits")
    with pytest.raises(ValueError, match="iris comes with scikit-learn; there is nothing to fetch"):
        catalogue.get("iris")


def test_every_remote_has_a_hash_and_lies_as_a_layout_expects() -> None:
    for source in SOURCES.values():
        for remote in source.remotes:
            kind, digest = remote.hash.split(":")
            assert len(digest) == hashlib.new(kind).digest_size * 2
            assert remote.url.endswith(f"/{remote.file}")
        files = {remote.file for remote in source.remotes}
        last = source.layouts[-1] if source.name == "mnist" else source.layouts[0]
        assert files & set(last.archives) or all(files & set(names) for names in last.names), source.name
