"""Loops over bands of rows, in parallel, from any thread and in any process.

Of Numba's threading layers, `workqueue` ends the process when two threads start loops at once, `omp` when a process
starts one that was forked from one that had, and `tbb` cannot be forked while a loop runs. So loops take turns but
under `omp`, a fork waits for its turn, and the loops of a forked process run on one thread, which changes no number.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from functools import cached_property
from threading import Lock
from typing import Any

from numba import get_num_threads, set_num_threads, types

from poolcli.engine.compile import check, pointer, specialise
from poolcli.engine.internals import compiler_lock, is_compiled, launch_threads, threading_layer
from poolcli.engine.launch import run_bands

_turn = Lock()
_forked = False


class Bands:
    """A loop over rows, cut into bands of neighbours that run in parallel: each is a call of one function.

    It is a function of the first row, the row after the last, and arguments of these types, and returns 1:

        band(start, stop, *arguments) -> 1

    The loop is compiled once for these types, and takes any function of them, as `compile` makes it.

    >>> import numpy as np
    >>> def double(start, stop, values):
    ...     for i in range(start, stop):
    ...         values[i] *= 2
    ...     return 1
    >>> bands = Bands(types.Array(types.int64, 1, "C"), least=2)
    >>> values = np.arange(5)
    >>> bands.run(bands.compile(double), len(values), values)
    >>> values
    array([0, 2, 4, 6, 8])
    """

    def __init__(self, *arguments: Any, each: int = 16, least: int = 1) -> None:
        """Cut rows into `each` bands for each thread, but none of less than `least` rows."""
        self._arguments = arguments
        self._signature = types.int64(types.int64, types.int64, *arguments)
        self._each, self._least = each, least

    def compile(self, function: Callable[..., int], **bound: Any) -> Any:
        """Return a function of a band, with its placeholders bound, as `run` takes it."""
        return pointer(function, self._signature, **bound)

    def run(self, band: Any, rows: int, *arguments: Any) -> None:
        """Do all rows, or raise a MemoryError if a band found no memory for itself."""
        threads = get_num_threads()
        bands = max(1, min(self._each * threads, rows // self._least))
        launch = self._launch
        with nullcontext() if _layer() == "omp" else _turn:
            done = launch(band, rows, bands, 1 if _forked else min(threads, bands), *arguments)
        check(done, bands)

    @cached_property
    def _launch(self) -> Callable[..., int]:
        launch_threads()
        launched = (types.FunctionType(self._signature), *[types.int64] * 3, *self._arguments)
        launch: Callable[..., int] = specialise(_launch_of(len(self._arguments)), types.int64(*launched))
        return launch if is_compiled(launch) else _in_turn


def _launch_of(count: int) -> Callable[..., int]:
    """Return the loop over bands for functions of `count` arguments.

    It is written out for each number of them: passed on as a tuple they take 440 microseconds a call, and so 33.
    """
    arguments = ", ".join(f"a{k}" for k in range(count))
    text = f"""
def _launch(band, rows, bands, threads, {arguments}):
    return run_bands(band, threads, (rows, bands, {arguments}))
"""
    names: dict[str, Any] = {"run_bands": run_bands, "__name__": __name__}
    exec(text, names)
    launch: Callable[..., int] = names["_launch"]
    return launch


def use_threads(count: int) -> None:
    """Run the loops that this thread starts on no more threads than these."""
    set_num_threads(min(count, get_num_threads()))


def _in_turn(band: Callable[..., int], rows: int, bands: int, threads: int, *arguments: Any) -> int:
    """Do the same where nothing is compiled."""
    return sum(band(b * rows // bands, (b + 1) * rows // bands, *arguments) for b in range(bands))


def _layer() -> str:
    """Return the threading layer, or nothing before it is known."""
    try:
        return str(threading_layer())
    except ValueError:
        return ""


def _before_fork() -> None:
    """Wait for those that compile and launch: the child would find their locks taken for ever."""
    compiler_lock.acquire()
    _turn.acquire()


def _after_fork() -> None:
    _turn.release()
    compiler_lock.release()


def _after_fork_in_child() -> None:
    global _forked
    _forked = _forked or bool(_layer())
    _after_fork()


if hasattr(os, "register_at_fork"):  # where processes can be forked
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child)
