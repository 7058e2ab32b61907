"""What a benchmark is: a work, what it is done to, who does it, what is true, and what is aimed at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.agreement import LEVELS, Agreement

Shape = tuple[int, ...]
Call = Callable[[], Any]
"""Does the work once: this alone is timed."""
Prepare = Callable[[Any], Call]
"""Takes the input, brings it into the form that a library wants, and returns the call."""

BEST = "the best peer"
LIMIT = "at most"  # an amount in the unit of the row, whatever others need
HEIGHT = 160  # of the images that results are checked on


@dataclass(frozen=True)
class Row:
    """One line of a table.

    `peers` do the same work, and are known by the first word of their name; `beside` is measured with them, but is no
    peer: the best peer is never one of these. `targets` are the largest ratios aimed at: to BEST, to one of the others
    by name, or an amount as LIMIT.
    """

    work: str
    shape: Shape
    given: Callable[[Shape], Any]
    ours: Prepare
    truth: Callable[[Any], Any] | None = None
    peers: Mapping[str, Prepare] = field(default_factory=dict)
    beside: Mapping[str, Prepare] = field(default_factory=dict)
    targets: Mapping[str, float | None] = field(default_factory=dict)
    agreement: Agreement = LEVELS
    tolerance: float = 0.501  # of poolcli: float32, rounded once
    peer_tolerance: float = 1.0  # of those that count as peers: rounded as they like
    checked: Shape = ()  # the shape that results are checked on, unless HEIGHT tells
    unit: str = "ms"  # of time; where it is another, calls return the amount
    warm: bool = True  # whether there is a call before those that are timed
    quick: bool = True  # whether --quick has it


def smaller(shape: Shape, height: int) -> Shape:
    """Return a shape with images so many rows high, of the same proportions, and of a batch two at least."""
    *batch, rows, columns, channels = shape
    share = min(height / rows, 1)
    first = (max(2, round(batch[0] * share / 2)),) if batch else ()
    return (*first, max(round(rows * share), 2), max(round(columns * share), 2), channels)
