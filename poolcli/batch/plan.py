"""From inputs to jobs: where each result goes, and everything that is refused before any work is done."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path, PurePath

from poolcli.batch.find import STREAM, Found, what_is_input
from poolcli.batch.jobs import BatchError, Job, Settings
from poolcli.batch.names import filled, shortened
from poolcli.commands import Step
from poolcli.files import is_remote, located, real, shown, what_is
from poolcli.images.formats import (
    ENDINGS,
    WRITABLE,
    ending_of,
    endings,
    folder_of,
    format_of,
)
from poolcli.remote import unwritable


@dataclass(frozen=True)
class Destination:
    """Where results go: a file, a folder or standard output, and what they are called there."""

    output: str | None = None  # or beside the inputs
    folder: bool = False
    name: str | None = None  # template, or what is usual
    ending: str | None = None  # of the format that is asked for


@dataclass(frozen=True)
class Jobs:
    """The jobs of all inputs, those of one input in turn; each is made where it is asked for, so that none is kept."""

    found: Sequence[Found]
    steps: Sequence[Step]
    make: Callable[[Found, Step], Job]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.found) * len(self.steps)

    def __iter__(self) -> Iterator[Job]:
        """Yield each."""
        return map(self.at, range(len(self)))

    def each(self, change: Callable[[Job], Job]) -> Jobs:
        """Return the jobs as this function changes them, or raise what it raises."""
        jobs = replace(self, make=lambda file, step: change(self.make(file, step)))
        for _ in jobs:
            pass
        return jobs

    def at(self, n: int) -> Job:
        """Return one of them; the first is 0."""
        return replace(self.make(self.found[n // len(self.steps)], self.steps[n % len(self.steps)]), number=n)


def plan_rows(found: Sequence[Found], steps: Sequence[Step], output: str | None) -> Jobs:
    """Return a job for each input of a table, or raise a BatchError."""
    if sum(file.folder is None for file in found) > 1:
        raise BatchError("standard input can be read once")
    for path in (file.path for file in found if output is not None):
        if path is not None and _same(path, located(output or "")):
            raise BatchError(f"{shown(path)}: is also the output")
    return Jobs(found, steps[:1], lambda file, step: Job(file.path, None, step, beside=tuple(steps[1:])))


def is_folder(output: str, inputs: Sequence[str], more: bool) -> bool:
    """Return whether an output is a folder: it is one, ends like one, or is to hold several results.

    Raise a BatchError if nothing can be written there.
    """
    if output == STREAM:
        return False
    _check_writable(located(output))
    one = len(inputs) == 1 and not more
    several = not one or (inputs[0] != STREAM and what_is_input(located(inputs[0])) != "file")
    if not several and (kind := format_of(PurePath(output))) and kind.marks:
        return False
    return several or output.endswith(("/", os.sep)) or what_is(located(output)) == "folder"


def plan(found: Sequence[Found], steps: Sequence[Step], to: Destination, settings: Settings) -> Jobs:
    """Return a job for each input and each step, or raise a BatchError that says why no work should begin."""
    if to.output is not None and to.folder:
        _check_folder(to.output, len(found), len(steps))
    _check_name(to)
    if to.folder and to.name is None and len(steps) > 1:
        to = replace(to, name="{stem}_{mode}")
    jobs = Jobs(found, steps, partial(_job, to=to))
    if to.output is None:
        jobs = replace(jobs, found=_without_results(jobs))
    _check_streams(jobs)
    _check(jobs, settings, named=to.output is not None and not to.folder)
    return jobs


def _without_results(jobs: Jobs) -> list[Found]:
    """Return the inputs but those that another input makes: results of an earlier run are not inputs of this one."""
    inputs = {_place(path) for file in jobs.found if (path := file.path)}
    makers = {place: job.input for job in jobs if job.output is not None and (place := _place(job.output)) in inputs}
    return [file for file in jobs.found if (path := file.path) is None or makers.get(_place(path), path) == path]


def _check_name(to: Destination) -> None:
    """Raise a BatchError if a template is given where it has no use, or has an ending."""
    if to.name is None:
        return
    if to.output is not None and not to.folder:
        where = "standard output has no name" if to.output == STREAM else f"{shown(located(to.output))} names one file"
        raise BatchError(f"--name is for files beside the inputs and in folders, and {where}")
    ending = PurePath(to.name).suffix.lstrip(".")
    if known_ending(ending):
        stem = to.name.removesuffix(f".{ending}")
        raise BatchError(f"--name {to.name!r}: the ending is added: --name {stem!r} --format {ending} asks for one")


def _check_folder(output: str, count: int, modes: int) -> None:
    """Raise a BatchError if the output of several images is a file, or called like one."""
    name, what = shown(located(output)), what_is(located(output))
    if folder_of(located(output)):
        raise BatchError(f"{name}: is an image, and the output of several images must be a folder for them")
    if what == "folder" or (output.endswith(("/", os.sep)) and not what):
        return
    if what:
        raise BatchError(f"{name}: is a file, and the output of several images must be a folder")
    if PurePath(output).suffix.lower() in ENDINGS:
        inputs = f"there are {count} inputs" if count > 1 else "a folder, pattern or list may hold several inputs"
        inputs = f"{modes} modes write a file each" if modes > 1 else inputs
        raise BatchError(f"{name}: names one file, and {inputs}: {name}/ would be a folder")


def _job(file: Found, step: Step, to: Destination) -> Job:
    ending, output = to.ending, to.output
    suffix = f".{ending.lstrip('.')}" if ending else _written(ending_of(_plain_name(file)))
    if output == STREAM:
        return Job(file.path, None, step, suffix.lstrip("."))
    if output is None or to.folder:
        return _named(file, step, to, suffix)
    path = located(output)
    if ending and format_of(path) not in (None, format_of(Path(f"x{suffix}"))):
        raise BatchError(f"{shown(path)}: names another format than --format {ending}: leave one of them out")
    return Job(file.path, path, step, suffix.lstrip(".") if ending else "")


def _named(file: Found, step: Step, to: Destination, suffix: str) -> Job:
    """Return a job whose output is beside its input, or in a folder."""
    if to.output is None and file.path is None:
        raise BatchError("standard input has no name to write beside: -o FILE or -o - says where")
    path, plain = file.path, _plain_name(file)
    below, stem = os.path.dirname(plain), os.path.basename(plain).removesuffix(ending_of(plain))
    usual = stem if to.folder else f"{stem}_{step.label}"
    above, called = os.path.split(usual if to.name is None else filled(to.name, stem, step))
    name = shortened(called, suffix)
    # A folder that the template names is above those that are mirrored.
    folder = (to.output or "", above, below) if to.folder else (file.folder or "", below, above)
    short = name != called + suffix
    warnings = (f"{shown(path)}: its name is too long for what is added, and the output is {name}",) * short
    return Job(path, located(*folder, name), step, warnings=warnings)


def _plain_name(file: Found) -> str:
    """Return the name of a file without what follows it in the URL of a page."""
    return file.name.partition("?")[0] if (file.folder or "").startswith(("http://", "https://")) else file.name


def _written(suffix: str) -> str:
    """Return the ending that a result gets from its input: of formats that are read alone, .png or .npy."""
    if suffix.lower() == ".npz":
        return ".npy"
    known = suffix.lower() in ENDINGS and format_of(PurePath(f"x{suffix}")) is None
    return ".png" if known else suffix


def _check_streams(jobs: Jobs) -> None:
    if sum(file.folder is None for file in jobs.found) > 1:
        raise BatchError("standard input can be read once")
    if jobs.at(0).output is None:
        if len(jobs) > 1:
            raise BatchError("standard output holds one image: -o FOLDER takes several")
        if not jobs.at(0).ending:
            raise BatchError("--format says which format standard output gets, as --format png")


def _check(jobs: Jobs, settings: Settings, named: bool) -> None:
    inputs = {_place(job.input) for job in jobs if job.input}
    outputs: dict[str, int] = {}
    replaced: Path | None = None
    for n, job in enumerate(jobs):
        if named or job.kind is not None:  # else the ending is that of one input, and its own failure
            _check_format(job, settings)
        if job.output is None:
            continue
        _check_writable(job.output)
        target = _place(job.output)
        first = outputs.setdefault(target, n)
        other = jobs.at(first) if first != n else None
        if other and other.input == job.input:
            raise BatchError(_collision(other, job))
        own = job.input is not None and _same(job.input, job.output)
        if job.input and job.kind and job.kind.marks and Path(target) in Path(_place(job.input)).parents:
            raise BatchError(f"{shown(job.output)}: holds the input, and would be replaced with it")
        replaced = replaced or (job.output if own else None)
        if not own and target in inputs:
            raise BatchError(f"{shown(job.output)}: is also another input, and would be replaced before it is read")
        if other:
            raise BatchError(_collision(other, job))
    if replaced and not settings.writing.overwrite:
        raise BatchError(f"{shown(replaced)}: is also the input; --overwrite replaces it")


def _check_writable(output: Path) -> None:
    """Raise a BatchError if nothing can be written to where a path is."""
    if reason := unwritable(output):
        raise BatchError(f"{shown(output)}: {reason}: -o says where else")


def _collision(first: Job, second: Job) -> str:
    """Return what is said of two jobs that would write one file."""
    same = first.input == second.input and first.step != second.step
    one, other = (first.step.mode, second.step.mode) if same else (shown(second.input), shown(first.input))
    way = "a field of --name, as {mode}, tells them apart" if same else "--exclude leaves one out"
    if not same and first.input and second.input and _same(first.input, second.input):
        return f"{shown(second.input)}: is given twice"
    return f"{one} and {other} would both write {shown(second.output)}: {way}"


def _check_format(job: Job, settings: Settings) -> None:
    kind, name = job.kind, shown(job.output)
    if kind is None:
        ending = f".{job.ending}" if job.output is None else job.output.suffix
        way = f"use {', '.join(WRITABLE)}, or --format"
        if not ending:
            way += f"; or {name}/ for a folder"
        raise BatchError(f"{name}: no format is written for the ending {ending!r}: {way}")
    if job.output is None and kind.marks:
        raise BatchError(
            f"{kind.name} is a folder, and standard output takes a file: -o NAME{kind.endings[0]} names one"
        )
    if settings.writing.quality and not kind.quality:
        takers = endings(lambda other: other.quality)
        raise BatchError(f"{name}: {kind.name} takes no quality: {takers} do")


def _same(left: Path, right: Path) -> bool:
    """Return whether two names are one file: by name, by a symbolic or a hard link."""
    if _place(left) == _place(right):
        return True
    if is_remote(left) or is_remote(right):
        return False
    try:
        return os.path.samefile(left, right)
    except OSError:
        return False


def _place(path: Path) -> str:
    """Return the one name of a place in the file system: of its folder as it is, of the file as it is called."""
    return real(path) if is_remote(path) else os.path.join(_real(os.path.dirname(path)), path.name)


@lru_cache(maxsize=1024)
def _real(folder: str) -> str:
    return os.path.realpath(folder)


def known_ending(ending: str) -> bool:
    """Return whether a format is written for an ending."""
    return format_of(PurePath(f"x.{ending.lstrip('.')}")) is not None
