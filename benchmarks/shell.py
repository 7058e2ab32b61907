"""Commands, timed as wholes: from the shell's prompt to its next; and the memory that they take."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks import machine
from benchmarks.rows import Call

POOLCLI = (sys.executable, "-m", "poolcli")

_PEAK = """\
import os, sys
child = os.spawnvp(os.P_NOWAIT, sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(child, 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def run(words: tuple[object, ...], folder: Path | None = None, **variables: str) -> str:
    """Run a command, in a folder, and return what it says; a failing one raises, with its last line."""
    result = subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        text=True,
        check=False,
        env={**machine.environment, **variables},
        cwd=folder,
    )
    if result.returncode:
        last = (result.stderr.strip() or f"exit code {result.returncode}").splitlines()[-1]
        raise RuntimeError(f"{words[0]}: {last}")
    return result.stdout


def command(*words: object, out: Path | None = None, folder: Path | None = None) -> Call:
    """Return the call of a command, which gives what it wrote; that, if a folder, is empty whenever it starts."""

    def call() -> Path | None:
        if out and not out.suffix:
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir()
        run(words, folder)
        return out

    return call


def script(text: str, *words: object, out: Path | None = None) -> Call:
    """Return the call of a script in Python, which people write instead."""
    return command(sys.executable, "-c", text, *words, out=out)


def peak(*words: object) -> float:
    """Return the most memory that a command had resident, in MB.

    A process too small to count itself starts it: the most that this one ever took would count as its children's.
    """
    return int(run((sys.executable, "-S", "-c", _PEAK, *words)).split()[-1]) / 1000
