"""A sealed file gives back what was put in, bit for bit, or says in one sentence why not."""

import errno
import hashlib
import inspect
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from onward.files import header, sealed
from onward.files.atomic import WriteFailed
from tests.files.damage import METADATA, joined, parted

TENSORS = {
    "weight": torch.arange(6.0).view(2, 3),
    "none": torch.empty(3, 0, 2),
    "one": torch.tensor(-1.5, dtype=torch.bfloat16),
    "truth": torch.tensor([True, False, True]),
    "umläut": torch.tensor([2**62], dtype=torch.int64),
}


def same(one: Tensor, two: Tensor) -> bool:
    """Tell whether two tensors are alike in dtype, shape and every bit."""
    bits = [tensor.contiguous().reshape(-1).view(torch.uint8) for tensor in (one, two)]
    return one.dtype == two.dtype and one.shape == two.shape and torch.equal(*bits)


def resealed(top: dict[str, Any], body: bytes) -> bytes:
    """Make a file with the right digest, worked out anew from its description, of whatever is in a header."""
    metadata = top[METADATA]
    seal = hashlib.sha256()

    def add(part: bytes) -> None:
        seal.update(len(part).to_bytes(8, "little") + part)

    tensors = {name: entry for name, entry in top.items() if name != METADATA}
    for key in ("format", "kind", "configuration"):
        add(metadata[f"onward.{key}"].encode())
    add(str(len(tensors)).encode())
    for name, entry in sorted(tensors.items()):
        add(name.encode())
        add(entry["dtype"].encode())
        add(json.dumps(entry["shape"], separators=(",", ":")).encode())
        add(body[slice(*entry["data_offsets"])])
    metadata["onward.sha256"] = seal.hexdigest()
    return joined(top, body)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "model.onward"
    sealed.write(path, "model", TENSORS, {"name": "x", "numbers": [1, 2.5, None, True, "ü"]})
    return path


def test_what_was_written_is_read(path: Path) -> None:
    found = sealed.read(path, "model")
    assert found.kind == "model"
    assert found.configuration == {"name": "x", "numbers": [1, 2.5, None, True, "ü"]}
    assert list(found.tensors) == sorted(TENSORS)
    assert all(same(found.tensors[name], TENSORS[name]) for name in TENSORS)


SHAPES = st.lists(st.integers(0, 4), max_size=4)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shapes=st.dictionaries(
        st.text(min_size=1).filter(lambda name: name != METADATA),
        st.tuples(SHAPES, st.sampled_from(list(header.DTYPES.values()))),
    ),
    configuration=st.dictionaries(st.text(), VALUES, max_size=4),
    kind=st.text(min_size=1),
    seed=st.integers(0, 2**31),
)
def test_any_bits_of_any_shape_and_dtype_come_back(tmp_path: Path, shapes, configuration, kind, seed) -> None:
    dice = np.random.default_rng(seed)
    tensors = {}
    for name, (shape, dtype) in shapes.items():
        size = int(np.prod(shape)) * dtype.itemsize
        if not size:
            tensors[name] = torch.empty(shape, dtype=dtype)
            continue
        raw = torch.from_numpy(dice.integers(0, 2 if dtype == torch.bool else 256, size, dtype=np.uint8))
        tensors[name] = raw.view(dtype).view(shape)
    sealed.write(tmp_path / "file", kind, tensors, configuration)
    found = sealed.read(tmp_path / "file", kind)
    assert found.kind == kind
    assert json.dumps(found.configuration, sort_keys=True) == json.dumps(configuration, sort_keys=True)
    assert found.tensors.keys() == tensors.keys()
    assert all(same(found.tensors[name], tensors[name]) for name in tensors)


def test_the_same_content_gives_the_same_bytes_in_whatever_order_it_comes(path: Path) -> None:
    again = path.with_name("again")
    configuration = {"numbers": [1, 2.5, None, True, "ü"], "name": "x"}
    sealed.write(again, "model", dict(reversed(TENSORS.items())), configuration)
    assert again.read_bytes() == path.read_bytes()
    assert hashlib.sha256(path.read_bytes()).hexdigest() == (
        "cd7f5ba4d6acb385d7837763ada138d76a62439d3e8d83267c38e6a647a6bffa"
    ), "the format of files has changed: give it a new number"


