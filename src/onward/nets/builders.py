"""The layered nets of the papers: perceptrons, Mono-Forward's convolutional net, VGG8b and the MLP-Mixer.

Each block is drawn from a generator of its own, so nets of one generator state and different depth share their first
blocks, and the head of one is the projection of the same block in another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Real

import torch
from torch import nn

from onward import given
from onward.nets import draw, projections
from onward.nets.draw import Draw
from onward.nets.dropout import Dropout
from onward.nets.layered import LayeredNet, generator_of, head_of, seed_from
from onward.nets.mixer import Mixer
from onward.nets.projections import Projection, Shape


def mlp(
    features: Shape | int,
    widths: Sequence[int],
    outputs: int | None,
    *,
    bias: bool = True,
    activation: Callable[[], nn.Module] = nn.ReLU,
    normalise: Callable[[int], nn.Module] | None = None,
    initialise: Draw = draw.fan_in,
    projection: Projection = projections.linear,
    generator: torch.Generator | None = None,
) -> LayeredNet:
    """A multi-layer perceptron: a block for each hidden layer.

    Args:
        features: shape of one example, or its length; anything but a vector is flattened by the first block.
        widths: of the hidden layers.
        outputs: classes or predicted values; None for a net without a head.
        bias: whether hidden layers have biases (the projection says so for itself).
        activation: makes the activation of a block.
        normalise: makes what stands between the linear map and the activation, given the width.
        initialise: how first weights are drawn.
        projection: what the head is, and nothing else: the projections that a rule puts on earlier blocks are that rule's own
            argument, as `MonoForward(net, projection=...)`.
        generator: source of the first weights; if left out, one seeded with 0.

    Raises:
        ValueError: features, widths or outputs that are no whole numbers of at least 1, no widths, or what makes no parts.
    """
    shape = given.several("features", [features] if isinstance(features, Real) else features, "axis", "(1, 28, 28)")
    widths = given.several("widths", widths, "hidden layer", "(128, 64)")
    outputs = given.outputs_of(outputs)
    activation = given.maker("activation", activation, "nn.ReLU")
    normalise = None if normalise is None else given.maker("normalise", normalise, "nn.BatchNorm1d")
    seed = seed_from(generator)
    blocks, size = [], torch.Size(shape).numel()
    for k, width in enumerate(widths):
        parts: list[nn.Module] = [nn.Flatten()] if k == 0 and len(shape) > 1 else []
        own = generator_of(seed, k, "weights")
        parts.append(draw.linear(size, width, bias=bias, generator=own, initialise=initialise))
        parts += [] if normalise is None else [normalise(width)]
        blocks.append(nn.Sequential(*parts, activation()))
        size = width
    head = head_of(projection, (size,), outputs, seed, len(widths) - 1)
    return LayeredNet(blocks, head, features=shape, seed=seed)


def cnn(
    features: Shape,
    outputs: int | None,
    *,
    channels: Sequence[int] = (64, 128, 256, 512),
    bias: bool = False,
    initialise: Draw = draw.fan_in,
    projection: Projection = projections.linear,
    generator: torch.Generator | None = None,
) -> LayeredNet:
    """Mono-Forward's convolutional net: 3x3 kernels that keep the size, ReLU, then average pooling by two.

    `features` is channels x height x width; the other arguments and errors are those of `mlp`. Paper, section 4; the window of
    the pooling is not stated there. A map too small to be halved is not pooled.
    """
    shape = _map_shape(features)
    channels, outputs = given.several("channels", channels, "block", "(64, 128)"), given.outputs_of(outputs)
    seed = seed_from(generator)
    depth, height, width = shape
    blocks = []
    for k, maps in enumerate(channels):
        own = generator_of(seed, k, "weights")
        parts = [draw.convolution(depth, maps, bias=bias, generator=own, initialise=initialise), nn.ReLU()]
        if min(height, width) >= 2:
            parts.append(nn.AvgPool2d(2))
            height, width = height // 2, width // 2
        blocks.append(nn.Sequential(*parts))
        depth = maps
    head = head_of(projection, (depth, height, width), outputs, seed, len(channels) - 1)
    return LayeredNet(blocks, head, features=shape, seed=seed)


def vgg8b(
    features: Shape,
    outputs: int | None,
    *,
    multiplier: float = 1.0,
    dropout: float = 0.0,
    bias: bool = True,
    initialise: Draw = draw.fan_in,
    projection: Projection = projections.pooled,
    generator: torch.Generator | None = None,
) -> LayeredNet:
    """VGG8b of Nøkland and Eidnes (2019): six convolutions with batch normalisation, then one linear layer of 1024.

    128, 256, pooling, 256, 512, pooling, 512, pooling, 512, pooling; maximum pooling by two, ReLU. `multiplier` scales the
    widths; `dropout` stands at the end of every block (0.2 in the original, whose local classifiers read the activity before it; here
    they read it after). `bias` is that of convolutions and linear map; the normalisations shift in any case. Other arguments and
    errors as for `cnn`.

    `projection` is of the head alone. Mono-Forward's own default, `linear`, puts a matrix of 10 x 131072 on the first block of
    3 x 32 x 32 images; `MonoForward(vgg8b((3, 32, 32), 10), projection=projections.pooled)` one of 10 x 2048.
    """
    shape, outputs = _map_shape(features), given.outputs_of(outputs)
    multiplier, dropout = given.factor("multiplier", multiplier), given.part("dropout", dropout)
    if round(128 * multiplier) < 1:
        raise ValueError(f"a multiplier of {multiplier:g} leaves nothing of the 128 channels of the first block")
    seed = seed_from(generator)
    plan = ((128, False), (256, True), (256, False), (512, True), (512, True), (512, True))
    depth, height, width = shape
    blocks: list[nn.Module] = []
    for k, (maps, pool) in enumerate(plan):
        maps = round(maps * multiplier)
        own = generator_of(seed, k, "weights")
        parts: list[nn.Module] = [draw.convolution(depth, maps, bias=bias, generator=own, initialise=initialise)]
        parts += [nn.BatchNorm2d(maps), nn.ReLU()]
        if pool and min(height, width) >= 2:
            parts.append(nn.MaxPool2d(2))
            height, width = height // 2, width // 2
        blocks.append(nn.Sequential(*parts, *_dropout(dropout, seed, k)))
        depth = maps
    last = round(1024 * multiplier)
    own = generator_of(seed, len(plan), "weights")
    dense = draw.linear(depth * height * width, last, bias=bias, generator=own, initialise=initialise)
    blocks.append(nn.Sequential(nn.Flatten(), dense, nn.BatchNorm1d(last), nn.ReLU(), *_dropout(dropout, seed, len(plan))))
    head = head_of(projection, (last,), outputs, seed, len(plan))
    return LayeredNet(blocks, head, features=shape, seed=seed)


def mixer(
    features: Shape,
    outputs: int | None,
    *,
    patch: int = 4,
    width: int = 128,
    depth: int = 4,
    token_hidden: int = 64,
    channel_hidden: int = 256,
    bias: bool = True,
    initialise: Draw = draw.fan_in,
    projection: Projection = projections.linear,
    generator: torch.Generator | None = None,
) -> LayeredNet:
    """An MLP-Mixer (Tolstikhin et al., 2021): the first block embeds patches, every further one mixes tokens and channels.

    `features` is channels x height x width, of which `patch` is a divisor. `width` is that of a token, `depth` the number of
    blocks that mix, `token_hidden` and `channel_hidden` the widths of their hidden layers. `bias` is that of all linear maps;
    the normalisations shift in any case. The other arguments as for `cnn`.

    Raises:
        ValueError: a patch that does not divide the image, or sizes that are no whole numbers of at least 1 (`depth`: 0).
    """
    shape, outputs = _map_shape(features), given.outputs_of(outputs)
    patch, width, depth = given.whole("patch", patch), given.whole("width", width), given.whole("depth", depth, 0)
    token_hidden = given.whole("token_hidden", token_hidden)
    channel_hidden = given.whole("channel_hidden", channel_hidden)
    if shape[1] % patch or shape[2] % patch:
        raise ValueError(f"patches of {patch} do not divide an image of {shape[1]} x {shape[2]}")
    seed = seed_from(generator)
    tokens = (shape[1] // patch) * (shape[2] // patch)
    own = generator_of(seed, 0, "weights")
    embed = draw.linear(shape[0] * patch * patch, width, bias=bias, generator=own, initialise=initialise)
    blocks: list[nn.Module] = [nn.Sequential(nn.Unfold(patch, stride=patch), _Transpose(), embed)]
    for k in range(1, depth + 1):
        own = generator_of(seed, k, "weights")
        mixing = Mixer(tokens, width, token_hidden, channel_hidden, bias=bias, initialise=initialise, generator=own)
        blocks.append(mixing)
    head = head_of(projection, (tokens, width), outputs, seed, depth)
    return LayeredNet(blocks, head, features=shape, seed=seed)


def _dropout(probability: float, seed: int, block: int) -> list[nn.Module]:
    return [Dropout(probability, generator=generator_of(seed, block, "dropout"))] if probability else []


class _Transpose(nn.Module):
    """Columns of patches become rows."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.transpose(1, 2)


def _map_shape(features: Shape) -> tuple[int, int, int]:
    shape = given.several("features", features, "axis", "(3, 32, 32)")
    if len(shape) != 3:
        raise ValueError(f"expected images as channels x height x width, got {list(shape)}")
    return shape[0], shape[1], shape[2]
