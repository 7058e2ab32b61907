"""The command that lists the modes."""

from __future__ import annotations

import click

from poolcli.downsample import MODES
from poolcli.parameters import PARAMETERS, Parameter


@click.command(short_help="List every mode with its formula and its parameters.")
def modes() -> None:
    """List every mode with its formula and its parameters.

    r are the n values of a window; those outside the picture are left out.
    """
    formatter = click.HelpFormatter(width=100)
    with formatter.section("downsample"):
        formatter.write_dl([(mode.name, mode.formula) for mode in MODES.values()])
    with formatter.section("parameters"):
        formatter.write_dl([(parameter.name, _describe(parameter)) for parameter in PARAMETERS.values()])
    click.echo(formatter.getvalue().rstrip())


def _describe(parameter: Parameter) -> str:
    takers = ", ".join(mode.name for mode in MODES.values() if parameter.name in mode.parameters)
    return f"{parameter.help}: {parameter.allowed}, {parameter.shown} unless given ({takers})"
