"""The command line. This package alone imports Click."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

import poolcli

_COMMANDS = {
    "downsample": "Pool pictures: reduce every window to one pixel.",
    "modes": "List every mode with its formula and its parameters.",
}


class _Commands(click.Group):
    """Imports a command only when it is called: help and version come at once."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"poolcli.cli.{name}"), name)
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(poolcli.__version__, "-V", "--version", prog_name="poolcli")
def commands() -> None:
    r"""Every pooling operator of convolutional networks, over picture files.

    \b
        poolcli downsample --mode max photo.png
        poolcli downsample --mode median -F 3 -S 2 scans/ -o small/
        poolcli modes
    """


def main(**settings: Any) -> None:
    """Run the command line: errors are one line, and the exit code says what happened."""
    try:
        sys.exit(commands.main(standalone_mode=False, **settings))
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(error.exit_code)
    except click.ClickException as error:
        click.echo(f"error: {' '.join(error.format_message().split())}", err=True)
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
