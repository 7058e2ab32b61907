"""Two checkouts of poolcli against each other, in turns: nothing that was fast may become slower.

    python -m benchmarks.versions OLD NEW [--only WORD] [--runs N]
    python -m benchmarks.versions OLD NEW --compile

Both run in processes of their own, one call of the one after one call of the other; what counts is the shortest time of
each. A work whose new time is longer gets more turns, since processors change their clocks while they run. With
`--compile`, the time that the first use of each mode takes with an empty cache, in seconds.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

SHAPES = {"RGB": (4000, 6000, 3), "grey": (4000, 6000), "small": (2000, 3000, 3), "maps": (16, 112, 112, 64)}
POOLS = ("max", "min", "median", "kmax", "majority", "average", "l2", "lp", "gem", "mixed", "soft", "blur")
DRAWS = ("random", "stochastic", "lip")
WHOLE = ("gap", "gmp", "max", "median", "average", "l2", "lp", "gem", "mixed", "soft", "blur", "kmax", "covariance")
ENLARGING = ("nearest", "bilinear", "bicubic", "lanczos", "nails", "average-unpool", "transposed", "resize-conv")

Work = tuple[str, str, str, str, dict[str, Any]]
"""Function, mode, shape, dtype, arguments."""

SLOWER = 1.03  # ratio of times beyond which a work gets more turns
ROUNDS = 6  # of turns, at most


def works() -> Iterator[Work]:
    """Yield all works: each mode at the usual windows, whole maps, and enlargement."""
    windows: tuple[dict[str, Any], ...] = ({}, {"kernel_size": 3, "stride": 2}, {"kernel_size": 5})
    for dtype in ("uint8", "uint16", "float32"):
        for window in windows:
            yield from (("downsample", mode, "RGB", dtype, window) for mode in POOLS)
        yield from (("downsample", mode, "small", dtype, {}) for mode in DRAWS)
        yield from (("downsample", mode, "grey", dtype, {}) for mode in ("max", "average", "median", "l2"))
        yield from (("reduce", mode, "grey", dtype, {}) for mode in WHOLE)
        yield from (("reduce", mode, "RGB", dtype, {}) for mode in ("gap", "gmp", "lp", "gem", "soft"))
        yield ("reduce", "spp", "RGB", dtype, {"levels": (1, 2, 4), "pool": "max"})
        yield from (("upsample", mode, "small", dtype, {}) for mode in ENLARGING)
        yield from (("upsample", mode, "small", dtype, {"scale": 1.7}) for mode in ENLARGING[:4])
        yield ("resize", "bicubic", "RGB", dtype, {"size": (691, 1037), "antialias": True})
    for mode in ("max", "average"):
        yield ("downsample", mode, "maps", "float32", {"kernel_size": 3, "stride": 2})
        yield ("downsample", mode, "small", "uint8", {"kernel_size": 31, "stride": 1})


def title(work: Work) -> str:
    """Return a line that names a work."""
    function, mode, shape, dtype, arguments = work
    return " ".join([function, mode, shape, dtype, *(f"{name}={value}" for name, value in arguments.items())])


def picture(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Return noise, from 0 to 1 where it is float."""
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8).astype(dtype)
    return noise / np.float32(255) if dtype == "float32" else noise


def call(work: Work, image: np.ndarray) -> object:
    """Do a work once."""
    import poolcli

    function, mode, _, _, arguments = work
    return getattr(poolcli, function)(image, mode=mode, **arguments)


def serve() -> None:
    """Do the work of each number that is read, and print how long it took."""
    table, current = list(works()), -1
    for line in sys.stdin:
        work = table[int(line)]
        if int(line) != current:
            if current < 0 or work[2:4] != table[current][2:4]:
                image = picture(SHAPES[work[2]], work[3])
            current = int(line)
            call(work, image)
        begin = time.perf_counter()
        call(work, image)
        print(time.perf_counter() - begin, flush=True)


def use_first(number: int) -> None:
    """Do a work on a small image."""
    function, mode, _, dtype, _ = list(works())[number]
    call((function, mode, "", dtype, {"size": (16, 16)} if function == "resize" else {}), picture((64, 64, 3), dtype))


def process(checkout: Path, cache: str, *arguments: str) -> subprocess.Popen[str]:
    """Start this file with the poolcli of a checkout."""
    environment = {**os.environ, "PYTHONPATH": str(checkout), "POOLCLI_CACHE_DIR": cache}
    command = [sys.executable, "-P", str(Path(__file__).resolve()), *arguments]
    return subprocess.Popen(
        command, cwd=checkout, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def seconds(server: subprocess.Popen[str], number: int) -> float:
    """Let a process do a work once."""
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(f"{number}\n")
    server.stdin.flush()
    return float(server.stdout.readline())


def compare(checkouts: list[Path], caches: list[str], only: str, runs: int) -> None:
    """Print a line for each work: milliseconds of both, and their ratio."""
    servers = [process(checkout, cache, "--serve") for checkout, cache in zip(checkouts, caches, strict=True)]
    print(f"{'old ms':>9}{'new ms':>9}{'ratio':>7}  work")
    for number, work in enumerate(works()):
        if only not in title(work):
            continue
        times: list[list[float]] = []
        for _ in range(ROUNDS):
            times += [[seconds(server, number) for server in servers] for _ in range(runs)]
            old, new = (1e3 * min(each) for each in zip(*times, strict=True))
            if new <= SLOWER * old:
                break
        print(f"{old:9.2f}{new:9.2f}{new / old:7.2f}  {title(work)}", flush=True)
    for server in servers:
        server.communicate()


def compile_all(checkouts: list[Path], only: str) -> None:
    """Print a line for each mode: seconds of the first use in both, each time with an empty cache."""
    print(f"{'old s':>9}{'new s':>9}{'ratio':>7}  first use")
    first = {work[:2]: number for number, work in reversed(list(enumerate(works())))}
    for (function, mode), number in sorted(first.items(), key=lambda item: item[1]):
        if only not in f"{function} {mode}":
            continue
        times = []
        for checkout in checkouts:
            with tempfile.TemporaryDirectory() as cache:
                begin = time.perf_counter()
                process(checkout, cache, "--once", str(number)).communicate()
                times.append(time.perf_counter() - begin)
        print(f"{times[0]:9.2f}{times[1]:9.2f}{times[1] / times[0]:7.2f}  {function} {mode}", flush=True)


def main() -> None:
    """Compare two checkouts."""
    if sys.argv[1:] == ["--serve"]:
        serve()
    elif sys.argv[1:2] == ["--once"]:
        use_first(int(sys.argv[2]))
    else:
        parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
        parser.add_argument("checkouts", nargs=2, type=Path, metavar="OLD NEW")
        parser.add_argument("--only", default="", help="works that have this word in their line")
        parser.add_argument("--runs", type=int, default=7)
        parser.add_argument("--compile", action="store_true", help="how long the first use of each mode takes")
        asked = parser.parse_args()
        checkouts = [checkout.resolve() for checkout in asked.checkouts]
        if asked.compile:
            compile_all(checkouts, asked.only)
            return
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
            compare(checkouts, [one, other], asked.only, asked.runs)


if __name__ == "__main__":
    main()
