"""The command that enlarges pictures."""

from __future__ import annotations

from typing import Any

import click

from poolcli.batch.jobs import BatchError
from poolcli.cli import options
from poolcli.cli.running import carry_out, jobs_of
from poolcli.cli.sizes import Scale, Size
from poolcli.parameters import PARAMETERS, resolve
from poolcli.resize import check_fill
from poolcli.upsample import UPSAMPLINGS, output_shape

_LARGE = (2**40, 2**40, 1)  # a picture that no value is too large for: those that are wrong for all are told first
_TAKES = {mode.name: mode.parameters for mode in UPSAMPLINGS.values()}


@click.command(cls=options.Sections, short_help="Enlarge pictures: make every pixel a region.")
@click.argument("inputs", nargs=-1, metavar="INPUT...")
@options.mode(UPSAMPLINGS)
@click.option("-S", "--scale", type=Scale(), help="Output over input size, from 1 on.  [default: 2]")
@click.option("--size", type=Size(), help="Output size, instead of the scale.")
@options.mode_parameters(_TAKES)
@options.files
@options.pictures
def upsample(inputs: tuple[str, ...], mode: str, **values: Any) -> None:
    """Enlarge pictures: make every pixel a region of S x S.

    INPUT is a file, a folder, a quoted pattern, or - for standard input. `poolcli modes` explains the modes.

    \b
        poolcli upsample --mode bicubic -S 2 photo.png
        poolcli upsample --mode lanczos --size 1080x1920 photos/ -o large/
        poolcli upsample --mode unpool --indices max.npz photo_max.png
    """  # noqa: D301
    settings, files = options.settings(values, UPSAMPLINGS[mode].unordered and values["dtype"] is None)
    values = options.given(values)
    given = {name: values[name] for name in PARAMETERS if name in values}
    try:
        parameters = resolve(mode, UPSAMPLINGS[mode].parameters, given, _TAKES)
        check_fill(given, parameters)
        _check_scale(values)
        output_shape(_LARGE, mode, values)
        options.check_palette(mode, UPSAMPLINGS[mode].selects, UPSAMPLINGS, settings, values)
        jobs = jobs_of(inputs, "upsample", mode, values, files, settings)
    except (ValueError, BatchError) as error:
        raise click.UsageError(options.spelled(str(error))) from None
    click.get_current_context().exit(carry_out(jobs, settings, files))


def _check_scale(values: dict[str, Any]) -> None:
    scale = values.get("scale", 1)
    least = min(scale) if isinstance(scale, tuple) else scale
    if least < 1:
        way = f"poolcli downsample -m average -F {round(1 / least)} pools all of them"
        python = "poolcli.resize in Python with antialias=True averages them by any scale"
        raise ValueError(f"scale={scale} makes pictures smaller, and would leave pixels out: {way}, and {python}")
