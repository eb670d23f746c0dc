"""The image sets are found in every layout in use, and read to the same pictures and classes."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from onward.datasets import DataUnavailable, cifar10, cifar100, fashion_mnist, mnist
from onward.datasets.pictures import hold_out
from onward.description import describe
from tests.datasets import made


def expected(x: np.ndarray, learned: np.ndarray, index: np.ndarray) -> torch.Tensor:
    axes = (0, 2, 3)
    centre = x[learned].mean(axes, dtype=np.float64, keepdims=True)
    return torch.from_numpy((x[index] - centre) / x[learned].std(axes, dtype=np.float64, keepdims=True)).float()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("folder", ["mnist", "MNIST/raw", "MNIST", ""])
def test_mnist_is_found(data: Path, folder: str, packed: bool) -> None:
    made.write(data / folder, made.mnist_files(), packed=packed)
    found = mnist(0, validation=10)
    x, y = made.pictures(40, (28, 28), 10, 0)
    learned, choosing = hold_out(y, 10, 0)
    assert found.name == "MNIST"
    assert found.validation is not None
    torch.testing.assert_close(found.train.x, expected(x[:, None], learned, learned))
    torch.testing.assert_close(found.validation.x, expected(x[:, None], learned, choosing))
    assert found.train.y.tolist() == y[learned].tolist()
    assert found.test.x.shape == (20, 1, 28, 28)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("folder", ["fashion-mnist", "FashionMNIST/raw", "FashionMNIST", "fashion", "data/fashion"])
def test_fashion_mnist_is_found(data: Path, folder: str, packed: bool) -> None:
    made.write(data / folder, made.mnist_files(seed=5), packed=packed)
    found = fashion_mnist(0, validation=0)
    x, _ = made.pictures(40, (28, 28), 10, 5)
    assert found.name == "Fashion-MNIST"
    torch.testing.assert_close(found.train.x, expected(x[:, None], np.arange(40), np.arange(40)))


def test_the_two_sets_of_the_same_names_are_not_mixed_up(data: Path) -> None:
    made.write(data / "mnist", made.mnist_files(seed=0))
    made.write(data / "fashion-mnist", made.mnist_files(seed=5))
    assert not torch.equal(mnist(0, validation=0).train.x, fashion_mnist(0, validation=0).train.x)


def test_fashion_mnist_in_the_place_of_mnist_is_noticed(data: Path) -> None:
    y = (np.arange(60_000) % 10).astype(np.uint8)
    tiny = made.idx(np.zeros((60_000, 1, 1), np.uint8))
    made.write(data, {**made.mnist_files(), made.IDX[0]: tiny, made.IDX[1]: made.idx(y)})
    made.write(data, {made.IDX[2]: made.idx(np.zeros((20, 1, 1), np.uint8))})
    with pytest.raises(DataUnavailable, match="holds Fashion-MNIST's files, which are called as MNIST's"):
        mnist(0)


def test_names_with_a_dot_and_packed_files_without_their_ending_are_read(data: Path) -> None:
    files = {name.replace("-idx", ".idx"): content for name, content in made.mnist_files().items()}
    made.write(data / "mnist", files, packed=True)
    for path in (data / "mnist").iterdir():
        path.rename(path.with_suffix(""))
    assert len(mnist(0, validation=0).train) == 40


def binary10() -> dict[str, bytes]:
    return {f"{name}.bin": made.cifar_records(x, y) for name, (x, y) in made.cifar10_batches().items()}


def python10() -> dict[str, bytes]:
    return {name: made.python2_pickle(x, y, "labels") for name, (x, y) in made.cifar10_batches().items()}


def binary100() -> dict[str, bytes]:
    return {f"{name}.bin": made.cifar_records(x, y // 5, y) for name, (x, y) in made.cifar100_batches().items()}


def python100() -> dict[str, bytes]:
    return {name: made.python2_pickle(x, y, "fine_labels") for name, (x, y) in made.cifar100_batches().items()}


VERSIONS = {
    "cifar-10-batches-bin": (binary10, "cifar-10-binary.tar.gz"),
    "cifar-10-batches-py": (python10, "cifar-10-python.tar.gz"),
    "cifar-100-binary": (binary100, "cifar-100-binary.tar.gz"),
    "cifar-100-python": (python100, "cifar-100-python.tar.gz"),
}


@pytest.mark.parametrize("inner", ["", "{name}/"])
@pytest.mark.parametrize("archived", [False, True])
@pytest.mark.parametrize("folder", VERSIONS)
def test_cifar_is_found(data: Path, folder: str, archived: bool, inner: str) -> None:
    make, archive = VERSIONS[folder]
    name = "-".join(folder.split("-")[:2])
    place = data / inner.format(name=name)
    if archived:
        files = {f"{folder}/{name}": content for name, content in sorted(make().items())}
        made.write(place, {archive: made.tar({f"{folder}/readme.html": b"about", **files})})
    else:
        made.write(place / folder, make())
    found = (cifar10 if name == "cifar-10" else cifar100)(0, validation=0)
    *batches, (test_x, test_y) = (made.cifar10_batches() if name == "cifar-10" else made.cifar100_batches()).values()
    x, y = (np.concatenate(part) for part in zip(*batches, strict=True))
    every = np.arange(len(y))
    torch.testing.assert_close(found.train.x, expected(x, every, every))
    assert found.train.y.tolist() == y.tolist()
    assert found.test.y.tolist() == test_y.tolist()
    ratio = (test_x - x.mean((0, 2, 3), dtype=np.float64, keepdims=True)) / x.std(
        (0, 2, 3), dtype=np.float64, keepdims=True
    )
    torch.testing.assert_close(found.test.x, torch.from_numpy(ratio).float())


def test_parts_are_as_large_as_asked_for(data: Path) -> None:
    made.write(data / "cifar-100-binary", binary100())
    found = cifar100(3, validation=100)
    assert found.validation is not None
    assert (len(found.train), len(found.validation), len(found.test)) == (100, 100, 100)
    assert found.validation.y.bincount().tolist() == [1] * 100


def test_the_signatures_that_stored_experiments_name_stay_as_they_are() -> None:
    for load, name, validation in (
        (mnist, "mnist", 10_000),
        (fashion_mnist, "fashion_mnist", 10_000),
        (cifar10, "cifar10", 5_000),
        (cifar100, "cifar100", 5_000),
    ):
        call = {"call": f"onward.datasets.images.{name}", "seed": 0, "validation": validation}
        assert describe(partial(load, 0)) == call


def test_own_files_go_before_the_cache(data: Path, cache: Path) -> None:
    made.write(cache / "mnist", made.mnist_files(count=50))
    assert len(mnist(0, validation=0).train) == 50
    made.write(data / "mnist", made.mnist_files(count=40))
    assert len(mnist(0, validation=0).train) == 40


def test_a_changed_file_is_read_anew(data: Path) -> None:
    made.write(data / "mnist", made.mnist_files(count=40))
    assert len(mnist(0, validation=0).train) == 40
    made.write(data / "mnist", made.mnist_files(count=50))
    assert len(mnist(0, validation=0).train) == 50


def test_several_seeds_read_the_files_once(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made.write(data / "mnist", made.mnist_files())
    mnist(0, validation=10)
    monkeypatch.setattr(Path, "read_bytes", None)
    assert len(mnist(1, validation=10).train) == 30


def test_labels_that_do_not_belong_to_the_pictures_are_refused(data: Path) -> None:
    files = made.mnist_files()
    made.write(data / "mnist", {**files, made.IDX[1]: made.idx(np.zeros(39, np.uint8))})
    with pytest.raises(DataUnavailable, match="train-labels-idx1-ubyte does not belong to .*: expected 40 labels, got 39"):
        mnist(0)


def test_labels_out_of_range_are_refused(data: Path) -> None:
    made.write(data / "mnist", {**made.mnist_files(), made.IDX[3]: made.idx(np.full(20, 10, np.uint8))})
    with pytest.raises(DataUnavailable, match="t10k-labels-idx1-ubyte is damaged: expected labels below 10, got 10"):
        mnist(0)


def test_pictures_of_another_size_are_refused(data: Path) -> None:
    made.write(data / "mnist", {**made.mnist_files(), made.IDX[2]: made.idx(np.zeros((20, 28, 27), np.uint8))})
    with pytest.raises(DataUnavailable, match=r"expected images of 28 x 28, got 28 x 27"):
        mnist(0)


def test_a_file_missing_from_an_archive_is_named(data: Path) -> None:
    made.write(data, {"cifar-100-binary.tar.gz": made.tar({"cifar-100-binary/train.bin": binary100()["train.bin"]})})
    with pytest.raises(
        DataUnavailable, match=r"cifar-100-binary.tar.gz is damaged: expected test.bin in it, which is missing"
    ):
        cifar100(0)


@pytest.mark.parametrize("keep", [100, 3000, -1])
def test_a_damaged_archive_is_one_sentence(data: Path, keep: int) -> None:
    whole = made.tar({f"cifar-100-binary/{name}": content for name, content in binary100().items()})
    made.write(data, {"cifar-100-binary.tar.gz": whole[:keep]})
    with pytest.raises(DataUnavailable, match="cifar-100-binary.tar.gz is damaged"):
        cifar100(0)


def test_a_folder_in_the_place_of_a_file_is_one_sentence(data: Path) -> None:
    for name in made.IDX:
        (data / "mnist" / name).mkdir(parents=True)
    with pytest.raises(DataUnavailable, match="MNIST cannot be read from .*mnist: Is a directory"):
        mnist(0)


def test_a_place_that_cannot_be_looked_at_is_one_sentence(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONWARD_DATA", str(data / ("long" * 100)))
    with pytest.raises(DataUnavailable, match="cannot be looked at: File name too long"):
        mnist(0)
