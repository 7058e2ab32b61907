"""Enlargement of 6 megapixels: to twice the size, and 1.7 times."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import poolcli
from benchmarks import peers, pictures, reference
from benchmarks.agreement import LEVELS, RELATIVE, SHARE
from benchmarks.groups import SMALL
from benchmarks.rows import BEST, Prepare, Row

TARGETS = {
    ("nearest", 2): 0.7, ("bilinear", 2): 0.6, ("bicubic", 2): 0.7,
    ("nearest", 1.7): 1.0, ("bilinear", 1.7): 1.5, ("bicubic", 1.7): 1.8, ("lanczos", 1.7): 0.35,
}  # fmt: skip
OPENCV = {"nearest": "NEAREST", "bilinear": "LINEAR", "bicubic": "CUBIC", "lanczos": "LANCZOS4"}
RUST = {"bilinear": "bilinear", "bicubic": "catmull_rom", "lanczos": "lanczos3"}
OWN: dict[str, dict[str, Any]] = {"bicubic": {"cubic_a": -0.75}, "lanczos": {"lobes": 4}}  # as OpenCV's


def rows() -> Iterator[Row]:
    """Yield the works."""
    for dtype in ("uint8", "float32"):
        for scale in (2, 1.7):
            yield from (interpolation(mode, scale, dtype) for mode in OPENCV)
    yield transposed()
    yield unpool()


def interpolation(mode: str, scale: float, dtype: str) -> Row:
    """Return a row. As in OpenCV and PyTorch, bicubic has a slope of -0.75, and Lanczos as many lobes as OpenCV's, 4.

    Of a nearest pixel either one is right, where two are as near: OpenCV takes its corner for its middle.
    """

    def size(image: Any) -> tuple[int, int]:
        return round(image.shape[0] * scale), round(image.shape[1] * scale)

    own = OWN.get(mode, {})
    target = TARGETS.get((mode, scale)) if dtype == "uint8" else None
    floats = dtype == "float32"
    row = Row(
        work=f"{mode} x{scale} {dtype}",
        shape=SMALL,
        given=pictures.noise(dtype),
        ours=lambda image: lambda: poolcli.upsample(image, mode, size=size(image), **own),
        truth=reference.resized(size, mode, **own),
        peers=_others(mode, scale, size, floats),
        beside=_other_filters(mode, size, floats),
        targets={} if target is None else {BEST: target},
        agreement=RELATIVE if floats else LEVELS,
        tolerance=2e-6 if floats else 0.501,
        peer_tolerance=1e-4 if floats else 2.0,
    )
    return row if mode != "nearest" else dataclasses.replace(row, agreement=SHARE, tolerance=0.0, peer_tolerance=5.0)


def _others(mode: str, scale: float, size: peers.Size, floats: bool) -> dict[str, Prepare]:
    others = {"OpenCV": peers.opencv_resize(size, OPENCV[mode])}
    if mode == "nearest":
        others["OpenCV exact"] = peers.opencv_resize(size, "NEAREST_EXACT")
        others["PyTorch"] = peers.interpolate(size, "nearest-exact")
        if scale == 2:
            others["libvips zoom"] = peers.vips(lambda picture, _: picture.zoom(2, 2))
    elif mode != "lanczos" and floats:
        others["PyTorch"] = peers.interpolate(size, mode)
    elif not floats and mode == "bilinear":
        others |= {"fast_image_resize": peers.fast_image_resize(size, "bilinear"),
                   "Pillow": peers.pillow_resize(size, "BILINEAR")}  # fmt: skip
    return others


def _other_filters(mode: str, size: peers.Size, floats: bool) -> dict[str, Prepare]:
    """Return what has another slope or fewer lobes."""
    if floats or mode not in ("bicubic", "lanczos"):
        return {}
    return {"fast_image_resize": peers.fast_image_resize(size, RUST[mode])}


def transposed() -> Row:
    """Return the transposed convolution of each channel with a flat window."""
    weights = np.full((4, 4), 0.25)

    def theirs(nn: Any, x: Any) -> Any:
        window = x.new_full((3, 1, 4, 4), 0.25)
        return nn.conv_transpose2d(x, window, stride=2, padding=1, groups=3)

    return Row(
        work="transposed 4x4/2 float32",
        shape=SMALL,
        given=pictures.noise("float32"),
        ours=lambda image: lambda: poolcli.upsample(image, "transposed", weights=weights, padding=1),
        truth=lambda image: reference.naive().transposed(image, weights, (2, 2), (1, 1), (0, 0)),
        peers={"PyTorch": peers.torch(theirs)},
        targets={BEST: 0.1},
        agreement=RELATIVE,
        tolerance=2e-6,
        peer_tolerance=1e-4,
        checked=(12, 16, 3),
    )


def indices_of(image: Any) -> Any:
    """Return where max pooling could have taken this image from: somewhere in each 2 x 2 region."""
    height, width, _ = image.shape
    y, x = np.ogrid[:height, :width]
    bits = (image * 255).astype(np.int64)
    return (2 * y[..., None] + bits // 2 % 2) * 2 * width + 2 * x[..., None] + bits % 2


def unpool() -> Row:
    """Return max unpooling."""

    def theirs(image: Any) -> Callable[[], Any]:
        places = peers.tensor_of(indices_of(image))
        return peers.torch(lambda nn, x: nn.max_unpool2d(x, places, 2))(image)

    def ours(image: Any) -> Callable[[], Any]:
        places = indices_of(image)
        return lambda: poolcli.upsample(image, "unpool", indices=places)

    return Row(
        work="unpool 2x2 float32",
        shape=SMALL,
        given=pictures.noise("float32"),
        ours=ours,
        truth=lambda image: reference.naive().unpool(image, indices_of(image), [2 * n for n in image.shape[:2]]),
        peers={"PyTorch": theirs},
        targets={BEST: 1.0},
        tolerance=0.0,
        peer_tolerance=0.0,
        checked=(12, 16, 3),
    )
