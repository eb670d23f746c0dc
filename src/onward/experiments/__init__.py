"""Experiments as values, how they are run, and what comes of them."""
