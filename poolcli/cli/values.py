"""Values of options: sizes, `N`, `HEIGHTxWIDTH` or `w=WIDTH,h=HEIGHT` in either order; parameters, formats, colours."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from poolcli.batch.plan import known_ending
from poolcli.images.formats import WRITABLE
from poolcli.joint import CHANNELS, LUMINANCE
from poolcli.parameters import Parameter, unknown

_PAIR = re.compile(r"[1-9]\d*x[1-9]\d*")
_NAMED = re.compile(r"([hw])=([^,=]+),([hw])=([^,=]+)")
_DETAIL = re.compile(r"([0-9]+),([0-9]+),([1-9][0-9]*)(?:x([1-9][0-9]*))?")


class Size(click.ParamType):  # type: ignore[type-arg]
    """One whole number, or a height and a width; or four of them, of the sides of an image; or one of some words."""

    def __init__(self, least: int = 1, words: tuple[str, ...] = (), sides: bool = False, again: str = "") -> None:
        self.least, self.words, self.sides = least, words, ("TOP,BOTTOM,LEFT,RIGHT",) * sides
        self.again = again  # the option, where it may be given several times
        self.name = "HEIGHTxWIDTH"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Return the name as it is, not in capitals."""
        return self.name

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """Return a number, a pair or a word."""
        if not isinstance(value, str) or value in self.words:
            return value
        four = bool(self.sides) and value.count(",") == 3 and "=" not in value
        parts = value.replace(" ", "").split(",") if four else _parts(value)
        right = (four or len(parts) <= 2) and all(part.isascii() and part.isdigit() for part in parts)
        numbers = tuple(map(int, parts)) if right else ()
        if not numbers or min(numbers) < self.least:
            others = "".join(f", or {way}" for way in (*self.sides, *self.words))
            allowed = f"N, HEIGHTxWIDTH as 480x640, or w=640,h=480, whole numbers of at least {self.least}{others}"
            meant = re.sub(r"[^0-9.]+", "x", value.replace(" ", ""))
            several = " ".join(f"{self.again} {part}" for part in value.split(","))
            listed = self.again and "," in value and "=" not in value
            meant = several if listed else f"{meant}, height first" * bool(_PAIR.fullmatch(meant))
            hint = f", did you mean {meant}? It" if meant else ": it"
            self.fail(f"{value!r} is no size{hint} must be {allowed}", parameter, context)
        return numbers[0] if len(numbers) == 1 else numbers


class Factor(click.ParamType):  # type: ignore[type-arg]
    """One number above 0, or one down and one across, or percent."""

    name = "SCALE"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """Return a number or a pair."""
        from poolcli.resize import scales_of

        text = str(value)
        try:
            parts = [float(part.rstrip("%")) / (100 if part.endswith("%") else 1) for part in _parts(text)]
            numbers = scales_of(tuple(parts))
        except ValueError:
            allowed = "a number above 0 as 0.5, or 50%, or DOWNxACROSS as 0.5x2"
            self.fail(f"{value!r} is no scale: it must be {allowed}", parameter, context)
        return numbers[0] if len(parts) == 1 else numbers


class Bytes(click.ParamType):  # type: ignore[type-arg]
    """A number of bytes, with a unit of 1024 after it or none."""

    name = "BYTES"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """Return a whole number."""
        found = re.fullmatch(r"([0-9]+)([KMGT]?)", str(value).strip().upper())
        if not found or not int(found[1]):
            self.fail(f"{value!r} is no size of memory: it must be as 512M or 2G, 1 or more", parameter, context)
        return int(found[1]) << 10 * " KMGT".index(found[2] or " ")


