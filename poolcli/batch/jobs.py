"""What is to be done: plain data, that any executor can take."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from poolcli.commands import Step
from poolcli.files import shown
from poolcli.images import Reading, Writing
from poolcli.images.formats import Format, format_of

if TYPE_CHECKING:
    from numpy.typing import NDArray


MEMORY = 1 << 28
"""Bytes that an image and its result may take; larger ones are made in parts."""


class BatchError(Exception):
    """What makes a batch impossible before any work is done."""


@dataclass(frozen=True, slots=True)
class Job:
    """One file to make, or to make rows of a table of; None is standard input, or output."""

    input: Path | None
    output: Path | None
    step: Step
    ending: str = ""  # of the format, where no name tells
    indices: Path | None = None  # where the places of the maxima go
    beside: tuple[Step, ...] = ()  # what else is done to the image, for more columns of its rows
    warnings: tuple[str, ...] = ()  # of what is known before it is done
    number: int = 0  # in the order of the batch

    @property
    def kind(self) -> Format | None:
        """Return the format to be written."""
        return format_of(PurePath(f"x.{self.ending}") if self.ending or self.output is None else self.output)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Return all files that it reads or writes, and the folders of those that it writes."""
        own = [path for path in (self.input, self.output, self.indices) if path]
        folders = [path.parent for path in (self.output, self.indices) if path]
        return (*own, *folders, *(Path(value) for step in (self.step, *self.beside) for value in step.files.values()))

    def absolute(self) -> Job:
        """Return the job for a process in another folder."""
        own = {"input": self.input, "output": self.output, "indices": self.indices}
        step, *beside = (
            step.given(**{name: str(Path(value).absolute()) for name, value in step.files.items()})
            for step in (self.step, *self.beside)
        )
        paths: dict[str, Any] = {name: path and path.absolute() for name, path in own.items()}
        return replace(self, **paths, step=step, beside=tuple(beside))

    def record(self, settings: Settings) -> str:
        """Return the command that does it, with all options that change pixels."""
        import poolcli

        begin = f"poolcli {poolcli.__version__} {self.step.command} --mode {self.step.mode}"
        return " ".join([begin, *self.step.words(settings.changing)])


@dataclass(frozen=True)
class Settings:
    """How files are read and written, and what of them."""

    reading: Reading = field(default_factory=Reading)
    writing: Writing = field(default_factory=Writing)
    frame: int | None = None
    linear: bool = False
    skip_existing: bool = False
    fail_fast: bool = False
    debug: bool = False
    colour: str = ""  # of every image: rgb or grey, or as it is
    layout_given: bool = False  # or one that is usual is taken
    keep_palette: bool | None = None  # or what is usual for the mode
    memory: int = MEMORY  # bytes of an image and its result; beyond, they go in parts
    resume: bool = False  # go on with the levels of a run that was ended
    tile: tuple[int, int] | None = None  # of the result, if it is to go in parts whatever it takes

    @property
    def changing(self) -> dict[str, Any]:
        """Return the options of images, as they are called, that change pixels and were given."""
        palette = {True: {"keep_palette": True}, False: {"expand_palette": True}, None: {}}[self.keep_palette]
        given = {
            "linear": self.linear,
            "convert": self.writing.convert,
            "layout": self.layout_given and self.reading.layout,
        }
        behind = {"background": self.writing.background} if self.writing.background != "white" else {}
        return {**given, **palette, **behind, "frame": self.frame}

    def reading_for(self, step: Step) -> Reading:
        """Return how images are read for a step: indices of palettes, or colours."""
        kept = self.keep_palette
        return replace(self.reading, keep_palette=step.takes_indices and not self.colour if kept is None else kept)


@dataclass(frozen=True, slots=True)
class Row:
    """What an image was reduced to, and what each number is."""

    frame: int
    columns: tuple[str, ...]
    values: NDArray[Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job."""

    job: Job
    status: str  # written, skipped or failed
    before: tuple[int, ...] = ()  # shape of the first image
    after: tuple[int, ...] = ()
    seconds: float = 0.0
    error: str = ""
    warnings: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    blamed: PurePath | None = None  # for the error, if it is not the input
    added: int = 0  # rows of a table

    def of(self, job: Job) -> Outcome:
        """Return what became of a job that was done under absolute paths: lines name its files as it does itself."""
        names = {str(path.absolute()): path for path in job.paths if not path.is_absolute()}
        if not names:
            return replace(self, job=job)
        longest = sorted((shown(Path(name)) for name in names), key=len, reverse=True)
        known = re.compile(rf"(?<![\w/.-])({'|'.join(map(re.escape, longest))})(?![\w/-]|\.\w)")
        spelled = {shown(Path(name)): shown(path) for name, path in names.items()}

        def told(line: str) -> str:
            return known.sub(lambda found: spelled[found[0]], line)

        return replace(
            self,
            job=job,
            error=told(self.error),
            warnings=tuple(map(told, self.warnings)),
            blamed=names.get(str(self.blamed), self.blamed),
        )

    @property
    def line(self) -> str:
        """Return the error with the file that is to blame."""
        return f"{shown(self.blamed or self.job.input)}: {self.error}"
