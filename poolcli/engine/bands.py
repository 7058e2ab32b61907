"""The start of parallel loops, from any thread and in any process.

Of Numba's threading layers, `workqueue` ends the process when two threads start loops at once, `omp` when a process
starts one that was forked from one that had, and `tbb` cannot be forked while a loop runs. So loops take turns but
under `omp`, a fork waits for its turn, and the loops of a forked process run on one thread, which changes no number.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache
from threading import Lock
from typing import Any

from poolcli.engine.compile import specialise
from poolcli.engine.internals import compiler_lock, threading_layer

_turn = Lock()
_forked = False


class Launcher:
    """A function with a parallel loop, to call as it is."""

    def __init__(self, function: Callable[..., Any], signature: Any, **bound: Any) -> None:
        self._function, self._signature, self._bound = function, signature, bound
        self._compiled = cache(self._compile)

    def __call__(self, *arguments: Any) -> Any:
        """Run the loop, in parallel where that is safe."""
        compiled = self._compiled(not _forked)
        with nullcontext() if _layer() == "omp" else _turn:
            return compiled(*arguments)

    def _compile(self, parallel: bool) -> Any:
        return specialise(self._function, self._signature, parallel=parallel, **self._bound)


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
