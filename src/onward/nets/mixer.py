"""One layer of an MLP-Mixer: perceptrons across the tokens, then across the channels (Tolstikhin et al., 2021)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from onward.nets import draw
from onward.nets.draw import Draw


class Mixer(nn.Module):
    """Mixes tokens, then channels, each with layer normalisation before and the input added after."""

    def __init__(
        self,
        tokens: int,
        width: int,
        token_hidden: int,
        channel_hidden: int,
        *,
        generator: torch.Generator,
        bias: bool = True,
        initialise: Draw = draw.fan_in,
    ) -> None:
        """Draw a layer for activities `b tokens width`; `bias` is that of the linear maps."""
        super().__init__()

        def perceptron(size: int, hidden: int) -> nn.Sequential:
            first = draw.linear(size, hidden, bias=bias, generator=generator, initialise=initialise)
            second = draw.linear(hidden, size, bias=bias, generator=generator, initialise=initialise)
            return nn.Sequential(first, nn.GELU(), second)

        self.before_tokens, self.before_channels = nn.LayerNorm(width), nn.LayerNorm(width)
        self.across_tokens = perceptron(tokens, token_hidden)
        self.across_channels = perceptron(width, channel_hidden)

    def forward(self, x: Float[Tensor, "b tokens width"]) -> Float[Tensor, "b tokens width"]:
        """Mix."""
        x = x + self.across_tokens(self.before_tokens(x).transpose(1, 2)).transpose(1, 2)
        return x + self.across_channels(self.before_channels(x))
