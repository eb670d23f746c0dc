"""Weights alone, in a sealed file: for modules that no file can describe, and that the caller builds anew."""

from __future__ import annotations

import os

from torch import nn

from onward.files import sealed
from onward.files.sealed import FileDamaged

KIND = "weights"


def save_weights(module: nn.Module, path: str | os.PathLike[str]) -> None:
    """Write the `state_dict` of any net or learner into one file, whole or not at all; what it is made of is not kept.

    Raises:
        ValueError: a state that is more than tensors, or of a dtype that no file holds.
        WriteFailed: the file could not be written; what was there is unchanged.
    """
    sealed.write(path, KIND, module.state_dict(), {"class": type(module).__name__})


def load_weights(module: nn.Module, path: str | os.PathLike[str]) -> None:
    """Put the weights that `save_weights` kept into a net or learner that was built alike; it stays in its mode, dtype and place.

    Raises:
        FileDamaged: no such file, or one that is damaged, foreign or of another kind.
        ValueError: weights of other names, shapes or dtypes than the module's, which is unchanged then.
    """
    found, own = sealed.read(path, KIND), module.state_dict()
    odd = sorted(set(found.tensors) ^ set(own))
    if odd:
        where = "is in the file only" if odd[0] in found.tensors else "is missing in it"
        raise ValueError(f"{path} holds the weights of another {type(module).__name__}: {odd[0]!r} {where}")
    for name, tensor in found.tensors.items():
        if tensor.shape != own[name].shape or tensor.dtype != own[name].dtype:
            raise ValueError(
                f"{path} holds {name!r} as {list(tensor.shape)} in {tensor.dtype}, but this {type(module).__name__} has "
                f"{list(own[name].shape)} in {own[name].dtype}"
            )
        if not tensor.isfinite().all():
            raise FileDamaged(f"{path} is whole, but {name!r} in it is not finite")
    module.load_state_dict(found.tensors)
