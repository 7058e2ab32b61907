"""Make the picture in the README: one photograph through eight pools, each enlarged again to show its pixels.

python docs/strip.py
"""

from pathlib import Path

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


def panel(image: np.ndarray, name: str) -> Image.Image:
    """Return a picture with its name under it."""
    out = Image.new("RGB", (image.shape[1], image.shape[0] + 22), "white")
    out.paste(Image.fromarray(image))
    ImageDraw.Draw(out).text((image.shape[1] / 2, image.shape[0] + 3), name, "black", ImageFont.load_default(14), "ma")
    return out


def main() -> None:
    """Write docs/strip.png."""
    here = Path(__file__).parent
    photo = np.asarray(Image.open(here.parent / "sample_images" / "chelsea.png"))[54:246, 120:312]
    panels = [
        panel(poolcli.downsample(photo, mode, kernel_size=F, **values).repeat(F, 0).repeat(F, 1), mode)
        for mode, values in MODES.items()
    ]
    width, height = panels[0].size
    strip = Image.new("RGB", (4 * width + 18, 2 * height + 6), "white")
    for i, one in enumerate(panels):
        strip.paste(one, (i % 4 * (width + 6), i // 4 * (height + 6)))
    strip.quantize(256).save(here / "strip.png", optimize=True)


if __name__ == "__main__":
    main()
