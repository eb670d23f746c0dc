"""A progress bar over epochs, where it is asked for and `rich` is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from onward.training.fit import Epoch


def bar(epochs: Iterable[Epoch], *, total: int, words: str) -> Iterator[Epoch]:
    """Hand epochs on, and draw how far they are, with the loss (the lowest, of nets side by side) beside it."""
    try:
        from rich.progress import Progress
    except ImportError:
        yield from epochs
        return
    with Progress() as progress:
        task = progress.add_task(words, total=total)
        for epoch in epochs:
            progress.update(task, completed=epoch.number, description=f"{words}, loss {epoch.loss.min().item():.4g}")
            yield epoch
