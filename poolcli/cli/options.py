"""Options that commands share, each declared once."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from poolcli.parameters import PARAMETERS, Parameter

Command = TypeVar("Command", bound=Callable[..., Any])


class Size(click.ParamType):  # type: ignore[type-arg]
    """`N` or `HxW`: one whole number, or a height and a width; or one of some words."""

    def __init__(self, least: int = 1, words: tuple[str, ...] = ()) -> None:
        self.least, self.words = least, words
        self.name = "|".join(("N", "HxW", *words))

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Return the name as it is, not in capitals."""
        return self.name

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """Return a number, a pair or a word."""
        if not isinstance(value, str) or value in self.words:
            return value
        numbers = (
            [int(number) for number in value.lower().split("x")] if re.fullmatch(r"\d+(x\d+)?", value.lower()) else []
        )
        if not numbers or min(numbers) < self.least:
            words = "".join(f", or {word}" for word in self.words)
            self.fail(f"{value!r} is not N or HxW, whole numbers of at least {self.least}{words}", parameter, context)
        return numbers[0] if len(numbers) == 1 else tuple(numbers)


class _Checked(click.ParamType):  # type: ignore[type-arg]
    """A parameter of a mode, checked as the API checks it."""

    def __init__(self, parameter: Parameter) -> None:
        self.parameter = parameter
        self.name = "|".join(parameter.choices) or {int: "N", float: "X"}[parameter.type]

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Return the name as it is, not in capitals."""
        return self.name

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """Return the value in the parameter's type."""
        try:
            number = self.parameter.type(value)
        except ValueError:
            number = value
        try:
            return self.parameter.check(number)
        except ValueError as error:
            return self.fail(str(error), parameter, context)


def window(command: Command) -> Command:
    """Add the options that say where windows lie."""
    for option in reversed(
        (
            click.option("-F", "--kernel-size", type=Size(), help="Window, in pixels.  [default: 2]"),
            click.option("-S", "--stride", type=Size(), help="Distance between windows.  [default: the window]"),
            click.option("-P", "--padding", type=Size(0, ("same", "same-lower")), default=0,
                         help="Pixels around the picture that belong to windows but add no values."),
            click.option("-D", "--dilation", type=Size(), default=1, help="Distance between the pixels of a window."),
            click.option("--ceil", is_flag=True, help="Round the output size up."),
            click.option("--size", type=Size(), help="Output size, instead of window and stride."),
        )
    ):  # fmt: skip
        command = option(command)
    return command


def mode_parameters(modes: dict[str, tuple[str, ...]]) -> Callable[[Command], Command]:
    """Add an option for every parameter of these modes, from the table of parameters."""

    def add(command: Command) -> Command:
        for parameter in reversed(list(PARAMETERS.values())):
            takers = [mode for mode, names in modes.items() if parameter.name in names]
            if not takers:
                continue
            text = f"{parameter.help[0].upper()}{parameter.help[1:]} ({', '.join(takers)})."
            name = f"--{parameter.name.replace('_', '-')}"
            if parameter.type is bool:
                command = click.option(name, is_flag=True, default=None, help=text)(command)
            else:
                text += f"  [default: {parameter.shown}]"
                command = click.option(name, type=_Checked(parameter), help=text)(command)
        return command

    return add
