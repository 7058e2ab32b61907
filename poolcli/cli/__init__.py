"""The command line. This package alone imports Click."""

from __future__ import annotations

import os
import sys
import warnings
from functools import partial
from importlib import import_module

import click

import poolcli

_COMMANDS = {
    "downsample": "Pool images: reduce every window to one pixel.",
    "upsample": "Enlarge images: make every pixel a region.",
    "resize": "Resize images: to any size, by a filter that sees every pixel.",
    "pyramid": "Make pyramids: an image at ever smaller sizes, in one file.",
    "reduce": "Reduce images to vectors: rows of a table.",
    "gradient": "Show where the gradient of a pool flows.",
    "compare": "Compare modes: see and measure what each keeps of an image.",
    "modes": "List every mode with its formula and its parameters; or explain one.",
    "shape": "Compute the output size of a pool, by every convention.",
    "warmup": "Compile ahead what the modes need.",
    "completion": "Print the script that completes commands in a shell.",
}


def _load(name: str) -> click.Command:
    command: click.Command = getattr(import_module(f"poolcli.cli.{name}"), name)
    command.short_help = _COMMANDS[name]
    return command


class _Commands(click.Group):
    """Imports a command only when it is called: help and version come at once."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        return _load(name)

    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = arguments[0]
        if name not in _COMMANDS and name[:1].isalnum():
            from poolcli.cli.mistakes import unknown_command

            context.fail(unknown_command(name, _COMMANDS))
        return super().resolve_command(context, arguments)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


_SPELLINGS = {"color": "colour", "gray": "grey", "centre": "center"}


def _usual(word: str) -> str:
    """Return the spelling that options and their values have here."""
    return _SPELLINGS.get(word, word)


_CONTEXT = {"help_option_names": ["-h", "--help"], "token_normalize_func": _usual, "max_content_width": 100}


@click.group(cls=_Commands, context_settings=_CONTEXT)
@click.version_option(poolcli.__version__, "-V", "--version", prog_name="poolcli")
def commands() -> None:
    """Every pooling operator of convolutional networks, over image files.

    \b
        poolcli downsample --mode max photo.png
        poolcli downsample --mode median -F 3 -S 2 scans/ -o small/
        poolcli upsample --mode bicubic -S 2 photo.png
        poolcli reduce --mode gap photos/ --format csv
        poolcli modes
    """  # noqa: D301


def main(arguments: list[str] | None = None) -> None:
    """Run the command line, and end the process."""
    sys.unraisablehook = lambda lost: None  # kernels print what they cannot raise: it is told as an error of its file
    code = run(arguments)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = code or 1
    os._exit(code)  # taking LLVM down in order takes 0.2 s


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code; an error is one line."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # codecs think aloud of damaged files: what matters is an error
    try:
        return int(commands.main(arguments, prog_name="poolcli", standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return error.exit_code
    except click.ClickException as error:
        click.echo(f"error: {' '.join(_line(error).split())}", err=True)
        return error.exit_code
    except click.Abort:
        return 130
    except SystemExit as end:  # Click ends so when nobody reads the output any more: threads are at work still
        return int(end.code or 0)
    except OSError as error:  # files are told by name; what is left are the standard streams
        click.echo(f"error: {error.filename or 'standard output'}: {error.strerror}", err=True)
        return 1


def _line(error: click.ClickException) -> str:
    """Return what is said of an error."""
    from poolcli.cli import mistakes

    if isinstance(error, click.NoSuchOption):
        return mistakes.unknown_option(error, {name: partial(_load, name) for name in _COMMANDS})
    if isinstance(error, click.MissingParameter):
        return mistakes.missing(error)
    return error.format_message()
