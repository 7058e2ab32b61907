"""The true value of every blending mode over one window, in 80-bit floats: how far may a result be from it?

    python tests/exact.py [--windows 20] [--most 4096] [--whole]

prints, for every mode and dtype, the largest error over random windows, as a share of what is allowed: half a unit of
the output's dtype, and 1e-6 of the true value (1e-12 where values have 64 bits).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import poolcli

MODES: list[tuple[str, dict[str, Any]]] = [
    ("average", {}),
    ("l2", {}),
    ("l2", {"norm": "mean"}),
    ("lp", {"p": 3.0}),
    ("lp", {"p": 0.5, "norm": "mean"}),
    ("lp", {"p": 2.5, "norm": "mean"}),
    ("lp", {"p": 20.0, "norm": "sum"}),
    ("gem", {}),
    ("gem", {"p": 4.5}),
    ("mixed", {"lam": 0.3}),
    ("soft", {}),
    ("soft", {"beta": 20.0}),
    ("soft", {"beta": -3.0}),
    ("kmax", {"k": 3, "combine": "mean"}),
    ("blur", {}),
    ("lip", {}),
]
DTYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64"]
CONTENTS = ["noise", "flat", "dark with hot pixels", "nearly flat", "ramp"]

Real = np.longdouble


def content(kind: str, dtype: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Return an image of a kind."""
    number = np.dtype(dtype)
    if number.kind == "f":
        low, high = {"float16": (-100.0, 100.0), "float32": (-1e3, 1e4), "float64": (-1e3, 1e6)}[dtype]
        if kind == "noise":
            return rng.normal(size=shape).astype(dtype)
    else:
        low, high = float(np.iinfo(dtype).min), float(np.iinfo(dtype).max)
        if kind == "noise":
            return rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max, shape, dtype, endpoint=True)
    level = rng.uniform(max(low, 0), high)
    if kind == "flat":
        return np.full(shape, level).astype(dtype)
    if kind == "dark with hot pixels":
        dark = np.full(shape, max(low, 0) + (high - max(low, 0)) * 0.002)
        dark[rng.random(shape) < 0.001] = high * 0.99
        return dark.astype(dtype)
    if kind == "nearly flat":
        return np.clip(level + rng.integers(-1, 2, shape), low, high * 0.999).astype(dtype)
    ramp = np.linspace(max(low, 0) if number.kind == "u" else low, high * 0.99, shape[1])[None, :, None]
    return np.broadcast_to(ramp, shape).astype(dtype)


def window(image: np.ndarray, y: int, x: int, mode: str, size: tuple[int, int], **parameters: Any) -> np.longdouble:
    """Return the true value of a mode over one window of one channel (H, W)."""
    r = image[y : y + size[0], x : x + size[1]].astype(Real).ravel()
    n = Real(r.size)
    maximum = Real(np.iinfo(image.dtype).max if image.dtype.kind in "iu" else 1)
    if mode == "average":
        return r.sum() / n
    if mode in ("l2", "lp", "gem"):
        p = Real(parameters.get("p", 2.0 if mode == "l2" else 3.0))
        norm = parameters.get("norm", "mean" if mode == "gem" else "size")
        lifted = np.maximum(r, 0) if mode == "gem" else abs(r)
        largest = lifted.max()
        if largest == 0:
            return Real(0)
        total = ((lifted / largest) ** p).sum()
        root = largest * (total / n if norm == "mean" else total) ** (1 / p)
        return root / n if norm == "size" else root
    if mode == "mixed":
        lam = Real(parameters["lam"])
        return lam * r.max() + (1 - lam) * (r.sum() / n)
    if mode == "soft":
        beta = Real(parameters.get("beta", 1.0)) / maximum
        w = np.exp(beta * r - (beta * r).max())
        return (r * w).sum() / w.sum()
    if mode == "kmax":
        return np.sort(r)[-parameters["k"] :].mean()
    if mode == "lip":
        w = np.exp(importance(image[max(y - 1, 0) : y + size[0] + 1, max(x - 1, 0) : x + size[1] + 1], maximum))
        top, left = min(y, 1), min(x, 1)
        w = w[top : top + size[0], left : left + size[1]].ravel()
        return (r * w).sum() / w.sum()
    down, across = (low_pass(m, begin, f) for m, begin, f in zip(image.shape, (y, x), size, strict=True))
    return (down[:, None] * across * image.astype(Real)).sum() / (down.sum() * across.sum())


