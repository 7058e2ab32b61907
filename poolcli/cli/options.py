"""Options that commands share, each declared once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, TypeVar

import click

from poolcli.batch.jobs import Settings
from poolcli.batch.plan import known_ending
from poolcli.cli.sizes import Size
from poolcli.downsample import MODES, Mode
from poolcli.images import MAX_PIXELS, Reading, Writing
from poolcli.images.formats import WRITABLE
from poolcli.parameters import DTYPES, PARAMETERS, Parameter
from poolcli.upsample import UPSAMPLINGS, Upsampling

Command = TypeVar("Command", bound=Callable[..., Any])


_METAVARS = {int: "N", float: "X", str: "MODE", tuple: "N,N,..."}


class _Checked(click.ParamType):  # type: ignore[type-arg]
    """A parameter of a mode, checked as the API checks it."""

    def __init__(self, parameter: Parameter) -> None:
        self.parameter = parameter
        if parameter.most:
            self.name = Size().name
            return
        choices = dict.fromkeys((*parameter.choices, *chain(*parameter.choices_in.values())))
        files = ["FILE"] if parameter.type is object else []
        self.name = "|".join([*choices, *files]) or _METAVARS[parameter.type]

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Return the name as it is, not in capitals."""
        return self.name

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """Return the value in the parameter's type."""
        try:
            parts = str(value).split(",")
            kind = self.parameter.type
            if self.parameter.most:
                return Size(int(self.parameter.low)).convert(value, parameter, context)
            number = tuple(map(int, parts)) if kind is tuple else value if kind is object else kind(value)
        except ValueError:
            number = value
        if self.parameter.choices_in:  # which the mode decides on
            return value
        try:
            return self.parameter.check(number)
        except ValueError:
            return self.fail(f"{value} is not allowed: it must be {self.parameter.allowed}", parameter, context)


def mode(modes: Iterable[str]) -> Callable[[Command], Command]:
    """Add the option that says which of these modes."""
    names = list(modes)
    text = f"One of {', '.join(names)}."
    return click.option("-m", "--mode", required=True, type=click.Choice(names), metavar="MODE", help=text)


def window(command: Command) -> Command:
    """Add the options that say where windows lie."""
    return _section(
        "Windows",
        command,
        (
            click.option("-F", "--kernel-size", type=Size(), help="Window, in pixels.  [default: 2]"),
            click.option("-S", "--stride", type=Size(), help="Distance between windows.  [default: the window]"),
            click.option("-P", "--padding", type=Size(0, ("same", "same-lower")),
                         help="Pixels around the picture that belong to windows but add no values.  [default: 0]"),
            click.option("-D", "--dilation", type=Size(),
                         help="Distance between the pixels of a window.  [default: 1]"),
            click.option("--ceil", is_flag=True, help="Round the output size up."),
            click.option("--size", type=Size(), help="Output size, instead of window and stride."),
        ),
    )  # fmt: skip


