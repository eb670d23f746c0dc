"""The public data sets: which files they have, how these may be called and laid out, and where they are fetched.

Every hash is the official one of the whole file. Those of the archives are printed on the CIFAR page and, for the reviews,
which their page gives none for, are the one that torchtext and others check.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from onward.datasets import cifar, idx
from onward.datasets.errors import DataUnavailable
from onward.datasets.pictures import Pictures
from onward.datasets.reading import files
from onward.datasets.reviews import read_reviews
from onward.datasets.source import Found, Layout, Remote, Source

IDX_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def read_idx(found: Found[Pictures]) -> Pictures:
    """Read four idx files: training images and labels, test images and labels."""
    read = files(found)
    parts = [idx.parse(file.data, file.name, axes) for file, axes in zip(read, (3, 1, 3, 1), strict=True)]
    for k in (0, 2):
        if len(parts[k]) != len(parts[k + 1]):
            raise DataUnavailable(
                f"{read[k + 1].name} does not belong to {read[k].name}: expected {len(parts[k])} labels, got {len(parts[k + 1])}"
            )
        if parts[k + 1].max() > 9:
            raise DataUnavailable(f"{read[k + 1].name} is damaged: expected labels below 10, got {parts[k + 1].max()}")
    sizes = [" x ".join(map(str, images.shape[1:])) for images in parts[::2]]
    if sizes[0] != sizes[1]:
        raise DataUnavailable(
            f"{read[2].name} does not belong to {read[0].name}: expected images of {sizes[0]}, got {sizes[1]}"
        )
    return Pictures(parts[0][:, None], parts[1], parts[2][:, None], parts[3])


def read_digits(found: Found[Pictures]) -> Pictures:
    """Read idx files that lie in nobody's folder: Fashion-MNIST's are called as MNIST's, but have all classes alike."""
    pictures = read_idx(found)
    if (np.bincount(pictures.y, minlength=10) == 6000).all():
        raise DataUnavailable(
            f"{found.where} holds Fashion-MNIST's files, which are called as MNIST's; expected those of MNIST, "
            "or Fashion-MNIST's in a folder fashion-mnist in it"
        )
    return pictures


def read_cifar(classes: tuple[int, ...], found: Found[Pictures]) -> Pictures:
    """Read files of the binary version, of which the last is the test part."""
    return _joined([cifar.parse(file.data, file.name, classes) for file in files(found)])


def read_cifar_pickles(key: str, classes: int, found: Found[Pictures]) -> Pictures:
    """Read files of the Python version, of which the last is the test part."""
    return _joined([cifar.parse_pickle(file.data, file.name, key, classes) for file in files(found)])


def _joined(parts: list[cifar.Batch]) -> Pictures:
    """Put the batches that are learned from together; the last one is the test part."""
    *batches, test = parts
    if len(batches) == 1:
        return Pictures(*batches[0], *test)
    x, y = (np.concatenate(part) for part in zip(*batches, strict=True))
    return Pictures(x, y, *test)


def _spellings(name: str) -> tuple[str, ...]:
    """A name of an idx file, as it is official and as some copies have it, packed or not."""
    return tuple(stem + packed for stem in (name, name.replace("-idx", ".idx")) for packed in ("", ".gz"))


def _idx(*folders: str, read: Callable[[Found[Pictures]], Pictures] = read_idx) -> Layout[Pictures]:
    return Layout(tuple(_spellings(name) for name in IDX_FILES), read, folders)


def _cifar(
    read: Callable[[Found[Pictures]], Pictures], names: tuple[str, ...], folder: str, archive: str
) -> Layout[Pictures]:
    """One version of CIFAR, unpacked or in its archive, in a place or in a folder there that is called as the data set."""
    parent = "cifar-100" if "100" in folder else "cifar-10"
    folders, archives = (folder, f"{parent}/{folder}"), (archive, f"{parent}/{archive}")
    return Layout(tuple((name,) for name in names), read, folders, archives)


def _remotes(host: str, *about: tuple[str, int]) -> tuple[Remote, ...]:
    named = zip(IDX_FILES, about, strict=True)
    return tuple(Remote(f"{host}/{name}.gz", f"{name}.gz", f"md5:{md5}", size) for name, (md5, size) in named)


