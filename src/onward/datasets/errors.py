"""The one error of data sets: what was expected, where it was looked for, and how to get it, in one sentence."""

from __future__ import annotations


class DataUnavailable(ValueError):
    """A data set is not on this machine and could not be fetched, or a file of it is damaged."""
