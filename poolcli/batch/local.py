"""The executor of this machine: threads decode and encode, one thread launches kernels."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from importlib import import_module
from itertools import groupby
from queue import Empty, Queue
from threading import Event, Lock, Thread, get_ident
from typing import Any

from poolcli.batch.jobs import Job, Outcome, Settings
from poolcli.batch.plan import Jobs
from poolcli.batch.work import StopError, Worker
from poolcli.files import forget
from poolcli.pictures import Notice

PATIENCE = 3.0  # seconds, for jobs that are begun when a batch is stopped: a decoder may never return
_LOOK = 0.1  # seconds from one look at the stop to the next
_IMPORTS = 1.0  # seconds that the imports of a first job take, at most


def execute(jobs: Jobs, settings: Settings, threads: int, stop: Event, notice: Notice) -> Iterator[Outcome]:
    """Do the jobs, and yield what became of each, as they end.

    After `stop` is set no other is begun, and those that are not done by then are given up when patience ends.

    Each of the threads has one image at a time: memory depends on their number, not on that of the files.
    """
    keep_threads_quiet()
    gc.disable()  # for a second, or until the first is done: the many imports make no garbage, and 0.1 s of searches
    # One more than asked for: while the image of one is computed it neither reads nor writes.
    yield from _Threads(jobs, settings, stop, notice).run(min(threads + (threads > 1), len(jobs)))


def keep_threads_quiet() -> None:
    """Let no threads of libraries wait in a loop, before these are imported."""
    # NumPy starts threads of OpenBLAS that spin for 0.1 s of processor time, and are asked for nothing here.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Threads of OpenMP that wait for more work in a loop would take the cores from the decoders.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


class _Threads:
    """Threads that take the jobs one by one, and one more that launches kernels for all."""

    def __init__(self, jobs: Iterable[Job], settings: Settings, stop: Event, notice: Notice) -> None:
        self._fail_fast, self._stop = settings.fail_fast, stop
        self._failed = Event()  # and that was one too many
        self._waiting = groupby(jobs, key=lambda job: job.input)  # an input is read once for all its jobs
        self._taking = Lock()
        self._busy: dict[int, Job] = {}  # of each thread
        # No SimpleQueue: a signal that comes as its timeout ends makes it wait for ever, as of CPython 3.11.
        self._outcomes: Queue[Outcome | BaseException | None] = Queue()
        # Numba's own threads are started from one thread: its simplest layer ends the process if two ask for them at
        # once.
        self._kernels = ThreadPoolExecutor(1, "kernels")
        # Numba takes longest to import: it does so while the first image is decoded, which leaves Python free.
        prepare = cache(partial(self._kernels.submit, import_module, "poolcli.engine.windows"))
        self._worker = Worker(settings, prepare, self._compute, self._is_stopped, notice)

    def run(self, threads: int) -> Iterator[Outcome]:
        """Start so many threads, and yield outcomes until all have ended, or are given up."""
        for _ in range(threads):
            Thread(target=self._work, daemon=True).start()
        given_up, begun = float("inf"), time.monotonic()
        while threads:
            try:
                outcome = self._outcomes.get(timeout=_LOOK)
            except Empty:
                if time.monotonic() > begun + _IMPORTS:
                    gc.enable()
                if self._stop.is_set():
                    given_up = min(given_up, time.monotonic() + PATIENCE)
                if time.monotonic() < given_up:
                    continue
                forget()
                for job in list(self._busy.values()):
                    yield Outcome(job, "failed", error=f"not finished {PATIENCE:g} s after the signal to stop")
                break
            gc.enable()
            if outcome is None:
                threads -= 1
            elif isinstance(outcome, BaseException):
                self._failed.set()
                raise outcome
            else:
                yield outcome
        self._kernels.shutdown(wait=False)

    def _work(self) -> None:
        """Do jobs until there are no more, and put what became of them where `run` finds it; None ends a thread."""
        try:
            while not self._is_stopped() and (jobs := self._take()):
                for outcome in self._worker.do(jobs, self._begin):
                    del self._busy[get_ident()]
                    if outcome.error and self._fail_fast:
                        self._failed.set()
                    self._outcomes.put(outcome)
            self._outcomes.put(None)
        except StopError:
            self._busy.pop(get_ident(), None)
            self._outcomes.put(None)
        except BaseException as error:
            self._outcomes.put(error)

    def _begin(self, job: Job) -> None:
        """Note what a thread is busy with, or end it before it begins."""
        if self._is_stopped():
            raise StopError
        self._busy[get_ident()] = job

    def _take(self) -> list[Job]:
        """Return the jobs of the next input, or none."""
        with self._taking:
            return next(([*jobs] for _, jobs in self._waiting), [])

    def _compute(self, function: Any, *arguments: Any) -> Any:
        return self._kernels.submit(function, *arguments).result()

    def _is_stopped(self) -> bool:
        return self._stop.is_set() or self._failed.is_set()
