"""The command that lists the modes."""

from __future__ import annotations

import click

from poolcli.downsample import MODES, Mode
from poolcli.parameters import PARAMETERS, Parameter
from poolcli.reduce import REDUCTIONS, Reduction
from poolcli.upsample import UPSAMPLINGS, Upsampling


@click.command(short_help="List every mode with its formula and its parameters.")
def modes() -> None:
    """List every mode with its formula and its parameters.

    r are the n values of a window, for reduce of a whole channel; those outside the picture are left out.
    """
    formatter = click.HelpFormatter(width=100)
    with formatter.section("downsample"):
        formatter.write_dl([(mode.name, mode.formula) for mode in MODES.values()])
    with formatter.section("reduce, beside all of these"):
        formatter.write_dl([(mode.name, mode.formula) for mode in REDUCTIONS.values() if mode.name not in MODES])
    with formatter.section("upsample"):
        formatter.write_dl([(mode.name, mode.formula) for mode in UPSAMPLINGS.values()])
    with formatter.section("parameters"):
        formatter.write_dl([(parameter.name, _describe(parameter)) for parameter in PARAMETERS.values()])
    click.echo(formatter.getvalue().rstrip())


def _describe(parameter: Parameter) -> str:
    modes: list[Mode | Reduction | Upsampling] = [
        *MODES.values(),
        *(mode for mode in REDUCTIONS.values() if mode.name not in MODES),
        *UPSAMPLINGS.values(),
    ]
    takers = ", ".join(mode.name for mode in modes if parameter.name in mode.parameters)
    default = "" if parameter.default is None else f", {parameter.shown} unless given"
    allowed: dict[str, list[str]] = {}
    for mode in parameter.choices_in:
        allowed.setdefault(parameter.of(mode).allowed, []).append(mode)
    others = "".join(f"; of {', '.join(modes)}, {values}" for values, modes in allowed.items())
    return f"{parameter.help}: {parameter.allowed}{default}{others} ({takers})"
