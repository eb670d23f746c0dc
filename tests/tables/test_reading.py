"""A CSV file is read as it is meant, or refused in one sentence that says where it is wrong."""

import codecs
import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onward.tables import Table, TableError, from_columns, read_csv, to_csv
from onward.tables.cells import clean, number

PLAIN = {"a": ("1", "2"), "b": ("x", None)}


def read(tmp_path: Path, content: bytes | str) -> Table:
    path = tmp_path / "data.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_csv(path)


@pytest.mark.parametrize(
    "content",
    [
        "a,b\n1,x\n2,\n",
        "a,b\r\n1,x\r\n2,?\r\n",
        "a,b\r1,x\r2,NA",
        "a;b\n1;x\n2;null\n",
        "a\tb\n1\tx\n2\tN/A\n",
        codecs.BOM_UTF8 + b"a,b\n1,x\n2,nan\n",
        '"a","b"\n"1","x"\n"2","None"\n',
        " a , b\n1 , x\n2, NaN \n",
        '\n\na,b\n\n1, "x"\n   \n2,\n\n',
    ],
)
def test_dialects_of_one_table(tmp_path: Path, content: bytes | str) -> None:
    table = read(tmp_path, content)
    assert dict(table.columns) == PLAIN
    assert list(table.columns) == ["a", "b"]
    assert (table.rows, table.name) == (2, "data.csv")


def test_quotes_hold_delimiters_quotes_and_lines(tmp_path: Path) -> None:
    table = read(tmp_path, 'a,"b;b;b"\n"x, y","say ""z"""\n"two\nlines",q\nlast,5" pipe\n')
    assert dict(table.columns) == {"a": ("x, y", "two\nlines", "last"), "b;b;b": ('say "z"', "q", '5" pipe')}
    assert [table.place(row) for row in range(3)] == [f"line {k} of data.csv" for k in (2, 3, 5)]


def test_only_the_header_tells_the_delimiter(tmp_path: Path) -> None:
    assert read(tmp_path, 'a,"b;b;b"\nx;y;z,p;q;r\n').columns == {"a": ("x;y;z",), "b;b;b": ("p;q;r",)}
    assert read(tmp_path, "a;b\n1,5,5;2,5,5\n").columns == {"a": ("1,5,5",), "b": ("2,5,5",)}


def test_a_lone_column_may_have_missing_values(tmp_path: Path) -> None:
    assert read(tmp_path, 'a\n1\n""\n\n3\n').columns["a"] == ("1", None, "3")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "data.csv is empty"),
        ("\n \n", "data.csv is empty"),
        ("a,b\n", "data.csv has a header of 2 fields but no rows"),
        ("a\n\n\n", "data.csv has a header of 1 field but no rows"),
        ("a,b\n1,2\n3\n", "line 3 of data.csv has 1 field, the header has 2"),
        ("a,b,c\n" + "1,2,3\n" * 15 + "1,2,3,4\n", "line 17 of data.csv has 4 fields, the header has 3"),
        ('a,b\n"1\n1",2\n\n3\n', "line 5 of data.csv has 1 field"),
        ("a,b\n1,2\n3,café\n".encode("latin-1"), r"data.csv is not UTF-8: byte 0xe9 at offset 13 \(line 3\)"),
        (codecs.BOM_UTF8 + "a,b\r\n1,ü\r\n".encode("latin-1"), r"byte 0xfc at offset 10 \(line 2\)"),
        ("a,b\n1,2\n".encode("utf-16"), "data.csv begins with the bytes ff fe of UTF-16"),
        ("a,b\n1,2\n".encode("utf-32"), "data.csv begins with the bytes ff fe of UTF-16 or UTF-32"),
        (b"a,b\n1,\x00\n", r"data.csv holds a NUL byte at offset 6 \(line 2\)"),
        ("a,b,a\n1,2,3\n", "columns 1 and 3 of data.csv are both named 'a' on line 1"),
        ("a, a\n1,2\n", "columns 1 and 2 of data.csv are both named 'a'"),
        ("\na,,b\n1,2,3\n", "column 2 of data.csv has no name on line 2"),
        (",,\n1,2,3\n", "column 1 of data.csv has no name on line 1"),
        ("  \n1\n", "column 1 of data.csv has no name on line 1"),
        ('a,b\n1,2\n3,"x\ny\n', "line 3 of data.csv opens a quote that is never closed"),
        ('a,b\n1,"x"y\n', "line 2 of data.csv has text after a closing quote"),
        ("a,b\n1," + "x" * 140_000, "line 2 of data.csv has a field of more than 131072 characters"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: bytes | str, words: str) -> None:
    with pytest.raises(TableError, match=words) as refused:
        read(tmp_path, content)
    assert len(str(refused.value).splitlines()) == 1


