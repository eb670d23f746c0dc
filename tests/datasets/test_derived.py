"""What is computed of a data set is computed once, and again if what was kept is not whole."""

from pathlib import Path

import numpy as np
import pytest

from onward.datasets import derived, source
from onward.datasets.errors import DataUnavailable


class Maker:
    """Counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> dict[str, np.ndarray]:
        self.asked += 1
        return {"x": np.arange(600, dtype=np.float32).reshape(30, 20), "error": np.array(0.25)}


def check(found: derived.Arrays) -> None:
    assert set(found) == {"x", "error"}
    np.testing.assert_array_equal(found["x"], np.arange(600, dtype=np.float32).reshape(30, 20))
    assert float(found["error"]) == 0.25


def test_equal_keys_are_computed_once(cache: Path) -> None:
    make = Maker()
    for _ in range(3):
        check(derived.kept("thing", "one", make))
    assert make.asked == 1
    assert [path.name for path in (cache / "derived").iterdir()] == [derived.path_of("thing", "one").name]  # type: ignore[union-attr]
    derived.kept("thing", "two", make)
    assert make.asked == 2


@pytest.mark.parametrize("damage", ["cut", "a bit", "emptied", "foreign", "another key"])
def test_what_is_not_whole_is_computed_anew_and_replaced(damage: str) -> None:
    make = Maker()
    derived.kept("thing", "one", make)
    path = derived.path_of("thing", "one")
    assert path is not None
    data = bytearray(path.read_bytes())
    if damage == "cut":
        data = data[:-200]
    elif damage == "a bit":
        data[len(data) // 2] ^= 1
    elif damage == "emptied":
        data = bytearray()
    elif damage == "foreign":
        data = bytearray(b"no archive at all")
    else:
        derived.kept("thing", "two", Maker())
        other = derived.path_of("thing", "two")
        assert other is not None
        data = bytearray(other.read_bytes())
    path.write_bytes(data)
    check(derived.kept("thing", "one", make))
    check(derived.kept("thing", "one", make))
    assert make.asked == 2


def test_an_object_in_a_file_is_not_read(cache: Path) -> None:
    path = derived.path_of("thing", "one")
    assert path is not None
    path.parent.mkdir(parents=True)
    np.savez(path, key=np.array("one"), x=np.array([{"an": "object"}], dtype=object))
    make = Maker()
    check(derived.kept("thing", "one", make))
    assert make.asked == 1


def test_a_cache_that_cannot_be_made_is_said_before_anything_is_computed(cache: Path) -> None:
    cache.write_text("a file stands where the folder would")
    make = Maker()
    with pytest.raises(
        DataUnavailable, match="derived cannot be made to keep what is computed: .*; ONWARD_CACHE names another"
    ):
        derived.kept("thing", "one", make)
    assert make.asked == 0


def test_without_a_cache_it_is_computed_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derived, "cache_root", lambda: None)
    make = Maker()
    check(derived.kept("thing", "one", make))
    check(derived.kept("thing", "one", make))
    assert make.asked == 2
    assert source.cache_root() is not None
