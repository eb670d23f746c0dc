"""A person's own examples: arrays in an `.npz` file, or a folder of pictures with a folder a class.

Both are parted at random by the seed, stratified by class, unless they come with a test part; both are normalised by what
is learned from: pictures (n x c x h x w) by channel, anything else by feature. Axis letters: n examples, c channels,
h height, w width.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from onward.datasets import picture_files
from onward.datasets.errors import DataUnavailable
from onward.datasets.pictures import Pictures, dataset, hold_out
from onward.training.data import Dataset, Split

NAMES = ("x", "y", "test_x", "test_y")
CHANNELS = (1, 3, 4)  # grey; red, green and blue; these and transparency


def arrays(seed: int, *, file: str, test: float = 0.3, validation: float = 0.2) -> Dataset:
    """Read `x` (n x ...) and `y` (n class numbers from 0) of an `.npz` file, and `test_x` and `test_y` if it has them.

    Four axes are pictures, n x c x h x w. They are taken as n x h x w x c, and given as n x c x h x w, where the last axis
    has 1, 3 or 4 entries and the second has not.

    Args:
        seed: of the parts.
        file: path of the file, as `numpy.savez` writes it; arrays of objects are refused, as reading them would run code.
        test: part of all examples that is judged on, unless the file has a test part.
        validation: part of the remaining examples that chooses; 0 for none.

    Raises:
        DataUnavailable: the file is missing, damaged, or holds other arrays; a class is not among what is learned from.
        ValueError: parts out of range.
    """
    held = _arrays(Path(file))
    x, y = _examples(held, "", file)
    known = np.unique(y)
    if "test_x" in held or "test_y" in held:
        test_x, test_y = _examples(held, "test_", file)
        if test_x.shape[1:] != x.shape[1:]:
            raise DataUnavailable(
                f"{file} is not what it should be: expected test_x like x, {x.shape[1:]}, got {test_x.shape[1:]}"
            )
        foreign = np.setdiff1d(test_y, known)
        if foreign.size:
            raise DataUnavailable(f"{file} is not what it should be: test_y has {_classes(foreign)}, which y does not have")
    else:
        x, y, test_x, test_y = _judged(x, y, test, seed)
    if _channels_last(x):
        x, test_x = np.moveaxis(x, -1, 1), np.moveaxis(test_x, -1, 1)
    made = _made(Path(file).stem, (x, y, test_x, test_y), seed, validation)
    lost = np.setdiff1d(known, made.train.y.numpy())
    if lost.size:
        raise DataUnavailable(f"{file} has too few examples of {_classes(lost)}: the part that is learned from got none")
    return made


def image_folder(
    seed: int, *, folder: str, size: int = 32, grey: bool = False, test: float = 0.3, validation: float = 0.2
) -> Dataset:
    """Read pictures from a folder that has a folder for each class, or `train` and `test` with one for each class in both.

    Classes are numbered in the order of their names, which are the `class_names` of what is given. Every picture is scaled
    to a square. Needs pillow. What is no picture is skipped with a warning; hidden files and folders are no part of the data.

    Args:
        seed: of the parts.
        folder: path of the outer folder.
        size: pixels of each side.
        grey: one channel in the place of red, green and blue.
        test: part of all pictures that is judged on, unless there is a folder `test`.
        validation: part of the remaining pictures that chooses; 0 for none.

    Raises:
        DataUnavailable: the folder is missing, a class has no pictures or too few to part, or one is damaged.
        ValueError: parts out of range, or a size below 1.
    """
    if size < 1:
        raise ValueError(f"size must be at least 1, got {size}")
    root = Path(folder)
    if not root.is_dir():
        raise DataUnavailable(f"{folder} is no folder; expected one that has a folder of pictures for each class")
    classes = picture_files.folders(root)
    if classes == ["test", "train"]:
        learned, judged = root / "train", root / "test"
        classes = picture_files.folders(learned)
        for name in picture_files.folders(judged):
            if name not in classes:
                raise DataUnavailable(f"{judged / name} is a class that {learned} does not have")
        x, y = picture_files.read(learned, classes, size=size, grey=grey)
        parts = (x, y, *picture_files.read(judged, classes, size=size, grey=grey, whole=False))
    else:
        parts = _judged(*picture_files.read(root, classes, size=size, grey=grey), test, seed)
    made = replace(_made(root.resolve().name, parts, seed, validation), class_names=tuple(classes))
    lost = [name for k, name in enumerate(classes) if not (made.train.y == k).any()]
    if lost:
        raise DataUnavailable(f"{folder} has too few pictures of {', '.join(lost)}: the part that is learned from got none")
    return made


Parts = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _judged(x: np.ndarray, y: np.ndarray, test: float, seed: int) -> Parts:
    if not 0 < test < 1:
        raise ValueError(f"test must be a part between 0 and 1, got {test}")
    learned, judged = hold_out(y, max(1, round(test * len(y))), seed)
    return x[learned], y[learned], x[judged], y[judged]


def _made(name: str, parts: Parts, seed: int, validation: float) -> Dataset:
    """Cut off what chooses, and normalise."""
    if not 0 <= validation < 1:
        raise ValueError(f"validation must be a part from 0 to below 1, got {validation}")
    x, y, test_x, test_y = parts
    count = round(validation * len(y))
    if x.dtype == np.uint8 and test_x.dtype == np.uint8 and x.ndim == 4:
        return dataset(name, Pictures(x, y, test_x, test_y), seed=seed, validation=count)
    learned, choosing = hold_out(y, count, seed)
    axes = (0, 2, 3) if x.ndim == 4 else 0
    centre, scale = x[learned].mean(axes, keepdims=True), x[learned].std(axes, keepdims=True)

    def split(x: np.ndarray, y: np.ndarray) -> Split:
        scaled = (x - centre) / np.where(scale == 0, 1, scale)
        return Split(torch.tensor(scaled, dtype=torch.float32), torch.tensor(y, dtype=torch.int64))

    chosen = split(x[choosing], y[choosing]) if count else None
    return Dataset(name, split(x[learned], y[learned]), split(test_x, test_y), chosen)


def _channels_last(x: np.ndarray) -> bool:
    return x.ndim == 4 and x.shape[-1] in CHANNELS and x.shape[1] not in CHANNELS


def _classes(found: np.ndarray, most: int = 6) -> str:
    """Name class numbers, the first few of them."""
    named = ", ".join(map(str, found[:most].tolist()))
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return f"class{'es' * (len(found) > 1)} {named}{more}"


def _arrays(file: Path) -> dict[str, np.ndarray]:
    """The arrays of an `.npz` file that are known by name."""
    if not file.is_file():
        raise DataUnavailable(f"{file} is no file; expected an .npz with arrays x and y, as numpy.savez writes it")
    try:
        with zipfile.ZipFile(file) as opened:
            held = set(opened.namelist())
            return {name: _array(opened, name) for name in NAMES if f"{name}.npy" in held}
    except Exception as error:  # damaged bytes make numpy and zipfile raise almost anything
        raise DataUnavailable(
            f"{file} is damaged or no .npz file of plain arrays ({error!s:.200}); numpy.savez(file, x=x, y=y) writes one"
        ) from error


def _array(opened: zipfile.ZipFile, name: str) -> np.ndarray:
    with opened.open(f"{name}.npy") as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def _examples(held: Mapping[str, np.ndarray], prefix: str, file: str) -> tuple[np.ndarray, np.ndarray]:
    """The examples and classes of one part, checked."""
    for name in (f"{prefix}x", f"{prefix}y"):
        if name not in held:
            raise DataUnavailable(
                f"{file} is not what it should be: expected arrays {prefix}x and {prefix}y, {name} is missing"
            )
    x, y, wrong = held[f"{prefix}x"], held[f"{prefix}y"], f"{file} is not what it should be: expected"
    if x.dtype.kind not in "biuf" or x.ndim < 2 or not x.size:
        raise DataUnavailable(f"{wrong} {prefix}x as numbers n x ..., got {x.dtype} of shape {x.shape}")
    if y.dtype.kind not in "iu" or y.shape != (len(x),):
        raise DataUnavailable(f"{wrong} {prefix}y as {len(x)} whole numbers, got {y.dtype} of shape {y.shape}")
    if y.min() < 0 or y.max() >= 2**31:
        raise DataUnavailable(f"{wrong} classes from 0, got {y.min()} to {y.max()}")
    if x.dtype == np.uint8:
        return x, y
    x = x.astype(np.float64)
    for place in np.argwhere(~np.isfinite(x)):
        raise DataUnavailable(f"{wrong} finite numbers, got {x[tuple(place)]} at {place.tolist()} of {prefix}x")
    return x, y
