"""The executor of many machines: a Dask cluster, whose workers share the files with this one.

Workers decode and encode in as many threads as they have, and one more launches kernels. A job whose worker is lost is
done again elsewhere; which files it wrote before, its proofs tell. A large output that is a folder comes back from the
worker that opened its input: this process begins it and gives it its name, and all workers write boxes of it.
"""

from __future__ import annotations

import logging
import pickle
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import groupby
from pathlib import Path
from queue import Empty, Queue
from threading import Event, get_ident
from typing import TYPE_CHECKING, Any

from poolcli.batch.jobs import BatchError, Job, Outcome, Settings
from poolcli.batch.local import PATIENCE
from poolcli.batch.painting import LargeError, Painting
from poolcli.batch.plan import Jobs
from poolcli.batch.source import Source
from poolcli.batch.work import StopError, Worker, call
from poolcli.files import Proofs, forget, remove_left
from poolcli.images import ImageError
from poolcli.images.formats import folder_of
from poolcli.pictures import Notice

if TYPE_CHECKING:
    from poolcli.images.boxes import Canvas
    from poolcli.tiling import Box

_ANSWER = 4  # seconds that a scheduler has to answer
_LOOK = 0.1  # seconds from one look at the stop to the next
_COUNT = 1.0  # seconds from one count of the workers to the next
_ABSENT = 5.0  # seconds without any worker, after which that is told: one that was lost is started again
_WAITING = 2  # inputs, or boxes, that are handed out for each thread: the one at work, and the next
_LED = 2  # large outputs at once: while the last boxes of one are written, another is begun
_BOX = 1 << 20  # pixels of a box that a worker writes, unless a chunk has more: to hand one out takes milliseconds
_DYING = 1.0  # seconds in which a worker that was killed, whose connection is closed, has ended
_LOST = "the scheduler was lost before the job was done"


