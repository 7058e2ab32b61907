"""Gradients against those of PyTorch, and against the work forward: best of several runs, in turns, in one process.

    python benchmarks/gradients.py [MODE ...]

Times are in ms. `back/fwd` is the time of a gradient over that of the work itself, aimed at 4 at most. Modes that
select save where they took values from, as those of PyTorch do. `NCHW` and `NHWC` are ratios to the backward pass of
PyTorch in its own memory format and in channels_last, the operator alone; they are aimed at 0.5 and 1 at most. Without
PyTorch (`pip install .[bench]`) they are left out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from downsample import best_of

import poolcli

IMAGES = ((16, 112, 112, 64), (1, 4000, 6000, 3))
UP = {"nearest": {}, "bilinear": {}, "bicubic": {}, "lanczos": {}, "nails": {}, "average-unpool": {}, "transposed": {},
      "resize-conv": {}, "subpixel": {}}  # fmt: skip


def peers() -> dict[str, Callable[[Any], Any]]:
    """Return the operators that PyTorch has, or that it makes in a line."""
    import torch.nn.functional as F  # noqa: N812

    def soft(x: Any) -> Any:
        weights = x.exp()
        return F.avg_pool2d(x * weights, 2) / F.avg_pool2d(weights, 2)

    return {
        "max": lambda x: F.max_pool2d(x, 2),
        "average": lambda x: F.avg_pool2d(x, 2),
        "soft": soft,
        "gem": lambda x: F.avg_pool2d(x.clamp(min=1e-6).pow(3), 2).pow(1 / 3),
        "bilinear": lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"),
        "bicubic": lambda x: F.interpolate(x, scale_factor=2, mode="bicubic"),
    }


def backward_of(function: Callable[[Any], Any], image: np.ndarray, channels_last: bool) -> Callable[[], Any]:
    """Return PyTorch's backward pass of an operator."""
    import torch

    memory = torch.channels_last if channels_last else torch.contiguous_format
    tensor = torch.from_numpy(np.moveaxis(image, -1, 1)).contiguous(memory_format=memory).requires_grad_()
    out = function(tensor)
    grad = torch.ones_like(out)
    return lambda: torch.autograd.grad(out, tensor, grad, retain_graph=True)


def main() -> None:
    """Print a table for each image."""
    asked = sys.argv[1:]
    theirs = peers() if find_spec("torch") else {}
    pools = [name for name, mode in poolcli.MODES.items() if mode.has_gradient]
    for shape in IMAGES:
        image = np.random.default_rng(0).random(shape, np.float32)
        print(" x ".join(map(str, shape)), "float32, windows of 2 x 2, S = 2")
        print(f"{'mode':16}{'forward':>9}{'backward':>9}{'back/fwd':>9}{'NCHW':>7}{'NHWC':>7}")
        for mode in asked or [*pools, *UP]:
            forward, backward = _works(mode, image)
            works = [forward, backward]
            if mode in theirs:
                works += [backward_of(theirs[mode], image, last) for last in (False, True)]
            ahead, back, *others = best_of(works, 9)
            ratios = "".join(f"{back / other:7.2f}" for other in others)
            print(f"{mode:16}{ahead:9.1f}{back:9.1f}{back / ahead:9.2f}{ratios}", flush=True)


def _works(mode: str, image: np.ndarray) -> tuple[Callable[[], Any], Callable[[], Any]]:
    if mode in UP:
        grad = np.ones_like(poolcli.upsample(image, mode))
        return lambda: poolcli.upsample(image, mode), lambda: poolcli.upsample_backward(grad, image, mode)
    grad, saved = np.ones_like(poolcli.downsample(image, mode)), {}
    if poolcli.MODES[mode].finds and not poolcli.MODES[mode].blends({}):
        saved["indices"] = poolcli.downsample(image, mode, return_indices=True)[1]

    def forward() -> Any:
        return poolcli.downsample(image, mode, return_indices=bool(saved))

    return forward, lambda: poolcli.downsample_backward(grad, image, mode, **saved)


if __name__ == "__main__":
    main()
