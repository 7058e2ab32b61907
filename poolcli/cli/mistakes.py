"""What is said of options and commands that there are not, and of a mode that is missing."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from difflib import get_close_matches

import click

_MEANT = dict.fromkeys(("pool", "shrink", "downscale"), "downsample")
_MEANT |= dict.fromkeys(("enlarge", "upscale", "unpool"), "upsample")
_MEANT |= dict.fromkeys(("scale", "thumbnail", "resample", "convert"), "resize")
_MEANT |= dict.fromkeys(("features", "vector", "table", "global"), "reduce")
_MEANT |= dict.fromkeys(("backward", "grad"), "gradient")
_MEANT |= dict.fromkeys(("diff", "sheet", "psnr", "ssim", "montage"), "compare")
"""What others call our commands."""


def unknown_command(name: str, commands: Mapping[str, str]) -> str:
    """Return what is said of a command that there is not: a mode, a file, or another word for one."""
    from poolcli.commands import takers
    from poolcli.parameters import unknown

    listed = f"the commands are {', '.join(commands)}"
    if takers(name):
        return f"there is no command {name!r}: it is a mode, as in poolcli {takers(name)[0]} --mode {name}; {listed}"
    if os.path.lexists(name):
        way = f"poolcli downsample --mode max {name} pools it"
        return f"there is no command {name!r}: it is a file, and {way}; {listed}"
    if near := _MEANT.get(name.lower()):
        return f"there is no command {name!r}, did you mean {near}? The commands are {', '.join(commands)}"
    return unknown("command", name, commands)


def unknown_option(error: click.NoSuchOption, commands: Mapping[str, Callable[[], click.Command]]) -> str:
    """Return what is said of an option that a command has not: which is near, or which commands have it."""
    name, own = error.option_name, error.ctx.command if error.ctx else None
    what = f"there is no option {name}"
    if isinstance(own, click.Group) or own is None:
        having = [other for other, load in commands.items() if name in _options(load())]
        way = f": it is of commands, as poolcli {having[0]} {name}" if having else ""
        return what + way
    what = f"{what} of poolcli {own.name}"
    near = get_close_matches(name, _options(own), 1, 0.75)
    if near:
        return f"{what}, did you mean {near[0]}?"
    having = [f"poolcli {other}" for other, load in commands.items() if name in _options(load())]
    return f"{what}: {' and '.join(having)} {'have' if len(having) > 1 else 'has'} it" if having else what


def missing(error: click.MissingParameter) -> str:
    """Return what is said of a parameter that is needed."""
    if error.param is None or error.param.name != "modes" or error.ctx is None:
        return error.format_message()
    names = ", ".join(error.param.type.names)  # type: ignore[attr-defined]
    return f"-m MODE says what is made of the images: {names}; poolcli modes explains them"


def _options(command: click.Command) -> list[str]:
    return [name for option in command.params if isinstance(option, click.Option) for name in option.opts]
