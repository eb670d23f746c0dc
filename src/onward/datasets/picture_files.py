"""Pictures on the disk, in a folder for each class: found, and read as bytes.

What begins with a dot is passed over in silence, as systems put it there; anything else that is no picture is passed over
with one warning. Axis letters: n pictures, c channels, s size.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64, UInt8

from onward.datasets.errors import DataUnavailable

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
DEEP = "IF"  # first letters of pillow's modes whose values it would cut off at 255
CLUTTER = ("thumbs.db", "desktop.ini")  # of file managers, which show neither
EXPECTED = f"expected a folder for each class, with files that end in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}"


def folders(root: Path) -> list[str]:
    """Give the names of the folders in a folder, in order."""
    return [one.name for one in _entries(root) if one.is_dir()]


def read(
    root: Path, classes: Sequence[str], *, size: int, grey: bool, whole: bool = True
) -> tuple[UInt8[np.ndarray, "n c s s"], Int64[np.ndarray, "n"]]:
    """Read the pictures below a folder, and give the number of the class that each is of.

    Args:
        root: the folder.
        classes: folders in it; one that is not there has no pictures.
        size: pixels of each side.
        grey: one channel in the place of red, green and blue.
        whole: whether every class needs a picture.

    Raises:
        DataUnavailable: there are no pictures, or none of a class, or one is damaged.
    """
    held = {name: _entries(root / name) for name in classes}
    files = {name: [one for one in entries if _is_picture(one)] for name, entries in held.items()}
    if not any(files.values()):
        raise DataUnavailable(f"{root} has no pictures; {EXPECTED}")
    for name, found in files.items():
        if whole and not found:
            raise DataUnavailable(f"{root / name} has no pictures; {EXPECTED}; remove it if it is no class")
    beside = [one for one in _entries(root) if one.is_file()]
    _tell(root, [*beside, *(one for entries in held.values() for one in entries if not _is_picture(one))])
    numbered = [(path, number) for number, found in enumerate(files.values()) for path in found]
    return np.stack([_picture(path, size, grey) for path, _ in numbered]), np.array([k for _, k in numbered], np.int64)


def _entries(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(one for one in folder.iterdir() if not one.name.startswith(".") and one.name.lower() not in CLUTTER)


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS and path.is_file()


def _tell(root: Path, skipped: Sequence[Path]) -> None:
    if skipped:
        many = f"{len(skipped)} entries are" if len(skipped) > 1 else "1 entry is"
        warnings.warn(
            f"{root}: {many} skipped, the first {skipped[0].relative_to(root)}; {EXPECTED}", UserWarning, stacklevel=4
        )


def _picture(path: Path, size: int, grey: bool) -> UInt8[np.ndarray, "c s s"]:
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise DataUnavailable("reading pictures needs pillow, which pip install 'onward[app]' brings") from error
    try:
        with Image.open(path) as opened:
            if opened.mode[0] in DEEP:
                raise DataUnavailable(
                    f"{path} has pixels of more than 8 bits ({opened.mode}), expected 8; save it so, or give an .npz of arrays"
                )
            scaled: Any = opened.convert("L" if grey else "RGB").resize((size, size), Image.Resampling.BILINEAR)
            pixels = np.asarray(scaled, dtype=np.uint8)
    except DataUnavailable:
        raise
    except Exception as error:  # damaged bytes make the decoders raise almost anything
        raise DataUnavailable(
            f"{path} is damaged or no picture ({error!s:.200}); put a good copy into its place, or remove it"
        ) from error
    return pixels[None] if grey else np.moveaxis(pixels, -1, 0)
