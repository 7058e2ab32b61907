"""What the works are done to: noise, labels, photographs, a page of text; and files of them."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rows import Shape

SAMPLES = Path(__file__).parent.parent / "sample_images"
QUALITY = 95

Array = Any


def noise(dtype: str) -> Callable[[Shape], Array]:
    """Return the maker of noise: of all bits, or from 0 to 1 of floats. Images of one channel have no axis of them."""
    return lambda shape: _noise(shape, dtype)


@lru_cache(maxsize=2)
def _noise(shape: Shape, dtype: str) -> Array:
    rng = np.random.default_rng(0)
    if np.dtype(dtype).kind == "f":
        image = rng.random(shape, np.float32).astype(dtype)
    else:
        image = rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)
    return image[..., 0] if len(shape) == 3 and shape[-1] == 1 else image


def labels(dtype: str) -> Callable[[Shape], Array]:
    """Return the maker of label masks: cells of some ten pixels, with ragged borders, and numbers of all bits."""
    return lambda shape: _labels(shape, dtype)


@lru_cache(maxsize=1)
def _labels(shape: Shape, dtype: str) -> Array:
    rng = np.random.default_rng(0)
    rows, columns = shape[:2]
    cells = rng.integers(0, np.iinfo(dtype).max, (rows // 10 + 2, columns // 10 + 2), dtype, endpoint=True)
    shift = rng.integers(0, 4, (2, rows, columns), np.int64)
    y, x = np.ogrid[:rows, :columns]
    return cells[(y + shift[0]) // 10, (x + shift[1]) // 10]


@lru_cache(maxsize=2)
def photograph(shape: Shape) -> Array:
    """Return a photograph, enlarged, with the noise of a sensor."""
    from PIL import Image

    with Image.open(SAMPLES / "coffee.png") as image:
        large = np.asarray(image.resize((shape[1], shape[0]), Image.Resampling.BICUBIC))
    grain = np.random.default_rng(0).standard_normal(large.shape, np.float32) * 2
    return (large + grain).round().clip(0, 255).astype(np.uint8)


def page(shape: Shape) -> Array:
    """Return a page of text."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("L", (shape[1], shape[0]), 255)
    draw, font, rng = ImageDraw.Draw(image), ImageFont.load_default(40), random.Random(1)
    for y in range(100, shape[0] - 100, 52):
        words = ("".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 9))) for _ in range(15))
        draw.text((150, y), " ".join(words), 0, font=font)
    return np.asarray(image)


@lru_cache(maxsize=1)
def scratch() -> Path:
    """Return a folder for files, which is removed at the end."""
    folder = tempfile.TemporaryDirectory(prefix="benchmarks-")
    _kept.append(folder)
    return Path(folder.name)


_kept: list[Any] = []


def photograph_in(ending: str) -> Callable[[Shape], Path]:
    """Return the maker of a file with a photograph."""
    return lambda shape: _written(ending, shape)


@cache
def _written(ending: str, shape: Shape) -> Path:
    path = scratch() / f"photograph_{shape[0]}x{shape[1]}.{ending}"
    write(photograph(shape), path)
    return path


def write(image: Array, path: Path) -> None:
    """Write a file by others than poolcli, except where they cannot."""
    if path.suffix == ".tif":
        import tifffile

        tifffile.imwrite(path, image, photometric="rgb", metadata=None)
    elif path.suffix == ".npy":
        np.save(path, image)
    elif path.suffix == ".webp":
        import poolcli  # Pillow takes minutes for large lossless ones

        poolcli.write_image(image, path)
    else:
        from PIL import Image

        options = {".jpg": {"quality": QUALITY, "subsampling": 0}, ".png": {"compress_type": 3}}
        Image.fromarray(image).save(path, **options.get(path.suffix, {}))  # type: ignore[arg-type]


def map_in(ending: str) -> Callable[[Shape], Path]:
    """Return the maker of a file of bytes that may be larger than memory: the same waves with noise, again and again.

    A TIFF has compressed tiles, a Zarr compressed chunks. In an array that is large rows between them are 0, and holes
    in the file.
    """
    return lambda shape: _map(ending, shape)


@cache
def _map(ending: str, shape: Shape) -> Path:
    path, (height, width), side = scratch() / f"map_{shape[0]}x{shape[1]}.{ending}", shape[:2], 512
    y, x = np.ogrid[:side, :side]
    grain = np.random.default_rng(0).standard_normal((side, side)) * 3
    tile = (128 + 60 * np.sin(x / 37) + 50 * np.cos(y / 53) + grain).clip(0, 255).astype(np.uint8)
    if ending == "npy":
        array = np.lib.format.open_memmap(path, "w+", np.uint8, (height, width))
        across = np.tile(tile, (1, -(-width // side)))[:, :width]
        for top in range(0, height, max(side, height // 32)):
            array[top : top + side] = across[: height - top]
        array.flush()
        return path
    if ending == "zarr":
        import zarr

        stored = zarr.create_array(path, shape=(height, width), chunks=(side, side), dtype=np.uint8, overwrite=True)
        across = np.tile(tile, (1, -(-width // side)))[:, :width]
        for top in range(0, height, side):
            stored[top : top + side] = across[: height - top]
        return path
    import imagecodecs
    import tifffile

    data = imagecodecs.zlib_encode(imagecodecs.delta_encode(tile, axis=-1), level=1)
    tiles = iter([bytes(data)] * (-(-height // side) * -(-width // side)))
    options: dict[str, Any] = {"tile": (side, side), "compression": "zlib", "predictor": True, "bigtiff": True}
    tifffile.imwrite(path, tiles, shape=(height, width), dtype=np.uint8, metadata=None, **options)
    return path


@cache
def flat(shape: Shape) -> Path:
    """Return a file of one bit a pixel, all alike: a thousand times smaller than its image."""
    from PIL import Image

    path = scratch() / f"flat_{shape[0]}x{shape[1]}.png"
    Image.new("1", (shape[1], shape[0]), 1).save(path, compress_level=9)
    return path


@cache
def folder(ending: str, shape: Shape) -> Path:
    """Return a folder of so many files, each another part of a photograph, or noise where they are tiny."""
    count, rows, columns, channels = shape
    path = scratch() / f"{ending}_{'x'.join(map(str, shape))}"
    path.mkdir()
    whole = photograph((rows + 700, columns + 700, channels))
    for i in range(count):
        top, left = 2 * i % 700, (700 - 2 * i) % 700
        write(whole[top : top + rows, left : left + columns], path / f"{i:05}.{ending}")
    return path
