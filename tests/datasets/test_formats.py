"""Whatever the bytes, a parser gives a valid array or the one error."""

import gzip
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from onward.datasets import DataUnavailable, cifar, idx, plain_pickle, reading
from onward.datasets.plain_pickle import NotPlain
from tests.datasets import made

IMAGES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
PICTURES, LABELS = made.pictures(3, (3, 32, 32), 10, 0)
RECORDS = made.cifar_records(PICTURES, LABELS)
MEMBERS = {"train.bin": b"one", "folder/test.bin": bytes(range(200))}
PICKLE = made.python2_pickle(PICTURES, LABELS, "labels")


def mutated(whole: bytes, first: int = 400) -> st.SearchStrategy[bytes]:
    """Arbitrary bytes, or a good file with some bytes changed, cut out, put in, or its end missing."""
    place = st.integers(0, min(len(whole), first))
    change = st.tuples(place, st.integers(0, 3), st.binary(max_size=4))

    def apply(changes: list[tuple[int, int, bytes]], keep: int | None) -> bytes:
        data = whole
        for at, gone, new in changes:
            data = data[:at] + new + data[at + gone :]
        return data if keep is None else data[:keep]

    length = st.none() | st.integers(0, len(whole))
    return st.binary(max_size=200) | st.builds(apply, st.lists(change, min_size=1, max_size=4), length)


def attempt(read: Callable[[], Any]) -> tuple[Any, str]:
    """What is read, or the sentence of the one error; any other error is a failure."""
    try:
        return read(), ""
    except (DataUnavailable, NotPlain) as error:
        return None, str(error)


def test_idx_files_are_read() -> None:
    np.testing.assert_array_equal(idx.parse(made.idx(IMAGES), "images", 3), IMAGES)
    np.testing.assert_array_equal(idx.parse(made.idx(LABELS), "labels", 1), LABELS)


@given(mutated(made.idx(IMAGES)))
@example(made.idx(IMAGES)[:4])
@example(b"\x00\x00\x08\x03" + b"\xff" * 12)
@example(b"\x00\x00\x08\x03" + b"\x00" * 12)
def test_whatever_an_idx_file_holds(data: bytes) -> None:
    parsed, said = attempt(lambda: idx.parse(data, "images", 3))
    assert said.startswith("images is damaged: ") if parsed is None else made.idx(parsed) == data


def test_cifar_records_are_read() -> None:
    parsed = cifar.parse(RECORDS, "batch", (10,))
    np.testing.assert_array_equal(parsed.x, PICTURES)
    assert parsed.y.tolist() == LABELS.tolist()
    both = cifar.parse(made.cifar_records(PICTURES, LABELS, LABELS + 50), "batch", (20, 100))
    assert both.y.tolist() == [50, 51, 52]


@given(mutated(RECORDS, len(RECORDS)))
@example(b"")
def test_whatever_a_cifar_file_holds(data: bytes) -> None:
    parsed, said = attempt(lambda: cifar.parse(data, "batch", (10,)))
    if parsed is None:
        assert said.startswith("batch is damaged: ")
    else:
        assert made.cifar_records(parsed.x, parsed.y) == data
        assert parsed.y.max() < 10


@pytest.mark.parametrize(("labels", "wrong"), [((10,), 0), ((20, 100), 0), ((20, 100), 1)])
def test_labels_out_of_range_are_named(labels: tuple[int, ...], wrong: int) -> None:
    columns = [np.zeros(3, np.uint8) for _ in labels]
    columns[wrong][1] = labels[wrong]
    data = made.cifar_records(PICTURES, *columns)
    with pytest.raises(DataUnavailable, match=f"expected labels below {labels[wrong]}, got {labels[wrong]} in record 1"):
        cifar.parse(data, "batch", labels)


def test_pickles_of_python_2_are_read() -> None:
    parsed = cifar.parse_pickle(PICKLE, "batch", "labels", 10)
    np.testing.assert_array_equal(parsed.x, PICTURES)
    assert parsed.y.tolist() == LABELS.tolist()


def test_the_made_pickle_is_one_that_python_reads_to_the_same() -> None:
    held = pickle.loads(PICKLE, encoding="bytes")  # noqa: S301
    np.testing.assert_array_equal(held[b"data"], PICTURES.reshape(3, -1))
    assert held[b"labels"] == LABELS.tolist()


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("columns", [False, True])
def test_pickles_of_python_3_are_read(protocol: int, columns: bool) -> None:
    flat = PICTURES.reshape(3, -1)
    held = {"data": np.asfortranarray(flat) if columns else flat, "labels": LABELS.tolist(), "more": (None, True, "é", -1)}
    data = pickle.dumps(held, protocol=protocol)
    np.testing.assert_array_equal(cifar.parse_pickle(data, "batch", "labels", 10).x, PICTURES)
    assert plain_pickle.loads(data)["more"] == (None, True, "é", -1)


@given(
    mutated(PICKLE, 900) | mutated(pickle.dumps({"data": PICTURES.reshape(3, -1), "labels": [1, 2, 3]}, protocol=4), 400)
)
def test_whatever_a_pickle_holds(data: bytes) -> None:
    parsed, said = attempt(lambda: cifar.parse_pickle(data, "batch", "labels", 10))
    if parsed is None:
        assert said.startswith("batch is ")
    else:
        assert parsed.x.dtype == np.uint8
        assert parsed.x.shape == (len(parsed.y), 3, 32, 32)
        assert parsed.y.max() < 10


