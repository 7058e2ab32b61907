"""Global pools against what people script instead: best of several runs, taken in turns in one process, as ratios.

    python benchmarks/reduce.py

A ratio below 1 means that poolcli is faster. OpenCV is left out where it is not installed.
"""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
from downsample import Work, best_of

import poolcli


def cases(image: np.ndarray) -> list[tuple[str, str, float, int, Work, Work]]:
    """Return (work, peer, largest ratio allowed, runs, poolcli's call, the peer's call)."""
    pixels = image.reshape(-1, image.shape[2]).T
    maps = np.random.default_rng(1).random((28, 28, 512), np.float32)
    single = np.ascontiguousarray(maps.reshape(-1, 512).T)
    double, other = single.astype(np.float64), np.ascontiguousarray(maps.reshape(-1, 512), np.float64)
    work = [
        ("gmp", "numpy max", 1 / 20, 5,
         lambda: poolcli.reduce(image, "gmp"), lambda: image.max(axis=(0, 1))),
        ("spp 1,2,4", "gmp", 1.5, 30,
         lambda: poolcli.reduce(image, "spp"), lambda: poolcli.reduce(image, "gmp")),
        ("covariance", "numpy cov", 1 / 15, 5,
         lambda: poolcli.reduce(image, "covariance", center=True), lambda: np.cov(pixels)),
        ("covariance 512x28x28 float32", "numpy A @ B float64", 1.0, 60,
         lambda: poolcli.reduce(maps, "covariance"), lambda: double @ other),
        ("covariance 512x28x28 float32", "numpy X @ X.T float64", 1.0, 60,
         lambda: poolcli.reduce(maps, "covariance"), lambda: double @ double.T),
        ("covariance 512x28x28 float32", "numpy X @ X.T float32", 1.0, 60,
         lambda: poolcli.reduce(maps, "covariance"), lambda: single @ single.T),
        ("median", "numpy median", 1.0, 2,
         lambda: poolcli.reduce(image, "median"), lambda: np.median(image, axis=(0, 1))),
    ]  # fmt: skip
    if find_spec("cv2"):
        import cv2

        work.insert(0, ("gap", "OpenCV mean", 1.0, 30, lambda: poolcli.reduce(image, "gap"), lambda: cv2.mean(image)))
    return work


def main() -> None:
    """Print a table: work, milliseconds of both, ratio, the ratio aimed at."""
    image = np.random.default_rng(0).integers(0, 256, (4000, 6000, 3), dtype=np.uint8)
    print("6000 x 4000 x 3, uint8 unless said")
    print(f"{'work':30}{'poolcli ms':>11}{'peer ms':>9}{'ratio':>8}{'aim':>7}  peer")
    for work, peer, aim, runs, ours, theirs in cases(image):
        mine, other = best_of([ours, theirs], runs)
        print(f"{work:30}{mine:11.2f}{other:9.2f}{mine / other:8.3f}{aim:7.3f}  {peer}")


if __name__ == "__main__":
    main()
