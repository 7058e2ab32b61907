"""The command that reduces images to rows of a table."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import click

from poolcli.batch.find import STREAM
from poolcli.batch.jobs import BatchError, Outcome, Settings
from poolcli.batch.plan import plan_rows
from poolcli.batch.table import FORMATS, Table, fill, in_order
from poolcli.cli import options
from poolcli.cli.parameters import check_weights, mode_option, mode_parameters, steps_of
from poolcli.cli.running import carry_out, delivered, found_of, usage_errors
from poolcli.cli.settings import check_linear, settings_of
from poolcli.cli.values import FileName
from poolcli.commands import Step
from poolcli.files import located, shown
from poolcli.nodata import check_ignore, without
from poolcli.reduce import REDUCTIONS, arguments_of

_IN_MEMORY = 1 << 26  # bytes of a table, before a file holds them


@click.command(cls=options.Sections)
@click.argument("inputs", nargs=-1, type=FileName(), metavar="INPUT...")
@mode_option(REDUCTIONS)
@options.table
@options.inputs
@options.numbers
@options.nodata
@options.memory
@mode_parameters(REDUCTIONS)
def reduce(inputs: tuple[str, ...], modes: tuple[str, ...], **values: Any) -> None:
    """Reduce whole images or feature maps to vectors, a row each.

    INPUT is a file, a folder, a quoted pattern, or - for standard input. `poolcli modes` explains the modes.

    \b
        poolcli reduce --mode gap photos/
        poolcli reduce --mode gap,gmp photos/ -o features.csv
        poolcli reduce --mode spp --levels 1,2,4 photos/ -r -o features.csv
        poolcli reduce --mode gap --colour rgb scans/ photos/
        poolcli reduce --mode covariance --power 0.5 maps.npy --layout chw --format jsonl
    """  # noqa: D301
    settings, files = settings_of(values)
    steps = steps_of("reduce", modes, values)
    output = None if files["output"] == STREAM else files["output"]
    with usage_errors():
        check_linear(steps, settings)
        for step in steps:
            _check(step, settings)
        kind = _kind(output, files["format"])
        jobs = plan_rows(found_of(inputs, files), steps, output)
        if output is None and not FORMATS[kind].readable and sys.stdout.isatty():
            raise click.UsageError(f"{kind} is not for a terminal: redirect standard output, or -o FILE")
        target = _Target(output, kind, files["overwrite"])
    code = carry_out(jobs, settings, files, target.take)
    click.get_current_context().exit(target.close(code))


class _Target:
    """Where the table goes: to standard output row by row, or to a file when all rows are there."""

    def __init__(self, output: str | None, kind: str, overwrite: bool) -> None:
        from poolcli.files import WriteError, check_free

        self._output, self._overwrite = output, overwrite
        if output is not None:
            try:
                check_free(located(output), overwrite)
            except WriteError as error:
                raise BatchError(f"{shown(located(output))}: {error}") from None
        self._file: BinaryIO = sys.stdout.buffer
        if output is not None:
            self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # type: ignore[assignment]  # noqa: SIM115
        self._table: Table = FORMATS[kind](self._file)

    def take(self, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        """Write rows as they come."""
        return fill(self._table, in_order(outcomes))

    def close(self, code: int) -> int:
        """End the table, unless a signal ended the batch, and return the exit code."""
        whole = code < 128 and self._table.count > 0
        if whole:
            self._table.end()
        if self._output is None:
            return code
        with self._file:
            if not whole:
                return code
            self._file.seek(0)
            write = partial(shutil.copyfileobj, self._file)
            return delivered(write, located(self._output), self._overwrite) or code


def _check(step: Step, settings: Settings) -> None:
    row, values = arguments_of(step.mode, without(step.arguments))
    check_ignore(row, step.arguments)
    check_weights(values)
    if settings.keep_palette and settings.colour:
        raise ValueError("--colour is for colours, and --keep-palette takes indices: give one of them")
    if settings.keep_palette and step.blends:
        what = f"mode {step.mode!r} would blend the indices of a palette"
        raise ValueError(f"{what}: --keep-palette is for modes that select")


def _kind(output: str | None, asked: str | None) -> str:
    """Return the format of a table, or raise a BatchError if its name says another than is asked for."""
    own = Path(output).suffix.lstrip(".").lower() if output else ""
    if asked and own in FORMATS and own != asked:
        raise BatchError(f"{output}: names another format than --format {asked}: leave one of them out")
    return asked or _format_of(output)


def _format_of(output: str | None) -> str:
    if output is None:
        return "table" if sys.stdout.isatty() else "csv"
    ending = Path(output).suffix.lstrip(".").lower()
    if ending not in FORMATS:
        known = ", ".join(f".{name}" for name in FORMATS if name != "table")
        what = f"the ending '.{ending}'" if ending else "a name without an ending"
        raise BatchError(f"{shown(located(output))}: no table is written for {what}: use {known}, or --format")
    return ending
