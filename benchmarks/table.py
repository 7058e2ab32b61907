"""The table: as text while it grows, as Markdown, as JSON."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from benchmarks.reasons import REASONS, UNKNOWN
from benchmarks.rows import BEST, LIMIT
from benchmarks.running import Line, Other, Verdict

LEGEND = """\
Each work is done by poolcli and by its peers in turns, in one run, with the same number of threads. Amounts are ms
unless said: the least of all turns. `spread` is how far the median lies above it. Below 1, the ratio means that poolcli
is faster than the best peer.

Before anything is timed, results are compared with float64 NumPy on a smaller image. `error` is how far poolcli is from
that, and what is allowed. A peer that is further away than the row allows peers stands in brackets, with its
difference: its time is told, but it does not count as the best peer. Neither does what stands in italics, which is
another work for comparison.
"""

MISSED = "What is missed, and why"

HEAD = (
    "| work | input | poolcli | spread | error | peers | ratio | target | met |\n|---|---|---|---|---|---|---|---|---|"
)


def number(value: float | None) -> str:
    """Return three digits of a number, and no exponent where people need none."""
    if value is None:
        return "-"
    if not math.isfinite(value) or value == 0:
        return f"{value:g}"
    if abs(value) < 1e-3:
        return f"{value:.0e}"
    digits = max(2 - math.floor(math.log10(abs(value))), 0)
    return f"{value:.{digits}f}" if digits < 3 else f"{value:.{digits}f}".rstrip("0")


def cells(line: Line) -> list[str]:
    """Return the cells of a line."""
    row = line.row
    unit = "" if row.unit == "ms" else f" {row.unit}"
    return [
        row.work,
        " x ".join(map(str, line.shape)),
        number(line.ours.least) + unit,
        f"{line.ours.spread:.0f} %",
        _error(line),
        "; ".join(_peer(name, other, line) for name, other in _fastest_first(line.others)) or "-",
        "; ".join(_ratio(verdict, unit) for verdict in line.verdicts),
        "; ".join(number(verdict.target) for verdict in line.verdicts),
        "; ".join({True: "yes", False: "**no**", None: "-"}[verdict.met] for verdict in line.verdicts),
    ]


def _fastest_first(others: Mapping[str, Other]) -> list[tuple[str, Other]]:
    return sorted(others.items(), key=lambda item: item[1].amount.least if item[1].amount else math.inf)


def _error(line: Line) -> str:
    if line.difference is None:
        return "-"
    wrong = "" if line.correct else "**wrong** "
    return f"{wrong}{number(line.difference)} of {number(line.row.tolerance)} {line.row.agreement.unit}"


def _peer(name: str, other: Other, line: Line) -> str:
    if other.amount is None:
        return f"{name} cannot"
    text = f"{name} {number(other.amount.least)}"
    if name in line.row.beside:
        return f"*{text}*"
    if other.counts:
        return text
    return f"({text}, differs by {number(other.difference)} {line.row.agreement.unit})"


def _ratio(verdict: Verdict, unit: str) -> str:
    if verdict.against == LIMIT:
        return number(verdict.ratio) + (unit or " ms")
    known = verdict.against != BEST and verdict.ratio is not None
    return number(verdict.ratio) + (f" of {verdict.against}" if known else "")


def markdown(lines: Sequence[Line], about: Mapping[str, Any], absent: Sequence[str], command: str) -> str:
    """Return the page: how it was made, what on, and a table for each group."""
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    parts = [
        "# Benchmarks",
        f"Made by `{command}` on {about['date']}.",
        f"{about['processor']}, {about['cores']} cores, {about['memory']}; {about['threads']} threads. {versions}.",
        f"Left out, because they are not installed: {', '.join(absent)}." if absent else "",
        LEGEND.strip(),
    ]
    for group, members in groupby(lines, key=lambda line: line.group):
        rows = "\n".join(f"| {' | '.join(cells(line))} |" for line in members)
        parts += [f"## {group}", f"{HEAD}\n{rows}"]
    if missed := [_reason(line) for line in lines if any(verdict.met is False for verdict in line.verdicts)]:
        parts += [f"## {MISSED}", "\n".join(dict.fromkeys(missed))]
    return "\n\n".join(part for part in parts if part) + "\n"


def _reason(line: Line) -> str:
    key = line.group, line.row.work
    return f"- {line.group}, {line.row.work}: {REASONS.get(key) or REASONS.get((line.group, '')) or UNKNOWN}"


def as_json(lines: Sequence[Line], about: Mapping[str, Any], absent: Sequence[str]) -> dict[str, Any]:
    """Return the same as dictionaries and lists."""
    return {**about, "left_out": [*absent], "rows": [_json_of(line) for line in lines]}


def _json_of(line: Line) -> dict[str, Any]:
    row = line.row
    return {
        "group": line.group,
        "work": row.work,
        "input": [*line.shape],
        "unit": row.unit,
        "poolcli": line.ours._asdict(),
        "difference": _finite(line.difference),
        "difference_unit": row.agreement.unit,
        "tolerance": row.tolerance,
        "peer_tolerance": row.peer_tolerance,
        "correct": line.correct,
        "peers": {
            name: {
                **(other.amount._asdict() if other.amount else {}),
                "difference": _finite(other.difference),
                "counts": other.counts,
                "beside": name in row.beside,
                "failure": other.failure,
            }
            for name, other in line.others.items()
        },
        "verdicts": [dataclasses.asdict(verdict) for verdict in line.verdicts],
    }


def _finite(value: float | None) -> float | str | None:
    return value if value is None or math.isfinite(value) else str(value)