def both(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Return a height and a width of one number for both."""
    return (value, value) if isinstance(value, int) else value


class FileName(click.ParamType):  # type: ignore[type-arg]
    """The name of a file or a folder, which the shell completes."""

    name = "FILE"

    def shell_complete(
        self, context: click.Context, parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Leave it to the shell."""
        return [CompletionItem(incomplete, type="file")]


class SizeOrFile(FileName):
    """A size, or that of the first image of a file."""

    name = "HEIGHTxWIDTH|FILE"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """Return a number or a pair."""
        from poolcli.files import is_url, located, shown

        if not (is_url(str(value)) or os.path.isfile(str(value))):
            if isinstance(value, str) and Path(value).suffix:
                self.fail(f"{shown(Path(value))}: no such file", parameter, context)
            return Size(1, ("the name of a file",)).convert(value, parameter, context)
        from poolcli.images import ImageError, Reading
        from poolcli.images.read import open_picture

        try:
            with open_picture(value, Reading()) as picture:
                return picture.read()[0].shape[:2]
        except ImageError as error:
            return self.fail(f"{shown(located(value))}: {error}", parameter, context)


class Count(click.ParamType):  # type: ignore[type-arg]
    """A whole number from low on, to high if given; the help does not repeat the range."""

    name = "N"

    def __init__(self, low: int, high: int | None = None) -> None:
        self._low, self._high = low, high

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """Return a number."""
        text = str(value)
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1
        if number < self._low or (self._high is not None and number > self._high):
            most = "of at least" if self._high is None else "from"
            upper = "" if self._high is None else f" to {self._high}"
            allowed = f"a whole number {most} {self._low}{upper}"
            self.fail(f"{value!r} is not allowed: it must be {allowed}", parameter, context)
        return number


class Word(click.Choice[str]):
    """One of some words; one that is near is named."""

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """Return the word."""
        if context and context.token_normalize_func:
            value = context.token_normalize_func(value)
        if value not in self.choices:
            near = get_close_matches(str(value).lower(), list(self.choices), 1, 0.6)
            hint = f", did you mean {near[0]}? It" if near else ": it"
            self.fail(
                f"{value!r} is not allowed{hint} must be {', '.join(self.choices[:-1])} or {self.choices[-1]}",
                parameter,
                context,
            )
        return value


class Scale(click.ParamType):  # type: ignore[type-arg]
    """One number, or one down and one across."""

    name = "SCALE"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Return the name as it is, not in capitals."""
        return self.name

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """Return a number or a pair, whole where they are."""
        from poolcli.resize import scales_of

        try:
            numbers = tuple(float(number) for number in _parts(str(value)))
            scales_of(numbers)
        except ValueError:
            allowed = "a number from 1 to 2^31, or HEIGHTxWIDTH as 2x3, or w=3,h=2"
            self.fail(f"{value!r} is no scale: it must be {allowed}", parameter, context)
        numbers = tuple(int(number) if number % 1 == 0 else number for number in numbers)
        return numbers[0] if len(numbers) == 1 else numbers


class ModeName(click.ParamType):  # type: ignore[type-arg]
    """The name of a mode of a command."""

    name = "MODE"

    def __init__(self, names: Iterable[str]) -> None:
        self.names = [*names]

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """Return a name, or say what it may have been meant for."""
        if value in self.names:
            return value
        from poolcli.commands import takers

        others = takers(str(value))
        if not others:
            self.fail(unknown("mode", value, self.names), parameter, context)
        command = f"poolcli {others[0]} --mode {value}"
        listed = f"the modes are {', '.join(self.names)}"
        return self.fail(f"{value!r} is no mode of this command, but of {command}: {listed}", parameter, context)

    def shell_complete(
        self, context: click.Context, parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the modes that begin like this."""
        return [CompletionItem(name) for name in self.names if name.startswith(incomplete)]


class ModeNames(ModeName):
    """The names of one or more modes of a command."""

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """Return the names."""
        names = value.split(",") if isinstance(value, str) else value
        return tuple(super(ModeNames, self).convert(name, parameter, context) for name in names)

    def shell_complete(
        self, context: click.Context, parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the modes that begin like the last one."""
        before, comma, last = incomplete.rpartition(",")
        found = super().shell_complete(context, parameter, last)
        return [CompletionItem(before + comma + item.value) for item in found]


class Channel(click.ParamType):  # type: ignore[type-arg]
    """The luminance, or a channel by its name or number."""

    def __init__(self) -> None:
        self.name = "|".join((LUMINANCE, *CHANNELS, "N"))

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Return the name as it is."""
        return self.name

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """Return a name or a number."""
        text = str(value)
        if text.isascii() and text.isdigit():
            return int(text)
        if text not in (LUMINANCE, *CHANNELS):
            names = ", ".join((LUMINANCE, *CHANNELS))
            self.fail(f"{text!r} is no channel: it must be {names}, or a number from 0 on", parameter, context)
        return text


class Nodata(click.ParamType):  # type: ignore[type-arg]
    """A number, nan, or the word for what the file says."""

    name = "VALUE|nan|auto"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Return the name as it is."""
        return self.name

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """Return a number, whole where it is written so, or the word."""
        text = str(value)
        if text == "auto":
            return text
        try:
            return int(text) if text.lstrip("+-").isdigit() else float(text)
        except ValueError:
            return self.fail(f"{text!r} is no value: it must be a number, nan or auto", parameter, context)

    def shell_complete(
        self, context: click.Context, parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the words that begin like this."""
        return [CompletionItem(word) for word in ("auto", "nan") if word.startswith(incomplete)]


class Pixel(click.ParamType):  # type: ignore[type-arg]
    """A row and a column, from 0 on."""

    name = "Y,X"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Return the name as it is."""
        return self.name

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """Return a pair."""
        parts = str(value).replace(" ", "").split(",")
        if len(parts) != 2 or not all(part.isascii() and part.isdigit() for part in parts):
            self.fail(f"{value!r} is no pixel: it must be Y,X as 10,12, row and column", parameter, context)
        return int(parts[0]), int(parts[1])


class Detail(click.ParamType):  # type: ignore[type-arg]
    """A part of an image: where it begins, from 0 on, and its size."""

    name = "Y,X,HEIGHTxWIDTH"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Return the name as it is."""
        return self.name

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """Return row, column, height and width."""
        found = _DETAIL.fullmatch(str(value).replace(" ", "").lower())
        if not found:
            allowed = "Y,X,HEIGHTxWIDTH as 10,20,64x96: its first row and column, from 0 on, and its size"
            self.fail(f"{value!r} is no detail: it must be {allowed}", parameter, context)
        y, x, height, width = found.groups()
        return int(y), int(x), int(height), int(width or height)


def _parts(text: str) -> list[str]:
    """Return the text of one number, or of a height and a width."""
    text = text.lower().replace(" ", "")
    named = _NAMED.fullmatch(text)
    if named and named[1] != named[3]:
        return [named[2], named[4]] if named[1] == "h" else [named[4], named[2]]
    return text.split("x")


class Checked(click.ParamType):  # type: ignore[type-arg]
    """A parameter of a mode, checked as the API checks it."""

    def __init__(self, parameter: Parameter) -> None:
        self.parameter = parameter
        self.size = Size(int(parameter.low), parameter.choices, 4 in parameter.counts) if parameter.counts else None
        self.name = self.size.name if self.size else "VALUE"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """Return the value in the parameter's type."""
        try:
            parts = str(value).split(",")
            kind = self.parameter.type
            if self.size:
                return self.size.convert(value, parameter, context)
            number = tuple(map(int, parts)) if kind is tuple else value if kind is object else kind(value)
        except ValueError:
            number = value
        if self.parameter.choices_in:  # which the mode decides on
            return value
        try:
            return self.parameter.check(number)
        except ValueError:
            return self.fail(f"{value} is not allowed: it must be {self.parameter.allowed}", parameter, context)

    def shell_complete(
        self, context: click.Context, parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the values that begin like this, those of the modes if they are given, or leave it to the shell."""
        own = [self.parameter.of(mode) for mode in context.params.get("modes") or ("",)]
        choices = [name for one in own for name in one.choices or chain(*one.choices_in.values())]
        named = [CompletionItem(name) for name in dict.fromkeys(choices) if name.startswith(incomplete)]
        is_file = self.parameter.type is object and (incomplete or not named)
        return [*named, CompletionItem(incomplete, type="file")] if is_file else named


class Ending(click.ParamType):  # type: ignore[type-arg]
    """An ending for which a format is written."""

    name = "EXT"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """Return an ending, or say which there are."""
        if not known_ending(value):
            self.fail(f"{value!r} is no format: use {', '.join(WRITABLE)}", parameter, context)
        return value

    def shell_complete(
        self, context: click.Context, parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the endings that begin like this."""
        names = (ending.lstrip(".") for ending in WRITABLE)
        return [CompletionItem(name) for name in names if name.startswith(incomplete.lstrip("."))]


def colour(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """Return a colour that there is."""
    if value != "white":
        from poolcli.images.colour import rgb

        try:
            rgb(value)
        except ValueError:
            raise click.BadParameter(f"{value!r} is no colour: use a name or #rrggbb") from None
    return value
