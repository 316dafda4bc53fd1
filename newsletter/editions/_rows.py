"""Rows <-> numpy columns, without a Python object a value on PostgreSQL.

Instants are microseconds, dates days since 1970 in UTC; NONE stands for null. PostgreSQL gives a column as one array in
its binary form and takes rows as binary COPY; SQLite gives and takes tuples.
Source: PostgreSQL manual, "COPY, Binary Format"; array_recv and array_send in its arrayfuncs.c.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray

Ints = NDArray[np.int64]
NONE = int(np.iinfo(np.int64).min)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1)
_PG_MICROSECONDS, _PG_DAYS = 946_684_800_000_000, 10_957  # from 1970 to PostgreSQL's 2000-01-01
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Words:
    """A column of few different texts: row i is texts[codes[i]]."""

    codes: Ints
    texts: tuple[str, ...]

    def take(self, places: NDArray[Any]) -> Words:
        return Words(self.codes[places], self.texts)

    def equal(self, text: str) -> NDArray[np.bool_]:
        same: NDArray[np.bool_] = self.codes == (self.texts.index(text) if text in self.texts else -1)
        return same


@dataclass(frozen=True)
class Field:
    """A column to write. kind: h, i, q (integers of 2, 4, 8 bytes), b (0 or 1), d (date), t (instant), s (text), j (JSON text).

    values: one for all rows, or an array (s, j: bytes of one length).
    """

    name: str
    kind: str
    values: Any


def micros(at: datetime) -> int:
    return (at - EPOCH) // _MICROSECOND


def instant(at: int) -> datetime:
    return EPOCH + timedelta(microseconds=at)


def day_number(on: date) -> int:
    return (on - _EPOCH_DAY).days


def day(number: int) -> date:
    return _EPOCH_DAY + timedelta(days=number)


def random_ids(count: int) -> NDArray[np.bytes_]:
    """`models.papers.random_id`, many at once."""
    drawn = np.frombuffer(bytearray(os.urandom(12 * count)), np.uint8)
    drawn[::12] &= 0x7F
    return np.frombuffer(base64.urlsafe_b64encode(drawn.tobytes()), "S16")


def among(column: str, ids: Ints) -> tuple[str, Any]:
    """A condition and its parameter: the column holds one of these ids."""
    if connection.vendor == "postgresql":
        return f"{column} = ANY(%s)", ids
    return f"{column} IN (SELECT value FROM json_each(%s))", json.dumps(ids.tolist())  # noqa: S608 (our own names)


def among_texts(column: str, texts: Sequence[str]) -> tuple[str, Any]:
    if connection.vendor == "postgresql":
        return f"{column} = ANY(%s::text[])", list(texts)
    return f"{column} IN (SELECT value FROM json_each(%s))", json.dumps(list(texts))  # noqa: S608 (our own names)


def read(kinds: str, sql: str, params: Sequence[Any]) -> list[Any]:
    """The columns of a SELECT. kinds, one letter a column: i (integer), t (instant), d (date), w (Words; never null)."""
    if connection.vendor == "postgresql":
        return _read_arrays(kinds, sql, params)
    with connection.cursor() as cursor:
        cursor.execute(sql, [_adapted(param) for param in params])
        rows = cursor.fetchall()
    found = list(zip(*rows, strict=True)) if rows else [()] * len(kinds)
    return [_column(kind, list(values)) for kind, values in zip(kinds, found, strict=True)]


def tuples(sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    """The rows of a SELECT whose parameters may be arrays of ids."""
    with _cursor() if connection.vendor == "postgresql" else connection.cursor() as cursor:
        cursor.execute(sql, params if connection.vendor == "postgresql" else [_adapted(param) for param in params])
        return list(cursor.fetchall())


def write(table: str, fields: Sequence[Field], count: int) -> None:
    """Rows of these columns, in one statement."""
    names = ", ".join(f'"{field.name}"' for field in fields)
    if connection.vendor == "postgresql":
        with _cursor() as cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(copied(fields, count))
        return
    marks = ", ".join(["%s"] * len(fields))
    rows = zip(*(_values(field, count) for field in fields), strict=True)
    with connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(rows))  # noqa: S608 (our own names)


def execute(sql: str, params: Sequence[Any]) -> None:
    """A statement whose parameters may be arrays of ids."""
    with _cursor() if connection.vendor == "postgresql" else connection.cursor() as cursor:
        cursor.execute(sql, params if connection.vendor == "postgresql" else [_adapted(param) for param in params])


def copied(fields: Sequence[Field], count: int) -> bytes:
    """PostgreSQL's binary COPY: each row is its number of fields, then length and value of each, all of fixed width."""
    columns: list[tuple[str, Any, Any]] = [("fields", ">i2", len(fields))]
    for field in fields:
        kind, values = _wire(field)
        columns.append((f"{field.name} length", ">i4", kind.itemsize + (field.kind == "j")))
        if field.kind == "j":
            columns.append((f"{field.name} version", "i1", 1))
        if kind.itemsize:
            columns.append((field.name, kind, values))
    rows = np.empty(count, np.dtype([(name, kind) for name, kind, _ in columns]))
    for name, _, values in columns:
        rows[name] = values
    return b"PGCOPY\n\xff\r\n\0" + bytes(8) + rows.tobytes() + b"\xff\xff"


