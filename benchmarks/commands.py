"""Whole commands, from the shell's prompt to its next: medians of several processes, in seconds.

python benchmarks/commands.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SAMPLES = Path(__file__).parent.parent / "sample_images"
COMMAND = Path(sys.executable).parent / "poolcli"


def median(*arguments: object, runs: int = 5) -> float:
    """Return the median time of a command, after one run that fills the caches."""
    times = []
    for _ in range(runs + 1):
        begin = time.perf_counter()
        subprocess.run([COMMAND, *map(str, arguments)], check=True, capture_output=True)
        times.append(time.perf_counter() - begin)
    return statistics.median(times[1:])


def main() -> None:
    """Print a table: command, seconds, the most aimed at."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.png"
        photo = SAMPLES / "astronaut.png"
        rows = [
            ("poolcli --help", 0.15, ("--help",)),
            ("poolcli modes", 0.15, ("modes",)),
            ("poolcli downsample --mode max, 512 x 512 PNG", 0.5,
             ("downsample", "--mode", "max", photo, "-o", out, "--overwrite")),
            ("poolcli downsample --mode gem, 512 x 512 PNG", 0.5,
             ("downsample", "--mode", "gem", photo, "-o", out, "--overwrite")),
        ]  # fmt: skip
        for name, most, arguments in rows:
            print(f"{name:50}{median(*arguments):8.3f} s{most:8.2f}")


if __name__ == "__main__":
    main()
