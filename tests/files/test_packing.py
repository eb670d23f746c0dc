"""Values come back exactly, types and bits and all; what cannot is refused by its place."""

import copy
import json
import math
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from onward.files import packing, sealed

KEYS = st.integers(-(2**70), 2**70) | st.text()
LEAVES = st.none() | st.booleans() | st.integers(-(2**200), 2**200) | st.floats() | st.text()
TENSORS = st.builds(
    lambda values, dtype: torch.tensor(values, dtype=torch.float64).to(dtype),
    st.lists(st.integers(0, 1), max_size=3) | st.integers(0, 1),
    st.sampled_from([torch.float64, torch.float32, torch.bfloat16, torch.int64, torch.bool]),
)
VALUES = st.recursive(
    LEAVES | TENSORS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.lists(inner, max_size=4).map(tuple) | st.dictionaries(KEYS, inner, max_size=4)
    ),
    max_leaves=12,
)


def alike(one: Any, two: Any) -> bool:
    """Tell whether two values are the same to the bit and the type, in the same order."""
    if type(one) is not type(two):
        return False
    if isinstance(one, Tensor):
        return one.dtype == two.dtype and one.shape == two.shape and torch.equal(one, two)
    if isinstance(one, dict):
        return alike(list(one.items()), list(two.items()))
    if isinstance(one, (list, tuple)):
        return len(one) == len(two) and all(alike(a, b) for a, b in zip(one, two, strict=True))
    if isinstance(one, float):
        return struct.pack(">d", one) == struct.pack(">d", two)
    return one == two


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=VALUES)
def test_any_value_comes_back_through_a_file(tmp_path: Path, value) -> None:
    skeleton, tensors = packing.pack(value)
    sealed.write(tmp_path / "file", "value", tensors, {"skeleton": skeleton})
    found = sealed.read(tmp_path / "file", "value")
    assert alike(packing.unpack(found.configuration["skeleton"], found.tensors), value)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, -math.nan, -0.0, 5e-324, 0.1, 1.0, 1, True])
def test_numbers_keep_their_bits_and_types(value) -> None:
    skeleton, tensors = packing.pack([value])
    assert alike(packing.unpack(json.loads(json.dumps(skeleton, allow_nan=False)), tensors), [value])


def test_the_bits_of_a_nan_are_kept() -> None:
    value = struct.unpack(">d", bytes.fromhex("7ff8000000000123"))[0]
    assert packing.pack(value)[0] == {"float": "7ff8000000000123"}
    assert alike(packing.unpack({"float": "7ff8000000000123"}, {}), value)


@pytest.mark.parametrize("optimiser", [torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop, torch.optim.LBFGS])
def test_an_optimiser_goes_on_as_if_nothing_had_happened(optimiser, tmp_path: Path) -> None:
    def step(weight: Tensor, rule: torch.optim.Optimizer) -> None:
        def loss() -> float:
            weight.grad = 2 * (weight.detach() - 1)
            return float((weight.detach() - 1).square().sum())

        rule.step(loss)

    one = torch.nn.Parameter(torch.arange(3.0))
    rule = optimiser([one], lr=0.1)
    step(one, rule)
    skeleton, tensors = packing.pack(rule.state_dict())
    sealed.write(tmp_path / "file", "optimiser", tensors, {"skeleton": skeleton})
    found = sealed.read(tmp_path / "file", "optimiser")
    two = copy.deepcopy(one)
    again = optimiser([two], lr=5.0)
    again.load_state_dict(packing.unpack(found.configuration["skeleton"], found.tensors))
    for _ in range(3):
        step(one, rule)
        step(two, again)
    assert torch.equal(one, two)


def holding_itself() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"a": [1, {2}]}, r"cannot pack set at value\['a'\]\[1\]; expected"),
        ({"a": (1, np.float64(2))}, r"cannot pack float64 at value\['a'\]\[1\]"),
        ({3: OrderedDict()}, r"cannot pack OrderedDict at value\[3\]"),
        (torch.nn.Parameter(torch.ones(1)), "cannot pack Parameter at value;"),
        ([b"bytes"], r"cannot pack bytes at value\[0\]"),
        ([print], r"cannot pack builtin_function_or_method at value\[0\]"),
        ([1j], r"cannot pack complex at value\[0\]"),
        ([10**5000], r"cannot pack a number of 16610 bits at value\[0\]"),
        (["\ud800"], r"cannot pack '\\ud800' at value\[0\]"),
        ({"a": {True: 1}}, r"a key at value\['a'\] must be text or a whole number, got bool"),
        ({1.5: 1}, "a key at value must be text or a whole number, got float"),
        ({10**5000: 1}, "a key at value must be text or a whole number, got a number of 16610 bits"),
        ({"\udfff": 1}, "a key at value must be text or a whole number"),
        (holding_itself(), "lies more than 40 levels deep, or holds itself"),
    ],
)
def test_what_does_not_come_back_as_it_was_is_refused_by_its_place(value, words: str) -> None:
    with pytest.raises(TypeError, match=words) as caught:
        packing.pack(value)
    assert "\n" not in str(caught.value)


