"""Peak memory of whole commands on large images, beside what the image and its result take, in MB.

python benchmarks/memory.py

libwebp (lossless), OpenJPEG and libaom hold an image several times over: their rows exceed what is allowed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import poolcli

HEIGHT, WIDTH = 6700, 10000
ALLOWED = 250  # beyond input and output


def photograph() -> np.ndarray:
    """Return 67 megapixels of RGB that compress as a photograph does: gradients with noise."""
    rng = np.random.default_rng(0)
    y, x = np.ogrid[:HEIGHT, :WIDTH]
    image = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    for channel in range(3):
        base = 100 + 60 * np.sin(x / (700 + 90 * channel)) + 50 * np.cos(y / (500 + 70 * channel))
        image[..., channel] = base + rng.integers(0, 9, (HEIGHT, WIDTH), np.uint8)
    return image


def peak(*arguments: object) -> float:
    """Return the most memory that a command had resident, in MB."""
    command = [sys.executable, "-m", "poolcli", *map(str, arguments)]
    child = os.posix_spawn(sys.executable, command, os.environ)
    _, status, usage = os.wait4(child, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    return usage.ru_maxrss / 1000


def main() -> None:
    """Print a table: file, peak, input, output, what is beyond, the most allowed."""
    if len(sys.argv) > 1:
        poolcli.write_image(photograph(), sys.argv[1])
        return
    megabytes = HEIGHT * WIDTH * 3 / 1e6
    print(f"downsample --mode max of {WIDTH} x {HEIGHT} x 3 uint8, MB")
    print(f"{'file':6}{'peak':>8}{'input':>8}{'output':>8}{'beyond':>8}{'allowed':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for ending in ("png", "jpg", "tif", "npy", "bmp", "ppm", "tga", "webp", "jp2", "avif"):
            path, out = Path(folder, f"in.{ending}"), Path(folder, f"out.{ending}")
            # By another process: the most that this one ever took would count as its children's.
            subprocess.run([sys.executable, __file__, path], check=True)
            most = peak("downsample", "--mode", "max", path, "-o", out)
            output = megabytes / 4
            beyond = most - megabytes - output
            print(f"{ending:6}{most:8.0f}{megabytes:8.0f}{output:8.0f}{beyond:8.0f}{ALLOWED:8}")
            path.unlink()
            out.unlink()


if __name__ == "__main__":
    main()