def test_the_safetensors_library_reads_the_file_and_its_tensors_lie_aligned(path: Path) -> None:
    found = safetensors.torch.load_file(path)
    assert all(same(found[name], TENSORS[name]) for name in TENSORS)
    with safetensors.safe_open(path, "pt") as file:
        assert sorted(file.metadata()) == ["onward.configuration", "onward.format", "onward.kind", "onward.sha256"]
    top, body = parted(path.read_bytes())
    assert (len(path.read_bytes()) - len(body)) % 8 == 0
    assert all(top[name]["data_offsets"][0] % TENSORS[name].dtype.itemsize == 0 for name in TENSORS)


def test_the_digest_is_what_the_documentation_says(path: Path) -> None:
    assert resealed(*parted(path.read_bytes())) == path.read_bytes()


def test_views_gradients_and_subclasses_are_written_as_their_values(tmp_path: Path) -> None:
    values = torch.arange(12.0).view(3, 4)
    given = {
        "turned": values.T,
        "part": values[1:, ::2],
        "wide": torch.ones(1).expand(3),
        "parameter": torch.nn.Parameter(values.clone()),
        "negative": torch.imag(torch.tensor([1 + 2j]).conj()),
    }
    sealed.write(tmp_path / "file", "model", given, {})
    found = sealed.read(tmp_path / "file", "model").tensors
    for name, tensor in given.items():
        assert torch.equal(found[name], tensor.detach())
        assert found[name].is_contiguous()
        assert not found[name].requires_grad


def test_what_was_read_can_be_changed_and_leaves_the_file_alone(path: Path) -> None:
    before = path.read_bytes()
    sealed.read(path, "model").tensors["weight"].zero_()
    assert path.read_bytes() == before


def test_one_of_several_kinds_may_be_expected(path: Path) -> None:
    assert sealed.read(path, {"model", "checkpoint"}).kind == "model"
    with pytest.raises(sealed.FileDamaged, match="holds a model, expected a report or checkpoint"):
        sealed.read(path, ("report", "checkpoint"))


def edited(**changes: str) -> Any:
    def edit(top: dict[str, Any], body: bytes) -> bytes:
        for key, value in changes.items():
            top[METADATA][f"onward.{key}"] = value
        return resealed(top, body)

    return edit


def moved(top: dict[str, Any], body: bytes) -> bytes:
    """Leave a gap before a tensor."""
    end = max(entry["data_offsets"][1] for name, entry in top.items() if name != METADATA)
    top["truth"]["data_offsets"] = [end + 4, end + 7]
    return resealed(top, body + b"\0\0\0\0\1\0\1")


def overlapping(top: dict[str, Any], body: bytes) -> bytes:
    start = top["weight"]["data_offsets"][0]
    top["umläut"]["data_offsets"] = [start, start + 8]
    return resealed(top, body)


def untrue(top: dict[str, Any], body: bytes) -> bytes:
    start = top["truth"]["data_offsets"][0]
    return resealed(top, body[:start] + b"\2" + body[start + 1 :])


