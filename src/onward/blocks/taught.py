"""What functions of blocks are given, checked: a learner of Mono-Forward, and examples."""

from __future__ import annotations

from onward.learners.mono_forward import MonoForward
from onward.training.data import Split


def check_taught(learner: object) -> None:
    """Refuse what is no learner of Mono-Forward: `ValueError`."""
    if not isinstance(learner, MonoForward):
        raise ValueError(
            f"expected a learner of Mono-Forward, every block of which has scores of its own, got {type(learner).__name__}; "
            "linear_probes(net) of onward.blocks.probes makes one that reads the blocks of any LayeredNet"
        )


def check_examples(split: object) -> None:
    """Refuse what is no `Split`: `ValueError`."""
    if not isinstance(split, Split):
        raise ValueError(f"expected a Split of examples, as data.validation or data.test, got {type(split).__name__}")