def low_pass(n: int, begin: int, count: int) -> np.ndarray:
    """Return the weights of a mean of some pixels of an axis after (1 2 1)."""
    weights = np.zeros(n + 2, Real)
    for shift, weight in ((0, 1), (1, 2), (2, 1)):
        weights[begin + shift : begin + shift + count] += weight
    return weights[1:-1]


def importance(image: np.ndarray, maximum: np.longdouble) -> np.ndarray:
    """Return G of the shipped network, which sees one channel."""
    with np.load(Path(poolcli.__file__).with_name("pools") / "lip.npz") as file:
        weights = {name: file[name].astype(Real) for name in file.files}
    padded = np.pad(image.astype(Real) / maximum, 1)
    height, width = image.shape
    logit = np.full(image.shape, weights["logit.bias"][0])
    for kernel, bias, mix in zip(weights["conv.weight"], weights["conv.bias"], weights["logit.weight"][0], strict=True):
        total = np.full(image.shape, bias)
        for dy in range(3):
            for dx in range(3):
                total += kernel[0, dy, dx] * padded[dy : dy + height, dx : dx + width]
        logit += mix * np.maximum(total, 0)
    return weights.get("bound", Real(12)) / (1 + np.exp(np.minimum(-logit, 1e4)))


def allowed(true: np.ndarray, source: np.dtype, target: np.dtype) -> np.ndarray:
    """Return how far a result may be from its true value."""
    wide = source.itemsize == 8
    if target.kind == "f":
        with np.errstate(over="ignore"):
            half = np.spacing(np.abs(true).astype(target)).astype(Real) / 2
    else:
        half = Real(0.5)
    return half + np.abs(true) * Real(1e-12 if wide else 1e-6)


def worst(
    mode: str, parameters: dict[str, Any], dtype: str, size: tuple[int, int], kind: str, rng: np.random.Generator
) -> float:
    """Return the largest error of some windows of a size, one where it is large, as a share of what is allowed."""
    large = size[0] * size[1] > 1 << 18
    extra = rng.integers(0, 1 if large else 4, 2)
    image = content(kind, dtype, (size[0] + extra[0], size[1] + extra[1], 1 if large else 2), rng)
    stride = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    parameters = {**parameters, "k": min(parameters["k"], size[0] * size[1])} if "k" in parameters else parameters
    result = poolcli.downsample(image, mode, kernel_size=size, stride=stride, **parameters)
    true = np.empty(result.shape, Real)
    for i, j, c in np.ndindex(*result.shape):
        true[i, j, c] = window(image[:, :, c], i * stride[0], j * stride[1], mode, size, **parameters)
    if result.dtype.kind != "f":
        limits = np.iinfo(result.dtype)
        true = np.clip(true, Real(int(limits.min)), Real(int(limits.max)))
    error = np.abs(result.astype(Real) - true) / allowed(true, image.dtype, result.dtype)
    return float(error.max())


def sides(most: int, rng: np.random.Generator) -> tuple[int, int]:
    """Return the sides of a window, small ones as often as large ones."""
    return tuple(int(side) for side in np.exp(rng.uniform(0, np.log(most), 2)).round())  # type: ignore[return-value]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--windows", type=int, default=20, help="sizes of windows for each mode and dtype")
    parser.add_argument("--most", type=int, default=4096, help="longest side of a window")
    parser.add_argument("--whole", action="store_true", help="one window of the longest side alone")
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    size = (arguments.most, arguments.most) if arguments.whole else None
    print(f"{'mode':34}" + "".join(f"{dtype:>9}" for dtype in DTYPES))
    for mode, parameters in MODES:
        name = " ".join([mode, *(f"{key}={value}" for key, value in parameters.items())])
        shares = [
            max(
                worst(mode, parameters, dtype, size or sides(arguments.most, rng), str(rng.choice(CONTENTS)), rng)
                for _ in range(1 if size else arguments.windows)
            )
            for dtype in DTYPES
        ]
        print(f"{name:34}" + "".join(f"{share:9.3f}" for share in shares), flush=True)


if __name__ == "__main__":
    main()
