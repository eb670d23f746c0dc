"""Similarity matching: examples of one class should look alike to a block, those of two should not (Nøkland and Eidnes, 2019).

The cosine similarities of all pairs of a batch are compared with those of their classes. A map is looked at by the deviation
of each of its channels over space. So are tokens, `b t c`, which the paper does not have: each is a place of a map. Axes: b batch,
n features, c channels, h w the map, t tokens.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

FLOOR = 1e-8  # added to lengths, so that an example without any deviation is similar to none


def features(activity: Float[Tensor, "b ..."]) -> Float[Tensor, "b n"]:
    """Give what an activity is compared by: deviations of the channels of a map or of tokens, or its numbers as they are.

    Those of one place, or of three channels or fewer, are too small for deviations and are taken as they are.
    """
    if _by_deviation(activity):
        return _places(activity).std(-1)
    return activity.flatten(1)


def features_back(activity: Float[Tensor, "b ..."], blame: Float[Tensor, "b n"]) -> Float[Tensor, "b ..."]:
    """Map blame on the features to blame on the activity; channels without deviation are given none."""
    if not _by_deviation(activity):
        return blame.view(activity.shape)
    places = _places(activity)
    centred, deviation = places - places.mean(-1, keepdim=True), places.std(-1, keepdim=True)
    slope = torch.where(deviation > 0, centred / ((places.shape[-1] - 1) * deviation), 0)
    back = slope * blame.unsqueeze(-1)
    return back.transpose(1, 2) if activity.ndim == 3 else back.view(activity.shape)


def matrix(x: Float[Tensor, "b n"]) -> Float[Tensor, "b b"]:
    """Give the cosines between examples, each centred by the mean of its own features."""
    directions = _directions(x)[0]
    return directions @ directions.T


def of_classes(labels: Int[Tensor, "b"], classes: int, dtype: torch.dtype) -> Float[Tensor, "b b"]:
    """Give the similarities of classes as one-hot vectors: 1 within a class, `-1 / (classes - 1)` between two."""
    return matrix(functional.one_hot(labels, classes).to(dtype))


def matching(
    x: Float[Tensor, "b n"], target: Float[Tensor, "b b"], importance: Float[Tensor, "b"] | None = None
) -> tuple[Float[Tensor, ""], Float[Tensor, "b n"]]:
    """Give the squared error of the similarities, averaged over all pairs, and its derivative at the features.

    An example whose features are all the same has no direction to be turned and is given no blame. A pair counts by the product of the importance of its examples, whose mean should be 1.
    """
    directions, lengths = _directions(x)
    difference = directions @ directions.T - target
    share = difference.new_tensor(1.0) if importance is None else importance.unsqueeze(0) * importance.unsqueeze(1)
    value = (share * difference.square()).sum() / difference.numel()
    blame = 4 / difference.numel() * (share * difference) @ directions
    along = (blame * directions).sum(-1, keepdim=True) * directions
    turned = torch.where(lengths > 0, blame / (lengths + FLOOR) - along / lengths, 0)
    return value, turned  # centred, since all directions are


def _directions(x: Float[Tensor, "b n"]) -> tuple[Float[Tensor, "b n"], Float[Tensor, "b 1"]]:
    centred = x - x.mean(-1, keepdim=True)
    lengths = centred.norm(dim=-1, keepdim=True)
    return centred / (lengths + FLOOR), lengths


def _places(activity: Float[Tensor, "b ..."]) -> Float[Tensor, "b c places"]:
    return activity.transpose(1, 2) if activity.ndim == 3 else activity.flatten(2)


def _by_deviation(activity: Tensor) -> bool:
    if activity.ndim not in (3, 4):
        return False
    _, channels, places = _places(activity).shape
    return channels > 3 and places > 1


__all__ = ["features", "features_back", "matching", "matrix", "of_classes"]
