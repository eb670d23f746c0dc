"""Layered nets on the command line: named by a word, and what a step of each way to train them takes."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from rich.console import Console

from onward.cli.shown import print_table
from onward.nets.builders import cnn, mlp
from onward.nets.layered import LayeredNet
from onward.offload.rates import rates
from onward.training.fit import Recipe
from onward.training.ways import STREAMED, ways_to_learn

KINDS = ("mlp", "cnn")
PRODUCTS = {"float32": None, "bfloat16": torch.bfloat16}
OPTIMISERS = {
    "adam": partial(torch.optim.Adam, fused=True),
    "sgd": partial(torch.optim.SGD, lr=0.1, fused=True),
}
DISK_TRANSFER = 64_000_000  # bytes, by which a disk is measured
EXAMPLE = "mlp:784-1000-1000-10 or cnn:3x32x32-64-128-10 (an example, hidden layers or maps, outputs)"


def parse(word: str, *, bias: bool) -> LayeredNet:
    """Make the net of a word like `mlp:784-1000-1000-10` or `cnn:3x32x32-64-128-10`.

    Raises:
        ValueError: sizes that are none.
    """
    kind, _, rest = word.partition(":")
    try:
        features, *hidden, outputs = rest.split("-")
        shape = tuple(int(size) for size in features.split("x"))
        widths, classes = tuple(int(size) for size in hidden), int(outputs)
    except ValueError:
        raise ValueError(f"expected sizes as in {EXAMPLE}, got {word!r}") from None
    if not widths or len(shape) not in (1, 3) or (kind == "cnn" and len(shape) != 3):
        raise ValueError(f"expected sizes as in {EXAMPLE}, got {word!r}")
    if kind == "cnn":
        return cnn(shape, classes, channels=widths, bias=bias)
    return mlp(shape, widths, classes, bias=bias)


def explain(net: LayeredNet, batch: int, optimiser: str, products: str, console: Console) -> None:
    """Print the bytes, the multiply-adds and the estimated seconds of a step in every way.

    Raises:
        ValueError: an unknown optimiser or dtype, or a batch of no examples.
    """
    for name, known in ((optimiser, OPTIMISERS), (products, PRODUCTS)):
        if name not in known:
            raise ValueError(f"expected one of {', '.join(known)}, got {name!r}")
    if batch < 1:
        raise ValueError(f"a batch needs at least 1 example, got {batch}")
    recipe = Recipe(OPTIMISERS[optimiser], 1, products=PRODUCTS[products])
    weights = sum(parameter.numel() for parameter in net.parameters())
    console.print(
        f"{len(net.blocks)} blocks on inputs of {' x '.join(str(size) for size in net.shapes[0])}, {net.outputs} outputs, "
        f"{weights:,} parameters",
        highlight=False,
    )
    found = ways_to_learn(net, recipe, batch)
    with TemporaryDirectory(prefix="onward-") as folder:
        disk = rates(Path(folder), DISK_TRANSFER, 2).both if found[-1].moved else math.inf
    rows = [
        (
            way.title,
            _bytes(way.parameters),
            _bytes(way.optimiser),
            _bytes(way.peak),
            f"{way.products / 1e9:.3g}",
            f"{max(way.seconds, way.moved / disk):.3g}",
        )
        for way in found
    ]
    header = ("a step by", "parameters", "optimiser's state", "peak", "10^9 multiply-adds", "estimated seconds")
    console.print()
    print_table(console, header, rows, right=True)
    console.print(
        f"Batch {batch:,}, {optimiser}, products in {products}, {torch.get_num_threads()} threads. Bytes are counted exactly, of "
        "tensors alone; seconds are estimated from how fast this machine multiplies matrices now"
        + (
            f", or moves blocks from and to the disk of the temporary folder ({disk / 1e9:.2g} GB a second), if that is slower."
            if found[-1].moved
            else f". On disk, {STREAMED} blocks are in memory at a time, so this net would be there whole."
        ),
        highlight=False,
    )


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.3g} {unit}" if unit != "B" else f"{size:.0f} B"
        size /= 1000
    raise AssertionError
