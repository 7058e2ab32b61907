"""Options made from the tables of modes and of parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import click

from poolcli.cli.options import Command, section
from poolcli.cli.settings import given
from poolcli.cli.values import Checked, ModeNames, Size
from poolcli.commands import COMMANDS, Step
from poolcli.parameters import PARAMETERS, Parameter
from poolcli.rows import ModeRow


def mode_option(modes: Iterable[str], default: str = "") -> Callable[[Command], Command]:
    """Add the option that says which of these modes."""
    names = list(modes)
    text = f"One of {', '.join(names)}; or several, as {','.join(names[:2])}: each image is read once for all."
    option: dict[str, Any] = {"type": ModeNames(names), "metavar": "MODE[,MODE...]", "callback": _all, "help": text}
    if default:
        option |= {"default": (default,), "help": f"{text}  [default: {default}]"}
    return click.option("-m", "--mode", "modes", required=not default, multiple=True, **option)


def _all(context: click.Context, parameter: click.Parameter, value: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    """Return all modes, each once."""
    return tuple(dict.fromkeys(name for names in value for name in names))


def steps_of(command: str, modes: Sequence[str], values: Mapping[str, Any]) -> list[Step]:
    """Return what is done to each image: for each mode the arguments that it takes, of those that were given.

    A parameter that none of them takes stays, to be told.
    """
    rows = COMMANDS[command].modes
    accepted = {mode: rows[mode].accepted(values) for mode in modes}
    known = {name for row in rows.values() for name in row.parameters}

    def takes(mode: str, name: str) -> bool:
        return name not in known or name in accepted[mode] or not any(name in names for names in accepted.values())

    asked = given(values)
    names = sorted(asked, key=lambda name: name in known)  # the window before the parameters, in records
    return [Step(command, mode, {name: asked[name] for name in names if takes(mode, name)}) for mode in modes]


def parameters_of(step: Step) -> dict[str, Any]:
    """Return those of the arguments of a step that are parameters of modes."""
    known = {name for row in step.does.modes.values() for name in row.parameters}
    return {name: value for name, value in step.arguments.items() if name in known}


def mode_parameters(modes: Mapping[str, ModeRow]) -> Callable[[Command], Command]:
    """Add an option for every parameter of these modes, from the table of parameters."""
    takers = {name: [mode.name for mode in modes.values() if name in mode.parameters] for name in PARAMETERS}
    options = [_option(PARAMETERS[name], names) for name, names in takers.items() if names]
    return lambda command: section("Parameters of modes", command, options)


_METAVARS = {int: "N", float: "X", str: "MODE", tuple: "N,N,...", object: "FILE"}
_SHORT = {"kernel_size": "-F", "padding": "-P", "dilation": "-D"}


def _option(parameter: Parameter, takers: Sequence[str]) -> Callable[[Command], Command]:
    """Return the option of a parameter, which these modes take."""
    meanings: dict[str, list[str]] = {}  # which may be several
    for mode in takers:
        meanings.setdefault(_described(parameter.of(mode)), []).append(mode)
    parts = [meaning.format(modes=", ".join(modes)) for meaning, modes in meanings.items()]
    first = parts[0].partition(": ")[0]
    text = " ".join([parts[0], *(part.replace(f"{first}: ", "Or ") for part in parts[1:])])
    name = f"--{parameter.name.replace('_', '-')}"
    if parameter.type is bool:
        return click.option(name, is_flag=True, default=None, help=text)
    names = (_SHORT[parameter.name], name) if parameter.name in _SHORT else (name,)
    choices_in = {mode: choices for mode, choices in parameter.choices_in.items() if mode in takers}
    own = replace(parameter, choices_in=choices_in)
    own = own.of(takers[0]) if len(choices_in) == len(takers) else own
    return click.option(*names, type=Checked(own), metavar=_metavar(own), help=text)


def _described(parameter: Parameter) -> str:
    """Return what a parameter is to {modes}, what it may be, and what it is unless given."""
    text = f"{parameter.help[0].upper()}{parameter.help[1:]}"
    if parameter.choices and not all(f"({name})" in text for name in parameter.choices):
        text += f": {', '.join((*parameter.choices, *('or a file',) * (parameter.type is object)))}"
    default = "" if parameter.default is None else f"; default {parameter.shown}"
    return f"{text} ({{modes}}{default})."


def _metavar(parameter: Parameter) -> str:
    if parameter.counts:
        return Size().name
    if parameter.choices or parameter.choices_in:
        return "NAME|FILE" if parameter.type is object else "NAME"
    return _METAVARS[parameter.type]


def check_weights(parameters: dict[str, Any]) -> None:
    """Raise a ValueError if a file of weights is not what a mode takes."""
    if parameters.get("weights") is not None:
        from poolcli.pools.lip import load

        load(parameters["weights"])
