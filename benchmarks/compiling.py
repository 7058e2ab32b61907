"""What the first use of each mode compiles, and what that takes: seconds of one processor, with an empty cache.

    python -m benchmarks.compiling [WORD] [--runs N] [--passes]

Each mode is used in a process of its own, on a small picture; what counts is the least of its runs. Beside the seconds
of the whole process stand those of the functions that took most of them, without those that they call, or, with
`--passes`, those of the steps of Numba's compiler.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from benchmarks.versions import picture

Work = tuple[str, str, tuple[int, ...], dict[str, Any]]
"""Function, mode, shape, arguments."""

PICTURE, MAP = (512, 512, 3), (32, 32, 3)
POOLS = ("max", "average", "median", "percentile", "kmax", "majority", "l2", "lp", "gem", "mixed", "soft", "random",
         "stochastic", "lip", "blur")  # fmt: skip
WHOLE = ("gap", "median", "soft", "covariance")
ENLARGING = ("nearest", "bilinear", "bicubic", "nails", "average-unpool", "transposed", "resize-conv", "subpixel")
LARGEST = 4  # functions of a line


def works() -> Iterator[Work]:
    """Yield the first uses."""
    yield from (("downsample", mode, PICTURE, {"q": 25} if mode == "percentile" else {}) for mode in POOLS)
    yield from (("reduce", mode, MAP, {}) for mode in WHOLE)
    yield from (("upsample", mode, PICTURE, {}) for mode in ENLARGING)


def title(work: Work) -> str:
    """Return a line that names a work."""
    return f"{work[0]} {work[1]}"


class Shares:
    """Seconds of everything that Numba announces of one kind, without those of what is announced inside it."""

    def __init__(self, name: str) -> None:
        self._name, self._open, self._since = name, list[str](), time.process_time()
        self.seconds = defaultdict[str, float](float)

    def _take(self) -> None:
        now = time.process_time()
        if self._open:
            self.seconds[self._open[-1]] += now - self._since
        self._since = now

    def notify(self, event: Any) -> None:
        """Take note that something begins or ends."""
        self._take()
        if event.is_end:
            self._open.pop()
        else:
            named = event.data.get("dispatcher")
            self._open.append(named.py_func.__name__ if named else event.data[self._name].split()[0])


def use_first(number: int) -> None:
    """Do a work in this process, and print what it took."""
    from numba.core import event

    import poolcli

    function, mode, shape, arguments = list(works())[number]
    image = picture(shape, "uint8")
    functions, passes = Shares("dispatcher"), Shares("name")
    event.Listener.register(Shares)
    begin = time.process_time()
    with event.install_listener("numba:compile", functions), event.install_listener("numba:run_pass", passes):
        getattr(poolcli, function)(image, mode=mode, **arguments)
    end = time.process_time()
    print(json.dumps([end, end - begin, functions.seconds, passes.seconds]))


def measured(number: int) -> tuple[float, float, dict[str, float], dict[str, float]]:
    """Return the seconds of a process that uses a mode first, those of the use, of its functions and of all passes."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "POOLCLI_CACHE_DIR": folder, "NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "benchmarks.compiling", "--once", str(number)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    seconds, use, functions, passes = json.loads(done.stdout)
    return seconds, use, functions, passes


def main() -> None:
    """Print a line for each work."""
    parser = argparse.ArgumentParser("python -m benchmarks.compiling", description=__doc__.splitlines()[0])
    parser.add_argument("word", nargs="?", default="", help="works that have this word in their name")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--passes", action="store_true", help="name steps of the compiler, not functions")
    parser.add_argument("--once", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.once is not None:
        use_first(asked.once)
        return
    print(f"{'process s':>10}{'use s':>7}{'compiled':>9}  first use")
    for number, work in enumerate(works()):
        if asked.word not in title(work):
            continue
        seconds, use, functions, passes = min(measured(number) for _ in range(asked.runs))
        largest = Counter(passes if asked.passes else functions).most_common(LARGEST)
        named = ", ".join(f"{name} {taken:.2f}" for name, taken in largest)
        print(f"{seconds:10.2f}{use:7.2f}{len(functions):9}  {title(work)}: {named}", flush=True)


if __name__ == "__main__":
    main()
