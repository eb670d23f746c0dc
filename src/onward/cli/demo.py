"""The demonstration: small problems learned without backpropagation, and a page that shows what happened."""

from __future__ import annotations

from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from onward.cli import demo_layers, demo_meshes, files
from onward.cli.shown import print_table
from onward.reports import page


def demonstrate(folder: Path, seed: int, console: Console) -> Path:
    """Train, check, print tables and write the page; give the page's path.

    Raises:
        ValueError: a folder that cannot be written to; nothing is trained then.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[says]}"), TimeElapsedColumn())
    target = folder / "index.html"
    files.check_new_folder(folder)
    if folder.exists():
        files.check(target, force=True)
    torch.set_num_threads(1)  # so small a net gains nothing from a second thread, and a busy machine loses a lot by it
    with Progress(*columns, console=console) as bars:
        meshes = demo_meshes.trained(seed, bars)
        layers = demo_layers.taught(seed, bars)
    print_table(console, demo_meshes.HEADER, demo_meshes.rows(meshes))
    print_table(console, demo_layers.HEADER, demo_layers.rows(layers))
    elements = [*demo_meshes.shown(meshes), *demo_layers.shown(layers)]
    source = f"Made by `onward demo --seed {seed}`; one seed each, so the accuracies are no benchmark."
    return page.to_html("onward: nets that learned without backpropagation", source, elements, target)
