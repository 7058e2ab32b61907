"""Whole folders: 300 photographs against a loop in Pillow and ImageMagick, memory of many files, time of tiny ones.

python benchmarks/folders.py
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

import poolcli

SAMPLES = Path(__file__).parent.parent / "sample_images"
QUALITY = 95

LOOP = f"""
import sys
from pathlib import Path
from PIL import Image
source, target = map(Path, sys.argv[1:])
target.mkdir()
for path in sorted(source.iterdir()):
    with Image.open(path) as image:
        image.reduce(2).save(target / path.name, quality={QUALITY}, subsampling=0)
"""


def photographs(folder: Path, count: int) -> None:
    """Write so many JPEG files of one megapixel, each another part of a photograph."""
    folder.mkdir()
    with Image.open(SAMPLES / "retina.jpg") as image:
        whole = np.asarray(image.convert("RGB").resize((1700, 1700)))
    for i in range(count):
        top, left = 2 * i, 700 - 2 * i
        Image.fromarray(whole[top : top + 1000, left : left + 1000]).save(folder / f"{i}.jpg", quality=QUALITY)


def tiny(folder: Path, count: int) -> None:
    """Write so many PNG files of 64 x 64 pixels."""
    folder.mkdir()
    for i in range(count):
        poolcli.write_image(np.random.default_rng(i).integers(0, 256, (64, 64, 3), np.uint8), folder / f"{i}.png")


def seconds(*command: object, runs: int = 3, made: Path | None = None) -> float:
    """Return the shortest time of a command."""
    times = []
    for _ in range(runs):
        if made:
            shutil.rmtree(made, ignore_errors=True)
        begin = time.perf_counter()
        subprocess.run([*map(str, command)], check=True, capture_output=True)
        times.append(time.perf_counter() - begin)
    return min(times)


def peak(*command: object) -> float:
    """Return the most memory that a command had resident, in MB, by way of a process too small to count itself."""
    script = "import os, sys; child = os.spawnv(os.P_NOWAIT, sys.argv[1], sys.argv[1:]);" \
             "print(os.wait4(child, 0)[2].ru_maxrss)"  # fmt: skip
    result = subprocess.run(
        [sys.executable, "-c", script, *map(str, command)], check=True, capture_output=True, text=True
    )
    return int(result.stdout.split()[-1]) / 1000


def main() -> None:
    """Print a table: work, poolcli, peer, ratio, the ratio aimed at."""
    downsample = [sys.executable, "-m", "poolcli", "downsample", "--mode", "max", "--quiet"]
    with tempfile.TemporaryDirectory() as name:
        folder, out = Path(name), Path(name, "out")
        photographs(folder / "photos", 300)
        photographs(folder / "photo", 1)
        parts = [folder / "photos", folder / "photo"]
        ours, start = (seconds(*downsample, part, "-o", out, "--quality", QUALITY, made=out) for part in parts)
        loop, begin = (seconds(sys.executable, "-c", LOOP, part, out, made=out) for part in parts)
        print(
            f"300 photographs of 1 MP: {ours:.2f} s; a loop in Pillow {loop:.2f} s: {loop / ours:.2f} times (aim 1.5)"
        )
        each, theirs = 1e3 * (ours - start) / 299, 1e3 * (loop - begin) / 299
        print(f"once started: {each:.2f} ms a photograph; in Pillow {theirs:.2f} ms: {theirs / each:.2f} times")
        if shutil.which("mogrify"):
            out.mkdir(exist_ok=True)
            magick = seconds("mogrify", "-path", out, "-resize", "50%", *sorted((folder / "photos").iterdir()))
            print(f"mogrify -resize 50%: {magick:.2f} s, {magick / ours:.2f} times (aim 1)")
        tiny(folder / "tiny", 10_000)
        every = seconds(*downsample, folder / "tiny", "-o", out, runs=1, made=out)
        print(f"10,000 files of 64 x 64: {1e3 * every / 10_000:.2f} ms each (aim 3)")
        few, many = folder / "few", folder / "many"
        for part, count in ((few, 300), (many, 3000)):
            part.mkdir()
            for i in range(count):
                os.link(folder / "tiny" / f"{i}.png", part / f"{i}.png")
        memory = [peak(*downsample, part, "-o", folder / f"out_{part.name}") for part in (few, many)]
        print(f"memory of 300 and of 3,000 files: {memory[0]:.0f} and {memory[1]:.0f} MB, "
              f"{100 * (memory[1] / memory[0] - 1):+.0f} % (aim within 20)")  # fmt: skip


if __name__ == "__main__":
    main()
