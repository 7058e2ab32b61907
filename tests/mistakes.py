"""Mistakes that people make, and the line that each gets: python tests/mistakes.py prints them.

A mistake is a line for a shell, and a part of what is said. The folder has `photo.png`, `mask.png` (a palette),
`grey.tif` (16 bits), `deep.tif` (floats), `chw.npy`, `scans/` (two images and a text), `empty/`, `broken.png`,
`notes.txt`.
"""

from __future__ import annotations

import contextlib
import shlex
import tempfile
from pathlib import Path

import numpy as np
from click.testing import CliRunner
from PIL import Image

import poolcli
from poolcli.cli import commands

LINES = """
poolcli
poolcli photo.png
poolcli max photo.png
poolcli pool photo.png
poolcli resize photo.png
poolcli --mode max photo.png
poolcli downsample photo.png
poolcli downsample -m Max photo.png
poolcli downsample -m mean photo.png
poolcli downsample -m maximum photo.png
poolcli downsample -m gap photo.png
poolcli downsample -m bicubic photo.png
poolcli downsample -m max
poolcli downsample -m max photo.jpg
poolcli downsample -m max photo.png small.png
poolcli downsample -m max photo.png -o small
poolcli downsample -m max photo.png -o small.xyz
poolcli downsample -m max photo.png -o photo.png
poolcli downsample -m max photo.png scans/a.png -o small.png
poolcli downsample -m max scans -o small.png
poolcli downsample -m max empty
poolcli downsample -m max broken.png
poolcli downsample -m max notes.txt
poolcli downsample -m max photo.png -F 0
poolcli downsample -m max photo.png -F 3,3
poolcli downsample -m max photo.png -F 2.5
poolcli downsample -m max photo.png -F 999
poolcli downsample -m max photo.png -S 0
poolcli downsample -m max photo.png -S 0.5
poolcli downsample -m max photo.png -P 5
poolcli downsample -m max photo.png -P valid
poolcli downsample -m max photo.png --size 640*480
poolcli downsample -m max photo.png --size 50%
poolcli downsample -m max photo.png --size 4x4 -F 2
poolcli downsample -m max photo.png --scale 2
poolcli downsample -m max photo.png --k 3
poolcli downsample -m percentile -q 30 photo.png
poolcli downsample -m percentile --q 130 photo.png
poolcli downsample -m lp --p 0 photo.png
poolcli downsample -m lp --norm l2 photo.png
poolcli downsample -m kmax --k 9 photo.png
poolcli downsample -m max photo.png --quality 90
poolcli downsample -m max photo.png --dtype float
poolcli downsample -m max photo.png --dtype float32
poolcli downsample -m average grey.tif -o grey.jpg
poolcli downsample -m average deep.tif -o deep.png
poolcli downsample -m average --keep-palette mask.png
poolcli downsample -m average --joint luminance photo.png
poolcli downsample -m max photo.png --save-indices i.txt
poolcli downsample -m max --layout chw photo.npy
poolcli downsample -m max photo.png --overwrite --skip-existing
poolcli downsample -m max photo.png --jobs 0
poolcli downsample -m max photo.png --frame 3
poolcli downsample -m max photo.png --name '{name}'
poolcli downsample -m max scans --include png
poolcli downsample -m max photo.png --ouput small.png
poolcli upsample -m max photo.png
poolcli upsample -m cubic photo.png
poolcli upsample -m bicubic -S 0.5 photo.png
poolcli upsample -m bicubic -S 2 --size 9 photo.png
poolcli upsample -m nails -S 1.5 photo.png
poolcli upsample -m unpool photo.png
poolcli upsample -m unpool --indices no.npz photo.png
poolcli upsample -m transposed --weights sharp photo.png
poolcli reduce -m gap scans photo.png -o t.xlsx
poolcli reduce -m gap scans -o photo.png
poolcli reduce -m spp --levels 0 photo.png
poolcli reduce -m spp --pool gap photo.png
poolcli reduce -m gap photo.png grey.tif
poolcli gradient -m majority photo.png
poolcli gradient -m max --at 99,99 photo.png
poolcli shape photo.jpg
poolcli shape 1080
poolcli modes average-pool
"""


def fill(folder: Path) -> None:
    """Write the files that the mistakes are made with."""
    colours = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    (folder / "scans").mkdir()
    (folder / "empty").mkdir()
    for name in ("photo.png", "scans/a.png", "scans/b.png"):
        Image.fromarray(colours).save(folder / name)
    mask = Image.fromarray(colours[..., 0] % 3).convert("P")
    mask.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    mask.save(folder / "mask.png")
    poolcli.write_image(colours[..., 0].astype(np.uint16) * 257, folder / "grey.tif")
    poolcli.write_image(colours[..., 0].astype(np.float32) / 255, folder / "deep.tif")
    np.save(folder / "chw.npy", np.moveaxis(colours, -1, 0))
    (folder / "broken.png").write_bytes((folder / "photo.png").read_bytes()[:200])
    for name in ("notes.txt", "scans/notes.txt"):
        (folder / name).write_text("not an image\n")


def said(line: str) -> tuple[int, str]:
    """Return the exit code of a line, and all that it says on standard error, or on the other if that is nothing."""
    result = CliRunner(env={"COLUMNS": "200"}).invoke(commands, shlex.split(line)[1:])
    return result.exit_code, result.stderr or result.stdout


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        fill(Path(name))
        for line in LINES.strip().splitlines():
            code, text = said(line)
            print(f"$ {line}\n  {code}  {text.strip()}")
