"""From inputs to jobs: where each result goes, and everything that is refused before any work is done."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePath

from poolcli.batch.find import STREAM, Found
from poolcli.batch.jobs import BatchError, Job, Settings
from poolcli.batch.names import filled, shortened
from poolcli.commands import Step
from poolcli.files import shown
from poolcli.images.formats import ENDINGS, WRITABLE, endings, format_of


@dataclass(frozen=True)
class Destination:
    """Where results go: a file, a folder or standard output, and what they are called there."""

    output: str | None = None  # or beside the inputs
    folder: bool = False
    name: str | None = None  # template, or what is usual
    ending: str | None = None  # of the format that is asked for


def plan_rows(found: Sequence[Found], steps: Sequence[Step], output: str | None) -> list[Job]:
    """Return a job for each input of a table, or raise a BatchError."""
    if sum(file.path is None for file in found) > 1:
        raise BatchError("standard input can be read once")
    for file in found:
        if file.path is not None and output is not None and _same(file.path, Path(output)):
            raise BatchError(f"{shown(file.path)}: is also the table")
    return [Job(file.path, None, steps[0], beside=tuple(steps[1:])) for file in found]


def is_folder(output: str, inputs: Sequence[str], more: bool) -> bool:
    """Return whether an output is a folder: it is one, ends like one, or is to hold several results."""
    if output == STREAM:
        return False
    one = len(inputs) == 1 and not more and (inputs[0] == STREAM or os.path.lexists(inputs[0]))
    several = not one or os.path.isdir(inputs[0])
    return several or os.path.isdir(output) or output.endswith(("/", os.sep))


def plan(found: Sequence[Found], steps: Sequence[Step], to: Destination, settings: Settings) -> list[Job]:
    """Return a job for each input and each step, or raise a BatchError that says why no work should begin."""
    if to.output is not None and to.folder:
        _check_folder(to.output, len(found), len(steps))
    _check_name(to)
    if to.folder and to.name is None and len(steps) > 1:
        to = replace(to, name="{stem}_{mode}")
    jobs = [_job(file, step, to) for file in found for step in steps]
    if to.output is None:
        # A folder that holds results of an earlier run is not an input of results.
        makers = {_place(job.output): job.input for job in jobs if job.output}
        jobs = [job for job in jobs if job.input is None or makers.get(_place(job.input), job.input) == job.input]
    _check_streams(found, jobs)
    _check(jobs, settings, named=to.output is not None and not to.folder)
    return jobs


def _check_name(to: Destination) -> None:
    """Raise a BatchError if a template is given where it has no use, or has an ending."""
    if to.name is None:
        return
    if to.output is not None and not to.folder:
        where = "standard output has no name" if to.output == STREAM else f"{shown(Path(to.output))} names one file"
        raise BatchError(f"--name is for files beside the inputs and in folders, and {where}")
    ending = PurePath(to.name).suffix.lstrip(".")
    if known_ending(ending):
        stem = to.name.removesuffix(f".{ending}")
        raise BatchError(f"--name {to.name!r}: the ending is added: --name {stem!r} --format {ending} asks for one")


def _check_folder(output: str, count: int, modes: int) -> None:
    """Raise a BatchError if the output of several images is a file, or called like one."""
    name = shown(Path(output))
    if os.path.isdir(output) or (output.endswith(("/", os.sep)) and not os.path.lexists(output)):
        return
    if os.path.lexists(output):
        raise BatchError(f"{name}: is a file, and the output of several images must be a folder")
    if PurePath(output).suffix.lower() in ENDINGS:
        inputs = f"there are {count} inputs" if count > 1 else "a folder, pattern or list may hold several inputs"
        inputs = f"{modes} modes write a file each" if modes > 1 else inputs
        raise BatchError(f"{name}: names one file, and {inputs}: {name}/ would be a folder")


def _job(file: Found, step: Step, to: Destination) -> Job:
    ending, output = to.ending, to.output
    suffix = f".{ending.lstrip('.')}" if ending else _written(file.below.suffix)
    if output == STREAM:
        return Job(file.path, None, step, suffix.lstrip("."))
    if output is None or to.folder:
        return _named(file, step, to, suffix)
    if ending and format_of(Path(output)) not in (None, format_of(Path(f"x{suffix}"))):
        raise BatchError(f"{shown(Path(output))}: names another format than --format {ending}: leave one of them out")
    return Job(file.path, Path(output), step, suffix.lstrip(".") if ending else "")


def _named(file: Found, step: Step, to: Destination, suffix: str) -> Job:
    """Return a job whose output is beside its input, or in a folder."""
    if to.output is None and file.path is None:
        raise BatchError("standard input has no name to write beside: -o FILE or -o - says where")
    stem = file.below.stem
    usual = stem if to.folder else f"{stem}_{step.label}"
    whole = PurePath(usual if to.name is None else filled(to.name, stem, step))
    name = shortened(whole.name, suffix)
    # A folder that the template names is above those that are mirrored.
    mirrored = Path(to.output or "", whole.parent, file.below.parent)
    beside = file.path.parent / whole.parent if file.path and not to.folder else mirrored
    short = name != whole.name + suffix
    warnings = (f"{shown(file.path)}: its name is too long for what is added, and the output is {name}",) * short
    return Job(file.path, beside / name, step, warnings=warnings)


def _written(suffix: str) -> str:
    """Return the ending that a result gets from its input: of formats that are read alone, .png or .npy."""
    if suffix.lower() == ".npz":
        return ".npy"
    known = suffix.lower() in ENDINGS and format_of(PurePath(f"x{suffix}")) is None
    return ".png" if known else suffix


def _check_streams(found: Sequence[Found], jobs: Sequence[Job]) -> None:
    if sum(file.path is None for file in found) > 1:
        raise BatchError("standard input can be read once")
    if any(job.output is None for job in jobs):
        if len(jobs) > 1:
            raise BatchError("standard output holds one image: -o FOLDER takes several")
        if not jobs[0].ending:
            raise BatchError("--format says which format standard output gets, as --format png")


def _check(jobs: Iterable[Job], settings: Settings, named: bool) -> None:
    inputs = {_place(job.input) for job in jobs if job.input}
    outputs: dict[str, Job] = {}
    for job in jobs:
        if named or job.kind is not None:  # else the ending is that of one input, and its own failure
            _check_format(job, settings)
        if job.output is None:
            continue
        target = _place(job.output)
        other = outputs.setdefault(target, job)
        if other is not job and other.input == job.input:
            raise BatchError(_collision(other, job))
        own = job.input is not None and _same(job.input, job.output)
        if not own and target in inputs:
            raise BatchError(f"{shown(job.output)}: is also another input, and would be replaced before it is read")
        if other is not job:
            raise BatchError(_collision(other, job))
    for job in jobs:
        if job.input and job.output and not settings.writing.overwrite and _same(job.input, job.output):
            raise BatchError(f"{shown(job.output)}: is also the input; --overwrite replaces it")


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
    if settings.writing.quality and not kind.quality:
        takers = endings(lambda other: other.quality)
        raise BatchError(f"{name}: {kind.name} takes no quality: {takers} do")


def _same(left: Path, right: Path) -> bool:
    """Return whether two names are one file: by name, by a symbolic or a hard link."""
    if _place(left) == _place(right):
        return True
    try:
        return os.path.samefile(left, right)
    except OSError:
        return False


def _place(path: Path) -> str:
    """Return the one name of a place in the file system: of its folder as it is, of the file as it is called."""
    return os.path.join(_real(os.path.dirname(path)), path.name)


@lru_cache(maxsize=1024)
def _real(folder: str) -> str:
    return os.path.realpath(folder)


def known_ending(ending: str) -> bool:
    """Return whether a format is written for an ending."""
    return format_of(PurePath(f"x.{ending.lstrip('.')}")) is not None
