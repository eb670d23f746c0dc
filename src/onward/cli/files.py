"""Where a command writes: checked before it computes anything, and written together or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from onward.naming import suggest

Writer = Callable[[Path], object]


def check(target: Path, *, force: bool, sources: Sequence[Path] = ()) -> None:
    """Refuse a file that could not be written, or that would replace one.

    Args:
        target: the file; its folder must be there.
        force: whether a file that is there may be replaced.
        sources: files that the command reads, which are never replaced.

    Raises:
        ValueError: it is a folder or one of the sources, it is there already, its folder is missing or takes no files.
    """
    for source in sources:
        if target.exists() and source.exists() and target.samefile(source):
            raise ValueError(f"{target} is what is read, and cannot be written to as well")
    if target.is_dir():
        raise ValueError(f"{target} is a folder, expected the name of a file")
    if os.path.lexists(target) and not force:
        raise ValueError(f"{target} is there already; --force replaces it")
    check_folder(target.parent)


def check_folder(folder: Path) -> None:
    """Refuse, with a `ValueError`, a folder that is missing or takes no files."""
    if not folder.is_dir():
        raise ValueError(f"{folder} is {'a file' if folder.exists() else 'missing'}, expected a folder to write into")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(f"no file can be made in {folder}: {error.strerror or error}") from error


def check_new_folder(folder: Path) -> None:
    """Refuse, with a `ValueError`, a folder that neither takes files nor can be made."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    check_folder(folder)


def write_together(writers: Mapping[Path, Writer]) -> None:
    """Write files whole, all of them or none; their folders are made if they are missing.

    Each is written under its own name into a hidden folder beside its place, and takes its place when all are there.

    Args:
        writers: for every file what writes it, given the path to write to.
    """
    hidden: dict[Path, Path] = {}
    made: list[Path] = []
    try:
        for target in writers:
            folder = target.parent
            missing = [one for one in (folder, *folder.parents) if not one.exists()]
            folder.mkdir(parents=True, exist_ok=True)
            made += missing
            if folder not in hidden:
                hidden[folder] = Path(tempfile.mkdtemp(prefix=".onward-", dir=folder))
        for target, write in writers.items():
            write(hidden[target.parent] / target.name)
        for target in writers:
            (hidden[target.parent] / target.name).replace(target)
    finally:
        for folder in hidden.values():
            shutil.rmtree(folder, ignore_errors=True)
        for folder in made:
            with suppress(OSError):
                folder.rmdir()


def check_suffix(target: Path, option: str, known: Sequence[str]) -> None:
    """Refuse, with a `ValueError`, a file name that ends in none of the known suffixes."""
    suffix = target.suffix.lower()
    if suffix not in known:
        raise ValueError(
            f"{option} takes a name that ends in {' or '.join(known)}, got {target.name!r}{suggest(suffix, known)}"
        )
