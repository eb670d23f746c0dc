"""The accuracies that the paper printed, in per cent.

The cells of the tables are lost in the public text; MLP and CNN rows were recovered from notes that quote them (two, which may have one source).
Which of Mono-Forward's two predictions they are, and their spread, is not known.
"""

from __future__ import annotations

MLP: dict[str, dict[str, float]] = {
    "bp": {"mnist": 98.69, "fashion-mnist": 90.27, "cifar-10": 54.25, "cifar-100": 27.64},
    "mf": {"mnist": 98.74, "fashion-mnist": 90.52, "cifar-10": 56.99, "cifar-100": 29.05},
    "ff": {"mnist": 97.33},
    "one-pass-ff": {"mnist": 95.54},
}
CNN: dict[str, dict[str, float]] = {
    "bp": {"mnist": 99.52, "fashion-mnist": 92.63, "cifar-10": 77.80, "cifar-100": 42.10},
    "mf": {"mnist": 99.58, "fashion-mnist": 93.98, "cifar-10": 82.39, "cifar-100": 54.77},
}
