"""How learners let `torch.compile` fuse their kernels: every shape on its own, and one learner's shapes apart from another's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import torch

RECOMPILED = 256  # shapes that are compiled before torch gives up

Given = ParamSpec("Given")
Found = TypeVar("Found")


def compiled(kernel: Callable[Given, Found], **options: Any) -> Callable[Given, Found]:
    """Compile a pure function for each shape it meets; `options` are those of `torch.compile`, and go before these."""
    return torch.compile(kernel, **{"dynamic": False, "isolate_recompiles": True, "recompile_limit": RECOMPILED, **options})
