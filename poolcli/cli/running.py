"""From the options of a command to a batch, its signals and its exit code."""

from __future__ import annotations

import glob
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event, Timer
from typing import Any, BinaryIO

import click

from poolcli.batch.find import STREAM, Found, Search, find, part
from poolcli.batch.jobs import BatchError, Outcome, Settings
from poolcli.batch.plan import Destination, Jobs, is_folder, known_ending, plan
from poolcli.batch.report import Report
from poolcli.cli.options import spelled
from poolcli.cli.progress import Console
from poolcli.commands import Step, takers
from poolcli.files import exists, located, shown, what_is

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
_END = 4.5  # seconds from the first signal to the end of the process, whatever it waits for


Execute = Callable[[Event, Callable[[str], None]], Iterator[Outcome]]
"""Does jobs until an event is set, and yields what became of each; a function takes what is to be said meanwhile."""


@contextmanager
def usage_errors() -> Iterator[None]:
    """Tell what is wrong with arguments, or makes a batch impossible, as a usage error of the command."""
    try:
        yield
    except (ValueError, BatchError) as error:
        raise click.UsageError(spelled(str(error))) from None
    except OSError as error:  # of what a URL names, before any work
        if error.filename is None:
            raise
        raise click.UsageError(f"{error.filename}: {error.strerror}") from None


def jobs_of(inputs: Sequence[str], steps: Sequence[Step], files: Mapping[str, Any], settings: Settings) -> Jobs:
    """Return the jobs that the options of a command describe, or raise a BatchError."""
    output = files["output"]
    if output == STREAM and sys.stdout.isatty():
        raise click.UsageError("an image is not for a terminal: redirect standard output, or -o FILE")
    several = len(steps) > 1 or files["files_from"] is not None
    folder = output is not None and is_folder(output, inputs, several)
    found = found_of(inputs, files, located(output) if folder else None)
    return plan(found, steps, Destination(output, folder, files["name"], files["format"]), settings)


def found_of(inputs: Sequence[str], files: Mapping[str, Any], leave_out: Path | None = None) -> list[Found]:
    """Return the inputs that are named and listed, but those in the folder of the output, or raise a BatchError."""
    if not inputs and files["files_from"] is None:
        raise click.UsageError("Missing argument 'INPUT...': files, folders, patterns or -, or --files-from LIST")
    for name in inputs:
        if (hint := _meant(name, inputs, files)) and not what_is(located(name)):
            raise BatchError(f"{name}: no such file or folder: {hint}")
    search = Search(files["recursive"], files["include"], files["exclude"], leave_out)

    def warn(line: str) -> None:
        if not files["quiet"]:
            click.echo(f"warning: {line}", err=True)

    found, others = part(find(inputs, files["files_from"], files["null"], search, warn), inputs)
    for file in others:
        warn(f"{shown(file.path)}: not an image, left out")
    return found


def _meant(name: str, inputs: Sequence[str], files: Mapping[str, Any]) -> str:
    """Return what a name among the inputs, of which there is no file, may have been meant for."""
    if takers(name) and name == inputs[0]:
        return f"it is a mode, -m {name}"
    if files["quiet"] and name.replace(".", "", 1).isdigit():
        return f"-q is --quiet, and --q {name} is the rank of percentile"
    last = len(inputs) > 1 and name == inputs[-1] and files["output"] is None
    if last and known_ending(Path(name).suffix) and not glob.has_magic(name) and files["skip_existing"] is not None:
        return f"-o {name} writes it"
    return ""


def carry_out(
    jobs: Jobs,
    settings: Settings,
    files: Mapping[str, Any],
    take: Callable[[Iterable[Outcome]], Iterable[Outcome]] = iter,
    execute: Execute | None = None,
) -> int:
    """Do the jobs and return the exit code: 0, 1, or 128 and the number of the signal that ended them.

    What does them is what the options say, unless a function is given for it.
    """
    if files["dry_run"]:
        for job in jobs:
            there = job.output is not None and exists(job.output) and not settings.writing.overwrite
            if there and settings.skip_existing:
                continue
            makes = "" if job.step.does.makes_rows else f" -> {shown(job.output)}"
            click.echo(f"{shown(job.input)}{makes}{' (exists)' * there}")
        return 0
    makes_rows = any(job.step.does.makes_rows for job in jobs)
    if files["json"] and (files["output"] in (None, STREAM) if makes_rows else jobs.at(0).output is None):
        what = "table" if makes_rows else "image"
        raise click.UsageError(f"--json and the {what} cannot both go to standard output: -o FILE takes the {what}")
    if execute is None:
        with usage_errors():
            execute = _executor(jobs, settings, files)
    report = Report(len(jobs), jobs.at(0).step.does.counts if makes_rows else "")
    console = Console(len(jobs), files["quiet"], files["json"])
    with _stoppable() as (stop, received):
        for outcome in take(execute(stop, console.notice)):
            outcome = replace(outcome, error=spelled(outcome.error))
            report.add(outcome)
            console.tell(outcome)
    console.end(str(report) if len(jobs) > 1 or received else "")
    return 128 + received[0] if received else report.exit_code


def _executor(jobs: Jobs, settings: Settings, files: Mapping[str, Any]) -> Execute:
    """Return what does the jobs: threads of this machine, or a cluster; or raise a BatchError."""
    address = files["scheduler"]
    if address is None:
        from poolcli.batch import local

        return partial(local.execute, jobs, settings, files["jobs"] or os.cpu_count() or 1)
    if files["jobs"]:
        raise BatchError("--jobs is for threads of this machine, and workers have their own: leave it out")
    if any(job.input is None or (job.output is None and not job.step.does.makes_rows) for job in jobs):
        raise BatchError("--scheduler is for files, and - is a stream of this machine alone: leave --scheduler out")
    from poolcli.batch import cluster

    return partial(cluster.execute, jobs, settings, cluster.connect(address))


def delivered(write: Callable[[BinaryIO], object], path: Path, overwrite: bool) -> int:
    """Put what a batch comes to into its file; tell what is wrong with that, and return the exit code."""
    from poolcli.files import WriteError, deliver

    try:
        deliver(write, path, overwrite)
    except (OSError, WriteError) as error:
        what = error.strerror if isinstance(error, OSError) else error
        click.echo(f"error: {shown(path)}: {spelled(str(what))}", err=True)
        return 1
    return 0


@contextmanager
def _stoppable() -> Iterator[tuple[Event, list[int]]]:
    """Let the first signal end the batch once the files at hand are done, and a second one end the process."""
    stop, received = Event(), list[int]()

    def on_signal(number: int, frame: object) -> None:
        if received:
            os._exit(128 + number)
        received.append(number)
        stop.set()
        last = Timer(_END, os._exit, (128 + number,))  # standard output may be a pipe that nobody reads
        last.daemon = True
        last.start()

    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    # What is ignored, as under nohup and in the background of a script, stays so.
    heeded = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, on_signal) for number in heeded}
    try:
        yield stop, received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
