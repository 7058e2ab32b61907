"""The ways up against what people script instead: best of several runs, taken in turns in one process, as ratios.

    python benchmarks/upsample.py

A ratio below 1 means that poolcli is faster. Peers that are not installed are left out; `pip install .[bench]` brings
them.
"""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
from downsample import Work, best_of

import poolcli

Case = tuple[str, str, float, Work]


def opencv(image: np.ndarray) -> list[Case]:
    """Return (mode, peer, largest ratio allowed, the peer's call)."""
    import cv2

    def enlarge(how: int) -> Work:
        return lambda: cv2.resize(image, None, fx=2, fy=2, interpolation=how)

    return [
        ("nearest", "OpenCV", 1.0, enlarge(cv2.INTER_NEAREST)),
        ("bilinear", "OpenCV", 1.0, enlarge(cv2.INTER_LINEAR)),
        ("bicubic", "OpenCV", 1.0, enlarge(cv2.INTER_CUBIC)),
        ("lanczos", "OpenCV lanczos4", 0.2, enlarge(cv2.INTER_LANCZOS4)),
    ]


def vips(image: np.ndarray) -> list[Case]:
    """Return the same for libvips."""
    import pyvips

    picture = pyvips.Image.new_from_array(image)
    return [("nearest", "libvips zoom", 1.0, lambda: picture.zoom(2, 2).write_to_memory())]


def pillow(image: np.ndarray) -> list[Case]:
    """Return the same for Pillow."""
    from PIL import Image

    picture = Image.fromarray(image)
    size = (2 * image.shape[1], 2 * image.shape[0])
    ways = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
    return [(mode, "Pillow", 0.2, lambda how=how: picture.resize(size, how)) for mode, how in ways.items()]


def torch(image: np.ndarray) -> list[Case]:
    """Return the same for PyTorch in float32, the dtype it has every mode for."""
    import torch
    import torch.nn.functional as F  # noqa: N812

    tensor = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1), np.float32))[None]
    weights = torch.full((3, 1, 4, 4), 0.25)
    places = torch.from_numpy(np.ascontiguousarray(indices_of(image).transpose(2, 0, 1)))[None]
    return [
        ("bilinear", "PyTorch float32", 0.2, lambda: F.interpolate(tensor, scale_factor=2, mode="bilinear")),
        ("bicubic", "PyTorch float32", 0.2, lambda: F.interpolate(tensor, scale_factor=2, mode="bicubic")),
        ("transposed", "PyTorch float32", 0.1,
         lambda: F.conv_transpose2d(tensor, weights, stride=2, padding=1, groups=3)),
        ("unpool", "PyTorch float32", 1.0, lambda: F.max_unpool2d(tensor, places, 2)),
    ]  # fmt: skip


def indices_of(image: np.ndarray) -> np.ndarray:
    """Return where max pooling would have taken this image from: somewhere in each 2 x 2 region."""
    height, width, _ = image.shape
    y, x = np.ogrid[:height, :width]
    return (2 * y[..., None] + image // 2 % 2) * 2 * width + 2 * x[..., None] + image % 2


def main() -> None:
    """Print a table: work, milliseconds of both, ratio, the ratio aimed at."""
    image = np.random.default_rng(0).integers(0, 256, (2000, 3000, 3), dtype=np.uint8)
    floats = image.astype(np.float32)
    print("3000 x 2000 x 3 to twice the size, uint8 for poolcli unless said")
    print(f"{'mode':22}{'poolcli ms':>11}{'peer ms':>9}{'ratio':>7}{'aim':>6}  peer")
    for package, cases in (("cv2", opencv), ("pyvips", vips), ("PIL", pillow), ("torch", torch)):
        if not find_spec(package):
            continue
        for mode, peer, aim, theirs in cases(image):
            given = floats if "float32" in peer else image
            values = {"indices": indices_of(image)} if mode == "unpool" else {}
            mine, other = best_of([lambda m=mode, x=given, v=values: poolcli.upsample(x, m, **v), theirs], 15)
            name = f"{mode} {given.dtype}" if given is floats else mode
            print(f"{name:22}{mine:11.2f}{other:9.2f}{mine / other:7.2f}{aim:6.1f}  {peer}")


if __name__ == "__main__":
    main()
