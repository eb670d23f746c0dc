"""How the paper's nets are trained: as published, and under a sound protocol."""

from __future__ import annotations

from functools import partial

import torch

from onward.training.fit import Recipe


def as_published(epochs: int) -> tuple[Recipe, ...]:
    """Adam at 0.001 on batches of 10 in a fixed order, whole batches only, no stopping (the notebooks' settings)."""
    adam = partial(torch.optim.Adam, lr=0.001, fused=True)
    return (Recipe(adam, epochs, batch=10, shuffle=False, drop_last=True),)


def sound(epochs: int, batch: int) -> tuple[Recipe, ...]:
    """Adam with cosine decay, at three learning rates; validation chooses the rate and the epoch, for every seed anew."""
    decay = partial(torch.optim.lr_scheduler.CosineAnnealingLR, T_max=epochs)
    return tuple(
        Recipe(partial(torch.optim.Adam, lr=rate, fused=True), epochs, batch, schedule=decay, patience=epochs)
        for rate in (0.01, 0.03, 0.1)
    )


SMALL_DATA_RATES = (0.01, 0.03)
SMALL_DATA_PENALTIES = (0.003, 0.01, 0.03)  # c of c/2 |w|^2, added to the mean loss


def sound_for_small_data(epochs: int, batch: int) -> tuple[Recipe, ...]:
    """Adam with cosine decay and an L2 penalty, at two learning rates and three penalties; cross-validation chooses."""
    decay = partial(torch.optim.lr_scheduler.CosineAnnealingLR, T_max=epochs)
    return tuple(
        Recipe(partial(torch.optim.Adam, lr=rate, weight_decay=penalty, fused=True), epochs, batch, schedule=decay)
        for rate in SMALL_DATA_RATES
        for penalty in SMALL_DATA_PENALTIES
    )
