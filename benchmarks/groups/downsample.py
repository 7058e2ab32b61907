"""Local pools of 24 megapixels."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

import poolcli
from benchmarks import peers, pictures, reference
from benchmarks.agreement import LEVELS, RELATIVE, SHARE
from benchmarks.groups import GREY, RGB
from benchmarks.rows import BEST, Prepare, Row

WIDE = (80, 120, 3)  # what windows of 31 x 31 and 63 x 63 are checked on
CHANNELS = {3: "RGB", 1: "grey"}


def rows() -> Iterator[Row]:
    """Yield the works: extremes, averages, medians, pools of floats, majorities of labels."""
    yield from extremes()
    yield from averages()
    yield from medians()
    yield from powers()
    yield from majorities()


def pool(
    mode: str, window: tuple[int, int], dtype: str, target: float | None, others: Mapping[str, Prepare],
    shape: tuple[int, ...] = RGB, truth: Callable[[Any], Any] | None = None, **given: Any,
) -> Row:  # fmt: skip
    """Return the row of a mode whose windows are F x F and lie S apart."""
    kernel_size, stride = window
    floats = dtype == "float32"
    return Row(
        work=f"{mode} {kernel_size}x{kernel_size}/{stride} {dtype} {CHANNELS[shape[-1]]}",
        shape=shape,
        given=pictures.noise(dtype),
        ours=lambda image: lambda: poolcli.downsample(image, mode, kernel_size=kernel_size, stride=stride, **given),
        truth=reference.pooled(truth or getattr(reference, mode), kernel_size, stride),
        peers=others,
        targets={} if target is None else {BEST: target},
        agreement=RELATIVE if floats else LEVELS,
        tolerance=2e-6 if floats else 0.501,
        peer_tolerance=1e-4 if floats else 1.0,
        checked=(*WIDE[:2], shape[-1]) if kernel_size > 9 else (),
    )


def extremes() -> Iterator[Row]:
    """Yield max and min."""
    torch_max = peers.torch(lambda nn, x: nn.max_pool2d(x, 2))
    for dtype, most in (("uint8", 0.25), ("uint16", 0.4), ("float32", 0.4)):
        more = {"PyTorch": torch_max} if dtype == "float32" else {}
        others = {"OpenCV": peers.dilate(2, 2), "NumPy slices": peers.numpy_slices(np.maximum), **more}
        if dtype == "uint8":
            others |= {"scikit-image": peers.block_reduce(np.max), "TensorStore": peers.tensorstore("max", 2)}
        yield pool("max", (2, 2), dtype, most, others, truth=reference.maximum)
        others = {"OpenCV": peers.erode(2, 2), "NumPy slices": peers.numpy_slices(np.minimum)}
        yield pool("min", (2, 2), dtype, most, others, truth=reference.minimum)
    yield pool("max", (3, 2), "uint8", None, {"OpenCV": peers.dilate(3, 2)}, truth=reference.maximum)
    for size, dtype, target in ((3, "uint8", None), (3, "uint16", None), (3, "float32", 0.9), (31, "uint8", 0.9),
                                (63, "uint8", 0.6)):  # fmt: skip
        yield pool("max", (size, 1), dtype, target, {"OpenCV": peers.dilate(size)}, truth=reference.maximum)


def averages() -> Iterator[Row]:
    """Yield averages: of windows side by side against INTER_AREA, of dense ones against a box filter."""
    for size, dtype, shape, target in (
        (2, "uint8", RGB, 1.0), (2, "uint8", GREY, 1.0), (2, "uint16", RGB, 1.0), (2, "float32", RGB, 0.8),
        (4, "uint8", RGB, None), (5, "float32", RGB, None), (8, "uint8", RGB, 0.6), (8, "float32", RGB, 1.0),
    ):  # fmt: skip
        yield pool("average", (size, size), dtype, target, _shrinking(size, dtype, shape), shape)
    yield pool("average", (31, 1), "uint8", 0.6, {"OpenCV blur": peers.box_blur(31)})


def _shrinking(size: int, dtype: str, shape: tuple[int, ...]) -> dict[str, Prepare]:
    others = {
        "OpenCV": peers.opencv_resize(lambda x: (x.shape[0] // size, x.shape[1] // size), "AREA"),
        "TensorStore": peers.tensorstore("mean", size),
    }
    if dtype == "float32":
        others["PyTorch"] = peers.torch(lambda nn, x: nn.avg_pool2d(x, size))
    if dtype == "uint8" and shape == RGB:
        others["Pillow"] = peers.pillow(lambda picture, _: picture.reduce(size))
        others["libvips"] = peers.vips(lambda picture, _: picture.shrink(size, size))
    return others


def medians() -> Iterator[Row]:
    """Yield medians."""
    for size, stride, dtype, shape, target in (
        (3, 3, "uint8", RGB, None), (3, 1, "uint8", RGB, None), (3, 1, "uint8", GREY, 1.0), (3, 1, "float32", RGB, 1.0),
        (5, 5, "uint8", RGB, None), (31, 1, "uint8", RGB, 1.0),
    ):  # fmt: skip
        yield pool("median", (size, stride), dtype, target, {"OpenCV": peers.median_blur(size, stride)}, shape)


def powers() -> Iterator[Row]:
    """Yield the pools of floats that PyTorch has, or makes in a line."""

    def soft(nn: Any, x: Any) -> Any:
        weights = x.exp()
        return nn.avg_pool2d(weights * x, 2) / nn.avg_pool2d(weights, 2)

    works: tuple[tuple[str, Callable[[Any, Any], Any], Callable[[Any], Any], dict[str, Any]], ...] = (
        ("soft", soft, reference.soft, {}),
        ("gem", lambda nn, x: nn.avg_pool2d(x.clamp(min=0).pow(3), 2).pow(1 / 3), reference.gem, {}),
        ("l2", lambda nn, x: nn.lp_pool2d(x, 2.0, 2), reference.power_sum(2), {"norm": "sum"}),
        ("lp", lambda nn, x: nn.lp_pool2d(x, 3.0, 2), reference.power_sum(3), {"norm": "sum", "p": 3}),
        ("lp p=2.5", lambda nn, x: nn.lp_pool2d(x, 2.5, 2), reference.power_sum(2.5), {"norm": "sum", "p": 2.5}),
        ("mixed", lambda nn, x: nn.max_pool2d(x, 2) / 2 + nn.avg_pool2d(x, 2) / 2, reference.mixed, {}),
    )
    for name, theirs, truth, given in works:
        row = pool(name.split()[0], (2, 2), "float32", 0.2, {"PyTorch": peers.torch(theirs)}, truth=truth, **given)
        yield dataclasses.replace(row, work=row.work.replace(name.split()[0], name, 1))


def majorities() -> Iterator[Row]:
    """Yield majorities of labels. tinybrain and TensorStore take another one of equally common labels."""
    for size, target in ((2, 0.35), (4, 0.5)):
        for dtype in ("uint8", "uint16", "uint64"):
            others = {"tinybrain": peers.tinybrain(size), "TensorStore": peers.tensorstore("mode", size)}
            row = pool("majority", (size, size), dtype, target, others, GREY)
            yield dataclasses.replace(
                row, work=f"majority {size}x{size}/{size} {dtype} labels", given=pictures.labels(dtype),
                agreement=SHARE, tolerance=0.0, peer_tolerance=15.0,
            )  # fmt: skip
