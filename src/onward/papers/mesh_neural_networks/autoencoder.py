"""The convolutional autoencoder that makes 32 numbers of a picture (section 4.2), for nets that are then taught to tell classes by them.

It learns without labels, by ordinary backpropagation: it is not what is compared, but where the data come from. The paper prints stride 2 for
both poolings; that leaves 8 numbers and decodes to 16 x 16, so stride 1 in the second one, as in the authors' code, is what is meant.

Axis letters: b pictures, f features.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from onward.learners.backprop import Backprop
from onward.nets import draw
from onward.training.data import Lesson, Split
from onward.training.fit import Recipe, fit

SIDE, FEATURES = 28, 32
TOGETHER = 2000  # pictures that are encoded at once


@dataclass(frozen=True)
class Settings:
    """How an autoencoder is trained: the authors' code's settings, as the paper states none.

    Attributes:
        epochs: passes over the pictures.
        batch: pictures a step.
        rate: of Adam.
    """

    epochs: int = 10
    batch: int = 256
    rate: float = 0.001


class Autoencoder(nn.Module):
    """An encoder of pictures, 1 x 28 x 28, into 32 numbers that are at least 0, and a decoder back to numbers between -1 and 1."""

    def __init__(self, generator: torch.Generator) -> None:
        """Draw one; weights and biases as PyTorch's own layers have them, from the generator."""
        super().__init__()
        conv, back = partial(_drawn, nn.Conv2d, generator), partial(_drawn, nn.ConvTranspose2d, generator)
        self.encoder = nn.Sequential(
            conv(1, 16, 3, stride=3, padding=1), nn.ReLU(), nn.MaxPool2d(2, stride=2),
            conv(16, 8, 3, stride=2, padding=1), nn.ReLU(), nn.MaxPool2d(2, stride=1), nn.Flatten(),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.Unflatten(1, (8, 2, 2)), back(8, 16, 3, stride=2), nn.ReLU(), back(16, 8, 5, stride=3, padding=1), nn.ReLU(),
            back(8, 1, 2, stride=2, padding=1), nn.Tanh(),
        )  # fmt: skip

    def forward(self, x: Float[Tensor, "b 1 28 28"]) -> Float[Tensor, "b 1 28 28"]:
        """Encode and decode pictures."""
        return self.decoder(self.encoder(x))

    @torch.no_grad()
    def features(self, x: Float[Tensor, "b 1 28 28"]) -> Float[Tensor, "b f"]:
        """Encode pictures, in parts that memory holds."""
        return torch.cat([self.encoder(part) for part in x.split(TOGETHER)])

    @torch.no_grad()
    def error(self, x: Float[Tensor, "b 1 28 28"]) -> float:
        """Give the mean squared error of decoded pictures, over all their numbers."""
        total = sum(float((self(part) - part).double().square().sum()) for part in x.split(TOGETHER))
        return total / x.numel()


def trained(x: Float[Tensor, "b 1 28 28"], seed: int, settings: Settings) -> Autoencoder:
    """Train an autoencoder on pictures, by the mean squared error between what comes out and what went in.

    The seed decides its first weights and the order of the pictures; the global generator is left alone.
    """
    generator = torch.Generator().manual_seed(seed)
    made = Autoencoder(generator)
    learner = Backprop(nn.Sequential(made, nn.Flatten()), "mean squared error")
    recipe = Recipe(partial(torch.optim.Adam, lr=settings.rate, fused=True), settings.epochs, settings.batch)
    for _ in fit(learner, Lesson("pictures", Split(x, x.flatten(1))), recipe, generator=generator):
        pass
    return made.eval()


Layer = TypeVar("Layer", nn.Conv2d, nn.ConvTranspose2d)


@torch.no_grad()
def _drawn(kind: Callable[..., Layer], generator: torch.Generator, *sizes: int, **settings: int) -> Layer:
    """Make a layer whose parameters are uniform up to one over the square root of its fan-in, as PyTorch counts it."""
    layer = kind(*sizes, **settings, device="meta").to_empty(device="cpu")
    size = layer.weight[0].numel()
    for parameter in layer.parameters():
        draw.fan_in(parameter, size, generator)
    return layer