def test_a_path_that_is_no_file_is_refused(tmp_path: Path) -> None:
    for path, words in [
        (tmp_path / "none.csv", "there is no file '.*none.csv'"),
        (tmp_path, "is a folder; expected a CSV file"),
        (tmp_path / ("x" * 300), "cannot be read: File name too long"),
        ("a\0b", r"'a\\x00b' cannot be read"),
    ]:
        with pytest.raises(TableError, match=words):
            read_csv(path)


def test_a_name_that_cannot_be_printed_is_quoted(tmp_path: Path) -> None:
    path = tmp_path / "two\nlines.csv"
    path.write_text("")
    with pytest.raises(TableError, match=r"^'two\\nlines.csv' is empty"):
        read_csv(path)


SCRAPS = st.lists(st.sampled_from(['"', ",", ";", "\t", "\n", "\r", "\r\n", "a", "b", "1", " ", "é", "\ufeff", "\x85"]))


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda t: t.encode(errors="replace")), SCRAPS.map("".join).map(str.encode)))  # fmt: skip
def test_anything_is_a_table_or_one_sentence(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    try:
        table = read(tmp_path_factory.getbasetemp(), content)
    except TableError as refused:
        assert len(str(refused).splitlines()) == 1  # noqa: PT017
    else:
        assert table.rows > 0
        assert all(len(values) == table.rows for values in table.columns.values())


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)


@st.composite
def columns(draw: st.DrawFn) -> dict[str, list[str | None]]:
    names = draw(st.lists(TEXT.map(str.strip).filter(bool), min_size=1, max_size=4, unique=True))
    rows = draw(st.integers(1, 5))
    cell = st.one_of(TEXT.map(clean), SCRAPS.map(lambda scraps: clean("".join(scraps))))
    return {name: draw(st.lists(cell, min_size=rows, max_size=rows)) for name in names}


@given(columns())
def test_what_is_written_reads_back(tmp_path_factory: pytest.TempPathFactory, written: dict[str, list[str | None]]) -> None:
    stream = io.StringIO(newline="")
    to_csv(written, stream)
    table = read(tmp_path_factory.getbasetemp(), stream.getvalue())
    assert table.columns == {name: tuple(values) for name, values in written.items()}
    others = list(csv.reader(io.StringIO(stream.getvalue(), newline="")))
    assert others[0] == list(written)


@given(st.lists(st.floats(allow_infinity=False), min_size=1))
def test_numbers_read_back_exactly(values: list[float]) -> None:
    stream = io.StringIO()
    to_csv({"a": values, "b": [7] * len(values)}, stream)
    cells = [line.split(",")[0] for line in stream.getvalue().splitlines()[1:]]
    again = [None if (text := clean(cell)) is None else number(text) for cell in cells]
    assert again == [None if value != value else value for value in values]
    table = from_columns({"a": values})
    assert [text and number(text) for text in table.columns["a"]] == again


@pytest.mark.parametrize("text", ["1_000", "inf", "-inf", "1e999", "٣", "0x10", "1,5", "", "1 2", "nan"])
def test_what_is_no_finite_number(text: str) -> None:
    assert number(text) is None


@pytest.mark.parametrize(("text", "value"), [("1", 1.0), ("-.5", -0.5), ("+2e3", 2000.0), ("007", 7.0)])
def test_what_is_a_finite_number(text: str, value: float) -> None:
    assert number(text) == value
