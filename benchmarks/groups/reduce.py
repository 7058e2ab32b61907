"""Whole maps: images of 24 megapixels, and one feature map of many channels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import poolcli
from benchmarks import peers, pictures, reference
from benchmarks.agreement import RELATIVE
from benchmarks.groups import RGB
from benchmarks.rows import BEST, Prepare, Row

MAP = (28, 28, 512)


def rows() -> Iterator[Row]:
    """Yield the works."""
    yield from images()
    yield from floats()
    yield from covariances()


def row(mode: str, dtype: str, truth: Callable[[Any], Any], others: dict[str, Prepare], targets: dict[str, float],
        beside: dict[str, Prepare] | None = None, **given: Any) -> Row:  # fmt: skip
    """Return the row of a reduction."""
    return Row(
        work=f"{mode} {dtype}",
        shape=RGB,
        given=pictures.noise(dtype),
        ours=lambda image: lambda: poolcli.reduce(image, mode, **given),
        truth=truth,
        peers=others,
        beside=beside or {},
        targets=targets,
        agreement=RELATIVE,
        tolerance=2e-6,
        peer_tolerance=1e-4,
    )


def images() -> Iterator[Row]:
    """Yield reductions of bytes."""
    mean = peers.opencv(lambda cv2, image: cv2.mean(image)[:3])
    gmp = {"gmp": peers.numpy(lambda image: poolcli.reduce(image, "gmp"))}
    yield row("gap", "uint8", reference.whole(reference.average), {"OpenCV mean": mean}, {BEST: 1.0})
    yield row("gmp", "uint8", reference.whole(reference.maximum), {"NumPy": peers.numpy(lambda x: x.max((0, 1)))},
              {BEST: 0.05})  # fmt: skip
    yield row("spp", "uint8", reference.pyramid, {}, {"gmp": 1.5}, gmp)
    yield row("median", "uint8", reference.whole(reference.median), {"NumPy": peers.numpy(partition)}, {BEST: 0.3})
    cov = peers.numpy(lambda x: np.cov(x.reshape(-1, 3).T, bias=True)[np.triu_indices(3)])
    yield row("covariance", "uint8", reference.covariance, {"NumPy cov": cov}, {BEST: 0.07}, center=True)


def partition(image: Any) -> Any:
    """Return the lower median of each channel."""
    pixels = image.reshape(-1, image.shape[-1])
    middle = (len(pixels) - 1) // 2
    return np.array([np.partition(channel, middle)[middle] for channel in pixels.T])


def floats() -> Iterator[Row]:
    """Yield reductions of float32, against NumPy and PyTorch."""

    def soft(_: Any, x: Any) -> Any:
        weights = x.exp()
        return (x * weights).sum((2, 3)) / weights.sum((2, 3))

    works: tuple[tuple[str, Callable[[Any, Any], Any], Callable[[Any], Any]], ...] = (
        ("median", lambda _, x: x.flatten(2).median(2).values, partition),
        ("soft", soft, numpy_soft),
        ("gem", lambda _, x: x.clamp(min=0).pow(3).mean((2, 3)).pow(1 / 3), numpy_gem),
    )
    for mode, in_torch, in_numpy in works:
        others = {"PyTorch": peers.torch(in_torch), "NumPy": peers.numpy(in_numpy)}
        yield row(mode, "float32", reference.whole(getattr(reference, mode)), others, {BEST: 0.3})


def numpy_soft(image: Any) -> Any:
    """Return the softmax-weighted mean, as people write it."""
    weights = np.exp(image)
    return (image * weights).sum((0, 1)) / weights.sum((0, 1))


def numpy_gem(image: Any) -> Any:
    """Return the generalised mean of p = 3, as people write it."""
    return np.cbrt((np.maximum(image, 0) ** 3).mean((0, 1)))


def covariances() -> Iterator[Row]:
    """Yield the covariance of a map of many channels, against matrix products of NumPy."""

    def product(dtype: str) -> Prepare:
        def prepare(image: Any) -> Callable[[], Any]:
            matrix = np.ascontiguousarray(image.reshape(-1, image.shape[-1]).T, dtype)
            return lambda: matrix @ matrix.T / matrix.shape[1]

        return prepare

    def truth(image: Any) -> Any:
        matrix = image.reshape(-1, image.shape[-1]).astype(np.float64)
        return matrix.T @ matrix / len(matrix)

    yield Row(
        work="covariance of a map, float32",
        shape=MAP,
        given=pictures.noise("float32"),
        ours=lambda image: lambda: poolcli.reduce(image, "covariance", matrix=True),
        truth=truth,
        peers={"NumPy float64": product("float64"), "NumPy float32": product("float32")},
        targets={BEST: 1.0},
        agreement=RELATIVE,
        tolerance=2e-6,
        peer_tolerance=1e-4,
    )
