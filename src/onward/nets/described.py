"""Modules of known kinds written down as plain data, and made again of it: kind and settings, no code, no weights.

Known are the modules that the builders and projections put together, and the common ones of `torch.nn`; what was described
is made on no device ("meta"), so that a description can ask for no memory.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from onward.nets.builders import _Transpose
from onward.nets.dropout import Dropout
from onward.nets.mixer import Mixer

Settings = Callable[[nn.Module], dict[str, Any]]

LARGEST_SETTING, LARGEST_FLOAT = 2**31, 1e30
SIZES = {
    *("in_features", "out_features", "in_channels", "out_channels", "groups", "num_features", "num_groups", "num_channels"),
    *("num_parameters", "normalized_shape", "output_size", "kernel_size", "stride", "dilation", "divisor_override"),
}
"""Settings that are whole numbers of at least 1, which not every module checks itself."""


@dataclass(frozen=True)
class Kind:
    """A class of modules that is told by its settings.

    Attributes:
        make: makes a module of settings.
        settings: reads them off a module.
    """

    make: Callable[..., nn.Module]
    settings: Settings


def describe_module(module: nn.Module) -> dict[str, Any]:
    """Write down what a module is, ready for JSON; a `nn.Sequential` with its parts.

    Raises:
        ValueError: a module of another kind, or one with hooks or parametrisations, which would be lost.
    """
    name = NAMES.get(type(module))
    if name is None:
        raise ValueError(f"a {type(module).__name__} is not among the modules that a file can describe")
    if module._forward_hooks or module._forward_pre_hooks or hasattr(module, "parametrizations"):
        raise ValueError(f"a {name} with hooks or parametrisations cannot be described in a file")
    if isinstance(module, nn.Sequential):
        return {"kind": name, "parts": [[key, describe_module(part)] for key, part in module.named_children()]}
    return {"kind": name, **{key: _plain(value) for key, value in KINDS[name].settings(module).items()}}


def make_module(described: Any) -> nn.Module:
    """Make the module that was described, with weights that have a shape but no values.

    Raises:
        ValueError: what `describe_module` does not give.
    """
    with torch.device("meta"):
        made = _made(described)
    if describe_module(made) != described:
        raise ValueError(f"no module has the settings {reprlib.repr(described)[:200]}")
    return made


def _made(described: Any) -> nn.Module:
    if not isinstance(described, Mapping) or not isinstance(described.get("kind"), str) or described["kind"] not in KINDS:
        known = ", ".join(KINDS)
        raise ValueError(f"a module must be one of {known}, got {reprlib.repr(described)[:100]}")
    kind, settings = described["kind"], {key: value for key, value in described.items() if key != "kind"}
    if kind == "Sequential":
        return _sequential(settings.get("parts"))
    for key, value in settings.items():
        least = 1 if key in SIZES else 0 if key == "padding" else -LARGEST_SETTING
        numbers = value if isinstance(value, list) else [value]
        if any(isinstance(one, int) and not least <= one < LARGEST_SETTING for one in numbers):
            raise ValueError(
                f"{key} of a {kind} must be from {least} to {LARGEST_SETTING}, got {reprlib.repr(value)[:100]}"
            )
        if isinstance(value, float) and not abs(value) <= LARGEST_FLOAT:
            raise ValueError(f"{key} of a {kind} must be at most {LARGEST_FLOAT:g}, got {value}")
    try:
        return KINDS[kind].make(**{key: tuple(one) if isinstance(one, list) else one for key, one in settings.items()})
    except (TypeError, ValueError, RuntimeError, ArithmeticError, AttributeError) as error:
        why = " ".join(str(error).split())[:200]
        raise ValueError(f"a {kind} cannot be made of {reprlib.repr(settings)[:200]}: {why}") from error


def _sequential(parts: Any) -> nn.Sequential:
    made = nn.Sequential()
    if not isinstance(parts, list) or any(not isinstance(one, list) or len(one) != 2 for one in parts):
        raise ValueError("the parts of a Sequential must be a list of names with modules")
    for name, part in parts:
        try:
            made.add_module(name, _made(part))
        except (TypeError, KeyError) as error:
            raise ValueError(f"{reprlib.repr(name)[:100]} is no name of a part of a Sequential") from error
    return made


def _plain(value: Any) -> Any:
    return [_plain(one) for one in value] if isinstance(value, tuple | list) else value


def _by_attributes(kind: Callable[..., nn.Module], *names: str) -> Kind:
    """A class whose arguments are attributes of its modules; of a bias only whether there is one is an argument."""

    def settings(module: nn.Module) -> dict[str, Any]:
        return {name: getattr(module, name) is not None if name == "bias" else getattr(module, name) for name in names}

    return Kind(kind, settings)


def _dropout(probability: float) -> Dropout:
    with torch.device("cpu"):  # the seed is drawn, and then overwritten by that of the file
        made = Dropout(probability, generator=torch.Generator())
    return made.to("meta")


def _layer_norm(**settings: Any) -> nn.LayerNorm:
    return nn.LayerNorm(**settings)


def _layer_norm_settings(module: nn.Module) -> dict[str, Any]:
    assert isinstance(module, nn.LayerNorm)  # noqa: S101
    shape, affine = module.normalized_shape, module.elementwise_affine
    return {
        "normalized_shape": shape,
        "eps": module.eps,
        "elementwise_affine": affine,
        "bias": affine and module.bias is not None,
    }


def _mixer(*, bias: bool, **sizes: int) -> Mixer:
    if any(type(size) is not int or size < 1 for size in sizes.values()) or type(bias) is not bool:
        raise ValueError("sizes must be whole numbers of at least 1, and bias true or false")
    made = Mixer(1, 1, 1, 1, generator=torch.Generator())
    tokens, width, token_hidden, channel_hidden = (sizes[name] for name in MIXER)
    made.before_tokens, made.before_channels = nn.LayerNorm(width), nn.LayerNorm(width)
    for name, size, hidden in (("across_tokens", tokens, token_hidden), ("across_channels", width, channel_hidden)):
        maps = nn.Linear(size, hidden, bias=bias), nn.Linear(hidden, size, bias=bias)
        setattr(made, name, nn.Sequential(maps[0], nn.GELU(), maps[1]))
    return made


def _mixer_settings(module: nn.Module) -> dict[str, Any]:
    assert isinstance(module, Mixer)  # noqa: S101
    tokens, channels = (perceptron[0] for perceptron in (module.across_tokens, module.across_channels))
    assert isinstance(tokens, nn.Linear)  # noqa: S101
    assert isinstance(channels, nn.Linear)  # noqa: S101
    sizes = (tokens.in_features, channels.in_features, tokens.out_features, channels.out_features)
    return dict(zip(MIXER, sizes, strict=True)) | {"bias": tokens.bias is not None}


MIXER = ("tokens", "width", "token_hidden", "channel_hidden")
_CONVOLUTION = (
    "in_channels",
    "out_channels",
    "kernel_size",
    "stride",
    "padding",
    "dilation",
    "groups",
    "bias",
    "padding_mode",
)
_BATCH_NORM = ("num_features", "eps", "momentum", "affine", "track_running_stats")

_TYPES: dict[type[nn.Module], Kind] = {
    nn.Sequential: Kind(nn.Sequential, lambda module: {}),
    nn.Linear: _by_attributes(nn.Linear, "in_features", "out_features", "bias"),
    nn.Conv1d: _by_attributes(nn.Conv1d, *_CONVOLUTION),
    nn.Conv2d: _by_attributes(nn.Conv2d, *_CONVOLUTION),
    nn.BatchNorm1d: _by_attributes(nn.BatchNorm1d, *_BATCH_NORM),
    nn.BatchNorm2d: _by_attributes(nn.BatchNorm2d, *_BATCH_NORM),
    nn.LayerNorm: Kind(_layer_norm, _layer_norm_settings),
    nn.GroupNorm: _by_attributes(nn.GroupNorm, "num_groups", "num_channels", "eps", "affine"),
    nn.ReLU: _by_attributes(nn.ReLU, "inplace"),
    nn.LeakyReLU: _by_attributes(nn.LeakyReLU, "negative_slope", "inplace"),
    nn.ELU: _by_attributes(nn.ELU, "alpha", "inplace"),
    nn.PReLU: _by_attributes(nn.PReLU, "num_parameters"),
    nn.SiLU: _by_attributes(nn.SiLU, "inplace"),
    nn.GELU: _by_attributes(nn.GELU, "approximate"),
    nn.Tanh: _by_attributes(nn.Tanh),
    nn.Sigmoid: _by_attributes(nn.Sigmoid),
    nn.Identity: _by_attributes(nn.Identity),
    nn.Flatten: _by_attributes(nn.Flatten, "start_dim", "end_dim"),
    nn.Unflatten: _by_attributes(nn.Unflatten, "dim", "unflattened_size"),
    nn.Unfold: _by_attributes(nn.Unfold, "kernel_size", "dilation", "padding", "stride"),
    nn.AvgPool2d: _by_attributes(
        nn.AvgPool2d, "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override"
    ),
    nn.MaxPool2d: _by_attributes(
        nn.MaxPool2d, "kernel_size", "stride", "padding", "dilation", "return_indices", "ceil_mode"
    ),
    nn.AdaptiveAvgPool2d: _by_attributes(nn.AdaptiveAvgPool2d, "output_size"),
    nn.Dropout: _by_attributes(nn.Dropout, "p", "inplace"),
    nn.Dropout2d: _by_attributes(nn.Dropout2d, "p", "inplace"),
    Dropout: Kind(_dropout, lambda module: {"probability": module.probability}),
    Mixer: Kind(_mixer, _mixer_settings),
    _Transpose: _by_attributes(_Transpose),
}
_OURS = {Dropout: "onward.Dropout", Mixer: "onward.Mixer", _Transpose: "onward.Transpose"}
NAMES = {kind: _OURS.get(kind, kind.__name__) for kind in _TYPES}
KINDS = {NAMES[kind]: entry for kind, entry in _TYPES.items()}
