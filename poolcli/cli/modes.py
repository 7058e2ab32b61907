"""The command that lists the modes."""

from __future__ import annotations

from collections.abc import Mapping

import click

from poolcli.cli.values import ModeName
from poolcli.commands import COMMANDS, takers
from poolcli.parameters import PARAMETERS, Parameter
from poolcli.rows import ModeRow

_MODES = dict.fromkeys(name for command in COMMANDS.values() for name in command.modes)


@click.command()
@click.argument("mode", required=False, type=ModeName(_MODES), metavar="[MODE]")
def modes(mode: str | None) -> None:
    """List every mode with its formula and its parameters; or explain one.

    r are the n values of a window, for reduce of a whole channel; those outside the image are left out.
    """
    click.echo(_explained(mode) if mode else _listed())


def _explained(mode: str) -> str:
    """Return what a mode makes of a window, its parameters as options, and lines to paste."""
    rows = [COMMANDS[name].modes[mode] for name in takers(mode)]
    own = [PARAMETERS[name].of(mode) for name in dict.fromkeys(name for row in rows for name in row.parameters)]
    formatter = click.HelpFormatter(width=100)
    formatter.write_dl([(mode, rows[0].formula)])
    if own:
        with formatter.section("parameters"):
            formatter.write_dl([(_option(one), _described(one)) for one in own])
    with formatter.section("commands"):
        for name, row in zip(takers(mode), rows, strict=True):
            shown = (PARAMETERS[one].of(mode) for one in row.parameters)
            given = [f" {_option(one)} {one.shown}" for one in shown if isinstance(one.default, float)][:1]
            formatter.write_text(f"poolcli {name} --mode {mode}{''.join(given)}{COMMANDS[name].sample} photo.png")
    return formatter.getvalue().rstrip()


def _option(parameter: Parameter) -> str:
    return f"--{parameter.name.replace('_', '-')}"


def _described(parameter: Parameter) -> str:
    default = "" if parameter.default is None else f", {parameter.shown} unless given"
    return f"{parameter.help}: {parameter.allowed}{default}"


def _listed() -> str:
    formatter = click.HelpFormatter(width=100)
    known: dict[str, ModeRow] = {}
    for command in COMMANDS.values():
        added = {name: row for name, row in command.modes.items() if name not in known}
        others = [name for name in command.modes if name in known]
        beside = f", beside {'all of these' if len(others) == len(known) else ', '.join(others)}" if others else ""
        with formatter.section(f"{command.name}{beside}" if added else command.name):
            if added:
                formatter.write_dl([(row.name, row.formula) for row in added.values()])
            else:
                formatter.write_text(", ".join(command.modes))
        known |= added
    with formatter.section("parameters"):
        formatter.write_dl([(parameter.name, _describe(parameter, known)) for parameter in PARAMETERS.values()])
    return formatter.getvalue().rstrip()


def _describe(parameter: Parameter, modes: Mapping[str, ModeRow]) -> str:
    having = ", ".join(row.name for row in modes.values() if parameter.name in row.parameters)
    allowed: dict[str, list[str]] = {}
    for mode in parameter.choices_in:
        allowed.setdefault(parameter.of(mode).allowed, []).append(mode)
    others = "".join(f"; of {', '.join(modes)}, {values}" for values, modes in allowed.items())
    return f"{_described(parameter)}{others} ({having})"