def connect(address: str) -> Any:
    """Return a client of the scheduler at an address, or raise a BatchError."""
    try:
        import distributed
    except ImportError:
        way = "pip install 'poolcli-image[dask]' brings it"
        raise BatchError(f"--scheduler needs the package distributed: {way}") from None
    for name in ("distributed", "distributed.client", "tornado.application", "asyncio", "concurrent.futures"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what matters is told as an error of a file
    try:
        return distributed.Client(address, timeout=_ANSWER, set_as_default=False)
    except Exception:  # of many kinds: another protocol, no address, nobody there
        way = "dask scheduler starts one, and prints its address"
        raise BatchError(f"no Dask scheduler answers at {address}: {way}") from None


def execute(jobs: Jobs, settings: Settings, client: Any, stop: Event, notice: Notice) -> Iterator[Outcome]:
    """Do the jobs, and yield what became of each, as they end; close the client.

    After `stop` is set no other is begun, and those that are not done by then are given up when patience ends.

    Memory depends on the number of threads of the workers, not on that of the files.
    """
    batch = _Batch(jobs, settings, client, stop, notice)
    try:
        yield from batch.run()
    finally:
        batch.close()


@dataclass
class _Unit:
    """The jobs of one input, which one worker does, and how far they are known to be."""

    jobs: Sequence[Job]
    large: bool = False  # this process leads, and all workers write
    future: Future[Any] | None = None
    alone: bool = False  # nothing else is at work
    begun: int | None = None  # the last of the jobs that was begun


@dataclass(frozen=True)
class _Order:
    """What a worker is told to do, as plain data."""

    number: int
    jobs: Sequence[Job]
    settings: Settings
    batch: str  # its name, under which it hears of its jobs too


class _Batch:
    """Inputs that are handed to workers, a few more than these have threads, and what comes back."""

    def __init__(self, jobs: Jobs, settings: Settings, client: Any, stop: Event, notice: Notice) -> None:
        self._settings, self._client, self._stop, self._notice = settings, client, stop, notice
        self._name = Proofs.new()
        self._executor = client.get_executor(pure=False)
        self._waiting = (_Unit([*own]) for _, own in groupby(jobs, key=lambda job: job.input))
        self._large: deque[_Unit] = deque()
        self._leaders = ThreadPoolExecutor(_LED, "outputs")
        self._suspects: list[_Unit] = []  # that were at work when workers were killed
        self._at_work: dict[int, _Unit] = {}
        self._count = 0
        self._failed = self._led = False  # and that was one too many; and there were large outputs
        self._done: Queue[int] = Queue()
        self._folders: set[Path] = set()
        self._littered: set[Path] = set()  # where workers that were killed may have left hidden files
        self._most, self._counted, self._seen = 0, 0.0, time.monotonic()  # workers
        client.subscribe_topic(self._name, self._hear)

    def run(self) -> Iterator[Outcome]:
        """Hand out inputs, and yield outcomes until all are there, or are given up."""
        given_up = float("inf")
        while self._hand_out():
            try:
                number = self._done.get(timeout=_LOOK)
            except Empty:
                if self._stop.is_set():
                    given_up = min(given_up, time.monotonic() + PATIENCE)
                if time.monotonic() < given_up:
                    continue
                yield from self._give_up()
                return
            unit = self._at_work.pop(number, None)
            if unit is not None:
                yield from self._outcomes(unit)

    def close(self) -> None:
        """Leave the cluster as it was, and no hidden files."""
        self._failed = True
        self._cancel(list(self._at_work))
        self._leaders.shutdown(wait=False, cancel_futures=True)
        if self._led:
            forget()
        if self._led and self._client.status == "running":
            with suppress(Exception):  # a worker that is lost has closed its files
                self._client.run(release, self._name, on_error="ignore")
        Proofs.forget(self._name, self._folders)
        for folder in self._littered:
            until = time.monotonic() + _DYING
            while remove_left(folder) and time.monotonic() < until:
                time.sleep(_LOOK)
        self._client.close(timeout=_ANSWER)

    def _hear(self, event: tuple[float, Any]) -> None:
        """Take what a worker says while it is at work."""
        what, *values = event[1]
        if what == "begin":
            number, job = values
            if unit := self._at_work.get(number):
                unit.begun = job
        else:
            self._notice(values[0])

    def _hand_out(self) -> bool:
        """Hand out as many inputs as there is work for, and return whether any are at work."""
        if self._stop.is_set() or self._failed:
            self._cancel([number for number, unit in self._at_work.items() if unit.begun is None])
            return bool(self._at_work)
        most = self._limit()
        while self._large and sum(unit.large for unit in self._at_work.values()) < _LED:
            self._submit(self._large.popleft())
        while len(self._at_work) < most and (unit := next(self._waiting, None)):
            self._submit(unit)
        if not self._at_work and self._suspects:
            unit = self._suspects.pop()
            unit.alone = True
            self._submit(unit)
        return bool(self._at_work)

    def _submit(self, unit: _Unit) -> None:
        number = self._count = self._count + 1
        self._at_work[number], unit.begun = unit, 0 if unit.large else None
        order = _Order(number, [job.absolute() for job in unit.jobs], self._settings, self._name)
        unit.future = self._leaders.submit(self._lead, order) if unit.large else self._executor.submit(work, order)
        unit.future.add_done_callback(lambda _: self._done.put(number))

    def _lead(self, order: _Order) -> _Result:
        """Do the jobs of one input, of which workers write the boxes."""
        self._led = True
        crew = _Workers(self._executor, order, lambda: max(self._most, 1), self._go_on)
        able = Worker(self._settings, lambda: None, call, self._is_stopped, self._notice, crew)
        return _done(able, order, lambda _: None, _Result(Proofs(self._name)))

    def _is_stopped(self) -> bool:
        return self._stop.is_set() or self._failed

    def _go_on(self) -> None:
        if self._is_stopped():
            raise StopError

    def _limit(self) -> int:
        """Return how many inputs are handed out: workers come and go."""
        if time.monotonic() > self._counted + _COUNT:
            with suppress(OSError):  # the scheduler was lost, as the jobs will tell
                threads = sum(self._client.nthreads().values())
                self._most = _WAITING * max(threads, 1)
                self._seen = time.monotonic() if threads else self._seen
            self._counted = time.monotonic()
            if self._counted > self._seen + _ABSENT:
                self._notice("the scheduler has no workers: waiting for one, as dask worker starts it")
        return self._most

    def _outcomes(self, unit: _Unit) -> Iterator[Outcome]:
        """Yield what became of the jobs of an input, or do them again, alone, if they may have killed workers."""
        assert unit.future is not None
        if unit.future.cancelled():  # by nobody here
            error: BaseException | None = ConnectionError(_LOST)
            self._failed = True
        else:
            error = unit.future.exception()
        if type(error).__name__ == "KilledWorker":
            self._littered |= {other.parent for job in unit.jobs if (other := job.output)}
        if error is None:
            yield from self._returned(unit, unit.future.result())
        elif type(error).__name__ == "KilledWorker" and not unit.alone:
            self._suspects.append(unit)
        else:
            self._failed |= self._settings.fail_fast
            line = _words(error)
            yield from (Outcome(job, "failed", error=line) for job in unit.jobs)

    def _returned(self, unit: _Unit, result: _Result) -> Iterator[Outcome]:
        self._folders |= result.proofs.folders
        for proof in result.proofs.made:
            proof.unlink(missing_ok=True)
        left = unit.jobs[len(result.outcomes) :] if result.error else ()
        outcomes = [outcome.of(job) for outcome, job in zip(result.outcomes, unit.jobs, strict=False)]
        large = [outcome.job for outcome in outcomes if outcome.status == "large"]
        if large:
            self._large.append(_Unit(large, large=True))
            outcomes = [outcome for outcome in outcomes if outcome.status != "large"]
        for outcome in (*outcomes, *(Outcome(job, "failed", error=result.error) for job in left)):
            self._failed |= outcome.error == _LOST or (self._settings.fail_fast and bool(outcome.error))
            yield outcome

    def _give_up(self) -> Iterator[Outcome]:
        for unit in self._at_work.values():
            job = unit.jobs[unit.begun or 0]
            yield Outcome(job, "failed", error=f"not finished {PATIENCE:g} s after the signal to stop")

    def _cancel(self, numbers: Sequence[int]) -> None:
        """Take inputs back; workers that are at one stop where they look whether to go on."""
        for number in numbers:
            unit = self._at_work.pop(number)
            if unit.future is not None:
                unit.future.cancel()


def _words(error: BaseException) -> str:
    """Return in one line why a worker did not come to its end."""
    if type(error).__name__ == "KilledWorker":
        return "it ended every worker that began it, as one does that has no memory left"
    return (str(error).strip() or type(error).__name__).splitlines()[0]


@dataclass
class _Result:
    """What became of the jobs of one input."""

    proofs: Proofs
    outcomes: list[Outcome] = field(default_factory=list)  # of the first of them, or of all
    error: str = ""  # why there are no more, if not for a stop


def work(order: _Order) -> _Result:
    """Do the jobs of one input, in a thread of a worker, and return what became of them."""
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()
    numbers = {job.number: n for n, job in enumerate(order.jobs)}
    able = _able(order, lambda: _is_cancelled(worker, key))
    result = _Result(Proofs(order.batch))
    with result.proofs.kept():
        begin = partial(worker.log_event, order.batch)
        return _done(able, order, lambda job: begin(("begin", order.number, numbers[job.number])), result)


def _is_cancelled(worker: Any, key: Any) -> bool:
    state = worker.state.tasks.get(key)
    return state is not None and state.state == "cancelled"


def _able(order: _Order, stopped: Callable[[], bool]) -> Worker:
    """Return who does jobs in this process of the cluster."""
    from distributed import get_worker

    worker, kernels = get_worker(), _kernels()
    prepare = cache(partial(kernels.submit, _prepare, worker.state.nthreads))

    def notice(line: str) -> None:
        worker.log_event(order.batch, ("notice", line))

    return Worker(order.settings, prepare, partial(_compute, kernels), stopped, notice, _Others())


def _done(able: Worker, order: _Order, begin: Callable[[Job], object], result: _Result) -> _Result:
    """Return what became of the jobs of one input."""
    try:
        for outcome in able.do(order.jobs, begin):
            result.outcomes.append(outcome)
            if outcome.error and order.settings.fail_fast:
                break
    except StopError:
        pass
    except Exception as error:  # raised, it would go through pickle, and what cannot is never heard of
        result.error = _words(error)
    return result


class _Others:
    """The crew of a worker that opens an input: large outputs go back, to be handed out."""

    def begin(self) -> None:
        """Raise a LargeError."""
        raise LargeError

    def paint(self, job: Job, name: str, painting: Painting, canvas: Canvas) -> None:
        """Write all boxes."""
        painting.paint(canvas)


@dataclass(frozen=True)
class _Piece:
    """A box that a worker is told to write, as plain data."""

    order: _Order
    job: Job
    name: str  # of the painting, among those of the job
    canvas: Canvas
    images: Sequence[int]
    box: Box


@dataclass(frozen=True)
class _Workers:
    """The workers of a cluster as the crew of large outputs."""

    executor: Any
    order: _Order
    most: Callable[[], int]  # boxes that are handed out
    go_on: Callable[[], None]

    def begin(self) -> None:
        """Hand out boxes."""

    def paint(self, job: Job, name: str, painting: Painting, canvas: Canvas) -> None:
        """Have all boxes written."""
        pieces = painting.pieces(canvas, _BOX)
        _Boxes(self, (_Piece(self.order, job, name, canvas, images, box) for images, box in pieces)).run()
        canvas.sweep()


class _Boxes:
    """The boxes of an output, a few more at work than workers have threads, and what comes back."""

    def __init__(self, crew: _Workers, pieces: Iterator[_Piece]) -> None:
        self._crew = crew
        self._waiting = enumerate(pieces)
        self._at_work: dict[Future[Any], tuple[int, _Piece]] = {}
        self._suspects: list[tuple[int, _Piece]] = []  # that were at work when workers were killed
        self._alone = False
        self._error: tuple[int, BaseException] | None = None  # of the first box that failed, as on one machine

    def run(self) -> None:
        """Hand out boxes until all are written, or raise what went wrong once none is at work."""
        try:
            while self._hand_out():
                done, _ = wait(self._at_work, _LOOK, FIRST_COMPLETED)
                self._crew.go_on()
                for future in done:
                    self._take(future)
        finally:
            for future in self._at_work:
                future.cancel()
        if self._error:
            raise self._error[1]

    def _hand_out(self) -> bool:
        while not self._error and len(self._at_work) < self._crew.most() and (piece := next(self._waiting, None)):
            self._submit(piece)
        if not self._error and not self._at_work and self._suspects:
            self._alone = True
            self._submit(self._suspects.pop())
        return bool(self._at_work)

    def _submit(self, piece: tuple[int, _Piece]) -> None:
        self._at_work[self._crew.executor.submit(paint, piece[1])] = piece

    def _take(self, future: Future[Any]) -> None:
        """Note what became of a box; one that may have killed workers is done again, alone."""
        piece = self._at_work.pop(future)
        if future.cancelled():  # by nobody here
            raise ImageError(_LOST)
        error = future.exception()
        if type(error).__name__ == "KilledWorker" and not self._alone:
            self._suspects.append(piece)
            return
        failed = ImageError(_words(error)) if error else future.result()
        if failed and (self._error is None or piece[0] < self._error[0]):
            self._error = piece[0], failed


def paint(piece: _Piece) -> Exception | None:
    """Write a box of an output, in a thread of a worker, and return what went wrong."""
    try:
        _painting(piece).write(piece.canvas, piece.images, piece.box)
        if folder_of(piece.canvas.folder) is None:  # given up, and made again by what was written after that
            shutil.rmtree(piece.canvas.folder, ignore_errors=True)
    except StopError:
        pass
    except Exception as error:
        with suppress(Exception):
            pickle.loads(pickle.dumps(error))
            return error
        return ImageError(_words(error))
    return None


@dataclass(frozen=True)
class _Opened:
    """A painting whose boxes a thread writes, and what is open for it."""

    key: tuple[Any, ...]
    painting: Painting
    stack: ExitStack


_opened: dict[int, _Opened] = {}  # by threads


def _painting(piece: _Piece) -> Painting:
    """Return the painting of a box: the one before, as a rule."""
    from distributed import get_worker

    thread, worker = get_ident(), get_worker()
    key = (piece.order.batch, piece.job.number, piece.name)
    if thread not in _opened or _opened[thread].key != key:
        if before := _opened.pop(thread, None):
            before.stack.close()
        able = _able(piece.order, lambda: _is_cancelled(worker, worker.get_current_task()))
        with ExitStack() as stack:
            source = stack.enter_context(Source(piece.job.input, memory=piece.order.settings.memory))
            painting = able.painting(piece.job, piece.name, source)
            _opened[thread] = _Opened(key, painting, stack.pop_all())
    return _opened[thread].painting


def release(batch: str) -> None:
    """Close what threads of a worker have open for a batch."""
    for thread, opened in [*_opened.items()]:
        if opened.key[0] == batch:
            opened.stack.close()
            _opened.pop(thread, None)


@cache
def _kernels() -> ThreadPoolExecutor:
    """Return the thread of this process that launches kernels: Numba's simplest layer bears no other beside it."""
    return ThreadPoolExecutor(1, "kernels")


def _prepare(threads: int) -> None:
    """Import what kernels need, and run them on as many threads as the worker has."""
    import poolcli.engine.windows  # noqa: F401
    from poolcli.engine.bands import use_threads

    use_threads(threads)


def _compute(kernels: ThreadPoolExecutor, function: Any, *arguments: Any) -> Any:
    return kernels.submit(function, *arguments).result()