MNIST = Source(
    "mnist",
    "MNIST",
    "70,000 handwritten digits, 1 x 28 x 28, 10 classes",
    (_idx("mnist", "MNIST/raw", "MNIST"), _idx("", read=read_digits)),
    _remotes(  # the host of its makers, yann.lecun.com, no longer serves it
        "https://ossci-datasets.s3.amazonaws.com/mnist",
        ("f68b3c2dcbeaaa9fbdd348bbdeb94873", 9_912_422),
        ("d53e105ee54ea40749a09fcbcd1e9432", 28_881),
        ("9fb629c4189551a2d022fa330f9573f3", 1_648_877),
        ("ec29112dd5afa0611ce80d1b7f02629c", 4_542),
    ),
)

FASHION_MNIST = Source(
    "fashion-mnist",
    "Fashion-MNIST",
    "70,000 articles of clothing, 1 x 28 x 28, 10 classes",
    # not in a place itself: the files are called as MNIST's
    (_idx("fashion-mnist", "FashionMNIST/raw", "FashionMNIST", "fashion", "data/fashion"),),
    _remotes(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        ("8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26_421_880),
        ("25c81989df183df01b3e8a0aad5dffbe", 29_515),
        ("bef4ecab320f06d8554ea6380940ec79", 4_422_102),
        ("bb300cfdad3c16e7a12a480ee83cd310", 5_148),
    ),
)

KRIZHEVSKY = "https://www.cs.toronto.edu/~kriz"

CIFAR_10 = Source(
    "cifar-10",
    "CIFAR-10",
    "60,000 photographs, 3 x 32 x 32, 10 classes",
    (
        _cifar(
            partial(read_cifar, (10,)),
            (*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin"),
            "cifar-10-batches-bin",
            "cifar-10-binary.tar.gz",
        ),
        _cifar(
            partial(read_cifar_pickles, "labels", 10),
            (*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"),
            "cifar-10-batches-py",
            "cifar-10-python.tar.gz",
        ),
    ),
    (
        Remote(
            f"{KRIZHEVSKY}/cifar-10-binary.tar.gz",
            "cifar-10-binary.tar.gz",
            "md5:c32a1d4ab5d03f1284b67883e8d87530",
            170_052_171,
        ),
    ),
)

CIFAR_100 = Source(
    "cifar-100",
    "CIFAR-100",
    "60,000 photographs, 3 x 32 x 32, 100 classes",
    (
        _cifar(partial(read_cifar, (20, 100)), ("train.bin", "test.bin"), "cifar-100-binary", "cifar-100-binary.tar.gz"),
        _cifar(
            partial(read_cifar_pickles, "fine_labels", 100),
            ("train", "test"),
            "cifar-100-python",
            "cifar-100-python.tar.gz",
        ),
    ),
    (
        Remote(
            f"{KRIZHEVSKY}/cifar-100-binary.tar.gz",
            "cifar-100-binary.tar.gz",
            "md5:03b5dce01913d631647c71ecec9e9cb8",
            168_513_733,
        ),
    ),
)

IMDB = Source(
    "imdb",
    "IMDB reviews",
    "50,000 film reviews, negative or positive",
    (
        Layout(
            tuple((f"{part}/{label}",) for part in ("train", "test") for label in ("neg", "pos")),
            read_reviews,
            ("aclImdb", "imdb/aclImdb", "imdb"),
            tuple(
                folder + name
                for folder in ("", "imdb/")
                for name in ("aclImdb_v1.tar.gz", "aclImdb-labelled.tar.xz", "aclImdb.tar.gz")
            ),
        ),
    ),
    (
        Remote(
            "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
            "aclImdb_v1.tar.gz",
            "md5:7c2ac02c03563afcf9b574c7e56c153a",
            84_125_825,
        ),
    ),
)

SOURCES: dict[str, Source[Any]] = {source.name: source for source in (MNIST, FASHION_MNIST, CIFAR_10, CIFAR_100, IMDB)}
