"""Reviews become vectors over the words of the learned part, from folders and from archives alike."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer

from onward.datasets import DataUnavailable, imdb_counts, imdb_tfidf
from onward.datasets.pictures import hold_out
from onward.datasets.source import find
from onward.datasets.sources import SOURCES
from tests.datasets import made


@pytest.fixture
def reviews(data: Path) -> Path:
    return made.write(data, made.reviews()) / "aclImdb"


def test_reviews_are_counted_by_the_words_of_the_learned_part(reviews: Path) -> None:
    found = imdb_counts(0, vocabulary=5, validation=0)
    assert found.name == "IMDB (word counts, 5 words)"
    assert found.train.y.tolist() == [0] * 6 + [1] * 6
    # the five most frequent words of the training part are all but the numbers, and `testonly` is none of them
    assert sorted(found.train.x.sum(0).tolist()) == [6, 6, 12, 12, 12]
    assert sorted(found.test.x.sum(0).tolist()) == [0, 6, 6, 12, 12]
    assert found.train.x.dtype == torch.float32


def test_line_breaks_are_no_words(reviews: Path) -> None:
    found = imdb_counts(0, vocabulary=100, validation=0)
    # film, cafe, trainonly, good, bad, and film0 to film5
    assert found.train.x.shape == (12, 11)


def test_words_are_weighed_by_how_rare_they_are_in_the_learned_part(reviews: Path) -> None:
    found = imdb_tfidf(3, vocabulary=7, validation=4)
    texts = [f"a {word} film. trainonly film{k}, caf\u00e9" for word in ("bad", "good") for k in range(6)]
    learned, choosing = hold_out(np.repeat([0, 1], 6), 4, 3)
    reference = TfidfVectorizer(max_features=7).fit([texts[k] for k in learned])
    assert found.name == "IMDB (TF-IDF, 7 words)"
    assert found.validation is not None
    for split, index in ((found.train, learned), (found.validation, choosing)):
        expected = reference.transform([texts[k] for k in index]).toarray()
        torch.testing.assert_close(split.x, torch.from_numpy(expected).float())
        assert split.y.tolist() == (index >= 6).tolist()
    assert len(found.test) == 12


@pytest.mark.parametrize("name", ["aclImdb_v1.tar.gz", "imdb/aclImdb_v1.tar.gz", "aclImdb-labelled.tar.xz"])
def test_an_archive_is_read_as_the_folders_are(data: Path, name: str) -> None:
    files = made.reviews()
    made.write(data, {name: made.tar(dict(reversed(files.items())), "w:xz" if name.endswith("xz") else "w:gz")})
    archived = imdb_counts(0, vocabulary=20, validation=4)
    (data / name).unlink()
    made.write(data, files)
    unpacked = imdb_counts(0, vocabulary=20, validation=4)
    for one, two in ((archived.train, unpacked.train), (archived.test, unpacked.test)):
        assert torch.equal(one.x, two.x)
        assert torch.equal(one.y, two.y)


@pytest.mark.parametrize("folder", ["", "imdb"])
def test_the_listing_names_the_folder_that_holds_both_parts(data: Path, folder: str) -> None:
    made.write(data / folder, made.reviews())
    found = find(SOURCES["imdb"])
    assert found is not None
    assert found.where == data / folder / "aclImdb"


def test_a_folder_without_reviews_is_named(reviews: Path) -> None:
    for path in (reviews / "test" / "pos").iterdir():
        path.unlink()
    with pytest.raises(DataUnavailable, match=r"aclImdb is damaged: expected reviews \(.txt\) in its test/pos, found none"):
        imdb_tfidf(0)


def test_a_review_that_is_no_utf_8_is_named(reviews: Path) -> None:
    (reviews / "train" / "neg" / "3_1.txt").write_bytes(b"caf\xe9 ")
    with pytest.raises(DataUnavailable, match=r"3_1.txt is damaged: expected UTF-8, got byte 0xe9"):
        imdb_tfidf(0)


def test_a_cut_archive_is_one_sentence(data: Path) -> None:
    whole = made.tar(made.reviews())
    made.write(data, {"aclImdb_v1.tar.gz": whole[: len(whole) // 2]})
    with pytest.raises(DataUnavailable, match="aclImdb_v1.tar.gz is damaged"):
        imdb_tfidf(0)


def test_a_vocabulary_of_nothing_is_refused(reviews: Path) -> None:
    with pytest.raises(ValueError, match="vocabulary must be at least 1, got 0"):
        imdb_tfidf(0, vocabulary=0)
