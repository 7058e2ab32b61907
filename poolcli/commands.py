"""What each command does to an image: the table of commands, and a command with its mode and arguments."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any

from poolcli.downsample import MODES, PYRAMIDS
from poolcli.gradient import DIFFERENTIABLE
from poolcli.parameters import PARAMETERS
from poolcli.reduce import REDUCTIONS
from poolcli.resizing import RESIZINGS
from poolcli.rows import ModeRow, imported
from poolcli.upsample import UPSAMPLINGS


@dataclass(frozen=True)
class Command:
    """One command: its modes, its function of an array, and the one that prepares images for it."""

    name: str
    modes: Mapping[str, ModeRow]
    function: str  # module:function of this package
    picture: str = "pictures:operate"
    makes_rows: bool = False  # of a table, not images
    counts: str = "row"  # what each of these is
    enlarges: bool = False  # what it makes is larger, not smaller
    any_size: bool = False  # or either
    sample: str = ""  # options of a line that shows how it is called
    differentiates: bool = False  # it makes a map of the gradient, and says what is in it
    shape: str = ""  # module:function of the shape of what it makes; of the mode unless given
    ending: str = ""  # of the names of its files, after the mode
    makes_levels: bool = False  # files of several sizes of an image


COMMANDS: Mapping[str, Command] = {
    command.name: command
    for command in (
        Command("downsample", MODES, "downsample:downsample"),
        Command("reduce", REDUCTIONS, "reduce:reduce", picture="pictures:measure", makes_rows=True),
        Command("upsample", UPSAMPLINGS, "upsample:upsample", enlarges=True),
        Command("resize", RESIZINGS, "resizing:resized", any_size=True, sample=" --scale 50%"),
        Command("gradient", DIFFERENTIABLE, "gradient:gradient", picture="pictures:differentiate",
                differentiates=True, shape="gradient:shape_of_map", ending="_gradient"),
        Command("pyramid", PYRAMIDS, "pyramid:pyramid", shape="pyramid:shape_of_base", ending="_pyramid",
                makes_levels=True),
        Command("compare", PYRAMIDS, "downsample:downsample", makes_rows=True, counts="picture"),
    )
}  # fmt: skip


FILES = ("grad", *(name for name, parameter in PARAMETERS.items() if parameter.type is object))
"""Arguments that may be names of files."""

_IMPLIED = ("numbers",)  # by the format
_CALLED = {"start": "from", "depth": "levels"}
"""Options that are called otherwise than their arguments."""


@dataclass(frozen=True)
class Step:
    """A command with its mode and arguments, as plain data: what is done to every image of a batch."""

    command: str
    mode: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def does(self) -> Command:
        """Return the row of the command."""
        return COMMANDS[self.command]

    @property
    def row(self) -> ModeRow:
        """Return the row of the mode."""
        return self.does.modes[self.mode]

    @property
    def blends(self) -> bool:
        """Return whether it makes values that an image does not have."""
        return self.does.differentiates or self.row.blends(self.arguments)

    @property
    def ignores_order(self) -> bool:
        """Return whether which of two values is larger means nothing to it."""
        return self.row.ignores_order(self.arguments)

    @property
    def takes_indices(self) -> bool:
        """Return whether the indices of a palette are as good to it as colours, where nothing else is asked for."""
        return self.ignores_order and (self.does.makes_rows or "dtype" not in self.arguments)

    @property
    def copies(self) -> bool:
        """Return whether each of its values is that of one pixel: a value that means none still does."""
        return not self.does.differentiates and self.row.copies()

    @property
    def mixes(self) -> bool:
        """Return whether it makes other channels of all channels."""
        return self.row.mixes(self.arguments)

    @property
    def planes(self) -> int:
        """Return how many images it makes of one, along a leading axis; 0 is one, without such an axis."""
        return 0 if self.does.differentiates else self.row.planes(self.arguments)

    @property
    def label(self) -> str:
        """Return what its files are called after."""
        return self.mode + self.does.ending

    def shape_after(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of what it makes of an image, or raise a ValueError."""
        if self.does.shape:
            found: tuple[int, ...] = imported(self.does.shape)(self.row, shape, self.arguments)
            return found
        return self.row.output_shape(shape, self.arguments)

    def dtype_after(self, dtype: str) -> str:
        """Return the dtype of what it makes of an image of this one."""
        if self.does.differentiates:
            return self.arguments.get("numbers") or "uint8"
        return self.arguments.get("dtype") or dtype

    @property
    def files(self) -> Mapping[str, str]:
        """Return the arguments that are names of files."""
        named = {name: value for name, value in self.arguments.items() if name in FILES and isinstance(value, str)}
        return {name: value for name, value in named.items() if os.path.isfile(value)}

    def words(self, more: Mapping[str, Any]) -> list[str]:
        """Return its arguments, and more options, as words of a command line; files by their names alone."""
        words = list[str]()
        for name, value in {**self.arguments, **more}.items():
            if value is False or value is None or name in _IMPLIED:
                continue
            words.append(f"--{_CALLED.get(name, name).replace('_', '-')}")
            words += [] if value is True else [_text(name, value)]
        return words

    def given(self, **more: Any) -> Step:
        """Return the same with more arguments."""
        return replace(self, arguments={**self.arguments, **more})

    def apply(self, image: Any, **more: Any) -> Any:
        """Return what it makes of an array, by these arguments beside its own."""
        return imported(self.does.function)(image, self.mode, **{**self.arguments, **more})


def _text(name: str, value: Any) -> str:
    if name in FILES:
        return PurePath(str(value)).name  # whose folders are nobody's business
    return joined(value) if isinstance(value, tuple) else str(value)


def joined(values: tuple[Any, ...]) -> str:
    """Return a size as options take it, or the numbers of four sides."""
    return ("," if len(values) == 4 else "x").join(map(str, values))


def unordered() -> list[str]:
    """Return the modes that make images, and to which the order of values means nothing."""
    rows = [row for command in COMMANDS.values() if not command.makes_rows for row in command.modes.values()]
    return list(dict.fromkeys(row.name for row in rows if row.unordered))


def takers(mode: str) -> list[str]:
    """Return the commands that have a mode.

    >>> takers("gap"), takers("cubic")
    (['reduce'], [])
    """
    return [command.name for command in COMMANDS.values() if mode in command.modes]
