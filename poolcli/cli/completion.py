"""The command that prints what a shell needs to complete commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that completes commands in a shell.

    \b
        eval "$(poolcli completion bash)"                              # in ~/.bashrc
        eval "$(poolcli completion zsh)"                               # in ~/.zshrc
        poolcli completion fish > ~/.config/fish/completions/poolcli.fish
    """  # noqa: D301
    from poolcli.cli import commands

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(commands, {}, "poolcli", "_POOLCLI_COMPLETE").source())
