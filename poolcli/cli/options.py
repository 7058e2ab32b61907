"""Options that commands share, each declared once; and how messages spell them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from poolcli.cli.values import Ending, FileName, Size, colour
from poolcli.commands import COMMANDS
from poolcli.images import MAX_PIXELS
from poolcli.parameters import DTYPES, SAME

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
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(context):
            record = parameter.get_help_record(context)
            if record:
                sections.setdefault(getattr(parameter, "section", "Options"), []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)


def window(command: Command) -> Command:
    """Add the options that say where windows lie."""
    return section(
        "Windows",
        command,
        (
            click.option("-F", "--kernel-size", type=Size(), help="Window, in pixels.  [default: 2]"),
            click.option("-S", "--stride", type=Size(), help="Distance between windows.  [default: the window]"),
            click.option("-P", "--padding", type=Size(0, SAME, sides=True),
                         help="Pixels around the image that belong to windows but add no values.  [default: 0]"),
            click.option("--wide-padding", is_flag=True, help="Allow padding of more than half a window. Of padding "
                         "alone max is the least value there is, min the largest, a mean NaN, or 0 among integers."),
            click.option("-D", "--dilation", type=Size(),
                         help="Distance between the pixels of a window.  [default: 1]"),
            click.option("--ceil", is_flag=True, help="Round the output size up; windows may be larger than the "
                         "image then, by less than the stride."),
            click.option("--size", type=Size(), help="Output size, instead of window and stride."),
        ),
    )  # fmt: skip


def files(command: Command) -> Command:
    """Add the options that say which files are read and written."""
    return section(
        "Files and folders",
        command,
        (
            click.option("-o", "--output", type=FileName(), metavar="PATH",
                         help="File, folder, or - for standard output.  [default: NAME_MODE.EXT beside the input]"),
            click.option("--format", type=Ending(), metavar="EXT",
                         help="Format of the output, as png, where no name tells it, or instead of the input's."),
            click.option("--overwrite", is_flag=True, help="Replace files that exist."),
            click.option("--skip-existing", is_flag=True, help="Leave files that exist, and go on with the others."),
            click.option("-r", "--recursive", is_flag=True, help="Descend into folders; the output mirrors them."),
            *_LOOKING,
            click.option("--dry-run", is_flag=True, help="List what would be written, and write nothing."),
            *_GOING,
            click.option("--json", is_flag=True, help="Write a line of JSON for each file to standard output."),
        ),
    )  # fmt: skip


def table(command: Command) -> Command:
    """Add the options that say where a table goes."""
    from poolcli.batch.table import FORMATS

    return section(
        "Table",
        command,
        (
            click.option("-o", "--output", type=FileName(), metavar="FILE",
                         help="File of the table.  [default: standard output]"),
            click.option("--format", type=click.Choice(list(FORMATS)),
                         help="Format of the table.  [default: by the file's name; table on a terminal; csv]"),
            click.option("--overwrite", is_flag=True, help="Replace a file that exists."),
        ),
    )  # fmt: skip


def inputs(command: Command) -> Command:
    """Add the options that say which files are read, for a command that writes one."""
    recursive = click.option("-r", "--recursive", is_flag=True, help="Descend into folders.")
    dry = click.option("--dry-run", is_flag=True, help="List what would be read, and read nothing.")
    return section("Files and folders", command, (recursive, *_LOOKING, dry, *_GOING))


_LOOKING = (
    click.option("--include", multiple=True, metavar="PATTERN",
                 help="Of folders and lists take only these files, as '*.png'; may be repeated."),
    click.option("--exclude", multiple=True, metavar="PATTERN", help="Leave these out; may be repeated."),
    click.option("--files-from", type=FileName(), metavar="LIST",
                 help="Take the names of inputs from a file, one a line; - is standard input."),
    click.option("--null", is_flag=True, help="Names in the list end with NUL, as find -print0 writes them."),
)  # fmt: skip
_GOING = (
    click.option("-j", "--jobs", type=click.IntRange(1), metavar="N",
                 help="Threads that read and write.  [default: the cores]"),
    click.option("--fail-fast", is_flag=True, help="Stop at the first file that fails."),
    click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors."),
    click.option("--debug", is_flag=True, help="Show where in the code an error comes from."),
)  # fmt: skip


def pictures(command: Command) -> Command:
    """Add the options that say how images are read and written."""
    return section(
        "Images",
        command,
        (
            *_READING,
            click.option("--background", default="white", show_default=True, callback=colour, metavar="COLOUR",
                         help="Behind alpha that --convert drops: a name or #rrggbb."),
            click.option("--quality", type=click.IntRange(1, 100), metavar="1-100",
                         help="Of JPEG, WebP and AVIF.  [default: 95, lossless, 90]"),
            click.option("--compression", type=click.Choice(["fast", "default", "max"]), default="default",
                         help="Effort for PNG, TIFF and WebP."),
            click.option("--strip", is_flag=True, help="Write no profile, EXIF, XMP, resolution, nor the command."),
        ),
    )  # fmt: skip


def numbers(command: Command) -> Command:
    """Add the options that say how images are read, for a command that writes none."""
    alike = (
        click.option("--colour", type=click.Choice(["rgb", "grey"]),
                     help="Make all images alike: grey three times, or (299 R + 587 G + 114 B)/1000 of RGB, as they "
                     "are stored; alpha is laid over --background.  [default: as they are]"),
        click.option("--background", default="white", show_default=True, callback=colour, metavar="COLOUR",
                     help="Behind alpha, with --colour: a name or #rrggbb."),
    )  # fmt: skip
    return section("Images", command, (*_READING, *alike))


_UNORDERED = ", ".join(
    name
    for command in COMMANDS.values()
    if not command.makes_rows
    for name, mode in command.modes.items()
    if mode.unordered
)
_READING = (
    click.option("--dtype", type=click.Choice(DTYPES), metavar="DTYPE",
                 help="Of the output's values, rounded and saturated.  [default: as the mode needs]"),
    click.option("--frame", type=click.IntRange(0), metavar="N",
                 help="Of several frames or pages take one; the first is 0."),
    click.option("--linear", is_flag=True, help="Blend in linear light (8 and 16 bits, sRGB)."),
    click.option("--keep-palette/--expand-palette", default=None,
                 help="Take the indices of images with a palette, such as label masks, or their colours.  [default: "
                 f"indices where the order of values means nothing: {_UNORDERED}; else colours]"),
    click.option("--convert", is_flag=True,
                 help="Scale to 8 bits, drop alpha where the output's format holds no more; read CMYK by formula."),
    click.option("--layout", type=click.Choice(["hwc", "chw"]),
                 help="Axes of arrays in .npy and .npz: channels last or first.  [default: hwc]"),
    click.option("--max-pixels", type=click.IntRange(1), default=MAX_PIXELS, show_default=True, metavar="N",
                 help="Refuse images that claim to have more."),
)  # fmt: skip


_PYTHON = re.compile(r"(?<![\w/.-])(?:(\w+)=('[^']*'|\([^()]*\)|[^\s:,;()]+)|(\w+_\w+)\b)")
_AGAIN = re.compile(r": (\w+) must be")


def spelled(line: str) -> str:
    """Return a line of the API as this command spells it: kernel_size=(3, 5) is --kernel-size 3x5."""
    own = {option.name: option for option in click.get_current_context().command.params if option.name}

    def option(found: re.Match[str]) -> str:
        known = own.get(found[1] or found[3])
        if not isinstance(known, click.Option):
            return found[0]
        name = max(known.opts, key=len)
        if found[3] or known.is_flag:
            return name
        separator = "x" if "HEIGHTxWIDTH" in known.type.name and found[2].count(",") < 2 else ","
        value = found[2].strip("'()").replace(", ", separator) or "''"
        return f"{name} {value}"

    line = _AGAIN.sub(lambda found: ": it must be" if found[1] in own else found[0], line)
    return _PYTHON.sub(option, line)
