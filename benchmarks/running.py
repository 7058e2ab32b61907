"""One row after the other: results are checked, then times are taken."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NamedTuple

from benchmarks import machine
from benchmarks.rows import BEST, HEIGHT, LIMIT, Call, Prepare, Row, Shape, smaller
from benchmarks.timing import Amount, in_turns, timed_once, turns_for

GROUPS = ("downsample", "upsample", "resize", "reduce", "backward", "maps", "pyramids", "files", "folders", "start",
          "memory", "parts", "scaling", "large")  # fmt: skip
USUAL = tuple(group for group in GROUPS if group != "large")  # which takes as long as all the others
QUICK_HEIGHT = 240  # of the images of --quick
COLD_TURNS = 2  # of what has no warm call before


@dataclass(frozen=True)
class Other:
    """What a peer takes, how far it is from the truth, and whether it counts as a peer."""

    amount: Amount | None
    difference: float | None
    counts: bool
    failure: str = ""


@dataclass(frozen=True)
class Verdict:
    """A ratio, or an amount, and what it should be at most; there is none where nobody counts, or of small images."""

    against: str
    ratio: float | None
    target: float | None
    met: bool | None


@dataclass(frozen=True)
class Line:
    """What became of a row."""

    group: str
    row: Row
    shape: Shape
    ours: Amount
    difference: float | None
    others: Mapping[str, Other]
    verdicts: tuple[Verdict, ...]

    @property
    def correct(self) -> bool:
        """Return whether poolcli's result is as near the truth as it must be."""
        return self.difference is None or self.difference <= self.row.tolerance


def lines(groups: tuple[str, ...], quick: bool) -> Iterator[Line]:
    """Yield what becomes of each row of these groups."""
    for group in groups:
        for row in import_module(f"benchmarks.groups.{group}").rows():
            if row.quick or not quick:
                yield run(group, row, quick)


def missing(groups: tuple[str, ...]) -> list[str]:
    """Return the peers of these groups that are not installed, by the first word of their names."""
    rows = [row for group in groups for row in import_module(f"benchmarks.groups.{group}").rows()]
    names = dict.fromkeys(name.split()[0] for row in rows for name in (*row.peers, *row.beside))
    return [name for name in names if not machine.has(name)]


def run(group: str, row: Row, quick: bool) -> Line:
    """Check and time a row."""
    peers, beside = (
        {name: prepare for name, prepare in works.items() if machine.has(name)} for works in (row.peers, row.beside)
    )
    difference, differences = _differences(row, peers)
    shape = smaller(row.shape, min(QUICK_HEIGHT, row.shape[-3] // 2)) if quick else row.shape
    took, failures = _timed(row, {**peers, **beside}, row.given(shape), quick)
    others = {
        name: Other(
            took.get(name), differences.get(name), _counts(name, row, differences, took), failures.get(name, "")
        )
        for name in {**peers, **beside}
    }
    return Line(group, row, shape, took[""], difference, others, tuple(_verdicts(row, took[""], others, quick)))


def _timed(
    row: Row, others: Mapping[str, Prepare], given: Any, quick: bool
) -> tuple[dict[str, Amount], dict[str, str]]:
    """Return what each takes, poolcli's by an empty name, and why the others cannot."""
    tried = _tried({**({"": row.ours} if row.warm else {}), **others}, given)
    calls = {"": row.ours(given), **tried.calls}
    took = {name: once for name, seconds in tried.seconds.items() if (once := timed_once(seconds, row.unit))}
    repeated = {name: call for name, call in calls.items() if name not in took}
    seconds = sum(tried.seconds.get(name, 0.0) for name in repeated)
    single = quick or row.unit == "MB"
    turns = turns_for(seconds, len(repeated), quick) if row.warm else 1 if single else COLD_TURNS
    took |= zip(repeated, in_turns([*repeated.values()], turns, row.unit), strict=True)
    return took, tried.failures


def _differences(row: Row, peers: Mapping[str, Prepare]) -> tuple[float | None, dict[str, float]]:
    """Return how far poolcli is from the truth, and each peer that gives a result; none, where the row has no truth."""
    if row.truth is None:
        return None, {}
    given = row.given(row.checked or smaller(row.shape, HEIGHT))
    truth = row.truth(given)
    seen = _tried({"": row.ours, **peers}, given, lambda result: row.agreement.of(result, truth)).seen
    return seen.pop(""), seen


class Tried(NamedTuple):
    """Calls that were made once, what was seen of their results, how long they took, why others could not be made."""

    calls: dict[str, Call]
    seen: dict[str, Any]
    seconds: dict[str, float]
    failures: dict[str, str]


def _tried(works: Mapping[str, Prepare], given: Any, look: Callable[[Any], Any] = lambda result: None) -> Tried:
    """Prepare works and do each once.

    A peer may lack a format, or have a limit that the image exceeds. What poolcli, whose name is empty, raises is an
    error of this run.
    """
    tried = Tried({}, {}, {}, {})
    for name, prepare in works.items():
        try:
            call = prepare(given)
            begin = time.perf_counter()
            result = call()
            tried.seconds[name] = time.perf_counter() - begin
            tried.seen[name] = look(result)
        except Exception as error:  # whatever libraries raise
            if not name:
                raise
            tried.failures[name] = str(error).partition("\n")[0] or type(error).__name__
            print(f"{name} cannot do this: {tried.failures[name]}", file=sys.stderr)
        else:
            tried.calls[name] = call
    return tried


def _counts(name: str, row: Row, differences: Mapping[str, float], took: Mapping[str, Amount]) -> bool:
    near = row.truth is None or differences.get(name, float("inf")) <= row.peer_tolerance
    return name in row.peers and name in took and near


def _verdicts(row: Row, ours: Amount, others: Mapping[str, Other], quick: bool) -> Iterator[Verdict]:
    best = min((one.amount.least for one in others.values() if one.counts and one.amount), default=None)
    for against, target in row.targets.items() or [(BEST, None)]:
        other = others.get(against)
        amount = best if against == BEST else other.amount.least if other and other.amount else None
        ratio = ours.least if against == LIMIT else ours.least / amount if amount else None
        met = None if quick or target is None or ratio is None else ratio <= target
        yield Verdict(against, ratio, target, met)
