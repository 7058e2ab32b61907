"""What is between a result and its twin: the numbers that a mode sees, and how far rounding may lead."""

from pathlib import Path

import numpy as np

import poolcli

SELECTING = {"max", "min", "median", "percentile", "kmax", "majority", "random", "stochastic"}


def selects(mode, parameters):
    """Return whether a mode of `downsample` only ever returns values of the image: its twin's to the last bit."""
    return mode in SELECTING and parameters.get("combine") != "mean"


def seen(image, mode, parameters):
    """Return the parameters of a twin, which knows no dtype: some modes see integers as shares of the largest."""
    maximum = np.iinfo(image.dtype).max if image.dtype.kind in "iu" else 1
    pool = parameters.get("pool", mode)
    if pool in ("soft", "random"):
        return {**parameters, "beta": parameters.get("beta", 1.0) / maximum}
    if pool == "lip":
        return {"weights": shipped_network(), **parameters, "maximum": maximum}
    return parameters


def shipped_network():
    with np.load(Path(poolcli.__file__).with_name("pools") / "lip.npz") as file:
        return dict(file)


def assert_rounded(result, exact, scale):
    """Check that integers are the nearest to the exact values, floats within 1e-5; `scale` is the largest value."""
    exact = exact.astype(np.float64)
    if result.dtype.kind == "f":
        eps = np.finfo(result.dtype).eps if result.dtype != np.float32 else 0
        np.testing.assert_allclose(result.astype(np.float64), exact, rtol=max(1e-5, eps), atol=1e-6 * scale)
        return
    low, high = (0, 1) if result.dtype == bool else (np.iinfo(result.dtype).min, np.iinfo(result.dtype).max)
    error = np.abs(result.astype(np.float64) - np.clip(exact, low, high))
    assert (error <= 0.5 + scale * (1e-6 if result.dtype.itemsize <= 2 else 1e-12)).all(), error.max()
