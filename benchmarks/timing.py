"""Times, taken in turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from benchmarks.rows import Call

PAUSE = 0.01  # seconds before each call
SECONDS = 1.0  # that each call of a row gets, all its turns together
TURNS = 3, 30  # at least and at most
PATIENCE = 20.0  # seconds that a call may take before it is made but once


class Amount(NamedTuple):
    """What a call takes: the least of its turns, and how many percent their median lies above that."""

    least: float
    spread: float
    turns: int

    @classmethod
    def of(cls, amounts: Sequence[float]) -> Amount:
        """Return what several turns come to."""
        least = min(amounts)
        return cls(least, 100 * (statistics.median(amounts) / least - 1) if least else 0.0, len(amounts))


def in_turns(calls: Sequence[Call], turns: int, unit: str = "ms") -> list[Amount]:
    """Return what each call takes: milliseconds, or in another unit the number that it returns.

    They take turns, so that a busy moment hits all alike, and pause before each, for the threads of the one before to
    sleep: OpenCV's and OpenMP's wait for more work in a loop, on the cores that the next one needs.
    """
    rounds = [[_amount(call, unit) for call in calls] for _ in range(turns)]
    return [Amount.of(amounts) for amounts in zip(*rounds, strict=True)]


def timed_once(seconds: float, unit: str) -> Amount | None:
    """Return what the first call took, if that is so long that it is not made again."""
    return Amount(1e3 * seconds, 0.0, 1) if seconds > PATIENCE and unit == "ms" else None


def turns_for(seconds: float, calls: int, quick: bool) -> int:
    """Return how many turns so many calls get, of which one takes so many seconds together."""
    if quick:
        return 1
    least, most = TURNS
    return min(max(int(calls * SECONDS / max(seconds, 1e-6)), least), most)


def _amount(call: Call, unit: str) -> float:
    time.sleep(PAUSE)
    begin = time.perf_counter()
    result: Any = call()
    milliseconds = 1e3 * (time.perf_counter() - begin)
    return milliseconds if unit == "ms" else float(result)
