"""Tables in memory keep their rows and places; writing refuses what it cannot write before it writes anything."""

import io

import numpy as np
import pytest

from onward.tables import Table, TableError, from_columns, to_csv


def test_columns_in_memory_become_text() -> None:
    table = from_columns(
        {"a": [1, 2.5, None, float("nan")], "b": np.array([True, False, True, True]), "c": [" x", "", "?", "y"]}
    )
    assert table.columns == {
        "a": ("1", "2.5", None, None),
        "b": ("True", "False", "True", "True"),
        "c": ("x", None, None, "y"),
    }


def test_rows_that_are_taken_keep_their_places() -> None:
    table = Table("data.csv", {"a": ("1", None, "3")}, (2, 3, 7))
    assert table.rows_with("a") == [0, 2]
    taken = table.take(np.array([2, 0]))
    assert taken.columns["a"] == ("3", "1")
    assert taken.place(0) == "line 7 of data.csv"
    assert table.take([]).rows == 0


TABLE = from_columns({"age": [1, 2, 3]})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: from_columns({}), "the table has no columns"),
        (lambda: from_columns({"a": []}), "the table has no rows"),
        (lambda: from_columns({"a": [1, 2], "b": [1]}), "column 'b' of the table has 1 values for 2 rows"),
        (lambda: from_columns({" ": [1]}), "a column without a name, ' '"),
        (lambda: from_columns({"a": [1, float("inf")]}), "column 'a' holds inf at row 1"),
        (lambda: from_columns({"a": [[1, 2]]}), r"column 'a' holds \[1, 2\] at row 0"),
        (lambda: from_columns({"a": [np.zeros((30, 2))]}), r"column 'a' holds array\(\[\[0., 0.\], .*\.\.\. at row 0"),
        (lambda: TABLE.column("aeg"), "the table has no column 'aeg'; did you mean 'age'?"),
        (lambda: TABLE.take([3]), "the rows of the table are 0 to 2, got 3"),
        (lambda: TABLE.take([-1]), "got -1"),
        (lambda: TABLE.take(np.array([True, False, True])), "got np.True_"),
        (lambda: TABLE.take(np.array([0.5])), "got np.float64\\(0.5\\)"),
    ],
)
def test_what_is_no_table_is_refused(make, words: str) -> None:
    with pytest.raises(TableError, match=words) as refused:
        make()
    assert len(str(refused.value).splitlines()) == 1


def test_writing_quotes_what_must_be() -> None:
    stream = io.StringIO()
    to_csv({"a": ["x", 'say "y"', None], "b;c": ["1,5", "two\nlines", np.float32(0.1)], "d": [True, 3, -0.5]}, stream)
    assert stream.getvalue() == 'a,"b;c",d\nx,"1,5",True\n"say ""y""","two\nlines",3\n,0.1,-0.5\n'


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({}, "at least one column, got none"),
        ({" ": [1]}, "needs a name, got ' '"),
        ({"a": [1], "b": [1, 2]}, "column 'b' has 2 values where the first column has 1"),
        ({"a": [1, {}]}, "column 'a' holds {}; expected text, numbers or None"),
    ],
)
def test_what_cannot_be_written_leaves_nothing_behind(columns, words: str) -> None:
    stream = io.StringIO()
    with pytest.raises(TableError, match=words):
        to_csv(columns, stream)
    assert stream.getvalue() == ""
