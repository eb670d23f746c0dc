"""A layered net as tensors and a configuration, and a net from such, whoever wrote them.

The configuration says which modules stand in which order, so a net that was cut, grown or put together of a user's own
`nn.Sequential` is kept as well as one of a builder. What comes from a file is checked before anything is made of it.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from onward.nets.described import describe_module, make_module
from onward.nets.layered import LayeredNet

LARGEST = 2**31  # numbers that a module may emit for one example
SEEDS = 2**40
DTYPES = {
    str(dtype).removeprefix("torch."): dtype for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16)
}
KEYS = {"blocks", "head", "features", "seed", "dtype", "resting"}


def parts(net: LayeredNet) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Part a net into what a file can hold.

    Returns:
        Its `state_dict`, on the CPU and independent of the net; and the configuration, ready for JSON: its modules, the shape of
        an input, the seed, the dtype, and which parameters do not learn (`requires_grad` off).

    Raises:
        ValueError: a module of one's own, a parameter that stands in two places, or `from_parts` would refuse the net.
    """
    configuration: dict[str, Any] = {
        "blocks": [described(block) for block in net.blocks],
        "head": None if net.head is None else described(net.head),
        "features": list(net.shapes[0]),
        "seed": net.seed,
    }
    return state_of(net, configuration, lambda: make(configuration))


def described(module: nn.Module) -> dict[str, Any]:
    """Describe a module of a net, or say what else can be done: `ValueError`."""
    try:
        return describe_module(module)
    except ValueError as error:
        raise ValueError(
            f"{error}; onward.save_weights(net, path) keeps its weights alone, and onward.load_weights(net, path) puts them "
            f"into a net that you have built"
        ) from error


def state_of(module: nn.Module, configuration: dict[str, Any], twin: Any) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Give the state of a module as tensors, and its configuration with dtype and resting parameters.

    Args:
        module: with weights.
        configuration: what it is.
        twin: makes another of the configuration, without values.

    Raises:
        ValueError: the twin could not take the state, or a parameter stands in two places.
    """
    named = dict(module.named_parameters(remove_duplicate=False))
    if len({id(one) for one in named.values()}) < len(named):
        raise ValueError("a parameter stands in two places, which a file would part; onward.save_weights keeps the weights")
    dtype = next((one.dtype for one in named.values()), torch.float32)
    resting = sorted(name for name, one in named.items() if not one.requires_grad)
    configuration |= {"dtype": str(dtype).removeprefix("torch."), "resting": resting}
    tensors = {name: one.detach().to("cpu", copy=True) for name, one in module.state_dict().items()}
    _check(twin(), tensors, configuration)
    return tensors, configuration


def from_parts(tensors: Mapping[str, Tensor], configuration: Mapping[str, Any]) -> LayeredNet:
    """Make the net that `parts` was given, in evaluation mode; its weights are copies.

    At most `LARGEST` numbers are accepted as what a module emits for one example.

    Raises:
        ValueError: a part is missing, unknown, of the wrong type, shape or dtype, out of bounds, or does not fit the rest.
    """
    _check_keys("the configuration of a layered net", configuration, KEYS)
    net = make(configuration)
    filled(net, tensors, configuration)
    return net


def make(configuration: Mapping[str, Any]) -> LayeredNet:
    """Make a net of a configuration, with weights that have a shape but no values."""
    features, seed, blocks = configuration["features"], configuration["seed"], configuration["blocks"]
    if not isinstance(features, list) or not features or any(type(one) is not int or one < 1 for one in features):
        raise ValueError(f"features must be whole numbers of at least 1, got {reprlib.repr(features)[:100]}")
    if len(features) > 8 or math.prod(features) > LARGEST:
        raise ValueError(f"an example may have {LARGEST} numbers and 8 axes, got {reprlib.repr(features)[:100]}")
    if type(seed) is not int or not -SEEDS < seed < SEEDS:
        raise ValueError(f"a seed must be a whole number within {SEEDS}, got {reprlib.repr(seed)[:100]}")
    if not isinstance(blocks, list):
        raise ValueError(f"blocks must be a list, got {type(blocks).__name__}")
    made = [make_module(block) for block in blocks]
    head = None if configuration["head"] is None else make_module(configuration["head"])
    if not any(True for module in (*made, head) if module is not None for _ in module.parameters()):
        raise ValueError("a net that is saved must have weights, got none")
    try:
        with bounded([*made, *([] if head is None else [head])]):
            return LayeredNet(made, head, features=tuple(features), seed=seed)
    except (TypeError, ArithmeticError, LookupError, AssertionError) as error:  # modules know many ways to fail
        raise ValueError(f"its modules do not fit each other: {' '.join(str(error).split())[:200]}") from error


def filled(module: nn.Module, tensors: Mapping[str, Tensor], configuration: Mapping[str, Any]) -> None:
    """Give a module that was made of a configuration its weights; it then rests in evaluation mode.

    Raises:
        ValueError: tensors that are not those of the module, not finite, or of another dtype.
    """
    _check(module, tensors, configuration)
    # tensors of their own, aligned as fresh ones are: products may round differently where they are not
    module.load_state_dict({name: tensor.clone() for name, tensor in tensors.items()}, assign=True)
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(name not in configuration["resting"])
    module.eval()


@contextmanager
def bounded(modules: Sequence[nn.Module]) -> Iterator[None]:
    """Refuse, with a `ValueError`, modules that emit more numbers than would fit, while they are run."""

    def look(module: nn.Module, _: Any, emitted: Any) -> None:
        if not isinstance(emitted, Tensor) or emitted.numel() > LARGEST * max(1, len(emitted)):
            raise ValueError(f"a {type(module).__name__} would emit more than {LARGEST} numbers")

    hooks = [part.register_forward_hook(look) for module in modules for part in module.modules()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _check(module: nn.Module, tensors: Mapping[str, Tensor], configuration: Mapping[str, Any]) -> None:
    """Check tensors against a module without values, and what the configuration says of them."""
    dtype, resting = configuration["dtype"], configuration["resting"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise ValueError(f"weights must be one of {', '.join(DTYPES)}, got {reprlib.repr(dtype)[:100]}")
    module.to(DTYPES[dtype])
    expected = module.state_dict()
    _check_keys("the tensors of a layered net", tensors, set(expected))
    for name, like in expected.items():
        tensor = tensors[name]
        if tensor.shape != like.shape or tensor.dtype != like.dtype:
            raise ValueError(
                f"{name} must be {list(like.shape)} in {like.dtype}, got {list(tensor.shape)} in {tensor.dtype}"
            )
        if not tensor.isfinite().all():
            raise ValueError(f"{name} must be finite")
    names = dict(module.named_parameters())
    if not isinstance(resting, list) or any(not isinstance(name, str) or name not in names for name in resting):
        raise ValueError("the parameters that rest must be a list of names of parameters")


def _check_keys(words: str, found: Any, expected: set[str]) -> None:
    if not isinstance(found, Mapping) or set(found) != expected:
        odd = min(set(found) ^ expected, key=str) if isinstance(found, Mapping) else type(found).__name__
        raise ValueError(f"{words} must name {', '.join(sorted(expected)):.200}, but {odd!r:.80} is not as expected")
