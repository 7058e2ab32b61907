"""The executor of this machine: threads decode and encode, one thread launches kernels."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import import_module
from queue import Empty, Queue
from threading import Event, Lock, Thread, get_ident
from typing import Any

from poolcli.batch.jobs import Job, Outcome, Settings
from poolcli.batch.work import StopError, Worker
from poolcli.files import forget
from poolcli.pictures import Notice

PATIENCE = 3.0  # seconds, for jobs that are begun when a batch is stopped: a decoder may never return
_LOOK = 0.1  # seconds from one look at the stop to the next


def execute(jobs: Sequence[Job], settings: Settings, threads: int, stop: Event, notice: Notice) -> Iterator[Outcome]:
    """Do the jobs, and yield what became of each, as they end.

    After `stop` is set no other is begun, and those that are not done by then are given up when patience ends.

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
        kernels.submit(import_module, "poolcli.engine.windows")

    def compute(function: Any, *arguments: Any) -> Any:
        return kernels.submit(function, *arguments).result()

    failed = Event()  # and that was one too many

    def stopped() -> bool:
        return stop.is_set() or failed.is_set()

    worker = Worker(settings, prepare, compute, stopped, notice)
    # No SimpleQueue: a signal that comes as its timeout ends makes it wait for ever, as of CPython 3.11.
    outcomes: Queue[Outcome | BaseException | None] = Queue()
    waiting, taking = iter(jobs), Lock()
    busy: dict[int, Job] = {}  # of each thread

    def work() -> None:
        try:
            while not stopped():
                with taking:
                    job = next(waiting, None)
                if job is None:
                    break
                busy[get_ident()] = job
                outcome = worker.do(job)
                if outcome.error and settings.fail_fast:
                    failed.set()
                del busy[get_ident()]
                outcomes.put(outcome)
            outcomes.put(None)
        except StopError:
            del busy[get_ident()]
            outcomes.put(None)
        except BaseException as error:
            outcomes.put(error)

    # One more than asked for: while the picture of one is computed it neither reads nor writes.
    running = min(threads + (threads > 1), len(jobs))
    for _ in range(running):
        Thread(target=work, daemon=True).start()
    given_up = float("inf")
    while running:
        try:
            outcome = outcomes.get(timeout=_LOOK)
        except Empty:
            if stop.is_set():
                given_up = min(given_up, time.monotonic() + PATIENCE)
            if time.monotonic() < given_up:
                continue
            forget()
            for job in list(busy.values()):
                yield Outcome(job, "failed", error=f"not finished {PATIENCE:g} s after the signal to stop")
            break
        gc.enable()
        if outcome is None:
            running -= 1
        elif isinstance(outcome, BaseException):
            failed.set()
            raise outcome
        else:
            yield outcome
    kernels.shutdown(wait=False)
