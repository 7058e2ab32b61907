"""The command that pools images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from poolcli.batch.jobs import BatchError, Job, Settings
from poolcli.cli import options
from poolcli.cli.parameters import check_weights, mode_option, mode_parameters
from poolcli.cli.running import carry_out, jobs_of, usage_errors
from poolcli.cli.settings import check_palette, check_window, given, settings_of
from poolcli.cli.values import Channel, FileName
from poolcli.commands import Step
from poolcli.downsample import MODES, check_indices
from poolcli.parameters import resolve
from poolcli.rows import takes

_PARAMETERS = {name for mode in MODES.values() for name in mode.parameters}
_FINDERS = ", ".join(mode.name for mode in MODES.values() if mode.finds)


@click.command(cls=options.Sections)
@click.argument("inputs", nargs=-1, type=FileName(), metavar="INPUT...")
@mode_option(MODES)
@click.option(
    "--save-indices",
    type=FileName(),
    metavar="FILE.npz",
    help=f"Write where {_FINDERS} took their values from, for unpool.",
)
@click.option(
    "--joint",
    type=Channel(),
    help=f"Choose one pixel of a window, with all its channels, by its luminance or a channel ({_FINDERS}).",
)
@options.window
@mode_parameters(MODES)
@options.files
@options.pictures
def downsample(inputs: tuple[str, ...], mode: str, save_indices: str | None, **values: Any) -> None:
    """Pool images: reduce every window of F x F pixels, S apart, to one.

    INPUT is a file, a folder, a quoted pattern, or - for standard input. `poolcli modes` explains the modes.

    \b
        poolcli downsample --mode max photo.png
        poolcli downsample --mode median -F 3 -S 2 scans/ -o small/
        poolcli downsample --mode lp --p 4 --norm mean photo.jpg -o small.png
    """  # noqa: D301
    row = MODES[mode]
    settings, files = settings_of(values, row.unordered and values["dtype"] is None)
    arguments = given(values)
    parameters = {name: arguments.pop(name) for name in _PARAMETERS if name in arguments}
    step = Step("downsample", mode, {**arguments, **parameters})
    with usage_errors():
        checked = resolve(mode, row.parameters, parameters, takes(MODES))
        check_weights(checked)
        check_window(checked, arguments)
        check_palette(step, settings)
        for option, value in (("--save-indices", save_indices), ("--joint", arguments.get("joint"))):
            if value is not None:
                check_indices(row, checked, option)
        jobs = jobs_of(inputs, step, files, settings)
        if save_indices is not None:
            jobs = _with_indices(jobs, save_indices, settings)
    click.get_current_context().exit(carry_out(jobs, settings, files))


def _with_indices(jobs: list[Job], path: str, settings: Settings) -> list[Job]:
    if len(jobs) > 1:
        raise BatchError(f"{path}: holds the indices of one image, not of {len(jobs)}")
    if not path.endswith(".npz"):
        raise BatchError(f"{path}: indices are written as .npz")
    if not settings.writing.overwrite and Path(path).exists():
        raise BatchError(f"{path}: exists; --overwrite replaces it")
    return [replace(job, indices=Path(path)) for job in jobs]
