"""A schema learns what columns are from training rows alone, encodes later tables alike, and refuses what does not fit."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onward.tables import (
    Categorical,
    ClassTarget,
    NumberTarget,
    Numeric,
    Schema,
    Table,
    from_columns,
    held_out,
    read_csv,
    recognise,
)

PEOPLE = from_columns(
    {
        "age": [30, None, 40, 20, 50, 20],
        "colour": ["red", "blue", None, "red", "blue", "red"],
        "height": [1.5, 1.75, 1.5, 2, 1.5, 1.25],
        "planet": ["earth"] * 6,
        "name": list("abcdef"),
        "person id": range(6),
        "kind": ["no", "yes", "yes", "no", "yes", "no"],
    },
    "people.csv",
)
SCHEMA = Schema.learn(PEOPLE, "kind")


def test_every_column_becomes_what_it_is() -> None:
    assert SCHEMA.columns == (
        Numeric("age", 30.0, indicator=True),
        Categorical("colour", ("blue", "red", None)),
        Numeric("height", 1.5),
        Numeric("person id", 2.5),
    )
    assert SCHEMA.target == ClassTarget("kind", ("no", "yes"))
    assert SCHEMA.feature_names == [
        "age", "age is missing", "colour=blue", "colour=red", "colour is missing", "height", "person id",
    ]  # fmt: skip
    assert SCHEMA.notes == (
        "column 'planet' was left out: it is 'earth' in all 6 rows",
        "column 'name' was left out: its 6 texts are all different, as of an identifier",
        "column 'person id' is learned from, though it looks like an identifier; leave it out with --drop 'person id'",
    )


def test_rows_become_numbers() -> None:
    encoded = SCHEMA.encode(PEOPLE)
    assert encoded.dtype == np.float64
    assert encoded[:3].tolist() == [[30, 0, 0, 1, 0, 1.5, 0], [30, 1, 1, 0, 0, 1.75, 1], [40, 0, 0, 0, 1, 1.5, 2]]
    target = SCHEMA.encode_target(PEOPLE)
    assert target.dtype == np.int64
    assert target.tolist() == [0, 1, 1, 0, 1, 0]
    assert SCHEMA.decode_target(target) == list(PEOPLE.columns["kind"])


def test_columns_are_found_by_name() -> None:
    names = [*reversed(list(PEOPLE.columns)), "more"]
    turned = from_columns({name: PEOPLE.columns.get(name, ["?"] * 6) for name in names if name != "kind"})
    np.testing.assert_array_equal(SCHEMA.encode(turned), SCHEMA.encode(PEOPLE))


def test_a_table_without_rows_has_no_features_to_give() -> None:
    assert SCHEMA.encode(PEOPLE.take([])).shape == (0, 7)


def later(**changes: object) -> Table:
    row: dict[str, object] = {"age": 3, "colour": "red", "height": 1, "person id": 9, "kind": "no"}
    row |= {name.replace("_", " "): value for name, value in changes.items()}
    return from_columns({name: [value] for name, value in row.items()}, "new.csv")


def test_missing_and_unseen_values_later() -> None:
    assert SCHEMA.encode(later(height=None, age=None))[0].tolist() == [30, 1, 0, 1, 0, 1.5, 9]
    assert SCHEMA.encode(later(colour=None))[0].tolist() == [3, 0, 0, 0, 1, 1, 9]
    assert SCHEMA.encode(later(colour="green"), unknown="ignore")[0].tolist() == [3, 0, 0, 0, 0, 1, 9]


def learn(x: list[Any]) -> Schema:
    return Schema.learn(from_columns({"y": ["a", "b"] * (len(x) // 2), "x": x}, "t.csv"), "y")


def test_medians_do_not_overflow() -> None:
    assert learn(x=[1.5e308, 1.7e308, 1.6e308, 1e308]).columns == (Numeric("x", 1.55e308),)
    assert learn(x=[3, 1, 2, 10, 9, None]).columns == (Numeric("x", 3.0, indicator=True),)


def test_mostly_numbers_are_taken_for_text_with_a_note() -> None:
    schema = learn(x=[1, 2, 1, "unknown"])
    assert schema.columns == (Categorical("x", ("1", "2", "unknown")),)
    assert schema.notes == ("column 'x' is taken for text: 'unknown' at row 3 of t.csv is not a finite number, though most others are",)  # fmt: skip


@pytest.mark.parametrize(
    ("values", "target"),
    [
        (["b", "a"] * 5, ClassTarget("y", ("a", "b"))),
        ([10, 9, 2] * 4, ClassTarget("y", ("2", "9", "10"))),
        (["1.0", "0", "1", "0.0"] * 3, ClassTarget("y", ("0", "1"))),
        ([1, 2, 3, 4, 5, 1], NumberTarget("y")),
        (list(range(10)) * 2, ClassTarget("y", tuple("0123456789"))),
        (list(range(11)) * 2, NumberTarget("y")),
        ([0.5, 1, 2] * 4, NumberTarget("y")),
    ],
)
def test_a_target_is_recognised(values: list[object], target: object) -> None:
    assert recognise(from_columns({"y": values}), "y") == target


def test_a_task_that_is_asked_for_is_done() -> None:
    table = from_columns({"y": [0, 1] * 5, "z": [0.5, 1.5] * 5})
    assert recognise(table, "y", task="regression") == NumberTarget("y")
    assert recognise(table, "z", task="classification") == ClassTarget("z", ("0.5", "1.5"))
    schema = Schema.learn(table, "y", task="regression")
    assert schema.encode_target(table).dtype == np.float64
    assert schema.decode_target(np.array([0.25])) == [0.25]


def test_a_class_is_known_by_its_number() -> None:
    assert ClassTarget("y", ("0", "1")).encode(from_columns({"y": ["1.0", "0", "1"]})).tolist() == [1, 0, 1]


def with_target(*values: object, task: str | None = None) -> object:
    return recognise(from_columns({"y": values}, "t.csv"), "y", task=task)


REFUSING = Schema.learn(PEOPLE, "kind", missing="refuse", drop=["age", "colour"])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Schema.learn(PEOPLE, "knid"), "people.csv has no column 'knid'; did you mean 'kind'?"),
        (lambda: Schema.learn(PEOPLE, "kind", drop=["aeg"]), "no column 'aeg' that could be dropped; did you mean 'age'?"),
        (lambda: Schema.learn(PEOPLE, "kind", drop=["kind"]), "'kind' is the target and cannot be dropped"),
        (lambda: Schema.learn(PEOPLE, "kind", rows=[]), "no rows of people.csv were given"),
        (lambda: Schema.learn(PEOPLE, "kind", rows=[0, 6]), "the rows of people.csv are 0 to 5, got 6"),
        (lambda: Schema.learn(PEOPLE, "kind", missing="ignore"), "missing is 'impute' or 'refuse', got 'ignore'"),
        (lambda: Schema.learn(PEOPLE, "kind", task="clasification"), "got 'clasification'; did you mean 'classification'?"),
        (
            lambda: Schema.learn(PEOPLE, "kind", missing="refuse"),
            "1 of 6 rows have no value in column 'age', the first at row 1 of people.csv; .* --drop age",
        ),
        (lambda: learn(x=[None, "?"] * 2), "column 'x' of t.csv has no value in any row; leave it out with --drop x"),
        (lambda: Schema.learn(from_columns({"y": [0, 1] * 2, "all gone": [None] * 4}), "y"), "--drop 'all gone'"),
        (lambda: learn(x=["a"] * 4), "nothing is left to predict 'y' from: column 'x' was left out: it is 'a' in all 4 rows"),
        (lambda: Schema.learn(PEOPLE.take([0, 1, 2, 3]), "kind", drop=set(PEOPLE.columns) - {"kind"}), "it is the only column"),
        (
            lambda: learn(x=[f"text {k % 51}" for k in range(60)]),
            "column 'x' of t.csv has 51 different texts, such as 'text 0', and at most 50 .*--drop x",
        ),
        (lambda: learn(x=[*range(9), "1,5"]), "column 'x' cannot be read: '1,5' at row 9 of t.csv is not a finite number"),
        (lambda: learn(x=[*range(59), "inf"] * 2), "column 'x' cannot be read: 'inf' at row 59 of t.csv"),
        (lambda: with_target("a", None, "b", None), "2 rows have no value of the target 'y', the first at row 1 of t.csv"),
        (lambda: with_target("a", "a", "b", None), "1 row has no value of the target 'y'"),
        (lambda: with_target("a", "a"), "the target 'y' is 'a' in all 2 rows of t.csv"),
        (lambda: with_target("1.0", "1", "1"), "the target 'y' is '1' in all 3 rows"),
        (lambda: with_target(2.5, 2.5), "the target 'y' is '2.5' in all 2 rows"),
        (lambda: with_target("a", "a", "b"), "class 'b' of the target 'y' has fewer than 2 rows, one at row 2 of t.csv; leave"),
        (lambda: with_target(1, 1, 1, 2), "class '2' .* or predict a number with --task regression"),
        (
            lambda: with_target(1.5, 2.5, "n.a.", 3.5),
            r"class '1.5' .*\(and 3 more of 4 classes\) .* because 'n.a.' at row 2 of t.csv is not a finite number",
        ),
        (lambda: with_target(1, "x", task="regression"), "row 1 of t.csv has 'x' in the target 'y'; expected a finite number"),
        (lambda: SCHEMA.encode(from_columns({"Age": [1], "colour": ["red"], "height": [1]}, "new.csv")),
         "new.csv lacks the columns 'age', 'person id'; did you mean 'Age'?"),
        (lambda: SCHEMA.encode(later(age="old")), "row 0 of new.csv has 'old' in column 'age', which held only finite numbers"),
        (lambda: SCHEMA.encode(later(colour="green")),
         "row 0 of new.csv has 'green' in column 'colour', which held 'blue', 'red' in training; .*--unknown ignore"),
        (lambda: learn(x=["u", "v"] * 2).encode(from_columns({"x": [None]})), "has no value in column 'x', which held 'u', 'v'"),
        (lambda: SCHEMA.encode(PEOPLE, unknown="refus"), "unknown is 'refuse' or 'ignore', got 'refus'; did you mean 'refuse'?"),
        (lambda: REFUSING.encode(later(height=None)), "row 0 of new.csv has no value in column 'height'; expected a number"),
        (lambda: SCHEMA.encode_target(later(kind="maybe")), "has 'maybe' in the target 'kind', .* training, 'no', 'yes'"),
        (lambda: SCHEMA.encode_target(later(kind=None)), "1 row has no value of the target 'kind'"),
        (lambda: SCHEMA.decode_target(np.array([0, 2])), "the classes of 'kind' are numbered 0 to 1, got 2"),
        (lambda: SCHEMA.encode(later(colour="line\n" * 40)), r"has 'line\\nline.*\.\.\.' in column"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(make, words: str) -> None:
    with pytest.raises(ValueError, match=words) as refused:
        make()
    assert len(str(refused.value).splitlines()) == 1


CELL = st.one_of(st.none(), st.sampled_from(["a", "b", "inf", "1,5", "x" * 9]), st.floats(-5, 5), st.integers(-3, 3))


@given(st.lists(st.tuples(CELL, CELL, CELL), min_size=6, max_size=6))
def test_other_rows_never_change_what_is_learned(others: list[tuple[object, object, object]]) -> None:
    rows = [1, 3, 4, 7, 8, 10]
    alone = from_columns({"y": [0, 1] * 3, "x": [1.5, None, 3, 4, 4, 1], "c": ["u", "v", "u", "u", "v", "w"]})
    mixed: dict[str, list[object]] = {}
    for k, (name, values) in enumerate(alone.columns.items()):
        mixed[name] = [None] * 12
        for row, value in zip(rows, values, strict=True):
            mixed[name][row] = value
        for row, other in zip(sorted(set(range(12)) - set(rows)), others, strict=True):
            mixed[name][row] = other[k]
    assert Schema.learn(from_columns(mixed), "y", rows=rows) == Schema.learn(alone, "y")


def test_a_class_with_one_training_row_is_learned_once_rows_are_parted() -> None:
    table = from_columns({"y": ["a", "b", "b"], "x": [1, 2, 3]})
    assert Schema.learn(table, "y", rows=[0, 1]).target == ClassTarget("y", ("a", "b"))


def test_iris_from_file_to_arrays_and_back(tmp_path: Path) -> None:
    from sklearn.datasets import load_iris

    bunch: Any = load_iris(as_frame=True)
    frame = bunch.frame.assign(target=bunch.target_names[bunch.target])
    frame.to_csv(tmp_path / "iris.csv", index=False)
    table = read_csv(tmp_path / "iris.csv")
    target = recognise(table, "target")
    train, test = held_out(target.encode(table), seed=3)
    schema = Schema.learn(table, "target", rows=train, task=target.task)
    assert schema.target == target == ClassTarget("target", ("setosa", "versicolor", "virginica"))
    assert all(type(column) is Numeric for column in schema.columns)
    assert schema.notes == ()
    np.testing.assert_array_equal(schema.encode(table), bunch.data)
    np.testing.assert_array_equal(schema.encode_target(table), bunch.target)
    assert np.bincount(bunch.target[test]).tolist() == [10, 10, 10]
    assert [column.fill for column in schema.columns if isinstance(column, Numeric)] == bunch.data.iloc[
        train
    ].median().tolist()


def test_diabetes_is_a_number_to_predict(tmp_path: Path) -> None:
    from sklearn.datasets import load_diabetes

    bunch: Any = load_diabetes(as_frame=True, scaled=False)
    frame = bunch.frame
    frame.to_csv(tmp_path / "diabetes.csv", sep=";", index=False)
    table = read_csv(tmp_path / "diabetes.csv")
    schema = Schema.learn(table, "target")
    assert schema.target == NumberTarget("target")
    assert len(schema.columns) == 10
    np.testing.assert_array_equal(schema.encode_target(table), frame["target"])


def test_a_stored_schema_is_the_same(tmp_path: Path) -> None:
    numbers = Schema.learn(from_columns({"y": [0.1, 0.2, 1 / 3], "x": [0.1, 1e-300, 1 / 3]}), "y", missing="refuse")
    for schema in (SCHEMA, REFUSING, numbers):
        again = Schema.from_dict(json.loads(json.dumps(schema.to_dict(), allow_nan=False)))
        assert again == schema


STORED = json.dumps(SCHEMA.to_dict())


def broken(*keys: object, to: object) -> object:
    data = json.loads(STORED)
    place = data
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = to
    return data


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (None, "a schema must be a mapping with columns, target, missing, notes, got None"),
        ([1], "got a value of type list"),
        ({}, "'columns' is absent"),
        (broken("more", to=1), "has the entry 'more'"),
        (broken("columns", to=[]), "at least one feature column"),
        (broken("columns", to="age"), "columns of a schema must be a list of at most 100000 entries, got 'age'"),
        (broken("columns", 0, to=None), "a stored column is of the kind 'numeric' or 'categorical', got None"),
        (broken("columns", 0, "kind", to=["numeric"]), "got a value of type list"),
        (broken("columns", 0, "kind", to="numerc"), "got 'numerc'"),
        (broken("columns", 0, "name", to=3), "a name of a schema must be text, got a value of type int"),
        (broken("columns", 0, "name", to=" "), "must not be blank, got ' '"),
        (broken("columns", 0, "name", to="\ud800"), r"must be text, got '\\ud800'"),
        (broken("columns", 0, "name", to="height"), "names the column 'height' twice"),
        (broken("columns", 0, "name", to="kind"), "names the column 'kind' twice"),
        (broken("columns", 0, "fill", to=True), "fill of column 'age' must be a number, got True"),
        (broken("columns", 0, "fill", to="1"), "must be a number, got '1'"),
        (broken("columns", 0, "fill", to=float("nan")), "must be finite, got nan"),
        (broken("columns", 0, "fill", to=float("inf")), "must be finite, got inf"),
        (broken("columns", 0, "fill", to=10**400), "must be finite, got a huge whole number"),
        (broken("columns", 0, "indicator", to=1), "indicator of column 'age' must be true or false"),
        (broken("columns", 0, "levels", to=[]), "has the entry 'levels'"),
        (broken("columns", 1, "levels", to=[]), "column 'colour' needs at least one level"),
        (broken("columns", 1, "levels", to=["a", "a"]), "has a level twice in 'a', 'a'"),
        (broken("columns", 1, "levels", to=["a", 1]), "a level of a schema must be text"),
        (broken("columns", 1, "levels", to=[str(k) for k in range(100_001)]), "at most 100000 entries, got 100001 entries"),
        (broken("columns", 1, "levels", to=[str(k) for k in range(99_999)]), "may have 100000 features, got 100002"),
        (broken("target", to=None), "a stored target is of the kind 'classes' or 'number', got None"),
        (broken("target", "classes", to=["a"]), "needs two or more different classes, got 'a'"),
        (broken("target", "classes", to=["a", "a"]), "two or more different classes, got 'a', 'a'"),
        (broken("target", "classes", to=["a", None]), "a class of a schema must be text, got None"),
        (broken("missing", to=True), "missing of a schema must be text, got True"),
        (broken("missing", to="drop"), "missing is 'impute' or 'refuse', got 'drop'"),
        (broken("notes", to={}), "notes of a schema must be a list"),
        (broken("notes", to=[1]), "a note of a schema must be text"),
    ],
)
def test_a_stored_schema_is_not_believed(data: object, words: str) -> None:
    with pytest.raises(ValueError, match=words) as refused:
        Schema.from_dict(data)
    assert len(str(refused.value).splitlines()) == 1


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=5,
)
PLACES = [
    ("columns",), ("target",), ("missing",), ("notes",), ("columns", 0), ("columns", 1, "kind"), ("columns", 0, "fill"),
    ("columns", 0, "indicator"), ("columns", 0, "name"), ("columns", 1, "levels"), ("target", "kind"), ("target", "classes"),
]  # fmt: skip


@given(st.sampled_from(PLACES), JSON)
def test_any_change_is_a_schema_or_one_sentence(place: tuple[object, ...], value: object) -> None:
    try:
        schema = Schema.from_dict(broken(*place, to=value))
    except ValueError as refused:
        assert len(str(refused).splitlines()) == 1  # noqa: PT017
    else:
        assert Schema.from_dict(schema.to_dict()) == schema


@pytest.mark.parametrize("text", ["0,12", "1'000", "$1,000", "3 %", "-4,5", "1 000,5"])
def test_numbers_in_another_writing_are_refused_and_not_taken_for_text(text: str) -> None:
    table = from_columns({"a": [text, "0,5", "0,7", "2"] * 3, "y": ["p", "q"] * 6})
    with pytest.raises(
        ValueError, match="column 'a' holds numbers that are not written as numbers, such as .* at row 0 of the table; "
    ):
        Schema.learn(table, "y")
    assert Schema.learn(from_columns({"a": ["12-34", "A3", "v1.2.3"] * 4, "y": ["p", "q"] * 6}), "y").columns