def unordered(top: dict[str, Any], body: bytes) -> bytes:
    """Put a small tensor before a large one, so that the large one is not aligned."""
    top = {METADATA: top[METADATA], "a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}
    top["b"] = {"dtype": "F32", "shape": [1], "data_offsets": [1, 5]}
    return resealed(top, bytes(5))


def spaced(top: dict[str, Any], body: bytes) -> bytes:
    """Write the same header with spaces, under the right digest."""
    return joined(json.dumps(parted(resealed(top, body))[0]).encode(), body)


def noted(top: dict[str, Any], body: bytes) -> bytes:
    top[METADATA]["note"] = "x"
    return resealed(top, body)


SEALED_ANEW = [
    (edited(format="2"), r"was written by a newer onward \(format 2, this one reads 1\): update onward"),
    (edited(format="12"), r"newer onward \(format 12,"),
    (edited(format="0"), "names no format of onward"),
    (edited(format="9" * 5000), "names no format of onward"),
    (edited(kind="checkpoint"), "holds a checkpoint, expected a model"),
    (edited(kind="x\ny" * 99), r"holds a x\\nyx.*\.\.\.", ),
    (edited(configuration="[]"), "its header is not what onward writes"),
    (edited(configuration='{"a": 1}'), "its header is not what onward writes"),
    (edited(configuration='{"b":1,"a":1}'), "its header is not what onward writes"),
    (edited(configuration='{"a":1,"a":1}'), "its configuration is not what onward writes"),
    (edited(configuration='{"a":NaN}'), "its configuration is not what onward writes"),
    (edited(configuration='{"a":1e999}'), "its configuration is not what onward writes"),
    (edited(configuration='{"a":"\\ud800"}'), "its configuration is not what onward writes"),
    (edited(configuration='{"a":' + "9" * 5000 + "}"), "its configuration is not what onward writes"),
    (edited(configuration='{"a":' + "[" * 90_000), "its configuration is not what onward writes"),
    (edited(configuration='{"a":' + "[" * 250 + "]" * 250 + "}"), "its configuration is not what onward writes"),
    (edited(configuration='{"a":[' + "{}," * 499_990 + "{}]}"), "its header holds too much"),
    (edited(configuration='{"a":['), "its configuration is not what onward writes"),
    (moved, "'truth' does not begin where the one before it ends"),
    (overlapping, "does not begin where the one before it ends"),
    (untrue, "a truth value in it is neither true nor false"),
    (unordered, "its header is not what onward writes"),
    (spaced, "has changed since it was written"),
    (noted, "its header is not what onward writes"),
    (lambda top, body: resealed(top, body) + b"x", "1 bytes follow its last tensor"),
    (lambda top, body: resealed(top, body)[:-3], r"is truncated: its tensors should have 37 bytes, but 34 are there"),
]  # fmt: skip


@pytest.mark.parametrize(("forge", "words"), SEALED_ANEW)
def test_a_forged_file_with_the_right_digest_is_refused_for_what_is_wrong_with_it(path: Path, forge, words: str) -> None:
    path.write_bytes(forge(*parted(path.read_bytes())))
    with pytest.raises(sealed.FileDamaged, match=words) as caught:
        sealed.read(path, "model")
    assert "\n" not in str(caught.value)


def test_every_single_bit_counts(path: Path) -> None:
    sealed.write(path, "model", {"a": torch.ones(2)}, {})
    data = path.read_bytes()
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        with pytest.raises(sealed.FileDamaged):
            sealed.read(path, "model")


def test_a_changed_value_is_named_as_such(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    words = f"{path} has changed since it was written: its SHA-256 does not match"
    with pytest.raises(sealed.FileDamaged) as caught:
        sealed.read(path, "model")
    assert str(caught.value) == words


def make(path: Path, what: str) -> None:
    match what:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "torch":
            torch.save({"a": 1}, path)
        case "pickle":
            path.write_bytes(b"\x80\x04N.")
        case "image":
            path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
        case "text":
            path.write_text("weights: 1 2 3\n" * 9)
        case "empty":
            path.write_bytes(b"")
        case "safetensors":
            safetensors.torch.save_file({"a": torch.ones(3)}, path)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("nothing", "was not found"),
        ("folder", "is a folder, expected a file of onward"),
        ("pipe", "is not a file of onward, but a device or pipe"),
        ("empty", "is empty"),
        ("torch", "is not a file of onward, but seems to be a zip archive, as torch.save makes them"),
        ("pickle", "no file of onward, but seems to be a pickle, which could run code and is not opened"),
        ("image", "is not a file of onward, but seems to be a PNG image"),
        ("text", "is not a file of onward, but seems to be text"),
        ("safetensors", "is not a file of onward, though its header is like that of a safetensors file"),
    ],
)
def test_what_is_no_file_of_onward_is_called_what_it_is(tmp_path: Path, what: str, words: str) -> None:
    make(tmp_path / "file", what)
    with pytest.raises(sealed.FileDamaged) as caught:
        sealed.read(tmp_path / "file", "model")
    assert str(caught.value).startswith(f"{tmp_path}/file ")
    assert str(caught.value).endswith(words)


def test_a_file_that_may_not_be_read_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(sealed.FileDamaged, match="cannot be read: Permission denied"):
        sealed.read(path, "model")


