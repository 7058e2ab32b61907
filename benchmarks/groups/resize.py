"""Antialiased shrinking of a photograph of 24 megapixels, 5.8 times."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import poolcli
from benchmarks import peers, pictures, reference
from benchmarks.groups import RGB
from benchmarks.rows import BEST, Prepare, Row

TARGETS = {"bilinear": 1.2, "bicubic": 1.2, "lanczos": 1.0}
RUST = {"bilinear": "bilinear", "bicubic": "catmull_rom", "lanczos": "lanczos3"}
VIPS = {"bilinear": "linear", "bicubic": "cubic", "lanczos": "lanczos3"}


def size(image: Any) -> tuple[int, int]:
    """Return 691 x 1037 of 4000 x 6000, and of others in proportion."""
    return round(image.shape[0] * 691 / 4000), round(image.shape[1] * 1037 / 6000)


def rows() -> Iterator[Row]:
    """Return a row for each filter; what lies beyond the image is left out, as all peers do."""
    return (shrinking(mode, target) for mode, target in TARGETS.items())


def shrinking(mode: str, target: float) -> Row:
    """Return the row of a filter."""
    return Row(
        work=f"{mode} /5.8 uint8, antialias",
        shape=RGB,
        given=pictures.photograph,
        ours=lambda image: lambda: poolcli.resize(image, size(image), mode, antialias=True, border="exclude"),
        truth=reference.resized(size, mode, antialias=True, exclude=True),
        peers=_others(mode),
        targets={BEST: target},
        peer_tolerance=3.0,
    )


def _others(mode: str) -> dict[str, Prepare]:
    others = {
        "fast_image_resize": peers.fast_image_resize(size, RUST[mode]),
        "libvips": peers.vips_resize(size, VIPS[mode]),
        "Pillow": peers.pillow_resize(size, mode.upper()),
    }
    if mode != "lanczos":
        others["PyTorch uint8"] = peers.interpolate(size, mode, channels_last=True, antialias=True)
    return others
