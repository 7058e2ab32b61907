"""Tables of rows, in the formats that people read them with."""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, BinaryIO

from poolcli.batch.jobs import BatchError, Outcome, Row

HEAD = ("input", "frame")


class Table:
    """A table that grows row by row."""

    same = True  # columns, in all rows
    readable = True  # on a terminal

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.columns: tuple[str, ...] = ()
        self.count = 0

    def misfit(self, rows: Iterable[Row]) -> str:
        """Return why rows cannot follow those before them, or nothing."""
        for row in rows if self.same else ():
            columns = self.columns or row.columns
            if row.columns != columns:
                what = f"gives {_described(row.columns)}, and the rows before it have {_described(columns)}"
                return f"{what}: {_alike(row.columns, columns)}--format jsonl takes rows of any kind"
            self.columns = columns
        return ""

    def add(self, name: str, row: Row) -> None:
        """Add a row."""
        self.put(name, row)
        self.count += 1

    def put(self, name: str, row: Row) -> None:
        """Write a row, or keep it until the end."""
        raise NotImplementedError

    def end(self) -> None:
        """Write what has to follow."""


def _described(columns: tuple[str, ...]) -> str:
    return f"{len(columns)} values, {columns[0]} ... {columns[-1]}" if len(columns) > 1 else f"1 value, {columns[0]}"


def _alike(columns: tuple[str, ...], others: tuple[str, ...]) -> str:
    """Return the option that makes grey of colour, or colour of grey, where they differ so."""
    kinds = [
        {"grey", "r", "a", "index"} & {part for name in names for part in name.split("_")}
        for names in (columns, others)
    ]
    return "--colour rgb or --colour grey makes them alike, " if all(kinds) and kinds[0] != kinds[1] else ""


def joined(rows: Sequence[Row]) -> Row:
    """Return one row of the numbers of several, each as it is."""
    if len(rows) == 1:
        return rows[0]
    import numpy as np

    alike = len({row.values.dtype for row in rows}) == 1
    parts = [row.values if alike else row.values.astype(object) for row in rows]
    return Row(rows[0].frame, tuple(name for row in rows for name in row.columns), np.concatenate(parts))


def _numbers(values: Any) -> Any:
    """Return an array of numbers: rows of several dtypes are of objects."""
    import numpy as np

    return np.array(values.tolist()) if values.dtype == object else values


class _Csv(Table):
    def put(self, name: str, row: Row) -> None:
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        if not self.count:
            writer.writerow((*HEAD, *row.columns))
        writer.writerow((name, row.frame, *row.values.tolist()))
        self.file.write(text.getvalue().encode("utf-8", "surrogateescape"))


class _JsonLines(Table):
    same = False

    def put(self, name: str, row: Row) -> None:
        self.file.write(f"{_as_json(name, row)}\n".encode())


class _Json(Table):
    same = False

    def put(self, name: str, row: Row) -> None:
        self.file.write(f"{',' if self.count else '['}\n{_as_json(name, row)}".encode())

    def end(self) -> None:
        self.file.write(b"\n]\n" if self.count else b"[]\n")


def _as_json(name: str, row: Row) -> str:
    """Return an object; JSON has no NaN and no infinity: they are null."""
    values = [None if isinstance(v, float) and not math.isfinite(v) else v for v in row.values.tolist()]
    return json.dumps({"input": name, "frame": row.frame, **dict(zip(row.columns, values, strict=True))})


class _Kept(Table):
    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.names: list[str] = []
        self.rows: list[Row] = []

    def put(self, name: str, row: Row) -> None:
        self.names.append(name)
        self.rows.append(row)


class _Npy(_Kept):
    readable = False

    def end(self) -> None:
        import numpy as np

        np.lib.format.write_array(self.file, _numbers(self.values()), allow_pickle=False)

    def values(self) -> Any:
        import numpy as np

        return np.stack([row.values for row in self.rows])


class _Npz(_Npy):
    def end(self) -> None:
        import numpy as np

        frames = np.array([row.frame for row in self.rows])
        arrays: Any = {"input": np.array(self.names), "frame": frames, "columns": np.array(self.columns)}
        np.savez_compressed(self.file, **arrays, values=_numbers(self.values()))


class _Parquet(_Npy):
    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        try:
            import pyarrow.parquet
        except ImportError:
            raise BatchError(
                "Parquet needs the package pyarrow: pip install 'poolcli-image[parquet]' brings it"
            ) from None
        self._arrow = pyarrow

    def end(self) -> None:
        names = [name.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for name in self.names]
        head = {"input": names, "frame": [row.frame for row in self.rows]}
        table = self._arrow.table({**head, **dict(zip(self.columns, map(_numbers, self.values().T), strict=True))})
        self._arrow.parquet.write_table(table, self.file)


class _Terminal(_Kept):
    """For people: a line an image, or where that is too wide, a line a number."""

    same = False

    def end(self) -> None:
        from tabulate import tabulate

        width = shutil.get_terminal_size().columns
        groups: dict[tuple[str, ...], list[tuple[str, Row]]] = {}
        for name, row in zip(self.names, self.rows, strict=True):
            groups.setdefault(row.columns, []).append((name, row))
        parts = []
        for columns, members in groups.items():
            framed = any(row.frame for _, row in members)
            lines = [(f"{name}[{row.frame}]" if framed else name, *row.values.tolist()) for name, row in members]
            wide = tabulate(lines, headers=("input", *columns), floatfmt=".6g")
            if wide.index("\n") > width:
                wide = tabulate(list(zip(("input", *columns), *lines, strict=True))[1:], floatfmt=".6g",
                                headers=("", *(line[0] for line in lines)))  # fmt: skip
            parts.append(wide)
        self.file.write(("\n\n".join(parts) + "\n").encode("utf-8", "backslashreplace"))


FORMATS: Mapping[str, type[Table]] = {
    "csv": _Csv,
    "json": _Json,
    "jsonl": _JsonLines,
    "npy": _Npy,
    "npz": _Npz,
    "parquet": _Parquet,
    "table": _Terminal,
}


def in_order(outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
    """Yield outcomes in the order of their jobs, each as soon as those before it are there."""
    waiting: dict[int, Outcome] = {}
    due = 0
    for outcome in outcomes:
        waiting[outcome.job.number] = outcome
        while due in waiting:
            yield waiting.pop(due)
            due += 1
    yield from (waiting[i] for i in sorted(waiting))  # after a stop there are gaps


def fill(table: Table, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
    """Write the rows of outcomes to a table, and yield the outcomes without them; what does not fit has failed."""
    for outcome in outcomes:
        misfit = table.misfit(outcome.rows)
        for row in () if misfit else outcome.rows:
            table.add(str(outcome.job.input or "-"), row)
        outcome = replace(outcome, rows=(), added=0 if misfit else len(outcome.rows))
        yield replace(outcome, status="failed", error=misfit) if misfit else outcome
