"""Options that commands share, each declared once; and how messages spell them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from poolcli.cli.values import Bytes, Checked, Count, Ending, FileName, Nodata, Scale, Size, Word, both, colour
from poolcli.commands import unordered
from poolcli.images import MAX_PIXELS
from poolcli.nodata import SHARE
from poolcli.parameters import DTYPES, SAME

_COLUMN = 26  # of the help, where what an option means begins

Command = TypeVar("Command", bound=Callable[..., Any])


def section(title: str, command: Command, options: Sequence[Callable[[Command], Command]]) -> Command:
    """Add options under a title of their own in the help."""
    for option in reversed(options):
        command = option(command)
        command.__click_params__[-1].section = title  # type: ignore[attr-defined]
    return command


class Sections(click.Command):
    """A command whose help shows its options in sections."""

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, section by section."""
        sections: dict[str, list[tuple[str, str]]] = {}  # the order is that of the decorators
        for parameter in self.get_params(context):
            record = parameter.get_help_record(context)
            if record and isinstance(parameter, click.Option):
                sections.setdefault(getattr(parameter, "section", "Options"), []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records, col_max=_COLUMN)


def _first(command: Command, *more: Callable[[Command], Command]) -> Command:
    return section("Options", command, more)


def windows(command: Command) -> Command:
    """Add the options that say how large windows are, how far apart, or how many."""
    return _first(
        command,
        click.option(
            "-F",
            "--kernel-size",
            type=Size(),
            help="Window, in pixels: N, HEIGHTxWIDTH or w=WIDTH,h=HEIGHT.  [default: 2]",
        ),
        click.option("-S", "--stride", type=Size(), help="Distance between windows.  [default: the window]"),
        click.option("--size", type=Size(), help="Output size, instead of window and stride."),
    )


def edges(command: Command) -> Command:
    """Add the other options that say where windows lie."""
    return section(
        "Windows",
        command,
        (
            click.option("-P", "--padding", type=Size(0, SAME, sides=True),
                         help="Pixels around the image, which add no values; or TOP,BOTTOM,LEFT,RIGHT, same, "
                         "same-lower.  [default: 0]"),
            click.option("--wide-padding", is_flag=True, help="Allow more than half a window. A window of padding only "
                         "gives the dtype's smallest value (max), NaN or 0 (means)."),
            click.option("-D", "--dilation", type=Size(),
                         help="Distance between the pixels of a window.  [default: 1]"),
            click.option("--ceil", is_flag=True, help="Round the output size up."),
        ),
    )  # fmt: skip


def nodata(command: Command) -> Command:
    """Add the options that say which values mean none."""
    return section(
        "Images",
        command,
        (
            click.option("--ignore", type=Nodata(),
                         help="Leave these values out; auto: the file's own."),
            click.option("--valid", type=Checked(SHARE), metavar="SHARE",
                         help="Share of a window that must be left, 0 to 1."),
        ),
    )  # fmt: skip


def output(command: Command) -> Command:
    """Add the options that say where results go."""
    return _first(
        command,
        click.option("-o", "--output", type=FileName(), metavar="PATH",
                     help="File, folder, or - for standard output.  [default: NAME_MODE.EXT beside the input]"),
        click.option("--overwrite", is_flag=True, help="Replace files that exist."),
        click.option("-r", "--recursive", is_flag=True, help="Descend into folders; the output mirrors them."),
    )  # fmt: skip


def files(command: Command) -> Command:
    """Add the other options that say which files are read and written."""
    return section(
        "Files and folders",
        command,
        (
            click.option("--name", metavar="TEMPLATE",
                         help="Names of outputs, as '{stem}_{mode}_{F}x{S}' or '{mode}/{stem}'. Fields: stem, mode, "
                         "command, F, S, P, D, size, and the mode's parameters."),
            click.option("--format", type=Ending(), metavar="EXT",
                         help="Format of the output, as png.  [default: by the name]"),
            click.option("--skip-existing", is_flag=True, help="Leave files that exist, and go on."),
            *_LOOKING,
            click.option("--dry-run", is_flag=True, help="List what would be written, and write nothing."),
            *_GOING,
            click.option("--json", is_flag=True, help="Write a line of JSON for each file to stdout."),
        ),
    )  # fmt: skip


def table(command: Command) -> Command:
    """Add the options that say where a table goes."""
    from poolcli.batch.table import FORMATS

    return _first(
        command,
        click.option("-o", "--output", type=FileName(), metavar="FILE",
                     help="File of the table.  [default: standard output]"),
        click.option("--format", type=Word(FORMATS), metavar="FORMAT",
                     help=f"Of the table: {', '.join(FORMATS)}.  [default: by the name; table on a terminal; csv]"),
        click.option("--overwrite", is_flag=True, help="Replace a file that exists."),
        click.option("-r", "--recursive", is_flag=True, help="Descend into folders."),
    )  # fmt: skip


def inputs(command: Command) -> Command:
    """Add the options that say which files are read, for a command that writes one."""
    dry = click.option("--dry-run", is_flag=True, help="List what would be read, and read nothing.")
    lines = click.option(
        "--json", is_flag=True, help="Write a line of JSON for each image to stdout; -o takes the table."
    )
    return section("Files and folders", command, (*_LOOKING, dry, *_GOING, lines))


def alone(command: Command) -> Command:
    """Add the options that say which files are read, for a command that does one after the other."""
    dry = click.option("--dry-run", is_flag=True, help="List what would be read, and read nothing.")
    return section("Files and folders", command, (*_LOOKING, dry, *_SAYING))


