"""Gradients: of feature maps and of an image, against PyTorch's backward pass alone, and against the work forward.

Modes that select save where they took values from, as those of PyTorch do. What a gradient takes beside its own forward
pass is a row of its own: PyTorch frees a gigabyte in its turns, which a virtual machine may give back to its host, and
results of several hundred megabytes then wait for that memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

import poolcli
from benchmarks import peers, pictures, reference
from benchmarks.agreement import RELATIVE
from benchmarks.groups import MAPS, RGB
from benchmarks.rows import Call, Prepare, Row

FORWARD, NCHW, LAST = "forward", "PyTorch NCHW", "PyTorch channels_last"
TARGETS = {NCHW: 0.5, LAST: 1.0}
MOST = 4.0  # times the forward pass
SIZE = (2, 2)
OWN: dict[str, dict[str, Any]] = {"bicubic": {"cubic_a": -0.75}}  # as PyTorch's
BOX = np.outer((1, 2, 1), (1, 2, 1)) / 16


def rows() -> Iterator[Row]:
    """Yield the rows of each mode with a gradient, and each image; windows are 2 x 2, S is 2."""
    pools = [name for name, mode in poolcli.MODES.items() if mode.has_gradient]
    for shape, name in ((MAPS, "maps"), ((1, *RGB), "image")):
        for mode in pools:
            one = row(mode, shape, name, of_pool(mode), pool_truth(mode), (1, 8, 10, 3))
            yield from beside_others(one, mode, of_pool_forward(mode))
        for mode in UPSAMPLINGS:
            one = row(mode, shape, name, of_upsampling(mode), upsampling_truth(mode), (1, 4, 5, 1))
            yield from beside_others(one, mode, of_upsampling_forward(mode))


def row(mode: str, shape: tuple[int, ...], name: str, ours: Prepare, truth: Callable[[Any], Any],
        checked: tuple[int, ...]) -> Row:  # fmt: skip
    """Return the row of a mode, without others."""
    return Row(
        work=f"{mode} backward, {name}",
        shape=shape,
        given=pictures.noise("float32"),
        ours=ours,
        truth=truth,
        peers={},
        agreement=RELATIVE,
        tolerance=1e-5,
        peer_tolerance=1e-4,
        checked=checked,
        quick=name == "maps",
    )


def beside_others(one: Row, mode: str, forward: Prepare) -> Iterator[Row]:
    """Yield the row of a mode beside PyTorch, where that has it, and beside its forward pass."""
    if theirs := operators().get(mode):
        others = {
            title: peers.torch_backward(theirs, gradient_like, channels_last)
            for title, channels_last in ((NCHW, False), (LAST, True))
        }
        yield replace(one, peers=others, targets=TARGETS)
        one = replace(one, work=one.work.replace("backward", "backward and forward"), truth=None)
    yield replace(one, beside={FORWARD: forward}, targets={FORWARD: MOST})


def gradient_like(shape: tuple[int, ...]) -> Any:
    """Return a gradient of a shape, from -1 to 1."""
    return np.linspace(-1, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape)


def of_pool(mode: str) -> Prepare:
    """Return the gradient of a pool."""

    def prepare(image: Any) -> Call:
        grad = gradient_like(poolcli.downsample(image, mode).shape)
        saved = {"indices": poolcli.downsample(image, mode, return_indices=True)[1]} if saves(mode) else {}
        return lambda: poolcli.downsample_backward(grad, image, mode, **saved)

    return prepare


def of_pool_forward(mode: str) -> Prepare:
    """Return a pool, with what its gradient needs."""
    return lambda image: lambda: poolcli.downsample(image, mode, return_indices=saves(mode))


def saves(mode: str) -> bool:
    """Return whether the gradient needs to know where values were taken from."""
    row = poolcli.MODES[mode]
    return row.finds and not row.blends({})


def of_upsampling(mode: str) -> Prepare:
    """Return the gradient of an upsampling."""

    def prepare(image: Any) -> Call:
        grad = gradient_like(poolcli.upsample(image, mode).shape)
        return lambda: poolcli.upsample_backward(grad, image, mode, **OWN.get(mode, {}))

    return prepare


def of_upsampling_forward(mode: str) -> Prepare:
    """Return an upsampling."""
    return lambda image: lambda: poolcli.upsample(image, mode, **OWN.get(mode, {}))


def operators() -> dict[str, Callable[[Any, Any], Any]]:
    """Return the operators that PyTorch has, or that it makes in a line."""

    def soft(nn: Any, x: Any) -> Any:
        weights = x.exp()
        return nn.avg_pool2d(x * weights, 2) / nn.avg_pool2d(weights, 2)

    return {
        "max": lambda nn, x: nn.max_pool2d(x, 2),
        "average": lambda nn, x: nn.avg_pool2d(x, 2),
        "soft": soft,
        "gem": lambda nn, x: nn.avg_pool2d(x.clamp(min=1e-6).pow(3), 2).pow(1 / 3),
        "bilinear": lambda nn, x: nn.interpolate(x, scale_factor=2, mode="bilinear"),
        "bicubic": lambda nn, x: nn.interpolate(x, scale_factor=2, mode="bicubic"),
    }


def pool_truth(mode: str) -> Callable[[Any], Any]:
    """Return the gradient of the naive twin of a pool, of one image."""

    def truth(images: Any) -> Any:
        image = images[0]
        grad = gradient_like(poolcli.downsample(images, mode).shape)
        # (batch, rows, columns, C), of planes (k, batch, ...), or of channels that are the values of a window
        planes = grad[:, 0] if grad.ndim > 4 else grad
        if poolcli.MODES[mode].stacks:
            planes = np.moveaxis(grad[0].reshape(*grad.shape[1:3], image.shape[2], -1), -1, 0)
        given = {"weights": _network()} if mode == "lip" else {}
        return reference.naive().downsample_backward(planes, image, mode, **given)

    return truth


def _network() -> Any:
    from pathlib import Path

    return np.load(Path(poolcli.__file__).parent / "pools" / "lip.npz")


def _interpolated(mode: str) -> Callable[[Any], Any]:
    return lambda x: reference.naive().resize(x, (2 * x.shape[0], 2 * x.shape[1]), mode, **OWN.get(mode, {}))


def _subpixel(x: Any) -> Any:
    weights = np.broadcast_to(BOX, (1, 4, 3, 3))  # alike in all phases of the one channel
    return reference.naive().subpixel(x, SIZE, weights, "crd", "edge")


UPSAMPLINGS: dict[str, Callable[[Any], Any]] = {
    **{mode: _interpolated(mode) for mode in ("nearest", "bilinear", "bicubic", "lanczos")},
    "nails": lambda x: reference.naive().nails(x, SIZE),
    "average-unpool": lambda x: reference.naive().average_unpool(x, SIZE, SIZE, (0, 0), (0, 0)),
    "transposed": lambda x: reference.naive().transposed_by_name(x, "bilinear", (4, 4), SIZE, (1, 1), (0, 0), (1, 1)),
    "resize-conv": lambda x: reference.naive().resize_conv(x, SIZE, BOX, "nearest", "edge"),
    "subpixel": _subpixel,
}
"""The naive twins, which are linear."""


def upsampling_truth(mode: str) -> Callable[[Any], Any]:
    """Return the adjoint of a naive twin, of one image."""

    def truth(images: Any) -> Any:
        grad = gradient_like(poolcli.upsample(images, mode).shape)[0]
        return reference.transposed(UPSAMPLINGS[mode], images[0], grad)

    return truth
