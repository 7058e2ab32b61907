"""Options made from the tables of modes and of parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import click

from poolcli.cli.options import Command, section
from poolcli.cli.values import Checked, ModeName
from poolcli.parameters import PARAMETERS, Parameter
from poolcli.rows import ModeRow


def mode_option(modes: Iterable[str]) -> Callable[[Command], Command]:
    """Add the option that says which of these modes."""
    names = list(modes)
    text = f"One of {', '.join(names)}."
    return click.option("-m", "--mode", required=True, multiple=True, type=ModeName(names), callback=_one, help=text)


def _one(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> str:
    """Return the only value of an option: Click would take the last of several without a word."""
    if len(value) > 1:
        raise click.BadParameter(f"{' and '.join(value)}: a run has one mode, so run each by itself")
    return value[0] if value else ""  # where a shell completes a command that has none yet


def mode_parameters(modes: Mapping[str, ModeRow]) -> Callable[[Command], Command]:
    """Add an option for every parameter of these modes, from the table of parameters."""
    takers = {name: [mode.name for mode in modes.values() if name in mode.parameters] for name in PARAMETERS}
    options = [_option(PARAMETERS[name], names) for name, names in takers.items() if names]
    return lambda command: section("Parameters of modes", command, options)


_SHORT = {"kernel_size": "-F", "padding": "-P", "dilation": "-D"}


def _option(parameter: Parameter, takers: Sequence[str]) -> Callable[[Command], Command]:
    """Return the option of a parameter, which these modes take."""
    choices_in = {mode: choices for mode, choices in parameter.choices_in.items() if mode in takers}
    parameter = replace(parameter, choices_in=choices_in)
    if len(choices_in) == len(takers):
        parameter = parameter.of(takers[0])
    text = f"{parameter.help[0].upper()}{parameter.help[1:]} ({', '.join(takers)})."
    for mode, choices in parameter.choices_in.items():
        if not {*choices} <= {*parameter.choices}:
            text += f" Of {mode}, {' or '.join(choices)}."
    name = f"--{parameter.name.replace('_', '-')}"
    if parameter.type is bool:
        return click.option(name, is_flag=True, default=None, help=text)
    if parameter.default is not None:
        text += f"  [default: {parameter.shown}]"
    names = (_SHORT[parameter.name], name) if parameter.name in _SHORT else (name,)
    return click.option(*names, type=Checked(parameter), help=text)


def check_weights(parameters: dict[str, Any]) -> None:
    """Raise a ValueError if a file of weights is not what a mode takes."""
    if parameters.get("weights") is not None:
        from poolcli.pools.lip import load

        load(parameters["weights"])