_LOOKING = (
    click.option("--include", multiple=True, metavar="PATTERN",
                 help="Take only these, as '*.png'; may be repeated."),
    click.option("--exclude", multiple=True, metavar="PATTERN", help="Leave these out; may be repeated."),
    click.option("--files-from", type=FileName(), metavar="LIST",
                 help="Read names of inputs from a file or -, one a line."),
    click.option("--null", is_flag=True, help="They end with NUL, as of find -print0."),
)  # fmt: skip
_SAYING = (
    click.option("--fail-fast", is_flag=True, help="Stop at the first file that fails."),
    click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors."),
    click.option("--debug", is_flag=True, help="Show where in the code an error comes from."),
)
_GOING = (
    click.option("-j", "--jobs", type=Count(1), metavar="N", help="Threads that read and write.  [default: the cores]"),
    click.option("--scheduler", metavar="ADDRESS",
                 help="Let a Dask cluster do it, as tcp://HOST:PORT."),
    *_SAYING,
)  # fmt: skip


def pictures(command: Command) -> Command:
    """Add the options that say how images are read and written."""
    return written(section("Images", command, (_DTYPE,)))


def written(command: Command) -> Command:
    """Add the same, for images that are written in their own dtype."""
    return section(
        "Images",
        command,
        (
            *_READING,
            click.option("--background", default="white", callback=colour, metavar="COLOUR",
                         help="Behind alpha that is dropped.  [default: white]"),
            click.option("--quality", type=Count(1, 100), metavar="1-100",
                         help="JPEG, WebP, AVIF.  [default: 95, lossless, 90]"),
            click.option("--compression", type=Word(("fast", "default", "max")), default="default", metavar="EFFORT",
                         help="For PNG, TIFF and WebP: fast, default or max."),
            click.option("--strip", is_flag=True, help="Write the pixels alone, no profile, EXIF, tags."),
        ),
    )  # fmt: skip


_MEMORY = click.option("--memory", type=Bytes(), metavar="BYTES", help="Work in parts above it.  [default: 256M]")


def memory(command: Command) -> Command:
    """Add the option that says which images go in parts, for a command that writes none."""
    return section("Images", command, (_MEMORY,))


def parts(command: Command) -> Command:
    """Add the options that say which images go in parts."""
    return section(
        "Images",
        command,
        (
            _MEMORY,
            click.option("--tile", type=Size(), callback=both,
                         help="Work in parts of the output of this size."),
        ),
    )  # fmt: skip


def reading(command: Command) -> Command:
    """Add the options that say how images are read, for a command that shows them as they are seen."""
    behind = click.option("--background", default="white", callback=colour, metavar="COLOUR",
                          help="Behind alpha: a name or #rrggbb.  [default: white]")  # fmt: skip
    return section("Images", command, (*_READING, behind))


def numbers(command: Command) -> Command:
    """Add the options that say how images are read, for a command that writes none."""
    alike = (
        click.option("--colour", type=Word(("rgb", "grey")), metavar="rgb|grey",
                     help="Make all images alike: grey three times, or (299 R + 587 G + 114 B)/1000 of RGB, as they "
                     "are stored; alpha is laid over --background."),
        click.option("--background", default="white", callback=colour, metavar="COLOUR",
                     help="Behind alpha, with --colour: a name or #rrggbb.  [default: white]"),
    )  # fmt: skip
    return section("Images", command, (_DTYPE, *_READING, *alike))


_DTYPE = click.option(
    "--dtype", type=Word(DTYPES), metavar="DTYPE", help="Of the output's values, rounded and saturated."
)
_READING = (
    click.option("--frame", type=Count(0), metavar="N", help="Of several frames take one; the first is 0."),
    click.option("--linear", is_flag=True, help="Blend in linear light (8 and 16 bits, sRGB)."),
    click.option("--keep-palette/--expand-palette", default=None,
                 help=f"Take indices of palettes, or colours.  [default: indices for {', '.join(unordered())}]"),
    click.option("--convert", is_flag=True,
                 help="Scale to 8 bits, drop alpha where the format holds no more; read CMYK by formula."),
    click.option("--layout", type=Word(("hwc", "chw")), metavar="hwc|chw",
                 help="Axes of arrays in .npy and .npz.  [default: hwc]"),
    click.option("--max-pixels", type=Count(1), default=MAX_PIXELS, metavar="N",
                 help=f"Refuse larger images.  [default: {MAX_PIXELS}]"),
)  # fmt: skip


_PYTHON = re.compile(r"(?<![\w/.{-])(?:(\w+)=('[^']*'|\([^()]*\)|[^\s:,;()]+)|(\w+_\w+)\b)")
_ALONE = re.compile(r"(?<=takes no )\w+")
_AGAIN = re.compile(r": (\w+) must be")


def spelled(line: str) -> str:
    """Return a line of the API as this command spells it: kernel_size=(3, 5) is --kernel-size 3x5."""
    own = {option.name: option for option in click.get_current_context().command.params if option.name}

    def option(found: re.Match[str]) -> str:
        known = own.get(found[1] or found[3])
        name = _name(known)
        if not isinstance(known, click.Option) or not name:
            return found[0]
        if found[3] or known.is_flag:
            return name
        separator = "x" if known.type.name in (Size().name, Scale.name) and found[2].count(",") < 2 else ","
        value = found[2].strip("'()").replace(", ", separator) or "''"
        return f"{name} {value}"

    line = _ALONE.sub(lambda found: _name(own.get(found[0])) or found[0], line)
    line = _AGAIN.sub(lambda found: ": it must be" if found[1] in own else found[0], line)
    return _PYTHON.sub(option, line)


def _name(parameter: click.Parameter | None) -> str:
    """Return the long name of an option, or nothing if there is none."""
    return max(parameter.opts, key=len) if isinstance(parameter, click.Option) else ""
