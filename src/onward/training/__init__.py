"""Data, the one training loop, and what is measured about it."""
