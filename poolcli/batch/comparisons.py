"""Jobs that compare: what several steps make of each image is measured, and of one image drawn or made a page."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from poolcli.batch.figures import FIGURES, shown_figure, window_of
from poolcli.batch.jobs import Job, Outcome, Row, Settings
from poolcli.batch.local import keep_threads_quiet
from poolcli.batch.plan import Jobs
from poolcli.batch.source import Source
from poolcli.batch.work import Findings, StopError, Worker, call
from poolcli.commands import Step
from poolcli.comparing import Manner, Result, Subject, ends_of, line_of
from poolcli.files import clean, deliver, make_folder, shown
from poolcli.images import ImageError, Info
from poolcli.images.formats import colour_of
from poolcli.pictures import Notice
from poolcli.quality import WINDOW
from poolcli.rows import imported

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from poolcli.images import sheet

Zoom = tuple[int, int, int, int]
"""Row, column, height and width of a detail."""


class Output:
    """What is made of one image and its results, beside their figures."""

    def begin(self, subject: Subject) -> None:
        """Take the image, or raise an error."""

    def add(self, result: Result) -> None:
        """Take a result."""

    def end(self, job: Job) -> None:
        """Write what was made."""


@dataclass(frozen=True)
class Measuring:
    """How the images of a batch are compared."""

    settings: Settings
    upsample: str
    output: Output | None = None  # of one image


def execute(measuring: Measuring, jobs: Jobs, stop: Event, notice: Notice) -> Iterator[Outcome]:
    """Compare image after image, and yield what became of each.

    Nothing else is done meanwhile: what is read or written beside a kernel makes it slower, and its time is told.
    """
    keep_threads_quiet()
    worker = _Comparer(measuring, stop.is_set, notice)
    try:
        for job in jobs:
            if stop.is_set():
                return
            for outcome in worker.do([job], lambda job: None):
                yield outcome
                if outcome.error and measuring.settings.fail_fast:
                    return
    except StopError:
        return


class _Comparer(Worker):
    """Makes rows of figures."""

    def __init__(self, measuring: Measuring, stopped: Callable[[], bool], notice: Notice) -> None:
        super().__init__(measuring.settings, lambda: None, call, stopped, notice)
        own = measuring.settings
        background = own.writing.background
        self._manner = Manner(measuring.upsample, own.linear, own.keep_palette, background, notice)
        self._output = measuring.output

    def _rows(self, job: Job, source: Source, found: Findings) -> Iterator[Row]:
        """Yield a row for each frame, with the figures of every step."""
        keep = self._settings.keep_palette is not False
        picture = source.open(replace(self._settings.reading, keep_palette=keep))
        frames = self._frames(picture)
        if self._output and len(frames) > 1:
            what = f"holds {len(frames)} frames, and one is shown"
            raise ImageError(f"{what}: frame=N takes one, and .csv has means over all", "frame")
        for frame in frames:
            image, info = self._read(picture, frame, found)
            subject = Subject.of(image, info, self._manner)
            yield self._figures(frame, subject, job, found)
        found.warn(picture.warnings(None))

    def _figures(self, frame: int, subject: Subject, job: Job, found: Findings) -> Row:
        """Return the figures of all steps, and give the results to the output."""
        import numpy as np

        height, width = subject.image.shape[:2]
        if min(height, width) < WINDOW and not found.before:
            found.warn([f"has {height} x {width} pixels, and SSIM windows of {WINDOW} x {WINDOW}: it is nan"])
        if self._output:
            self._output.begin(subject)
        values = list[float]()
        for step in (job.step, *job.beside):
            self._go_on()
            result = subject.result(step)
            found.note_shapes(subject.image.shape, result.image.shape)
            values += [result.psnr, result.ssim, result.seconds]
            if self._output:
                linear = self._settings.linear and step.blends  # which modes that select refuse
                more = {**self._settings.changing, "linear": linear}
                self._output.add(replace(result, command=line_of(result.step, more, shown(job.input))))
        if any(map(math.isnan, values[:: len(FIGURES)])):
            found.warn(["holds NaN or infinity, and so do its figures"])
        if self._output:
            self._output.end(job)
        return Row(frame, (), np.array(values))


def _check_zoom(zoom: Zoom | None, shape: tuple[int, ...]) -> None:
    """Raise a ValueError if a detail is not inside an image."""
    height, width = shape[:2]
    y, x, rows, columns = zoom or (0, 0, height, width)
    if y + rows > height or x + columns > width:
        what = f"zoom={y},{x},{rows}x{columns} reaches beyond the image, which has {height} x {width} pixels"
        raise ValueError(f"{what}: the first is 0,0")


class Page(Output):
    """A page for a browser."""

    def __init__(self, path: Path, overwrite: bool, zoom: Zoom | None = None) -> None:
        self._path, self._overwrite, self._zoom = path, overwrite, zoom

    def begin(self, subject: Subject) -> None:
        """Take the image, or raise a ValueError if the detail is outside."""
        _check_zoom(self._zoom, subject.image.shape)
        self._subject, self._results = subject, list[Result]()

    def add(self, result: Result) -> None:
        """Take a result."""
        self._results.append(result)

    def end(self, job: Job) -> None:
        """Write the page."""
        name = shown(job.input and Path(job.input.name))
        comparison = replace(self._subject.comparison(self._results, name), zoom=self._zoom)
        text = imported("page:document")(comparison)
        deliver(lambda file: file.write(text.encode()), self._path, self._overwrite)


@dataclass(frozen=True)
class Look:
    """How a sheet shows images."""

    side: int = 512  # of a picture, in pixels, at most
    zoom: Zoom | None = None  # the detail that is shown


class Sheet(Output):
    """A contact sheet: the image and all results, those of each window in a row."""

    def __init__(self, path: Path, look: Look, settings: Settings) -> None:
        self._path, self._look, self._settings = path, look, settings

    def begin(self, subject: Subject) -> None:
        """Take the image, or raise a ValueError if the detail is outside."""
        self._subject = subject
        self._rows: dict[str, list[_Drawn]] = {}
        self._ends = ends_of(subject.image, subject.info, subject.peak)
        height, width = subject.image.shape[:2]
        _check_zoom(self._look.zoom, subject.image.shape)
        y, x, rows, columns = self._look.zoom or (0, 0, height, width)
        self._box = slice(y, y + rows), slice(x, x + columns)

    def add(self, result: Result) -> None:
        """Draw a result, and let it go: what the sheet shows is small."""
        figures = {name: float(getattr(result, name)) for name in FIGURES}
        made = _Drawn(_called(result.step), self._picture(result.enlarged), figures)
        self._rows.setdefault(_heading(result), []).append(made)

    def end(self, job: Job) -> None:
        """Draw all, and write the sheet."""
        from poolcli.images import sheet
        from poolcli.images.write import write_frames

        original = sheet.Panel(self._picture(self._subject.image), "original")
        rows = [sheet.Row(heading, [original, *_panels(own)]) for heading, own in self._rows.items()]
        title = "standard input" if job.input is None else job.input.name
        drawn = sheet.sheet(title, self._about(), rows)
        profile = self._subject.info.icc if (*self._subject.image.shape, 1)[2] in (3, 4) else None
        make_folder(self._path.parent)
        clean(self._path.parent)
        write_frames([(drawn, Info(alpha=False, icc=profile))], 1, self._path, None, self._settings.writing)

    def _picture(self, image: NDArray[Any]) -> NDArray[Any]:
        from poolcli.images.sheet import picture_of

        subject, background = self._subject, self._settings.writing.background
        return picture_of(image[self._box], subject.info, self._ends, self._look.side, background)

    def _about(self) -> list[str]:
        image, info = self._subject.image, self._subject.info
        height, width, channels = (*image.shape, 1)[:3]
        behind = f", laid over {self._settings.writing.background}" if info.alpha else ""
        lines = [f"{height} x {width} pixels, {colour_of(channels, info.alpha)}, {image.dtype}{behind}"]
        if self._look.zoom:
            y, x, rows, columns = self._look.zoom
            lines.append(f"Detail of {rows} x {columns} pixels from row {y}, column {x}; the figures are of the whole")
        lines.append(f"Results are enlarged by {self._subject.manner.upsample}; the time is that of one call")
        return lines


def _called(step: Step) -> str:
    """Return the mode of a step with the parameters that were given."""
    given = [name for name in step.row.parameters if name in step.arguments]
    return ", ".join([step.mode, *(f"{name} {step.arguments[name]}" for name in given)])


@dataclass(frozen=True, eq=False)
class _Drawn:
    """A result as a sheet shows it."""

    name: str
    picture: NDArray[Any]
    figures: Mapping[str, float]


def _panels(row: Sequence[_Drawn]) -> list[sheet.Panel]:
    """Return the results of a window with their figures; the best of several are marked."""
    from poolcli.images.sheet import Panel

    def noted(drawn: _Drawn, name: str, text: str) -> str:
        best = max(other.figures[name] for other in row)
        return f"{text}, best" if len(row) > 1 and drawn.figures[name] == best else text

    return [
        Panel(
            drawn.picture,
            drawn.name,
            (noted(drawn, "psnr", _decibels(drawn)), noted(drawn, "ssim", _similarity(drawn)), _time(drawn)),
        )
        for drawn in row
    ]


def _decibels(drawn: _Drawn) -> str:
    value = drawn.figures["psnr"]
    return "equal to the original" if value == math.inf else f"PSNR {shown_figure('psnr', value)} dB"


def _similarity(drawn: _Drawn) -> str:
    return f"SSIM {shown_figure('ssim', drawn.figures['ssim'])}"


def _time(drawn: _Drawn) -> str:
    seconds = drawn.figures["seconds"]
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def _heading(result: Result) -> str:
    rows, columns = result.image.shape[:2]
    window = ", ".join(f"{name} {value}" for name, value in window_of(result.step).items())
    return f"{window}: {rows} x {columns} pixels"
