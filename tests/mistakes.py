"""Mistakes that people make, and the line that each gets: python tests/mistakes.py prints them.

A mistake is a line for a shell, and a part of what is said. The folder has `photo.png`, `mask.png` (a palette),
`grey.tif` (16 bits), `deep.tif` (floats), `chw.npy`, `scans/` (two images and a text), `empty/`, `broken.png`,
`notes.txt`.
"""

from __future__ import annotations

import contextlib
import io
import shlex
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

import poolcli
from poolcli.cli import run

MISTAKES = {
    "poolcli photo.png": "it is a file, and poolcli downsample --mode max photo.png pools it",
    "poolcli max photo.png": "it is a mode, as in poolcli downsample --mode max",
    "poolcli pool photo.png": "no command 'pool', did you mean downsample?",
    "poolcli resize photo.png": "say how large the output is: --size HEIGHTxWIDTH, --width N",
    "poolcli thumbnail photo.png": "no command 'thumbnail', did you mean resize?",
    "poolcli resize --width 50% photo.png": "'50%' is not allowed: it must be a whole number of at least 1",
    "poolcli downsampel -m max photo.png": "no command 'downsampel', did you mean downsample?",
    "poolcli --mode max photo.png": "no option --mode: it is of commands, as poolcli downsample --mode",
    "poolcli downsample photo.png": "-m MODE says what is made of the images: max, min, median,",
    "poolcli downsample -m Max photo.png": "no mode 'Max', did you mean max?",
    "poolcli downsample -m mean photo.png": "did you mean average?",
    "poolcli downsample -m max_pool2d photo.png": "did you mean max?",
    "poolcli downsample -m gap photo.png": "'gap' is no mode of this command, but of poolcli reduce --mode gap",
    "poolcli downsample -m bicubic photo.png": "but of poolcli upsample --mode bicubic",
    "poolcli downsample -m max": "Missing argument 'INPUT...': files, folders, patterns or -",
    "poolcli downsample -m max photo.jpg": "photo.jpg: no such file or folder, did you mean photo.png?",
    "poolcli downsample -m max photo.png small.png": "small.png: no such file or folder: -o small.png writes it",
    "poolcli downsample -m max photo.png -o small": "use .png, .apng, .jpg",
    "poolcli downsample -m max photo.png -o small.xyz": "no format is written for the ending '.xyz': use .png",
    "poolcli downsample -m max photo.png -o photo.png": "is also the input; --overwrite replaces it",
    "poolcli downsample -m max photo.png scans/a.png -o x.png": "and there are 2 inputs: x.png/ would be a folder",
    "poolcli downsample -m max scans -o x.png": "x.png: names one file, and there are 2 inputs",
    "poolcli downsample -m max,min photo.png -o x.png": "2 modes write a file each: x.png/ would be a folder",
    "poolcli downsample -m max empty": "empty: the folder holds no images",
    "poolcli downsample -m max broken.png": "broken.png: damaged",
    "poolcli downsample -m max notes.txt": "notes.txt: not a supported image",
    "poolcli downsample -m max photo.png -F 0": "'0' is no size: it must be N, HEIGHTxWIDTH as 480x640",
    "poolcli downsample -m max photo.png -F 3,3": "'3,3' is no size, did you mean 3x3, height first?",
    "poolcli downsample -m max photo.png -F 2.5": "'2.5' is no size",
    "poolcli downsample -m max photo.png -F 999": "the image is smaller than the window: its height is 12, the",
    "poolcli downsample -m max photo.png -S 0": "whole numbers of at least 1",
    "poolcli downsample -m max photo.png -S 0.5": "'0.5' is no size",
    "poolcli downsample -m max photo.png -P 5": "more than half of the window, whose height is 2: --wide-padding",
    "poolcli downsample -m max photo.png -P valid": "or TOP,BOTTOM,LEFT,RIGHT, or same, or same-lower",
    "poolcli downsample -m max photo.png --size 640*480": "did you mean 640x480, height first?",
    "poolcli downsample -m max photo.png --size 50%": "'50%' is no size",
    "poolcli downsample -m max photo.png --size 4x4 -F 2": "--size 4x4 sets the windows, and --kernel-size 2 cannot be",
    "poolcli downsample -m max photo.png --scale 2": "no option --scale of poolcli downsample: poolcli upsample and",
    "poolcli downsample -m max photo.png --k 3": "mode 'max' takes no --k: the modes that do are kmax",
    "poolcli downsample -m percentile -q 30 photo.png": "-q is --quiet, and --q 30 is the rank of percentile",
    "poolcli downsample -m percentile --q 130 photo.png": "130 is not allowed: it must be a finite number from 0",
    "poolcli downsample -m lp --p 0 photo.png": "0 is not allowed: it must be a finite number above 0",
    "poolcli downsample -m lp --norm l2 photo.png": "--norm l2 is not allowed: it must be size or mean or sum",
    "poolcli downsample -m kmax --k 9 photo.png": "--k 9 is more than the 4 values of a window",
    "poolcli downsample -m max photo.png --quality 90": "PNG takes no --quality: .jpg, .webp, .avif do",
    "poolcli downsample -m max photo.png --dtype float": "'float' is not allowed, did you mean float64?",
    "poolcli downsample -m max photo.png --dtype float32": "PNG cannot hold RGB of float32: .tif, .npy can",
    "poolcli downsample -m average grey.tif -o grey.jpg": "JPEG cannot hold grey of uint16: .png, .tif",
    "poolcli downsample -m average deep.tif -o deep.png": "PNG cannot hold grey of float32: .tif, .pfm, .npy can, or",
    "poolcli downsample -m average --keep-palette mask.png": "would blend the indices of a palette: --keep-palette is",
    "poolcli downsample -m average --joint luminance photo.png": "mode 'average' takes no --joint: the modes that do",
    "poolcli downsample -m max photo.png --save-indices i.txt": "i.txt: indices are written as .npz",
    "poolcli downsample -m max photo.png --overwrite --skip-existing": "exclude each other",
    "poolcli downsample -m max photo.png --jobs 0": "'0' is not allowed: it must be a whole number of at least 1",
    "poolcli downsample -m max photo.png --frame 3": "there is no frame 3: the file holds one, 0",
    "poolcli downsample -m max photo.png --name '{name}'": "no field {name}: max has {stem}, {mode}",
    "poolcli downsample -m max scans --include png": "matches --include 'png': a pattern is wanted, as '*.png'",
    "poolcli downsample -m max photo.png --ouput x.png": "no option --ouput of poolcli downsample, did you mean --out",
    "poolcli downsample -m max photo.png --quality high": "'high' is not allowed: it must be a whole number from 1 to",
    "poolcli upsample -m max photo.png": "'max' is no mode of this command, but of poolcli downsample --mode max",
    "poolcli upsample -m cubic photo.png": "no mode 'cubic', did you mean bicubic?",
    "poolcli upsample -m bicubic -S 0.5 photo.png": "poolcli downsample -m average -F 2 pools all of them",
    "poolcli upsample -m bicubic -S 2 --size 9 photo.png": "--size 9 and --scale 2 both say how large the output is",
    "poolcli upsample -m nails -S 1.5 photo.png": "--scale 1.5 is not allowed: mode 'nails' takes whole numbers",
    "poolcli upsample -m unpool photo.png": "unpool needs --indices FILE, which downsample --save-indices wrote",
    "poolcli upsample -m unpool --indices no.npz photo.png": "no.npz: no such file",
    "poolcli upsample -m transposed --weights sharp photo.png": "--weights sharp: there is no such file, and the names",
    "poolcli reduce -m gap scans -o t.xlsx": "no table is written for the ending '.xlsx': use .csv",
    "poolcli reduce -m gap scans -o photo.png": "no table is written for the ending '.png': use .csv",
    "poolcli reduce -m spp --levels 0 photo.png": "0 is not allowed: it must be whole numbers from 1 to 1024",
    "poolcli reduce -m spp --pool gap photo.png": "--pool gap is not allowed: it must be one of max, min",
    "poolcli reduce -m gap photo.png grey.tif": "--colour rgb or --colour grey makes them alike",
    "poolcli gradient -m majority photo.png": "'majority' is no mode of this command",
    "poolcli gradient -m max --at 99,99 photo.png": "--at 99,99 is outside the result, which has 6 x 8 pixels",
    "poolcli compare -m maxx,min photo.png": "there is no mode 'maxx', did you mean max?",
    "poolcli compare -F 2,4 photo.png": "'2,4' is no size, did you mean -F 2 -F 4? It must be N",
    "poolcli compare photo.png -o sheet.xyz": "sheet.xyz: nothing is written for the ending '.xyz': .png, .jpg",
    "poolcli compare photo.png sheet.png": "sheet.png: no such file or folder: -o sheet.png writes it",
    "poolcli compare scans -o sheet.png": "sheet.png: shows one image, and there are 2: .csv and .json have means",
    "poolcli compare --zoom 9,9,9x9 photo.png -o sheet.png": "--zoom 9,9,9x9 reaches beyond the image, which has 12",
    "poolcli compare -m kmax photo.png": "makes 2 images of one, and one is compared: --combine mean makes one",
    "poolcli shape photo.jpg": "photo.jpg: no such file",
    "poolcli modes average-pool": "no mode 'average-pool', did you mean average?",
}  # fmt: skip


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
    """Return the exit code of a line, and all that it says on standard error."""
    text = io.StringIO()
    with contextlib.redirect_stderr(text), contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())):
        code = run(shlex.split(line)[1:])
    return code, text.getvalue()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        fill(Path(name))
        for line in MISTAKES:
            code, text = said(line)
            print(f"$ {line}\n  {code}  {text.strip()}")
