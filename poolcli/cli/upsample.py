"""The command that enlarges images."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import click

from poolcli.cli import options
from poolcli.cli.parameters import mode_option, mode_parameters, parameters_of, steps_of
from poolcli.cli.running import carry_out, jobs_of, usage_errors
from poolcli.cli.settings import check_linear, check_palette, settings_of
from poolcli.cli.values import FileName, Scale, Size
from poolcli.commands import Step
from poolcli.resize import check_fill
from poolcli.upsample import UPSAMPLINGS

_SIZED = ", ".join(row.name for row in UPSAMPLINGS.values() if row.takes_size and not row.fractional)
_SIDE = 2**40  # pixels, for which no value is too large: those that are wrong for all images are told first


@click.command(cls=options.Sections)
@click.argument("inputs", nargs=-1, type=FileName(), metavar="INPUT...")
@mode_option(UPSAMPLINGS)
@click.option("-S", "--scale", type=Scale(), help="Output over input size, from 1 on.  [default: 2]")
@click.option("--size", type=Size(), help=f"Output size, instead of the scale; of {_SIZED} beside it.")
@options.output
@options.files
@options.pictures
@options.parts
@mode_parameters(UPSAMPLINGS)
def upsample(inputs: tuple[str, ...], modes: tuple[str, ...], **values: Any) -> None:
    """Enlarge images: make every pixel a region of S x S.

    INPUT is a file, a folder, a quoted pattern, or - for standard input. `poolcli modes` explains the modes.

    \b
        poolcli upsample --mode bicubic -S 2 photo.png
        poolcli upsample --mode lanczos --size 1080x1920 photos/ -o large/
        poolcli upsample --mode unpool --indices max.npz photo_max.png
    """  # noqa: D301
    settings, files = settings_of(values)
    steps = steps_of("upsample", modes, values)
    with usage_errors():
        check_linear(steps, settings)
        for step in steps:
            parameters = parameters_of(step)
            row = UPSAMPLINGS[step.mode]
            check_fill(parameters, row.resolve(parameters))
            _check_scale(step.arguments)
            row.check_scale(step.arguments.get("scale"), step.arguments.get("size"))
            replace(step, arguments=_of_any_image(step)).shape_after(_large(step))
            check_palette(step, settings)
        jobs = jobs_of(inputs, steps, files, settings)
    click.get_current_context().exit(carry_out(jobs, settings, files))


def _large(step: Step) -> tuple[int, int, int]:
    """Return the shape of an image that is large enough for every scale, with channels for every region."""
    scale = step.arguments.get("scale", 2)
    return (_SIDE, _SIDE, math.prod(map(int, scale)) if isinstance(scale, tuple) else int(scale) ** 2)


def _of_any_image(step: Step) -> dict[str, Any]:
    """Return the arguments without the size, where it depends on the image which there may be."""
    return {name: value for name, value in step.arguments.items() if name != "size" or step.row.resizes()}


def _check_scale(arguments: Mapping[str, Any]) -> None:
    scale = arguments.get("scale", 1)
    least = min(scale) if isinstance(scale, tuple) else scale
    if least < 1:
        shown = "x".join(map(str, scale)) if isinstance(scale, tuple) else scale
        way = f"poolcli downsample -m average -F {round(1 / least)} pools all of them"
        other = f"poolcli resize --scale {shown} by any filter"
        raise ValueError(f"scale={scale} makes images smaller, and would leave pixels out: {way}, {other}")
