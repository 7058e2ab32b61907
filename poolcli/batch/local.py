"""The executor of this machine: threads decode and encode, one thread launches kernels."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import import_module
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import Any

from poolcli.batch.jobs import Job, Outcome, Settings
from poolcli.batch.work import Say, StopError, Worker


def execute(jobs: Sequence[Job], settings: Settings, threads: int, stop: Event, notice: Say) -> Iterator[Outcome]:
    """Do the jobs, and yield what became of each, as they end; after `stop` is set no other is begun.

    Each of the threads has one picture at a time: memory depends on their number, not on that of the files.
    """
    gc.disable()  # until the first is done: the many imports before it make no garbage, and 0.1 s of searches
    # NumPy starts threads of OpenBLAS that spin for 0.1 s of processor time, and are asked for nothing here.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Threads of OpenMP that wait for more work in a loop would take the cores from the decoders.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    # Numba's own threads are started from one thread: its simplest layer ends the process if two ask for them at once.
    kernels = ThreadPoolExecutor(1, "kernels")

    @cache
    def prepare() -> None:
        """Import Numba, which takes longest, while the first picture is decoded: a decoder leaves Python free."""
        kernels.submit(import_module, "poolcli.kernels.windows")

    def compute(function: Any, *arguments: Any) -> Any:
        return kernels.submit(function, *arguments).result()

    worker = Worker(settings, prepare, compute, stop.is_set, notice)
    outcomes: SimpleQueue[Outcome | BaseException | None] = SimpleQueue()
    waiting, taking = iter(jobs), Lock()

    def work() -> None:
        try:
            while not stop.is_set():
                with taking:
                    job = next(waiting, None)
                if job is None:
                    break
                outcome = worker.do(job)
                if outcome.error and settings.fail_fast:
                    stop.set()
                outcomes.put(outcome)
            outcomes.put(None)
        except StopError:
            outcomes.put(None)
        except BaseException as error:
            outcomes.put(error)

    # One more than asked for: while the picture of one is computed it neither reads nor writes.
    running = min(threads + (threads > 1), len(jobs))
    for _ in range(running):
        Thread(target=work, daemon=True).start()
    while running:
        outcome = outcomes.get()
        gc.enable()
        if outcome is None:
            running -= 1
        elif isinstance(outcome, BaseException):
            stop.set()
            raise outcome
        else:
            yield outcome
    kernels.shutdown(wait=False)
