"""The command that pools images."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from poolcli.batch.jobs import BatchError, Settings
from poolcli.batch.plan import Jobs
from poolcli.cli import options
from poolcli.cli.parameters import check_weights, mode_option, mode_parameters, parameters_of, steps_of
from poolcli.cli.running import carry_out, jobs_of, usage_errors
from poolcli.cli.settings import check_linear, check_palette, check_window, settings_of
from poolcli.cli.values import Channel, FileName
from poolcli.commands import Step
from poolcli.downsample import MODES, check_indices
from poolcli.files import exists, located
from poolcli.nodata import check_ignore
from poolcli.parameters import resolve
from poolcli.rows import takes

_FINDERS = ", ".join(mode.name for mode in MODES.values() if mode.finds)


def picking(command: options.Command) -> options.Command:
    """Add the options of modes that take one of the values."""
    return options.section(
        "Windows",
        command,
        (
            click.option("--joint", type=Channel(), metavar="CHANNEL",
                         help="Take one pixel of a window with all its channels, chosen by luminance, red, green, "
                         f"blue, alpha or a number ({_FINDERS})."),
            click.option("--save-indices", type=FileName(), metavar="FILE.npz",
                         help="Write where these took their values, for unpool."),
        ),
    )  # fmt: skip


@click.command(cls=options.Sections)
@click.argument("inputs", nargs=-1, type=FileName(), metavar="INPUT...")
@mode_option(MODES)
@options.windows
@options.output
@options.edges
@picking
@options.files
@options.pictures
@options.nodata
@options.parts
@mode_parameters(MODES)
def downsample(inputs: tuple[str, ...], modes: tuple[str, ...], save_indices: str | None, **values: Any) -> None:
    """Pool images: reduce every window of F x F pixels, S apart, to one.

    INPUT is a file, a folder, a quoted pattern, or - for standard input. `poolcli modes` explains the modes.

    \b
        poolcli downsample --mode max photo.png
        poolcli downsample --mode median -F 3 -S 2 scans/ -o small/
        poolcli downsample --mode max,average,soft photo.png --name '{stem}_{mode}_{F}'
    """  # noqa: D301
    settings, files = settings_of(values)
    steps = steps_of("downsample", modes, values)
    with usage_errors():
        check_linear(steps, settings)
        for step in steps:
            _check(step, save_indices is not None)
            check_palette(step, settings)
        jobs = jobs_of(inputs, steps, files, settings)
        if save_indices is not None:
            jobs = _with_indices(jobs, save_indices, settings)
    click.get_current_context().exit(carry_out(jobs, settings, files))


def _check(step: Step, indices: bool) -> None:
    """Raise a ValueError if arguments are not allowed, whatever the images are."""
    row = MODES[step.mode]
    checked = resolve(step.mode, row.parameters, parameters_of(step), takes(MODES))
    check_weights(checked)
    check_window(checked, step.arguments)
    check_ignore(row, step.arguments)
    for option, given in (("--save-indices", indices), ("--joint", "joint" in step.arguments)):
        if given:
            check_indices(row, checked, option)


def _with_indices(jobs: Jobs, path: str, settings: Settings) -> Jobs:
    if len(jobs) > 1:
        raise BatchError(f"{path}: holds the indices of one result, not of {len(jobs)}")
    if not path.endswith(".npz"):
        raise BatchError(f"{path}: indices are written as .npz")
    if not settings.writing.overwrite and exists(located(path)):
        raise BatchError(f"{path}: exists; --overwrite replaces it")
    return jobs.each(lambda job: replace(job, indices=located(path)))