def _wire(field: Field) -> tuple[np.dtype[Any], Any]:
    """The bytes of one column: their type and the values in it."""
    if field.kind in "sj":
        values = field.values.encode() if isinstance(field.values, str) else field.values
        return (values.dtype if isinstance(values, np.ndarray) else np.dtype(f"S{len(values)}")), values
    kind = {"h": ">i2", "i": ">i4", "q": ">i8", "b": "i1", "d": ">i4", "t": ">i8"}[field.kind]
    return np.dtype(kind), field.values - {"d": _PG_DAYS, "t": _PG_MICROSECONDS}.get(field.kind, 0)


def _adapted(param: Any) -> Any:
    """A parameter as SQLite stores it."""
    if isinstance(param, datetime):
        return connection.ops.adapt_datetimefield_value(param)
    return param.isoformat() if isinstance(param, date) else param


def _values(field: Field, count: int) -> list[Any]:
    """A field's values as SQLite takes them."""
    if not isinstance(field.values, np.ndarray):
        values = [field.values] * count
    else:
        values = field.values.tolist()
    if field.kind == "t":
        known = {at: connection.ops.adapt_datetimefield_value(instant(at)) for at in set(values)}
        return [known[at] for at in values]
    if field.kind == "d":
        return [day(number).isoformat() for number in values]
    return [value.decode().rstrip() if isinstance(value, bytes) else value for value in values]


def _column(kind: str, values: list[Any]) -> Any:
    if kind == "w":
        return _words(values)
    if kind == "i":
        return np.array(values, np.int64)
    unit = "us" if kind == "t" else "D"
    texts = [value.replace(tzinfo=None) if isinstance(value, datetime) else value for value in values]
    return np.array(texts, f"datetime64[{unit}]").astype(np.int64)


def _words(values: list[str]) -> Words:
    codes = {text: code for code, text in enumerate(dict.fromkeys(values))}
    return Words(np.fromiter(map(codes.__getitem__, values), np.int64, len(values)), tuple(codes))


_AGGREGATES = {
    "i": "array_agg({}::bigint)",
    "t": "array_agg(coalesce({}, '-infinity'))",
    "d": "array_agg(coalesce({}, '-infinity'))",
    "w": "string_agg({}, E'\\n')",
}
_ELEMENTS = {"i": ">i8", "t": ">i8", "d": ">i4"}


def _read_arrays(kinds: str, sql: str, params: Sequence[Any]) -> list[Any]:
    names = [f"c{number}" for number in range(len(kinds))]
    wanted = ", ".join(_AGGREGATES[kind].format(name) for kind, name in zip(kinds, names, strict=True))
    statement = f"WITH found ({', '.join(names)}) AS MATERIALIZED ({sql}) SELECT {wanted} FROM found"  # noqa: S608 (our own names)
    with _cursor() as cursor:
        cursor.execute(statement, params, binary=True)
        values = [cursor.pgresult.get_value(0, number) for number in range(len(kinds))]
    return [_array(kind, value) for kind, value in zip(kinds, values, strict=True)]


def _array(kind: str, value: bytes | None) -> Any:
    if kind == "w":
        return _words(value.decode().split("\n") if value is not None else [])
    if value is None:
        return np.zeros(0, np.int64)
    element = _ELEMENTS[kind]
    found = np.frombuffer(value, np.dtype([("length", ">i4"), ("value", element)]), offset=20)["value"].astype(np.int64)
    if kind == "i":
        return found
    null = found == np.iinfo(element).min
    return np.where(null, NONE, found + (_PG_MICROSECONDS if kind == "t" else _PG_DAYS))


def _cursor() -> Any:
    """A cursor that binds in the server and takes arrays of ids. Django's own binds in the client."""
    import psycopg

    connection.ensure_connection()
    cursor = psycopg.Cursor(connection.connection)
    cursor.adapters.register_dumper(np.ndarray, _ids_dumper())
    return cursor


def _ids_dumper() -> type:
    from psycopg.adapt import Dumper
    from psycopg.pq import Format

    class Ids(Dumper):
        """int64 -> bigint[]."""

        format = Format.BINARY
        oid = 1016

        def dump(self, obj: Ints) -> bytes:
            rows = np.empty(len(obj), np.dtype([("length", ">i4"), ("value", ">i8")]))
            rows["length"], rows["value"] = 8, obj
            return np.array([1, 0, 20, len(obj), 1], ">i4").tobytes() + rows.tobytes()

    return Ids