def test_a_file_larger_than_memory_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhaust(*arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr(safetensors.torch, "load", exhaust)
    with pytest.raises(sealed.FileDamaged, match="needs more memory than there is"):
        sealed.read(path, "model")


def test_the_file_is_checked_before_the_library_sees_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise AssertionError("the library was called")

    monkeypatch.setattr(safetensors.torch, "load", fail)
    with pytest.raises(AssertionError, match="the library was called"):
        sealed.read(path, "model")
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(sealed.FileDamaged, match="SHA-256"):
        sealed.read(path, "model")


def test_a_file_is_read_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []
    original = os.open
    monkeypatch.setattr(os, "open", lambda *arguments: opened.append(arguments[0]) or original(*arguments))
    sealed.read(path, "model")
    assert opened == [path]


def test_reading_imports_no_pickle_of_its_own() -> None:
    for module in (sealed, header):
        assert "pickle" not in vars(module)
        assert "import pickle" not in Path(str(module.__file__)).read_text()
        assert "torch.load" not in Path(str(module.__file__)).read_text().replace("safetensors.torch.load", "")


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("kind", "tensors", "configuration", "words"),
    [
        ("model", {"a": torch.ones(1, dtype=torch.complex64)}, {}, "a must be one of torch.float64.*got torch.complex64"),
        ("model", {"a": torch.eye(2).to_sparse()}, {}, "a must be a dense torch.Tensor with values"),
        ("model", {"a": torch.ones(2, device="meta")}, {}, "a must be a dense torch.Tensor with values"),
        ("model", {"a": np.ones(2)}, {}, "a must be a dense torch.Tensor with values, got ndarray"),
        ("model", {"__metadata__": torch.ones(1)}, {}, "a tensor's name must not be '__metadata__'"),
        ("model", {"": torch.ones(1)}, {}, "a tensor's name must be text.*got ''"),
        ("model", {3: torch.ones(1)}, {}, "a tensor's name must be text.*got 3"),
        ("model", {"\ud800": torch.ones(1)}, {}, "must be plain JSON.*surrogates not allowed"),
        ("", {}, {}, "a kind must be text"),
        ("model", {}, [], "a configuration must be a dict, got list"),
        ("model", {}, {"a": float("nan")}, "must be plain JSON: numbers must be finite, got nan"),
        ("model", {}, {"a": {1: 2}}, "must be plain JSON: keys must be text, got int"),
        ("model", {}, {"a": (1, 2)}, "must be plain JSON: only dict.*got tuple"),
        ("model", {}, {"a": np.float64(1)}, "must be plain JSON: only dict.*got float64"),
        ("model", {}, {"a": 10**5000}, "must be plain JSON"),
        ("model", {}, {"a": "\ud83d\ude00"}, "must be plain JSON.*surrogates not allowed"),
        ("model", {}, {"a": nested(300)}, "must be plain JSON: nesting goes deeper than 200 levels"),
        ("model", {}, {"a": "," * 600_000}, "too much for one file"),
        ("model", {}, {"a": "x" * 2**24}, "too much for one file"),
    ],
)
def test_what_could_not_be_read_again_is_not_written(path: Path, kind, tensors, configuration, words: str) -> None:
    before = path.read_bytes()
    with pytest.raises(ValueError, match=words) as caught:
        inspect.unwrap(sealed.write)(path, kind, tensors, configuration)  # past the type checks that only tests have
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before


def test_the_deepest_and_largest_configuration_that_can_be_written_can_be_read(path: Path) -> None:
    configuration = {"deep": nested(198), "long": "," * 490_000}
    sealed.write(path, "model", {}, configuration)
    assert sealed.read(path, "model").configuration == configuration


def test_a_disk_that_is_full_leaves_the_file_that_was_there(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", fail)
    with pytest.raises(WriteFailed, match="No space left on device; the file that was there is unchanged"):
        sealed.write(path, "model", {}, {})
    monkeypatch.undo()
    assert sealed.read(path, "model").tensors.keys() == TENSORS.keys()


def test_bytes_are_little_endian_on_any_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    tensor = torch.tensor([1, 256], dtype=torch.int16)
    assert sealed._array("a", tensor).tolist() == [1, 0, 0, 1]
    monkeypatch.setattr(sys, "byteorder", "big")
    assert sealed._array("a", tensor).tolist() == [0, 1, 1, 0]
