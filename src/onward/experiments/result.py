"""What an experiment found for one seed, as a JSON file: spec, metrics, history, environment, commit."""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from onward.experiments.spec import FIRST_SEED

DIGITS = 9  # of a stored number: as many as tell all float32 numbers apart


@dataclass(frozen=True)
class Result:
    """One seed of one experiment.

    Attributes:
        experiment: its name.
        seed: which seed.
        beside: the seeds that were trained with it in one batched computation, itself included.
        digest: of the spec.
        spec: what was run.
        metrics: numbers by name.
        history: series by name.
        seconds: wall time of the trial over all of `beside`.
        environment: versions and hardware.
        commit: of the code, with `+` if there were uncommitted changes.
    """

    experiment: str
    seed: int
    beside: list[int]
    digest: str
    spec: dict[str, Any]
    metrics: dict[str, Any]
    history: dict[str, list[Any]]
    seconds: float
    environment: dict[str, str]
    commit: str

    def save(self, root: Path) -> Path:
        """Write the result under `root`, whole or not at all; give its path."""
        path = path_of(root, self.experiment, self.seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(_rounded(asdict(self)), indent=1)
        part = path.with_suffix(f".{os.getpid()}.part")
        try:
            part.write_text(_compact_lists(text) + "\n")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        return path


def path_of(root: Path, experiment: str, seed: int) -> Path:
    """Give the path of a result."""
    return root / experiment / f"seed-{seed:03d}.json"


def seeds_of(root: Path, experiment: str) -> list[int]:
    """Give the reported seeds of which a file is there."""
    names = (path.stem.removeprefix("seed-") for path in (root / experiment).glob("seed-*.json"))
    return sorted(seed for name in names if name.isdigit() and (seed := int(name)) >= FIRST_SEED)


def check_writable(root: Path) -> None:
    """Raise `ValueError`, before anything is run, if results cannot be stored under `root`."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root):
            pass
    except OSError as error:
        raise ValueError(f"results cannot be stored under {root}: {error.strerror}") from error


def load(root: Path, experiment: str, seed: int) -> Result | None:
    """Read a stored result; None if there is none. A file that is not a result raises `ValueError`."""
    path = path_of(root, experiment, seed)
    if not path.exists():
        return None
    try:
        return Result(**json.loads(path.read_text()))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} is not a result of onward ({error}); move it away to run the seed again") from error


def environment() -> dict[str, str]:
    """Say what the numbers were made with."""
    return {
        "onward": version("onward"),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "threads": str(torch.get_num_threads()),
    }


def commit() -> str:
    """Give the commit of the code, `+` behind it if the package has changes, or "unknown" where git does not track it."""
    package = Path(__file__).parents[1]

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(package), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603

    try:
        git("ls-files", "--error-unmatch", "__init__.py")
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "--", ".") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        if names:
            return names[0]
    return platform.processor()


def _rounded(value: Any) -> Any:
    """Keep `DIGITS` significant digits of every float, and write those that are not finite as None."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return value


def _compact_lists(text: str) -> str:
    """Put lists of numbers on one line each, so that a file stays readable and its diffs short."""
    lines: list[str] = []
    inside = False
    for line in text.splitlines():
        if inside:
            lines[-1] += line.strip() + (" " if line.endswith(",") else "")
            inside = not line.strip().startswith("]")
        else:
            lines.append(line)
            inside = line.endswith("[")
    return "\n".join(line.rstrip() for line in lines)
