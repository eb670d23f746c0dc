"""Words that reports share: what was not run, a mean and a difference with their intervals, words in a list.

Where one number stands to another is said by `experiments.statistics.stands`; what a report calls that is its own affair.
"""

from __future__ import annotations

from collections.abc import Sequence

from onward.experiments.statistics import Mean

NOT_RUN = "not run"


def written(found: Mean) -> str:
    """Write a mean with its interval; of no values, that nothing was run."""
    return f"{found}" if found.n else NOT_RUN


def signed(difference: Mean, digits: int = 4) -> str:
    """Write a difference with its sign and interval, to some digits after the point; of no values, that nothing was run."""
    if not difference.n:
        return NOT_RUN
    value = f"{difference.value:+.{digits}f}"
    return f"{value} ± {difference.half:.{digits}f}" if difference.n > 1 else f"{value} (one trial)"


def listed(words: Sequence[str]) -> str:
    """Write words, one or more, as a list in a sentence."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