def files(command: Command) -> Command:
    """Add the options that say which files are read and written."""
    return _section(
        "Files and folders",
        command,
        (
            click.option("-o", "--output", metavar="PATH",
                         help="File, folder, or - for standard output.  [default: NAME_MODE.EXT beside the input]"),
            click.option("--format", metavar="EXT", callback=_ending,
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

    return _section(
        "Table",
        command,
        (
            click.option("-o", "--output", metavar="FILE", help="File of the table.  [default: standard output]"),
            click.option("--format", type=click.Choice(list(FORMATS)),
                         help="Format of the table.  [default: by the file's name; table on a terminal; csv]"),
            click.option("--overwrite", is_flag=True, help="Replace a file that exists."),
        ),
    )  # fmt: skip


def inputs(command: Command) -> Command:
    """Add the options that say which files are read, for a command that writes one."""
    recursive = click.option("-r", "--recursive", is_flag=True, help="Descend into folders.")
    dry = click.option("--dry-run", is_flag=True, help="List what would be read, and read nothing.")
    return _section("Files and folders", command, (recursive, *_LOOKING, dry, *_GOING))


_LOOKING = (
    click.option("--include", multiple=True, metavar="PATTERN",
                 help="Of folders and lists take only these files, as '*.png'; may be repeated."),
    click.option("--exclude", multiple=True, metavar="PATTERN", help="Leave these out; may be repeated."),
    click.option("--files-from", metavar="LIST",
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
    """Add the options that say how pictures are read and written."""
    return _section(
        "Pictures",
        command,
        (
            *_READING,
            click.option("--background", default="white", show_default=True, callback=_colour, metavar="COLOUR",
                         help="Behind alpha that --convert drops: a name or #rrggbb."),
            click.option("--quality", type=click.IntRange(1, 100), metavar="1-100",
                         help="Of JPEG, WebP and AVIF.  [default: 95, lossless, 90]"),
            click.option("--compression", type=click.Choice(["fast", "default", "max"]), default="default",
                         help="Effort for PNG, TIFF and WebP."),
            click.option("--strip", is_flag=True, help="Write no profile, EXIF, XMP, resolution, nor the command."),
        ),
    )  # fmt: skip


def numbers(command: Command) -> Command:
    """Add the options that say how pictures are read, for a command that writes none."""
    alike = (
        click.option("--colour", type=click.Choice(["rgb", "grey"]),
                     help="Make all pictures alike: grey three times, or (299 R + 587 G + 114 B)/1000 of RGB, as they "
                     "are stored; alpha is laid over --background.  [default: as they are]"),
        click.option("--background", default="white", show_default=True, callback=_colour, metavar="COLOUR",
                     help="Behind alpha, with --colour: a name or #rrggbb."),
    )  # fmt: skip
    return _section("Pictures", command, (*_READING, *alike))


_UNORDERED = ", ".join(
    [name for name, mode in MODES.items() if mode.unordered]
    + [name for name, up in UPSAMPLINGS.items() if up.unordered]
)
_READING = (
    click.option("--dtype", type=click.Choice(DTYPES), metavar="DTYPE",
                 help="Of the output's values, rounded and saturated.  [default: as the mode needs]"),
    click.option("--frame", type=click.IntRange(0), metavar="N",
                 help="Of several frames or pages take one; the first is 0."),
    click.option("--linear", is_flag=True, help="Blend in linear light (8 and 16 bits, sRGB)."),
    click.option("--keep-palette/--expand-palette", default=None,
                 help="Take the indices of pictures with a palette, such as label masks, or their colours.  [default: "
                 f"indices where the order of values means nothing: {_UNORDERED}; else colours]"),
    click.option("--convert", is_flag=True,
                 help="Scale to 8 bits, drop alpha where the output's format holds no more; read CMYK by formula."),
    click.option("--layout", type=click.Choice(["hwc", "chw"]),
                 help="Axes of arrays in .npy and .npz: channels last or first.  [default: hwc]"),
    click.option("--max-pixels", type=click.IntRange(1), default=MAX_PIXELS, show_default=True, metavar="N",
                 help="Refuse pictures that claim to have more."),
)  # fmt: skip


def _section(title: str, command: Command, options: Sequence[Callable[[Command], Command]]) -> Command:
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


def settings(values: dict[str, Any], keep_palette: bool) -> tuple[Settings, dict[str, Any]]:
    """Take the values of `files` out of a command's: as settings of jobs, and as what makes the batch; dtype stays.

    Palettes are kept, or not, where no option says whether.
    """
    taken = {name: values.pop(name) for name in _SETTINGS if name in values}
    batch = dict.fromkeys(_BATCH) | {name: values.pop(name) for name in _BATCH if name in values}
    if taken["overwrite"] and batch["skip_existing"]:
        raise click.UsageError("--overwrite and --skip-existing exclude each other")
    batch["overwrite"] = taken["overwrite"]
    layout_given = taken["layout"] is not None
    taken["layout"] = taken["layout"] or "hwc"
    palette_given = bool(taken["keep_palette"])
    if taken["keep_palette"] is None:
        taken["keep_palette"] = keep_palette
    return Settings(
        Reading(**{field: taken[field] for field in ("max_pixels", "keep_palette", "layout", "convert")}),
        Writing(**{name: taken[name] for name in _WRITING if name in taken}),
        taken["frame"],
        taken["linear"],
        bool(batch["skip_existing"]),
        bool(batch["fail_fast"]),
        bool(batch["debug"]),
        taken.get("colour") or "",
        layout_given,
        palette_given,
    ), batch


_WRITING = ("overwrite", "convert", "background", "quality", "compression", "strip", "layout")
_BATCH = (
    "output", "format", "skip_existing", "recursive", "include", "exclude", "files_from", "null", "jobs", "dry_run",
    "fail_fast", "quiet", "json", "debug",
)  # fmt: skip
_SETTINGS = (*_WRITING, "max_pixels", "keep_palette", "frame", "linear", "colour")


def _ending(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not known_ending(value):
        raise click.BadParameter(f"{value!r} is no format: use {', '.join(WRITABLE)}")
    return value


def _colour(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if value != "white":
        from PIL import ImageColor

        try:
            ImageColor.getrgb(value)
        except ValueError:
            raise click.BadParameter(f"{value!r} is no colour: use a name or #rrggbb") from None
    return value


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
        separator = "x" if "HEIGHTxWIDTH" in known.type.name else ","
        value = found[2].strip("'()").replace(", ", separator) or "''"
        return f"{name} {value}"

    line = _AGAIN.sub(lambda found: ": it must be" if found[1] in own else found[0], line)
    return _PYTHON.sub(option, line)


def given(values: dict[str, Any]) -> dict[str, Any]:
    """Return the options that were given, without those that were not."""
    return {name: value for name, value in values.items() if value is not None and value is not False}


_SHORT = {"kernel_size": "-F", "padding": "-P", "dilation": "-D"}


def check_weights(parameters: dict[str, Any]) -> None:
    """Raise a ValueError if a file of weights is not what a mode takes."""
    if parameters.get("weights") is not None:
        from poolcli.pools.lip import load

        load(parameters["weights"])


def check_palette(
    mode: str, selects: bool, modes: Mapping[str, Mode | Upsampling], settings: Settings, values: dict[str, Any]
) -> None:
    """Raise a ValueError if indices of palettes are asked for, and would be blended or made values."""
    if not settings.reading.keep_palette:
        return
    if not selects:
        selecting = ", ".join(name for name, row in modes.items() if row.selects)
        raise ValueError(f"mode {mode!r} would blend the indices of a palette: --keep-palette is for {selecting}")
    if "dtype" in values:
        raise ValueError("--dtype is for values, and --keep-palette keeps indices: give one of them")


def mode_parameters(modes: dict[str, tuple[str, ...]]) -> Callable[[Command], Command]:
    """Add an option for every parameter of these modes, from the table of parameters."""

    def add(command: Command) -> Command:
        added = []
        for parameter in PARAMETERS.values():
            takers = [mode for mode, names in modes.items() if parameter.name in names]
            if not takers:
                continue
            choices_in = {mode: choices for mode, choices in parameter.choices_in.items() if mode in takers}
            parameter = replace(parameter, choices_in=choices_in)
            if len(choices_in) == len(takers):
                parameter = parameter.of(takers[0])
            text = f"{parameter.help[0].upper()}{parameter.help[1:]} ({', '.join(takers)})."
            for mode, choices in parameter.choices_in.items():
                if not {*choices} <= {*parameter.choices}:
                    text += f" Of {mode}, {' or '.join(choices)}."
            name = f"--{parameter.name.replace('_', '-')}"
            names = (_SHORT[parameter.name], name) if parameter.name in _SHORT else (name,)
            if parameter.type is bool:
                added.append(click.option(name, is_flag=True, default=None, help=text))
            else:
                if parameter.default is not None:
                    text += f"  [default: {parameter.shown}]"
                added.append(click.option(*names, type=_Checked(parameter), help=text))
        return _section("Parameters of modes", command, added)

    return add
