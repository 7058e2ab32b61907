"""Make the sample pictures that no camera took: a label mask, a 16-bit picture and a float one, from the photographs.

python sample_images/derive.py
"""

from pathlib import Path

import numpy as np
from PIL import Image

import poolcli

HERE = Path(__file__).parent
PALETTE = [(0, 0, 0), (70, 40, 120), (180, 60, 60), (240, 160, 40), (250, 240, 170)]


def grey(name: str) -> np.ndarray:
    """Return a photograph in grey."""
    return np.asarray(Image.open(HERE / name).convert("L"))


def main() -> None:
    """Write the three files."""
    labels = np.digitize(grey("coffee.png"), (60, 110, 160, 210)).astype(np.uint8)
    mask = Image.fromarray(poolcli.downsample(labels, "majority", kernel_size=7, stride=1, padding=3))
    mask.putpalette([value for colour in PALETTE for value in colour])
    mask.save(HERE / "labels.png", optimize=True)

    # The mean of 4 x 4 numbers of 8 bits has 12 bits: it fills 16 with what is really there.
    deep = poolcli.downsample(grey("retina.jpg"), "average", kernel_size=4, dtype="float64")
    Image.fromarray(np.rint(deep * 257).astype(np.uint16)).save(HERE / "retina_16bit.png", optimize=True)

    light = poolcli.downsample(grey("hubble_deep_field.jpg"), "average", kernel_size=4, dtype="float32")
    Image.fromarray(np.log1p(light)).save(HERE / "hubble_log.tif", compression="tiff_adobe_deflate")


if __name__ == "__main__":
    main()
