"""The command that makes images of any size."""

from __future__ import annotations

from typing import Any

import click

from poolcli.cli import options
from poolcli.cli.parameters import mode_option, mode_parameters, parameters_of, steps_of
from poolcli.cli.running import carry_out, jobs_of, usage_errors
from poolcli.cli.settings import check_linear, check_palette, settings_of
from poolcli.cli.values import Count, Factor, FileName, Size
from poolcli.parameters import resolve
from poolcli.resize import check_fill
from poolcli.resizing import RESIZINGS
from poolcli.rows import takes

_SQUARE = (1 << 20, 1 << 20)  # pixels of an image that is large enough for all that is asked for


def sizes(command: options.Command) -> options.Command:
    """Add the options that say how large the output is."""
    return options.section(
        "Options",
        command,
        (
            click.option("--size", type=Size(), help="Output size: N, HEIGHTxWIDTH or w=WIDTH,h=HEIGHT."),
            click.option("--width", type=Count(1), metavar="N", help="Output width; the height follows."),
            click.option("--height", type=Count(1), metavar="N", help="Output height; the width follows."),
            click.option("--fit", type=Size(), help="The largest size in this one that keeps the proportions."),
            click.option("--no-enlarge", is_flag=True, help="With --fit: leave smaller images as large as they are."),
            click.option("--scale", type=Factor(), help="Output over input size, as 0.5 or 50%."),
            click.option("--no-antialias", is_flag=True,
                         help="Take a few pixels for each of the output, also where the image shrinks."),
        ),
    )  # fmt: skip


@click.command(cls=options.Sections)
@click.argument("inputs", nargs=-1, type=FileName(), metavar="INPUT...")
@mode_option(RESIZINGS, default="bilinear")
@sizes
@options.output
@options.files
@options.pictures
@options.parts
@mode_parameters(RESIZINGS)
def resize(inputs: tuple[str, ...], modes: tuple[str, ...], **values: Any) -> None:
    """Resize images: make them larger or smaller, by a filter that sees every pixel.

    INPUT is a file, a folder, a quoted pattern, or - for standard input. `poolcli modes` explains the modes.

    \b
        poolcli resize --width 640 photo.png
        poolcli resize --fit 256x256 --no-enlarge photos/ -o small/
        poolcli resize --mode nearest --scale 50% mask.png
    """  # noqa: D301
    settings, files = settings_of(values)
    steps = steps_of("resize", modes, values)
    with usage_errors():
        check_linear(steps, settings)
        for step in steps:
            parameters = parameters_of(step)
            own = resolve(step.mode, RESIZINGS[step.mode].parameters, parameters, takes(RESIZINGS))
            check_fill(parameters, own)
            step.shape_after(_SQUARE)
            check_palette(step, settings)
        jobs = jobs_of(inputs, steps, files, settings)
    click.get_current_context().exit(carry_out(jobs, settings, files))
