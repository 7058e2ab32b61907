"""The command that compares modes: a contact sheet, a page, or a table of figures."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import click

from poolcli.batch.find import STREAM
from poolcli.batch.jobs import BatchError, Settings
from poolcli.batch.plan import Jobs, plan_rows
from poolcli.cli import options
from poolcli.cli.parameters import check_weights, mode_option, mode_parameters, parameters_of, steps_of
from poolcli.cli.running import carry_out, delivered, found_of, usage_errors
from poolcli.cli.settings import check_linear, check_palette, check_window, settings_of
from poolcli.cli.values import Count, Detail, FileName, Size, Word
from poolcli.commands import Step
from poolcli.downsample import PYRAMIDS
from poolcli.files import WriteError, check_free, located, shown
from poolcli.filters import FILTERS
from poolcli.images.formats import fit, format_of, holders
from poolcli.parameters import resolve
from poolcli.rows import takes

if TYPE_CHECKING:
    from poolcli.batch.comparisons import Output

    Writer = Output | str
    """What makes a sheet or a page, or the name of a table."""

_USUAL = "max,min,median,average,soft,lip"
_TABLES, _PAGES = (".csv", ".json"), (".html",)


def windows(command: options.Command) -> options.Command:
    """Add the options that say how large windows are; each of them may be given several times."""
    return options.section(
        "Options",
        command,
        (
            click.option("-F", "--kernel-size", type=Size(again="-F"), multiple=True,
                         help="Window, in pixels: N or HEIGHTxWIDTH; may be repeated, for a row each.  [default: 2]"),
            click.option("-S", "--stride", type=Size(again="-S"), multiple=True,
                         help="Distance between windows; may be repeated.  [default: the window]"),
            click.option("--size", type=Size(), help="Size of results, instead of window and stride."),
        ),
    )  # fmt: skip


def output(command: options.Command) -> options.Command:
    """Add the options that say what is made, and where it goes."""
    return options.section(
        "Options",
        command,
        (
            click.option("--upsample", type=Word(FILTERS), default=next(iter(FILTERS)), metavar="MODE",
                         help=f"Enlarges the results again: {', '.join(FILTERS)}.  [default: {next(iter(FILTERS))}]"),
            click.option("-o", "--output", type=FileName(), metavar="FILE",
                         help="A sheet (.png or another image), the figures (.csv, .json), or a page (.html).  "
                         "[default: the figures, to standard output]"),
            click.option("--zoom", type=Detail(), help="Show this detail in the sheet or the page."),
            click.option("--side", type=Count(16, 16384), metavar="N",
                         help="Longest side of a picture in the sheet, in pixels.  [default: 512]"),
            click.option("--overwrite", is_flag=True, help="Replace a file that exists."),
            click.option("-r", "--recursive", is_flag=True, help="Descend into folders."),
        ),
    )  # fmt: skip


@click.command(cls=options.Sections)
@click.argument("inputs", nargs=-1, type=FileName(), metavar="INPUT...")
@mode_option(PYRAMIDS, default=_USUAL)
@windows
@output
@options.edges
@options.alone
@options.reading
@mode_parameters(PYRAMIDS)
def compare(inputs: tuple[str, ...], modes: tuple[str, ...], **values: Any) -> None:
    """Compare modes: what each keeps of an image, seen side by side and measured.

    Each result is enlarged to the size of the image again, and compared with it: PSNR (dB) and SSIM, larger is
    nearer. Of several images the figures are means.

    \b
        poolcli compare photo.png
        poolcli compare photo.png -o sheet.png
        poolcli compare -m max,lip -F 2 -F 4 --zoom 10,20,64x64 photo.png -o sheet.png
        poolcli compare photos/ -o figures.csv
    """  # noqa: D301
    settings, files = settings_of(values)
    look = {name: values.pop(name) for name in ("zoom", "side")}
    upsample, steps = values.pop("upsample"), _steps(modes, values)
    files |= {"output": None if files["output"] == STREAM else files["output"], "skip_existing": False}
    with usage_errors():
        write = _writer(files["output"], look, settings)
        check_linear(steps, settings)
        for step in steps:
            _check(step, settings)
        jobs = plan_rows(found_of(inputs, files), steps, files["output"])
        if not isinstance(write, str) and len(jobs) > 1:
            name = shown(located(files["output"]))
            raise BatchError(f"{name}: shows one image, and there are {len(jobs)}: .csv and .json have means over all")
    click.get_current_context().exit(_carried_out(jobs, settings, files, upsample, write))


def _carried_out(jobs: Jobs, settings: Settings, files: Mapping[str, Any], upsample: str, write: Writer) -> int:
    """Compare all images and return the exit code."""
    from poolcli.batch.comparisons import Measuring, execute
    from poolcli.batch.figures import WRITERS, Figures

    first = jobs.at(0)
    figures = Figures((first.step, *first.beside))
    measuring = Measuring(settings, upsample, None if isinstance(write, str) else write)
    code = carry_out(jobs, settings, files, figures.take, partial(execute, measuring, jobs))
    lines = figures.lines()
    if not lines or not isinstance(write, str) or code >= 128:
        return code
    text, output = WRITERS[write](lines), files["output"]
    if output is None:
        click.echo(text, nl=False)
        return code
    return delivered(lambda file: file.write(text.encode()), located(output), settings.writing.overwrite) or code


def _steps(modes: Sequence[str], values: dict[str, Any]) -> list[Step]:
    """Return what is done to each image: all modes by the first window, then by the next."""
    kernels, strides = (values.pop(name) or (None,) for name in ("kernel_size", "stride"))
    windows = dict.fromkeys(product(kernels, strides))
    asked = ({"kernel_size": kernel, "stride": stride, **values} for kernel, stride in windows)
    return [step for one in asked for step in steps_of("compare", modes, one)]


def _check(step: Step, settings: Settings) -> None:
    """Raise a ValueError if arguments are not allowed, whatever the images are."""
    checked = resolve(step.mode, step.row.parameters, parameters_of(step), takes(PYRAMIDS))
    check_weights(checked)
    check_window(checked, step.arguments)
    check_palette(step, settings)
    if step.planes:
        way = "combine=mean makes one"
        raise ValueError(f"mode {step.mode!r} makes {step.planes} images of one, and one is compared: {way}")


def _writer(output: str | None, look: Mapping[str, Any], settings: Settings) -> Writer:
    """Return what makes the output, by its ending: an object, or the name of a table; or raise a BatchError."""
    path = None if output is None else located(output)
    ending = "" if path is None else path.suffix.lower()
    kind = None if path is None else format_of(path)
    if (kind is None or kind.marks) and (look["side"] or (look["zoom"] and ending not in _PAGES)):
        raise BatchError("--zoom is for a sheet or a page, --side for a sheet: -o FILE.png writes one")
    if path is None:
        return "table" if sys.stdout.isatty() else "csv"
    try:
        check_free(path, settings.writing.overwrite)
    except WriteError as error:
        raise BatchError(f"{shown(path)}: {error}") from None
    if ending in _TABLES:
        return ending.lstrip(".")
    from poolcli.batch.comparisons import Look, Page, Sheet

    if ending in _PAGES:
        return Page(path, settings.writing.overwrite, look["zoom"])
    if kind is not None and not kind.marks and fit(kind, "RGB", "uint8", False):
        return Sheet(path, Look(**{name: value for name, value in look.items() if value}), settings)
    what = f"the ending {path.suffix!r}" if ending else "a name without an ending"
    ways = f"{holders('RGB', 'uint8')} hold a sheet, {', '.join(_TABLES)} the figures, {', '.join(_PAGES)} a page"
    raise BatchError(f"{shown(path)}: nothing is written for {what}: {ways}")
