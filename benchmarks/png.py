"""PNG writing against Pillow's default: size and speed, as ratios.

python benchmarks/png.py
"""

from __future__ import annotations

import io
import random
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import poolcli

SAMPLES = Path(__file__).parent.parent / "sample_images"


def photograph() -> np.ndarray:
    """Return 24 megapixels: a photograph enlarged, with the noise of a sensor."""
    with Image.open(SAMPLES / "coffee.png") as image:
        large = np.asarray(image.resize((6000, 4000), Image.Resampling.BICUBIC))
    noise = np.random.default_rng(0).standard_normal(large.shape, np.float32) * 2
    return (large + noise).round().clip(0, 255).astype(np.uint8)


def page() -> np.ndarray:
    """Return a page of text at 300 dots an inch."""
    image = Image.new("L", (2480, 3508), 255)
    draw, font, rng = ImageDraw.Draw(image), ImageFont.load_default(40), random.Random(1)
    for y in range(100, 3400, 52):
        words = ("".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 9))) for _ in range(15))
        draw.text((150, y), " ".join(words), 0, font=font)
    return np.asarray(image)


def timed(write: object) -> tuple[int, float]:
    """Return the size of what is written, and the shortest of three times."""
    times = []
    for _ in range(3):
        file = io.BytesIO()
        begin = time.perf_counter()
        write(file)  # type: ignore[operator]
        times.append(time.perf_counter() - begin)
    return len(file.getvalue()), min(times)


def main() -> None:
    """Print a table: image, size to Pillow's, the most allowed, times as fast, the least allowed."""
    text = page()
    cases = [("photograph, 24 MP", photograph(), 1.1, 8.0)]
    names = ("retina.jpg", "hubble_deep_field.jpg", "astronaut.png", "coffee.png")
    cases += [(name, poolcli.read_image(SAMPLES / name)[0], 1.1, 0.0) for name in names]
    cases += [("page of text", text, 1.3, 0.0), ("page of text, RGB", np.stack([text] * 3, axis=2), 1.3, 0.0)]
    print(f"{'picture':22}{'size':>7}{'allowed':>9}{'speed':>7}{'aim':>6}")
    for name, image, larger, faster in cases:
        size, seconds = timed(lambda file, image=image: poolcli.write_image(image, file, format="png"))
        theirs, peer = timed(lambda file, image=image: Image.fromarray(image).save(file, "PNG"))
        print(f"{name:22}{size / theirs:7.2f}{larger:9.2f}{peer / seconds:7.1f}{faster:6.1f}")


if __name__ == "__main__":
    main()
