"""The command that makes pyramids."""

from __future__ import annotations

from typing import Any

import click

from poolcli.batch.find import STREAM
from poolcli.batch.jobs import BatchError
from poolcli.batch.plan import Jobs, is_folder
from poolcli.cli import options
from poolcli.cli.parameters import check_weights, mode_option, mode_parameters, parameters_of, steps_of
from poolcli.cli.running import carry_out, jobs_of, usage_errors
from poolcli.cli.settings import check_linear, check_palette, settings_of
from poolcli.cli.values import Count, FileName, Size, Word
from poolcli.downsample import PYRAMIDS
from poolcli.files import shown
from poolcli.images.formats import endings
from poolcli.parameters import resolve
from poolcli.pyramid import STARTS, UNTIL, checked
from poolcli.rows import takes


def levels(command: options.Command) -> options.Command:
    """Add the options that say which levels there are."""
    return options.section(
        "Options",
        command,
        (
            click.option("-F", "--kernel-size", type=Size(),
                         help="Window from one level to the next, in pixels: N or HEIGHTxWIDTH.  [default: 2]"),
            click.option("-S", "--stride", type=Size(),
                         help="How many times smaller each level is.  [default: the window]"),
            click.option("--until", type=Count(1), metavar="N",
                         help=f"Stop at the first level that has no side longer than this.  [default: {UNTIL}]"),
            click.option("--levels", "depth", type=Count(1, 32), metavar="N", help="Or make so many smaller levels."),
            click.option("--from", "start", type=Word(STARTS), metavar="|".join(STARTS),
                         help="Make levels of the image, or of the level before.  [default: of the level before where "
                         "that is the same: max, min; average from unrounded sums]"),
            click.option("--resume", is_flag=True, help="Go on with a run that was ended."),
        ),
    )  # fmt: skip


@click.command(cls=options.Sections)
@click.argument("inputs", nargs=-1, type=FileName(), metavar="INPUT...")
@mode_option(PYRAMIDS)
@levels
@options.output
@options.files
@options.written
@options.nodata
@options.parts
@mode_parameters(PYRAMIDS)
def pyramid(inputs: tuple[str, ...], modes: tuple[str, ...], **values: Any) -> None:
    """Make pyramids: files of an image and of ever smaller levels of it, each made by a pool.

    INPUT is a file, a folder or a quoted pattern. The output is a tiled TIFF or an OME-Zarr, which viewers open at any
    level.

    \b
        poolcli pyramid --mode majority labels.tif -o labels.ome.zarr
        poolcli pyramid --mode average --until 256 scans/ -o pyramids/
    """  # noqa: D301
    settings, files = settings_of(values)
    steps = steps_of("pyramid", modes, values)
    output = files["output"]
    if output == STREAM:
        raise click.UsageError("a pyramid is written to a file: -o FILE")
    if files["format"] is None and (output is None or is_folder(output, inputs, len(steps) > 1)):
        files["format"] = "ome.zarr" if all(name.rstrip("/").endswith(".zarr") for name in inputs) else "tif"
    with usage_errors():
        check_linear(steps, settings)
        for step in steps:
            checked(step)
            parameters = parameters_of(step)
            check_weights(resolve(step.mode, step.row.parameters, parameters, takes(PYRAMIDS)))
            check_palette(step, settings)
        jobs = jobs_of(inputs, steps, files, settings)
        _check(jobs)
    click.get_current_context().exit(carry_out(jobs, settings, files))


def _check(jobs: Jobs) -> None:
    """Raise a BatchError if a format holds one size of an image."""
    for job in jobs:
        if job.kind is not None and not job.kind.levels:
            able = f"{endings(lambda kind: kind.levels)}, .ome.zarr"
            raise BatchError(f"{shown(job.output)}: {job.kind.name} holds one size of an image: {able} hold all")
