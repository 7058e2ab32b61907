"""The command that shows where gradients flow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from poolcli.batch.jobs import Job
from poolcli.cli import options
from poolcli.cli.parameters import check_weights, mode_option, mode_parameters, parameters_of, steps_of
from poolcli.cli.running import carry_out, jobs_of, usage_errors
from poolcli.cli.settings import check_window, given, settings_of
from poolcli.cli.values import FileName, Pixel
from poolcli.gradient import DIFFERENTIABLE
from poolcli.images.formats import fit
from poolcli.parameters import resolve
from poolcli.rows import takes


@click.command(cls=options.Sections)
@click.argument("inputs", nargs=-1, type=FileName(), metavar="INPUT...")
@mode_option(DIFFERENTIABLE)
@options.windows
@options.output
@click.option("--at", type=Pixel(), help="Of this output pixel, not of the sum of all; the first is 0,0.")
@click.option(
    "--grad", type=FileName(), metavar="FILE.npy", help="Of the sum of the output times these numbers, of its shape."
)
@click.option("--plain", is_flag=True, help="Draw on white, not over the image.")
@options.edges
@options.files
@options.pictures
@mode_parameters(DIFFERENTIABLE)
def gradient(inputs: tuple[str, ...], modes: tuple[str, ...], **values: Any) -> None:
    """Show where the gradient of a pool flows: how much the sum of the output changes with each pixel of an image.

    Where a pixel is red the sum grows with it, where blue it falls, added up over the channels; the file's text field
    tells the range. Formats that hold floats, as .tif and .npy, get the numbers of every channel.

    \b
        poolcli gradient --mode soft --beta 20 photo.png
        poolcli gradient --mode max -F 3 -S 2 --at 10,12 photo.png -o map.png
        poolcli gradient --mode average photo.png -o numbers.npy
    """  # noqa: D301
    settings, files = settings_of(values)
    steps = steps_of("gradient", modes, values)
    with usage_errors():
        _check(given(values), settings.linear, bool(settings.keep_palette))
        for step in steps:
            taken = DIFFERENTIABLE[step.mode].parameters
            checked = resolve(step.mode, taken, parameters_of(step), takes(DIFFERENTIABLE))
            check_weights(checked)
            check_window(checked, step.arguments)
        jobs = jobs_of(inputs, steps, files, settings).each(_as_held)
    click.get_current_context().exit(carry_out(jobs, settings, files))


def _check(arguments: dict[str, Any], linear: bool, palette: bool) -> None:
    if "at" in arguments and "grad" in arguments:
        raise ValueError("--at and --grad exclude each other")
    if linear or palette:
        option = "--linear" if linear else "--keep-palette"
        raise ValueError(f"the gradient is that of the numbers as they are: it takes no {option}")
    if "float" not in arguments.get("dtype", "float32"):
        raise ValueError(f"dtype={arguments['dtype']} is not allowed: numbers of a gradient are float32 or float64")


def _as_held(job: Job) -> Job:
    """Return a job that makes numbers where its format holds floats, and else a picture."""
    dtype = job.step.arguments.get("dtype", "float32")
    numbers = job.kind is not None and fit(job.kind, "grey", dtype, False) is not None
    if not numbers and "dtype" in job.step.arguments:
        raise ValueError(f"dtype={dtype} is for formats that hold such numbers, as .tif and .npy")
    return replace(job, step=job.step.given(numbers=dtype if numbers else ""))
