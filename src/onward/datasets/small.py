"""Small tables that scikit-learn brings along: nothing is fetched.

Santander's transactions, a table of the Mono-Forward paper, are a closed competition's and not public. `wine` stands in
their place: public, tabular, always here. It is far smaller (178 rows against 200,000, three classes against two), so a
number of it is no repetition of the paper's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from onward.training.data import Dataset, partition


def breast_cancer(seed: int, *, test: float = 0.3, validation: float = 0.2) -> Dataset:
    """Breast Cancer Wisconsin (Diagnostic): 569 tumours, 30 features, malignant (0) or benign (1).

    Parted at random by the seed, stratified, each feature standardised over the learned part (`partition`).
    """
    from sklearn.datasets import load_breast_cancer

    return _parted("Breast Cancer Wisconsin", load_breast_cancer, seed, test, validation)


def digits(seed: int, *, test: float = 0.3, validation: float = 0.2) -> Dataset:
    """Optical recognition of handwritten digits: 1797 pictures of 8 x 8 as 64 features, 10 classes; else as `breast_cancer`."""
    from sklearn.datasets import load_digits

    return _parted("digits", load_digits, seed, test, validation)


def wine(seed: int, *, test: float = 0.3, validation: float = 0.2) -> Dataset:
    """Wine recognition: 178 wines, 13 features, 3 growers; else as `breast_cancer`. Stands in for Santander's table."""
    from sklearn.datasets import load_wine

    return _parted("wine", load_wine, seed, test, validation)


def _parted(name: str, load: Any, seed: int, test: float, validation: float) -> Dataset:
    x, y = map(np.asarray, load(return_X_y=True))
    return partition(name, x, y, seed=seed, test=test, validation=validation)
