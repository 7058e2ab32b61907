"""Make the pictures in the README: a photograph through eight pools, and the gradients of three, pixels enlarged.

python docs/strip.py
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import poolcli

MODES = {
    "max": {},
    "min": {},
    "median": {},
    "average": {},
    "gem": {"p": 4},
    "soft": {"beta": 4.45},
    "random": {"beta": 4.45},
    "majority": {},
}
F = 6
GRADIENTS = {"max": [], "average": [], "soft": ["--beta", "40"]}


def panel(image: np.ndarray, name: str) -> Image.Image:
    """Return a picture with its name under it."""
    out = Image.new("RGB", (image.shape[1], image.shape[0] + 22), "white")
    out.paste(Image.fromarray(image))
    ImageDraw.Draw(out).text((image.shape[1] / 2, image.shape[0] + 3), name, "black", ImageFont.load_default(14), "ma")
    return out


def pools(photo: np.ndarray) -> list[Image.Image]:
    """Return what the pools make of a photograph."""
    return [
        panel(poolcli.downsample(photo, mode, kernel_size=F, **values).repeat(F, 0).repeat(F, 1), mode)
        for mode, values in MODES.items()
    ]


def gradients(photo: np.ndarray) -> list[Image.Image]:
    """Return a photograph, and the gradients that the command draws of it."""
    panels = [panel(photo.repeat(4, 0).repeat(4, 1), "image")]
    with TemporaryDirectory() as folder:
        path = Path(folder, "photo.png")
        Image.fromarray(photo).save(path)
        for mode, values in GRADIENTS.items():
            words = ["gradient", "--mode", mode, "--plain", "-F", "3", "-S", "2", *values, str(path)]
            subprocess.run([sys.executable, "-m", "poolcli", *words], check=True)
            drawn = np.asarray(Image.open(path.with_name(f"photo_{mode}_gradient.png")))
            panels.append(panel(drawn.repeat(4, 0).repeat(4, 1), mode))
    return panels


def write(panels: list[Image.Image], path: Path) -> None:
    """Write panels, four in a row."""
    width, height = panels[0].size
    rows = len(panels) // 4
    strip = Image.new("RGB", (4 * width + 18, rows * height + 6 * (rows - 1)), "white")
    for i, one in enumerate(panels):
        strip.paste(one, (i % 4 * (width + 6), i // 4 * (height + 6)))
    strip.quantize(256).save(path, optimize=True)


def main() -> None:
    """Write docs/strip.png and docs/gradient.png."""
    here = Path(__file__).parent
    photo = np.asarray(Image.open(here.parent / "sample_images" / "chelsea.png"))
    write(pools(photo[54:246, 120:312]), here / "strip.png")
    write(gradients(photo[90:138, 150:198]), here / "gradient.png")


if __name__ == "__main__":
    main()
