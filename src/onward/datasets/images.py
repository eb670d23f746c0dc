"""The image sets of the papers: MNIST, Fashion-MNIST, CIFAR-10 and CIFAR-100, found on the disk or fetched.

The part that chooses is cut from the official training part at random, stratified by class; the test part is the official
one. Mean and deviation of each channel come of the part that is learned from.
"""

from __future__ import annotations

from functools import lru_cache

from onward.datasets.fetching import obtain
from onward.datasets.pictures import Pictures, dataset
from onward.datasets.source import Found
from onward.datasets.sources import SOURCES
from onward.training.data import Dataset


def mnist(seed: int, *, validation: int = 10_000) -> Dataset:
    """Handwritten digits: 60,000 and 10,000 pictures of 1 x 28 x 28, 10 classes (LeCun, Cortes and Burges).

    Args:
        seed: of the part that chooses.
        validation: how many training pictures choose; 0 for none.

    Raises:
        DataUnavailable: the files are neither here nor to be fetched, or damaged.
        ValueError: a validation part that is below 0 or leaves nothing to learn from.
    """
    return _load("mnist", seed, validation)


def fashion_mnist(seed: int, *, validation: int = 10_000) -> Dataset:
    """Zalando's articles: 60,000 and 10,000 pictures of 1 x 28 x 28, 10 classes (Xiao, Rasul and Vollgraf, 2017); else as `mnist`."""
    return _load("fashion-mnist", seed, validation)


def cifar10(seed: int, *, validation: int = 5_000) -> Dataset:
    """Small photographs: 50,000 and 10,000 pictures of 3 x 32 x 32, 10 classes (Krizhevsky, 2009); else as `mnist`."""
    return _load("cifar-10", seed, validation)


def cifar100(seed: int, *, validation: int = 5_000) -> Dataset:
    """Small photographs: 50,000 and 10,000 pictures of 3 x 32 x 32, 100 fine classes (Krizhevsky, 2009); else as `mnist`."""
    return _load("cifar-100", seed, validation)


def pictures(name: str) -> Pictures:
    """The pictures of a set as bytes, with their classes: "mnist", "fashion-mnist", "cifar-10" or "cifar-100"; errors as for `mnist`."""
    found = obtain(SOURCES[name])
    return _decoded(found, found.stamps())


def _load(name: str, seed: int, validation: int) -> Dataset:
    return dataset(SOURCES[name].title, pictures(name), seed=seed, validation=validation)


@lru_cache(1)
def _decoded(found: Found[Pictures], stamps: tuple[tuple[int, int], ...]) -> Pictures:
    """The pictures of the set that was asked for last, for experiments over several seeds."""
    return found.read()
