"""Blocks of a net kept on disk: one at a time is in memory, so memory does not grow with depth."""