OPCODES = [bytes([code]) for code in b"(.NK\x88\x89MJUTCBX\x8c\x8d\x8eqrhj\x94\x85\x86\x87t})]eaus\x80\x95cRb\x93"]
NAMES = [b"cnumpy\ndtype\n", b"cnumpy.core.multiarray\n_reconstruct\n", b"cnumpy\nndarray\n", b"c_codecs\nencode\n"]


@given(st.lists(st.sampled_from([*OPCODES, *NAMES, b"K\x01", b"U\x02u1", b"X\x01\x00\x00\x00a"]) | st.binary(max_size=3)))
@example([b"K\x01", b"b", b"."])
@example([b")", b"b", b"."])
@example([b"]", b"q", b"\x00", b"h", b"\x00", b"a", b"."])
def test_whatever_opcodes_come(codes: list[bytes]) -> None:
    held, said = attempt(lambda: plain_pickle.loads(b"".join(codes)))
    assert held is None or not said


class Harmful:
    def __init__(self, *call: object) -> None:
        self.call = call

    def __reduce__(self) -> tuple[object, object]:
        return self.call[0], self.call[1:]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_never_runs(protocol: int, capsys: pytest.CaptureFixture[str]) -> None:
    data = pickle.dumps({"labels": [], "data": Harmful(print, "harm")}, protocol=protocol)
    with pytest.raises(DataUnavailable, match=r"the name (__builtin__|builtins).print, which is not allowed"):
        cifar.parse_pickle(data, "batch", "labels", 10)
    assert capsys.readouterr().out == ""


def test_allowed_names_do_nothing_but_what_arrays_need() -> None:
    for call in (
        b"c_codecs\nencode\nX\x01\x00\x00\x00aX\x05\x00\x00\x00bz2\x0a\x0a\x86R.",
        b"cnumpy\ndtype\nU\x01O\x85R.",
        b"cnumpy\nndarray\nK\x05\x85\x85R.",
    ):
        with pytest.raises(NotPlain, match="a call that arrays of bytes do not need"):
            plain_pickle.loads(call)


def test_nothing_is_taken_from_below_a_mark() -> None:
    with pytest.raises(NotPlain, match="takes more than there is"):
        plain_pickle.loads(b"]K\x01(ae.")


def test_arrays_of_objects_are_refused() -> None:
    data = pickle.dumps({"labels": [1], "data": np.array([[None] * 3072])}, protocol=2)
    with pytest.raises(DataUnavailable, match="a call that arrays of bytes do not need"):
        cifar.parse_pickle(data, "batch", "labels", 10)


@pytest.mark.parametrize(
    ("held", "words"),
    [
        ([1, 2], "expected a dictionary with 'data' and 'labels'"),
        ({"data": PICTURES.reshape(3, -1)}, "expected a dictionary with 'data' and 'labels'"),
        ({"data": [1], "labels": [1]}, "expected an array of n x 3072 bytes as its 'data'"),
        ({"data": PICTURES.reshape(-1), "labels": [1]}, "expected an array of n x 3072 bytes as its 'data'"),
        ({"data": PICTURES.reshape(3, -1), "labels": [1, 2]}, "expected a list of 3 labels"),
        ({"data": PICTURES.reshape(3, -1), "labels": [1, 10, 2]}, "expected labels from 0 to 9, got 10"),
        ({"data": PICTURES.reshape(3, -1), "labels": [1, True, 2]}, "expected labels from 0 to 9, got True"),
    ],
)
def test_other_data_than_a_batch_is_refused(held: object, words: str) -> None:
    with pytest.raises(DataUnavailable, match=words):
        cifar.parse_pickle(pickle.dumps(held, protocol=2), "batch", "labels", 10)


def test_an_array_with_too_few_bytes_is_refused() -> None:
    flat = struct.pack("<i", PICTURES.size)
    data = PICKLE.replace(b"M\x00\x0c", b"M\x01\x0c")
    assert flat in PICKLE
    with pytest.raises(DataUnavailable, match=r"an array of shape \[3, 3073\] with 9216 bytes"):
        cifar.parse_pickle(data, "batch", "labels", 10)


@given(mutated(gzip.compress(b"some content" * 20, mtime=0)))
def test_whatever_a_packed_file_holds(data: bytes) -> None:
    read, said = attempt(lambda: reading.unpacked(data, "file"))
    assert said.startswith("file is damaged: it is no whole gzip file") if read is None else isinstance(read, bytes)


def whole_or_damaged(data: bytes) -> None:
    """Bytes that an archive may be give its members, or the one error."""
    with TemporaryDirectory() as folder:
        archive = Path(folder) / "archive"
        archive.write_bytes(data)
        got, said = attempt(lambda: list(reading.members(archive, lambda name: name.endswith(".bin"))))
    assert "\n" not in said
    assert "archive is damaged: " in said if got is None else all(type(content) is bytes for _, content in got)


@pytest.mark.parametrize("packed", ["", "gz", "bz2", "xz"])
def test_archives_are_read_however_they_are_packed(tmp_path: Path, packed: str) -> None:
    (tmp_path / "archive").write_bytes(made.tar(MEMBERS, f"w:{packed}"))
    assert dict(reading.members(tmp_path / "archive", lambda name: name.endswith(".bin"))) == MEMBERS


@given(st.sampled_from(["", "gz", "bz2", "xz"]).flatmap(lambda packed: mutated(made.tar(MEMBERS, f"w:{packed}"), 600)))
@example(made.tar(MEMBERS, "w:bz2")[:-2] + b"\0\0")  # a wrong check sum is an OSError of bz2
def test_whatever_an_archive_holds(data: bytes) -> None:
    whole_or_damaged(data)


def test_an_archive_that_the_disk_cannot_give_is_not_called_damaged(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        list(reading.members(tmp_path, lambda name: True))
