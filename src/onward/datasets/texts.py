"""Movie reviews as vectors: words counted, or weighed by how rare they are, over a vocabulary of the learned part alone.

Which words count, and how rare they are, is learned from the part that is learned from; the parts that choose and judge
are only looked up. Line breaks that the reviews write as `<br />` are spaces, letters are lower case, a word has two or
more letters or digits (scikit-learn's defaults), and no word is left out as too common.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch

from onward.datasets.fetching import obtain
from onward.datasets.pictures import hold_out
from onward.datasets.reviews import Reviews
from onward.datasets.source import Found
from onward.datasets.sources import SOURCES
from onward.training.data import Dataset, Split


def imdb_tfidf(seed: int, *, vocabulary: int = 2_000, validation: int = 5_000) -> Dataset:
    """IMDB reviews, 25,000 and 25,000, negative (0) or positive (1), by TF-IDF: rows of length 1.

    Args:
        seed: of the part that chooses, which is cut from the training part, stratified by class.
        vocabulary: how many words, the most frequent ones, have a feature; a review takes 4 bytes a word.
        validation: how many training reviews choose; 0 for none.

    Raises:
        DataUnavailable: the files are neither here nor to be fetched, or damaged.
        ValueError: a vocabulary below 1, or a validation part that is below 0 or leaves nothing to learn from.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    return _imdb("TF-IDF", TfidfVectorizer, seed, vocabulary, validation)


def imdb_counts(seed: int, *, vocabulary: int = 2_000, validation: int = 5_000) -> Dataset:
    """IMDB reviews by how often they say each word (a bag of words), unscaled; else as `imdb_tfidf`."""
    from sklearn.feature_extraction.text import CountVectorizer

    return _imdb("word counts", CountVectorizer, seed, vocabulary, validation)


def _imdb(words: str, vectorizer: Any, seed: int, vocabulary: int, validation: int) -> Dataset:
    if vocabulary < 1:
        raise ValueError(f"vocabulary must be at least 1, got {vocabulary}")
    found = obtain(SOURCES["imdb"])
    reviews = _read(found, found.stamps())
    learned, choosing = hold_out(reviews.y, validation, seed)
    fitted = vectorizer(max_features=vocabulary, dtype=np.float32).fit([reviews.texts[k] for k in learned])

    def split(texts: list[str], y: np.ndarray) -> Split:
        return Split(torch.from_numpy(fitted.transform(texts).toarray()), torch.from_numpy(y))

    def part(index: np.ndarray) -> Split:
        return split([reviews.texts[k] for k in index], reviews.y[index])

    name = f"IMDB ({words}, {len(fitted.vocabulary_)} words)"
    test = split(reviews.test_texts, reviews.test_y)
    return Dataset(name, part(learned), test, part(choosing) if validation else None)


@lru_cache(1)
def _read(found: Found[Reviews], stamps: tuple[tuple[int, int], ...]) -> Reviews:
    """The reviews, kept for experiments over several seeds."""
    return found.read()
