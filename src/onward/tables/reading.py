"""Read a person's CSV file, or say in one sentence what is wrong with it and on which line.

Nothing is guessed beyond the delimiter: a file that does not have one value for every column in every row is refused.
"""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
from pathlib import Path

from onward.tables.cells import clean, shown
from onward.tables.table import Table, TableError

DELIMITERS = ",;\t"
_WIDE = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_QUOTED = re.compile(r'"[^"]*"')
_HEADER = re.compile(r'[\r\n]*((?:"[^"]*"|[^"\r\n])*)')


def read_csv(path: str | os.PathLike[str]) -> Table:
    """Read a CSV file with a header: UTF-8 with or without byte order mark, any line ends, fields quoted or not.

    Fields are parted by commas, or by semicolons or tabs if the header has more of those outside quotes. Spaces around
    values and names are taken away and blank lines passed over. Missing values are empty fields, NA, N/A, NaN, nan,
    null, None and ?.

    Raises:
        TableError: no file; not UTF-8; no rows; a row with more or fewer fields than the header; a column without a
            name of its own; a quote that is not closed; a field longer than `csv.field_size_limit()`.
    """
    path = Path(path)
    name = path.name if path.name.isprintable() else repr(path.name)
    text = _text(_bytes(path), name)
    if not text.strip():
        raise TableError(f"{name} is empty; expected a header and rows")
    records = _records(text, name)
    header = _checked(records[0], name)
    rows: list[list[str]] = []
    lines: list[int] = []
    for line, fields in records[1:]:
        if len(fields) == 1 < len(header) and not fields[0].strip():
            continue
        if len(fields) != len(header):
            raise TableError(f"line {line} of {name} has {_fields(len(fields))}, the header has {len(header)}")
        rows.append(fields)
        lines.append(line)
    if not rows:
        raise TableError(f"{name} has a header of {_fields(len(header))} but no rows")
    columns = {column: tuple(clean(fields[k]) for fields in rows) for k, column in enumerate(header)}
    return Table(name, columns, tuple(lines))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise TableError(f"there is no file {str(path)!r}") from None
    except IsADirectoryError:
        raise TableError(f"{str(path)!r} is a folder; expected a CSV file") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise TableError(f"{shown(str(path))} cannot be read: {reason}") from None


def _text(raw: bytes, name: str) -> str:
    if raw.startswith(_WIDE):
        raise TableError(f"{name} begins with the bytes {raw[:2].hex(' ')} of UTF-16 or UTF-32; save it as UTF-8")
    nothing = raw.find(b"\0")
    if nothing >= 0:
        raise TableError(
            f"{name} holds a NUL byte at offset {nothing} (line {_line(raw, nothing)}); expected a text file in UTF-8"
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # "utf-8-sig" counts from after the byte order mark
        at = error.start + len(codecs.BOM_UTF8) * raw.startswith(codecs.BOM_UTF8)
        raise TableError(
            f"{name} is not UTF-8: byte 0x{raw[at]:02x} at offset {at} (line {_line(raw, at)}); save it as UTF-8"
        ) from None


def _line(raw: bytes, offset: int) -> int:
    return len(re.findall(rb"\r\n|\r|\n", raw[:offset])) + 1


def _delimiter(text: str) -> str:
    found = _HEADER.match(text)
    header = _QUOTED.sub("", found[1]) if found else ""
    return max(DELIMITERS, key=header.count)  # the first of equals: a comma


def _records(text: str, name: str) -> list[tuple[int, list[str]]]:
    """Give all records that are not blank, each with the line it starts on."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), skipinitialspace=True, strict=True)
    records: list[tuple[int, list[str]]] = []
    line = 1
    try:
        for fields in reader:
            if fields:
                records.append((line, fields))
            line = reader.line_num + 1
    except csv.Error as error:
        raise TableError(f"line {line} of {name} {_complaint(str(error))}") from None
    if not records:
        raise TableError(f"{name} has no header; expected the names of the columns on its first line")
    return records


def _complaint(error: str) -> str:
    if "field limit" in error:
        limit = csv.field_size_limit()
        return f"has a field of more than {limit} characters; a quote that is never closed makes one"
    if "end of data" in error:
        return "opens a quote that is never closed"
    if "expected after" in error:
        return "has text after a closing quote; a quote inside a quoted field is written twice"
    return f"is not CSV: {error}"


def _checked(header: tuple[int, list[str]], name: str) -> list[str]:
    line, names = header[0], [field.strip() for field in header[1]]
    places: dict[str, int] = {}
    for k, column in enumerate(names, 1):
        if not column:
            raise TableError(f"column {k} of {name} has no name on line {line}")
        if column in places:
            raise TableError(f"columns {places[column]} and {k} of {name} are both named {shown(column)} on line {line}")
        places[column] = k
    return names


def _fields(count: int) -> str:
    return f"{count} field" + ("" if count == 1 else "s")
