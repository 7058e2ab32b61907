"""The command that lists the modes."""

from __future__ import annotations

from collections.abc import Mapping

import click

from poolcli.commands import COMMANDS
from poolcli.parameters import PARAMETERS, Parameter
from poolcli.rows import ModeRow


@click.command()
def modes() -> None:
    """List every mode with its formula and its parameters.

    r are the n values of a window, for reduce of a whole channel; those outside the image are left out.
    """
    formatter = click.HelpFormatter(width=100)
    known: dict[str, ModeRow] = {}
    for command in COMMANDS.values():
        added = {name: row for name, row in command.modes.items() if name not in known}
        beside = ", beside all of these" if len(added) < len(command.modes) else ""
        with formatter.section(f"{command.name}{beside}" if added else command.name):
            if added:
                formatter.write_dl([(row.name, row.formula) for row in added.values()])
            else:
                formatter.write_text(", ".join(command.modes))
        known |= added
    with formatter.section("parameters"):
        formatter.write_dl([(parameter.name, _describe(parameter, known)) for parameter in PARAMETERS.values()])
    click.echo(formatter.getvalue().rstrip())


def _describe(parameter: Parameter, modes: Mapping[str, ModeRow]) -> str:
    takers = ", ".join(row.name for row in modes.values() if parameter.name in row.parameters)
    default = "" if parameter.default is None else f", {parameter.shown} unless given"
    allowed: dict[str, list[str]] = {}
    for mode in parameter.choices_in:
        allowed.setdefault(parameter.of(mode).allowed, []).append(mode)
    others = "".join(f"; of {', '.join(modes)}, {values}" for values, modes in allowed.items())
    return f"{parameter.help}: {parameter.allowed}{default}{others} ({takers})"
