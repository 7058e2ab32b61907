"""Local pools against what people script instead: best of several runs, taken in turns in one process, as ratios.

    python benchmarks/downsample.py [--quick]

A ratio below 1 means that poolcli is faster. Peers that are not installed are left out; `pip install .[bench]` brings
them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np

import poolcli

Work = Callable[[], object]


def best_of(works: list[Work], runs: int) -> list[float]:
    """Return the shortest time of each, in milliseconds.

    They take turns, so that a busy moment hits all alike, and pause before each, for the threads of the one before to
    sleep: OpenCV's and OpenMP's wait for more work in a loop, on the cores that the next one needs.
    """
    times = [float("inf")] * len(works)
    for work in works:
        work()
    for _ in range(runs):
        for i, work in enumerate(works):
            time.sleep(0.01)
            begin = time.perf_counter()
            work()
            times[i] = min(times[i], 1e3 * (time.perf_counter() - begin))
    return times


def opencv_cases(image: np.ndarray) -> list[tuple[str, str, float, Work, Work]]:
    """Return (work, peer, largest ratio allowed, poolcli's call, the peer's call)."""
    import cv2

    half = image.shape[1] // 2, image.shape[0] // 2
    square = np.ones((2, 2), np.uint8)
    return [
        ("max 2x2/2", "OpenCV dilate, slice", 0.5,
         lambda: poolcli.downsample(image, "max"),
         lambda: cv2.dilate(image, square, anchor=(0, 0))[::2, ::2]),
        ("min 2x2/2", "OpenCV erode, slice", 0.5,
         lambda: poolcli.downsample(image, "min"),
         lambda: cv2.erode(image, square, anchor=(0, 0))[::2, ::2]),
        ("max 3x3/2", "OpenCV dilate, slice", 0.5,
         lambda: poolcli.downsample(image, "max", kernel_size=3, stride=2),
         lambda: cv2.dilate(image, np.ones((3, 3), np.uint8), anchor=(0, 0))[:-2:2, :-2:2]),
        ("average 2x2/2", "OpenCV INTER_AREA", 1.0,
         lambda: poolcli.downsample(image, "average"),
         lambda: cv2.resize(image, half, interpolation=cv2.INTER_AREA)),
        ("average 4x4/4", "OpenCV INTER_AREA", 1.0,
         lambda: poolcli.downsample(image, "average", kernel_size=4),
         lambda: cv2.resize(image, (half[0] // 2, half[1] // 2), interpolation=cv2.INTER_AREA)),
        ("median 3x3/3", "OpenCV medianBlur, slice", 0.4,
         lambda: poolcli.downsample(image, "median", kernel_size=3),
         lambda: cv2.medianBlur(image, 3)[1::3, 1::3]),
        ("median 5x5/5", "OpenCV medianBlur, slice", 1.0,
         lambda: poolcli.downsample(image, "median", kernel_size=5),
         lambda: cv2.medianBlur(image, 5)[2::5, 2::5]),
    ]  # fmt: skip


def torch_cases(image: np.ndarray) -> list[tuple[str, str, float, Work, Work]]:
    """Return the same for PyTorch in float32: channels last for poolcli, first for PyTorch, as each likes it."""
    import torch
    import torch.nn.functional as F  # noqa: N812

    floats = np.ascontiguousarray(image, np.float32) / np.float32(255)
    tensor = torch.from_numpy(np.ascontiguousarray(floats.transpose(2, 0, 1)))[None]

    def soft() -> object:
        weights = torch.exp(tensor)
        return F.avg_pool2d(weights * tensor, 2) / F.avg_pool2d(weights, 2)

    def gem() -> object:
        return F.avg_pool2d(tensor.clamp(min=0).pow(3.0), 2).pow(1 / 3.0)

    return [
        ("max 2x2/2 float32", "PyTorch max_pool2d", 0.5,
         lambda: poolcli.downsample(floats, "max"), lambda: F.max_pool2d(tensor, 2)),
        ("average 2x2/2 float32", "PyTorch avg_pool2d", 1.0,
         lambda: poolcli.downsample(floats, "average"), lambda: F.avg_pool2d(tensor, 2)),
        ("soft 2x2/2 float32", "PyTorch", 0.2, lambda: poolcli.downsample(floats, "soft"), soft),
        ("lp 2x2/2, p=3, float32", "PyTorch lp_pool2d", 0.2,
         lambda: poolcli.downsample(floats, "lp", norm="sum"), lambda: F.lp_pool2d(tensor, 3.0, 2)),
        ("lp 2x2/2, p=2.5, float32", "PyTorch lp_pool2d", 0.2,
         lambda: poolcli.downsample(floats, "lp", p=2.5, norm="sum"), lambda: F.lp_pool2d(tensor, 2.5, 2)),
        ("gem 2x2/2, p=3, float32", "PyTorch", 0.2, lambda: poolcli.downsample(floats, "gem"), gem),
    ]  # fmt: skip


def main() -> None:
    """Print a table: work, milliseconds of both, ratio, the ratio aimed at."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="6 megapixels instead of 24, and fewer runs")
    quick = parser.parse_args().quick
    shape = (2000, 3000, 3) if quick else (4000, 6000, 3)
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    print(f"{shape[1]} x {shape[0]} x {shape[2]}, uint8 unless said")
    print(f"{'work':26}{'poolcli ms':>11}{'peer ms':>9}{'ratio':>7}{'aim':>6}  peer")
    for package, cases in (("cv2", opencv_cases), ("torch", torch_cases)):
        if not find_spec(package):
            continue
        for work, peer, aim, ours, theirs in cases(image):
            mine, other = best_of([ours, theirs], 5 if quick else 30)
            print(f"{work:26}{mine:11.2f}{other:9.2f}{mine / other:7.2f}{aim:6.1f}  {peer}")


if __name__ == "__main__":
    main()
