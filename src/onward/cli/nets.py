"""Layered nets on the command line: named by a word, and what a step of each way to train them takes."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from rich.console import Console

from onward.cli.shown import print_table
from onward.cli.widths import widths as layers
from onward.naming import suggest
from onward.nets.builders import cnn, mlp
from onward.nets.layered import LayeredNet
from onward.offload.rates import rates
from onward.training.fit import Recipe
from onward.training.ways import STREAMED, WayCost, ways_to_learn

PRODUCTS = {"float32": None, "bfloat16": torch.bfloat16}
OPTIMISERS = {
    "adam": partial(torch.optim.Adam, fused=True),
    "sgd": partial(torch.optim.SGD, lr=0.1, fused=True),
}
DISK_TRANSFER = 64_000_000  # bytes, by which a disk is measured
LARGEST = 10**9  # examples, or numbers of an example or of its maps; more could not be counted in bytes
WIDEST = 10**8  # neurons or maps of a layer
EXAMPLE = "mlp:784-1000-1000-10, mlp:784-3400*60-10 or cnn:3x32x32-64-128-10 (an example, hidden layers or maps, outputs)"


def parse(word: str, *, bias: bool) -> LayeredNet:
    """Make the net of a word like `mlp:784-1000-1000-10`, `mlp:784-3400*60-10` or `cnn:3x32x32-64-128-10`, on `meta`: no machine needs to hold it.

    Raises:
        ValueError: sizes that are none.
    """
    kind, _, rest = word.partition(":")
    features, *hidden = rest.split("-")
    shape = tuple(int(size) if size.isascii() and size.isdigit() else 0 for size in features.split("x"))
    if len(hidden) < 2 or len(shape) not in (1, 3) or (kind == "cnn" and len(shape) != 3) or "*" in hidden[-1]:
        raise ValueError(f"expected sizes as in {EXAMPLE}, got {word!r}")
    if not 1 <= math.prod(shape) <= LARGEST:
        raise ValueError(f"an example has from 1 to {LARGEST} numbers, as in {EXAMPLE}, got {word!r}")
    *widths, outputs = layers(f"{kind}:", word, hidden, WIDEST, "784-1000-1000-10 or 784-3400*60-10")
    if kind == "cnn" and max(widths) * math.prod(shape[1:]) > LARGEST:
        raise ValueError(f"the maps of a layer have at most {LARGEST} numbers, got {word!r}")
    with torch.device("meta"):
        if kind == "cnn":
            return cnn(shape, outputs, channels=widths, bias=bias)
        return mlp(shape, widths, outputs, bias=bias)


def explain(
    net: LayeredNet, batch: int, optimiser: str, products: str, console: Console, threads: int | None = None
) -> None:
    """Print the bytes, the multiply-adds and the estimated seconds of a step in every way.

    Args:
        net: it may lie on `meta`.
        batch: examples a step.
        optimiser: one of `OPTIMISERS`.
        products: one of `PRODUCTS`.
        console: where to.
        threads: that PyTorch computes with while operations are timed; left out, as many as it does.

    Raises:
        ValueError: an unknown optimiser or dtype, a batch of no examples or too many, or threads for which there are no cores.
    """
    for option, name, known in (("optimiser", optimiser, OPTIMISERS), ("products", products, PRODUCTS)):
        if name not in known:
            raise ValueError(f"--{option} takes one of {', '.join(known)}, got {name!r}{suggest(name, tuple(known))}")
    if not 1 <= batch <= LARGEST:
        raise ValueError(f"a batch needs at least 1 example and at most {LARGEST}, got {batch}")
    cores = os.cpu_count() or 1
    if threads is not None and not 1 <= threads <= cores:
        raise ValueError(f"--threads takes 1 to {cores} threads, as many as this machine has cores, got {threads}")
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        _explain(net, batch, optimiser, products, console)
    finally:
        torch.set_num_threads(before)


def _explain(net: LayeredNet, batch: int, optimiser: str, products: str, console: Console) -> None:
    recipe = Recipe(OPTIMISERS[optimiser], 1, products=PRODUCTS[products])
    weights = sum(parameter.numel() for parameter in net.parameters())
    console.print(
        f"{len(net.blocks)} block{'s' if len(net.blocks) > 1 else ''} on inputs of {' x '.join(str(size) for size in net.shapes[0])}, {net.outputs} outputs, "
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
            _bytes(way.activities),
            _bytes(way.peak),
            f"{way.products / 1e9:.3g}",
            f"{max(way.seconds, way.moved / disk):.2g}",
        )
        for way in found
    ]
    header = (
        "a step by",
        "parameters",
        "optimiser's state",
        "activities",
        "peak",
        "10^9 multiply-adds",
        "estimated seconds",
    )
    console.print()
    print_table(console, header, rows, right=True)
    threads = torch.get_num_threads()
    console.print(
        f"Batch {batch:,}, {optimiser}, products in {products}, {threads} thread{'s' if threads > 1 else ''}. Bytes are counted exactly, of "
        "tensors alone: activities are what is made on the way forward, at its most, and peak is all that is alive at once. Seconds "
        "are estimated from how long each operation takes on this machine now"
        + _streaming(found, disk)
        + " Estimates that differ by "
        "less than a third say nothing, and what else this machine does spoils them.",
        highlight=False,
    )


def _streaming(found: Sequence[WayCost], disk: float) -> str:
    """Say what is to be known of blocks on disk, as the end of a sentence."""
    if not found[-1].moved:
        return f". On disk, {STREAMED} blocks are in memory at a time, so this net would be there whole."
    told = (
        f", or moves blocks from and to the disk of the temporary folder ({disk / 1e9:.2g} GB a second), if that is slower."
    )
    *_, whole, streamed = found
    if streamed.peak < whole.peak:
        return told
    return (
        f"{told} Streaming saves nothing here: {STREAMED} times the largest block and its state take "
        f"{_bytes(streamed.peak - whole.peak)} more than the whole net."
    )


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.3g} {unit}" if unit != "B" else f"{size:.0f} B"
        size /= 1000
    raise AssertionError
