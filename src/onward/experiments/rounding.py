"""Numbers in tables and sentences."""

from __future__ import annotations


def to_three(value: float) -> str:
    """Write a number to three digits, large ones in full: `46,500`, `1,060`, `12.3`, `0.0123`, `1.7e-06`."""
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if 100 <= abs(rounded) < float("inf") else f"{value:.3g}"
