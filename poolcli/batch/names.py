"""Names of outputs: of an input, a mode and its arguments, by a template or as usual."""

from __future__ import annotations

import os
import re
import string
import zlib
from pathlib import PurePath
from typing import Any

from poolcli.batch.jobs import BatchError
from poolcli.commands import Step, joined
from poolcli.downsample import window_of

_MOST = 255  # bytes of a name, on all common file systems
_WINDOW = {"F": "kernel_size", "S": "stride", "P": "padding", "D": "dilation"}


def filled(template: str, stem: str, step: Step) -> str:
    """Return a template with its fields filled, or raise a BatchError that lists the fields.

    >>> filled("{stem}_{mode}_{F}x{S}", "cat", Step("downsample", "max", {"kernel_size": 3, "stride": 2}))
    'cat_max_3x2'
    """
    known = fields(stem, step)
    listed = f"{step.mode} has {', '.join(f'{{{name}}}' for name in known)}"
    try:
        names = [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]
        wrong = [name for name in names if name not in known]
        name = "" if wrong else template.format_map(known)
    except (ValueError, TypeError) as error:
        raise BatchError(f"--name {template!r}: {error}: {listed}") from None
    if wrong:
        raise BatchError(f"--name {template!r}: there is no field {{{wrong[0]}}}: {listed}")
    if not PurePath(name).name or PurePath(name).is_absolute() or ".." in PurePath(name).parts or "\0" in name:
        raise BatchError(f"--name {template!r}: {name!r} is no name of a file beside or below others")
    return name


def fields(stem: str, step: Step) -> dict[str, Any]:
    """Return what a template may name: the stem of the input, the mode, the window or scale, parameters."""
    given, accepted = step.arguments, step.row.accepted(step.arguments)
    values: dict[str, Any] = {"stem": stem, "mode": step.mode, "command": step.command}
    if sizes := {name: given[name] for name in ("size", "width", "height", "fit") if name in given}:
        values |= sizes
    elif step.does.any_size:
        values["S"] = given["scale"]
    elif step.does.enlarges:
        values["S"] = given.get("scale", 2)
    else:
        from poolcli.geometry import shape

        asked = shape(**window_of(given))
        values |= {letter: given.get(name, getattr(asked, name)) for letter, name in _WINDOW.items()}
        values["P"] = given.get("padding", 0)
    values |= {name: step.row.value(name, given) for name in accepted}
    return {name: _plain(value) for name, value in values.items() if value is not None}


def _plain(value: Any) -> Any:
    """Return a value as it reads in a name: 3 of 3.0 and of (3, 3), 3x5 of (3, 5); of a path its stem."""
    if isinstance(value, (tuple, list)):
        parts = [str(_plain(one)) for one in value]
        return parts[0] if len({*parts}) == 1 else joined(tuple(parts))
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return re.sub(r"[/\\]", "_", PurePath(value).stem) if isinstance(value, (str, PurePath)) and value else value


def shortened(name: str, suffix: str) -> str:
    """Return a name with this suffix that is not longer than a file system takes, told from others by a checksum."""
    room = _MOST - len(os.fsencode(suffix))
    whole = os.fsencode(name)
    if len(whole) <= room:
        return name + suffix
    mark = f"~{zlib.crc32(whole):08x}"
    return os.fsdecode(whole[: room - len(mark)].decode("utf-8", "ignore").encode() + mark.encode()) + suffix
