"""Files are written whole or not at all: beside their place first, then moved there."""

from __future__ import annotations

import os
from pathlib import Path


def write(path: str | Path, content: bytes) -> Path:
    """Write a file, whole or not at all, and give its path; a folder that is not there raises `ValueError`."""
    path = Path(path)
    if not path.parent.is_dir():
        raise ValueError(f"cannot write {path.name}, there is no folder {str(path.parent)!r}")
    if path.is_dir():
        raise ValueError(f"cannot write {str(path)!r}, there is a folder of that name")
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path
