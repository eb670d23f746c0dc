"""MNIST and Fashion-MNIST as the 32 features that an autoencoder makes of each picture, computed once and kept.

The features are a function of the data set, the seed of the autoencoder and how it is trained, so all trials share them. Every training
picture teaches it, without its label; test pictures are only encoded. Each trial cuts its own part that chooses off the training part.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Integer, UInt8
from torch import Tensor

from onward.datasets import derived, images
from onward.datasets.pictures import Pictures, hold_out
from onward.description import describe
from onward.papers.mesh_neural_networks.autoencoder import Settings, trained
from onward.training.data import Dataset, Split

# What bytes of a picture, scaled to 0..1, are shifted and divided by. The authors' code normalises MNIST, although its decoder
# ends in a tanh that reaches 1 where the data reach 2.8, and leaves Fashion-MNIST as it is.
SCALES = {"mnist": (0.1307, 0.3081), "fashion-mnist": (0.0, 1.0)}
STANDARD = Settings()
TITLES = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST"}


class Features(NamedTuple):
    """All pictures of a data set as features, and the mean squared error of decoded test pictures."""

    x: Float[np.ndarray, "n f"]
    y: Integer[np.ndarray, "n"]
    test_x: Float[np.ndarray, "m f"]
    test_y: Integer[np.ndarray, "m"]
    error: float


def encoded(
    seed: int,
    *,
    pictures: str,
    autoencoder: int = 0,
    settings: Settings = STANDARD,
    standardise: bool = True,
    validation: int = 10_000,
    learned: int | None = None,
) -> Dataset:
    """Give a data set of features.

    Args:
        seed: of the part that chooses and, of the rest, of the part that is learned from.
        pictures: "mnist" or "fashion-mnist".
        autoencoder: seed of the autoencoder.
        settings: how it is trained.
        standardise: whether to shift and scale every feature to mean 0 and deviation 1 over the part that is learned from; the
            authors' code does not.
        validation: how many training pictures choose; 0 for none.
        learned: how many of the others are learned from; all if left out.

    Raises:
        DataUnavailable: the files are neither here nor to be fetched, or damaged; the cache cannot be written.
        ValueError: an unknown data set, or more examples than there are.
    """
    if pictures not in SCALES:
        raise ValueError(f"unknown pictures {pictures!r}, expected one of {', '.join(SCALES)}")
    found = features(pictures, autoencoder, settings)
    own, choosing = hold_out(found.y, validation, seed)
    if learned is not None and learned != len(own):
        own = own[hold_out(found.y[own], learned, seed)[1]]
    x = found.x[own].astype(np.float64)
    centre, scale = (x.mean(0), x.std(0)) if standardise else (0.0, 1.0)
    scale = np.where(scale == 0, 1, scale)

    def split(x: np.ndarray, y: np.ndarray) -> Split:
        scaled = torch.from_numpy((x - centre) / scale).float()
        return Split(scaled, torch.from_numpy(y.astype(np.int64)))

    return Dataset(
        f"{TITLES[pictures]}, {found.x.shape[1]} features",
        split(found.x[own], found.y[own]),
        split(found.test_x, found.test_y),
        split(found.x[choosing], found.y[choosing]) if validation else None,
    )


def features(name: str, seed: int, settings: Settings) -> Features:
    """Give the features of all pictures of a data set, from the cache if they were made before."""
    return _features(name, seed, settings, fingerprint(images.pictures(name)))


def fingerprint(pictures: Pictures) -> str:
    """Give a digest of pictures and classes, which tells whether features are theirs."""
    digest = hashlib.sha256()
    for part in pictures:
        digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()


def key(name: str, seed: int, settings: Settings, fingerprint: str) -> str:
    """Write down all that decides features."""
    scale, with_ = SCALES[name], describe(settings)
    return json.dumps({"scale": scale, "seed": seed, "settings": with_, "pictures": fingerprint}, sort_keys=True)


@lru_cache(2)
def _features(name: str, seed: int, settings: Settings, fingerprint: str) -> Features:
    whole = images.pictures(name)
    found = derived.kept(
        f"autoencoder-{name}", key(name, seed, settings, fingerprint), lambda: _made(whole, SCALES[name], seed, settings)
    )
    return Features(found["x"], whole.y, found["test_x"], whole.test_y, float(found["error"]))


def _made(pictures: Pictures, scale: tuple[float, float], seed: int, settings: Settings) -> dict[str, np.ndarray]:
    x, test_x = scaled(pictures.x, scale), scaled(pictures.test_x, scale)
    net = trained(x, seed, settings)
    made = {"x": net.features(x).numpy(), "test_x": net.features(test_x).numpy()}
    return {**made, "error": np.array(net.error(test_x))}


def scaled(x: UInt8[np.ndarray, "n 1 h w"], scale: tuple[float, float]) -> Float[Tensor, "n 1 h w"]:
    """Give pictures as numbers: bytes over 255, shifted and divided."""
    shift, divisor = scale
    return torch.from_numpy(x.astype(np.float32)).div_(255).sub_(shift).div_(divisor)
