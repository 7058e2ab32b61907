"""The command: `python -m benchmarks [GROUP ...] [--quick] [--threads N] [--json FILE] [--markdown FILE]`."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import __doc__ as description
from benchmarks import headlines, machine, table
from benchmarks.merging import merged_json, merged_markdown
from benchmarks.running import GROUPS, USUAL, Line, lines, missing


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return what was asked."""
    parser = argparse.ArgumentParser("python -m benchmarks", description=description)
    parser.add_argument(
        "groups", nargs="*", metavar="GROUP", help=f"of {', '.join(GROUPS)}; all but large unless given"
    )
    parser.add_argument("--quick", action="store_true", help="small images and two turns, which tell errors, not speed")
    parser.add_argument("--threads", type=int, default=2, help="of all libraries and commands; 2 unless given")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table")
    parser.add_argument("--readme", type=Path, metavar="FILE", help="put the few rows that README.md shows into it")
    parser.add_argument("--update", action="store_true", help="keep what the files have of other groups")
    asked = parser.parse_args(arguments)
    if unknown := [group for group in asked.groups if group not in GROUPS]:
        parser.error(f"there is no group {unknown[0]}; there are {', '.join(GROUPS)}")
    if asked.update and not (asked.json and asked.markdown and asked.json.exists() and asked.markdown.exists()):
        parser.error("--update is for files that are there: --json FILE --markdown FILE")
    if asked.readme and ((asked.groups and not asked.update) or asked.quick):
        parser.error("--readme takes rows of all groups, and of whole images: give neither GROUP nor --quick")
    return asked


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the groups that are asked for; return 1 if a result of poolcli is wrong."""
    asked = parsed(arguments)
    machine.take_threads(asked.threads)
    groups = tuple(asked.groups) or USUAL
    absent = missing(groups)
    if absent:
        print(f"left out, because they are not installed: {', '.join(absent)}")
    about, done, words = machine.described(), list[Line](), sys.argv[1:] if arguments is None else arguments
    if asked.update:
        try:
            merged_json(json.loads(asked.json.read_text()), {**about, "rows": []})
        except ValueError as error:
            print(error, file=sys.stderr)
            return 2
    for line in lines(groups, asked.quick):
        print(" | ".join([line.group, *table.cells(line)]), flush=True)
        done.append(line)
        if not asked.update:  # a run that is stopped leaves what is known
            write(asked, done, about, absent, words)
    data = write(asked, done, about, absent, words)
    if asked.readme:
        headlines.write(data, asked.readme)
    wrong = [f"{line.group} {line.row.work}" for line in done if not line.correct]
    if wrong:
        print(f"wrong results of poolcli: {'; '.join(wrong)}", file=sys.stderr)
    return 1 if wrong else 0


def write(
    asked: argparse.Namespace,
    done: Sequence[Line],
    about: Mapping[str, Any],
    absent: Sequence[str],
    words: Sequence[str],
) -> dict[str, Any]:
    """Write what is known, with what the files have of other groups if that is asked for, and return it."""
    data, page = table.as_json(done, about, absent), table.markdown(done, about, absent, command_of(words))
    if asked.update:
        data = merged_json(json.loads(asked.json.read_text()), data)
        page = merged_markdown(asked.markdown.read_text(), page)
    if asked.markdown:
        asked.markdown.write_text(page)
    if asked.json:
        asked.json.write_text(json.dumps(data, indent=1) + "\n")
    return data


def command_of(words: Sequence[str]) -> str:
    """Return the command line of these words."""
    return shlex.join(["python", "-m", "benchmarks", *words])


if __name__ == "__main__":
    sys.exit(main())