def deep(levels: int, tag: str) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"tuple": [value]} if tag == "tuple" else {"dict": [["a", value]]} if tag == "dict" else [value]
    return value


@pytest.mark.parametrize(
    ("skeleton", "words"),
    [
        ({"set": [1]}, "a skeleton holds {'set': .*} at value, which is nothing that was packed"),
        ({}, "a skeleton holds {} at value"),
        ({"tuple": [], "dict": []}, "nothing that was packed"),
        ({"tuple": "ab"}, "nothing that was packed"),
        ({"dict": {"a": 1}}, "nothing that was packed"),
        ([{"dict": [["a", 1, 2]]}], r"an entry of the dictionary at value\[0\] must be a new key and a value"),
        ({"dict": ["ab"]}, "must be a new key and a value, got 'ab'"),
        ({"dict": [[True, 1]]}, r"must be a new key and a value, got \[True, 1\]"),
        ({"dict": [[None, 1]]}, "must be a new key and a value"),
        ({"dict": [[[1], 1]]}, "must be a new key and a value"),
        ({"dict": [[1, 1], [1, 2]]}, r"must be a new key and a value, got \[1, 2\]"),
        ({"float": "7ff"}, "nothing that was packed"),
        ({"float": "3ff0000000000000"}, "nothing that was packed"),
        ({"float": "zff0000000000000"}, "nothing that was packed"),
        ({"float": "7FF0000000000000"}, "nothing that was packed"),
        ({"float": 1.0}, "nothing that was packed"),
        (math.nan, "a skeleton holds nan at value"),
        (math.inf, "a skeleton holds inf at value"),
        ([10**5000], "a skeleton holds a number too long to print at value"),
        ({"tensor": "1"}, "the tensor '1' of value is missing, or named twice"),
        ({"tensor": 0}, "nothing that was packed"),
        ([{"tensor": "0"}, {"tensor": "0"}], r"the tensor '0' of value\[1\] is missing, or named twice"),
        (1, "the tensor '0' has no place in the skeleton"),
        ((1, 2), "nothing that was packed"),
        (deep(50, "list"), "may nest 40 levels"),
        (deep(50, "tuple"), "may nest 40 levels"),
        (deep(50, "dict"), "may nest 40 levels"),
        (deep(900, "dict"), "may nest 40 levels"),
    ],
)
def test_a_skeleton_that_was_not_packed_is_refused(skeleton, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        packing.unpack(skeleton, {"0": torch.ones(1)})
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000


TAGS = st.sampled_from(["tuple", "dict", "float", "tensor", "set"])
SKELETONS = st.recursive(
    LEAVES | st.sampled_from(["0", "1", "7ff0000000000000"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(TAGS, inner | st.lists(st.lists(inner, max_size=2), max_size=2), max_size=2)
    ),
    max_leaves=10,
)


@given(skeleton=SKELETONS)
def test_any_json_is_refused_or_is_what_its_value_packs_to(skeleton) -> None:
    tensors = {"0": torch.ones(1), "1": torch.zeros(2)}
    said = ""
    named = [name for name in tensors if f'{{"tensor": "{name}"}}' in json.dumps(skeleton)]
    try:
        value = packing.unpack(skeleton, {name: tensors[name] for name in named})
    except ValueError as error:
        said = str(error)
    else:
        again, found = packing.pack(value)
        assert alike(packing.unpack(again, found), value)
        if not named:
            assert alike(again, skeleton)
    assert "\n" not in said


@pytest.mark.parametrize("kind", ["list", "tuple", "dict"])
def test_the_deepest_value_goes_through_a_file(tmp_path: Path, kind: str) -> None:
    value = packing.unpack(deep(packing.DEPTH, kind), {})
    skeleton, tensors = packing.pack(value)
    sealed.write(tmp_path / "file", "value", tensors, {"skeleton": skeleton})
    assert packing.unpack(sealed.read(tmp_path / "file", "value").configuration["skeleton"], {}) == value
