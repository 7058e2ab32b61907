"""The command that pools pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from poolcli.batch.jobs import BatchError, Job, Settings
from poolcli.cli import options
from poolcli.cli.running import carry_out, jobs_of
from poolcli.downsample import MODES, window_of
from poolcli.parameters import resolve

_TAKES = {mode.name: mode.parameters for mode in MODES.values()}

_PARAMETERS = {name for names in _TAKES.values() for name in names}


@click.command(cls=options.Sections, short_help="Pool pictures: reduce every window to one pixel.")
@click.argument("inputs", nargs=-1, metavar="INPUT...")
@options.mode(MODES)
@click.option("--save-indices", metavar="FILE.npz", help="Write where max took its values from, for unpool.")
@options.window
@options.mode_parameters(_TAKES)
@options.files
@options.pictures
def downsample(inputs: tuple[str, ...], mode: str, save_indices: str | None, **values: Any) -> None:
    """Pool pictures: reduce every window of F x F pixels, S apart, to one.

    INPUT is a file, a folder, a quoted pattern, or - for standard input. `poolcli modes` explains the modes.

    \b
        poolcli downsample --mode max photo.png
        poolcli downsample --mode median -F 3 -S 2 scans/ -o small/
        poolcli downsample --mode lp --p 4 --norm mean photo.jpg -o small.png
    """  # noqa: D301
    settings, files = options.settings(values, MODES[mode].unordered and values["dtype"] is None)
    values = options.given(values)
    given = {name: values.pop(name) for name in _PARAMETERS if name in values}
    try:
        parameters = resolve(mode, MODES[mode].parameters, given, _TAKES)
        options.check_weights(parameters)
        _check_window(parameters, values)
        selects = MODES[mode].selects and parameters.get("combine") != "mean"
        options.check_palette(mode, selects, MODES, settings, values)
        jobs = jobs_of(inputs, "downsample", mode, {**values, **given}, files, settings)
        jobs = _with_indices(jobs, mode, save_indices, settings)
    except (ValueError, BatchError) as error:
        raise click.UsageError(options.spelled(str(error))) from None
    click.get_current_context().exit(carry_out(jobs, settings, files))


def _with_indices(jobs: list[Job], mode: str, path: str | None, settings: Settings) -> list[Job]:
    if path is None:
        return jobs
    if mode != "max":
        raise ValueError(f"mode {mode!r} takes no --save-indices: the mode that does is max")
    if len(jobs) > 1:
        raise BatchError(f"{path}: holds the indices of one picture, not of {len(jobs)}")
    if not path.endswith(".npz"):
        raise BatchError(f"{path}: indices are written as .npz")
    if not settings.writing.overwrite and Path(path).exists():
        raise BatchError(f"{path}: exists; --overwrite replaces it")
    return [replace(job, indices=Path(path)) for job in jobs]


def _check_window(parameters: dict[str, Any], values: dict[str, Any]) -> None:
    from poolcli.geometry import shape

    taps = shape(**window_of(values)).taps
    if "size" not in values and parameters.get("k", 0) > taps:
        raise ValueError(f"k={parameters['k']} is more than the {taps} values of a window")
