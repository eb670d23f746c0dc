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

# An independent study (Spyra and Dzwinel, PPAM 2026; 20 seeds, with augmentation): Mono-Forward minus BP in points, with equal passes and
# with each rule trained to its own convergence; and what the steps of the ladder change there.
STUDY_EQUAL = {"mnist": -0.22, "fashion-mnist": -0.49, "cifar-10": -1.11, "cifar-100": 0.02}
STUDY_CONVERGED = {"cifar-10": 3.90, "cifar-100": 5.04}
STUDY_LADDER = {
    "cifar-10": {("bp", "ds"): -1.65, ("joint", "mf"): 4.10},
    "cifar-100": {("bp", "ds"): -1.06, ("joint", "mf"): 3.18},
}
