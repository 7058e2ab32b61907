"""Between files and functions: images have alpha, linear light, palettes and names of channels; arrays have numbers.

Modes that blend see colour multiplied by alpha, in linear light if asked, and this is undone afterwards. Modes that
select see an image as it is, and so do those that mix channels: alpha is one more number to them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from poolcli.commands import Step
from poolcli.files import shown
from poolcli.images import Info
from poolcli.images.formats import ARRAYS, colour_of
from poolcli.rows import imported

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Notice = Callable[[str], None]
"""Says once why something takes longer."""


def operate(image: NDArray[Any], info: Info, step: Step, linear: bool, notice: Notice) -> Any:
    """Pool or enlarge an image, and say where values were taken from if the step asks for it."""
    from poolcli.dtypes import check, saturate_cast
    from poolcli.images.colour import viewable

    with _announcing(image, step, notice):
        target = check(step.arguments.get("dtype") or image.dtype)
        values = image if step.mixes else _blendable(image, info, step, linear, target)
        if values is image:
            return step.apply(image)
        blended = _blended(values, image.dtype, info, step)
        return saturate_cast(viewable(blended, info, linear, image.dtype), target)


def measure(image: NDArray[Any], info: Info, step: Step, linear: bool, notice: Notice) -> NDArray[Any]:
    """Reduce an image to a vector; numbers of several channels each are left as they are."""
    from poolcli.dtypes import check, saturate_cast
    from poolcli.images.colour import viewable

    with _announcing(image, step, notice):
        exact = check("float64")
        values = _blendable(image, info, step, linear, exact)
        if values is image or step.mixes:
            vector: NDArray[Any] = step.apply(values).ravel()
            return vector
        bins = _blended(values, image.dtype, info, step)
        target = check(step.arguments.get("dtype") or exact)
        return saturate_cast(viewable(bins, info, linear, image.dtype), target).ravel()


def differentiate(
    image: NDArray[Any], info: Info, step: Step, linear: bool, notice: Notice
) -> tuple[NDArray[Any], str]:
    """Return the gradient of a pool as numbers or, summed over the channels, as a picture; and its range in words."""
    from poolcli.dtypes import check, saturate_cast
    from poolcli.images.diverging import drawn

    asked = {**step.arguments}
    numbers, plain, _ = (asked.pop(name, None) for name in ("numbers", "plain", "dtype"))
    with _announcing(image, step, notice):
        values = imported(step.does.function)(image, step.mode, **asked)
    if numbers:
        return saturate_cast(values, check(numbers)), _range(values)
    colour = slice(None, -1 if info.alpha and image.ndim > 2 else None)
    total = values[..., colour].sum(axis=2) if image.ndim > 2 else values
    behind = image[..., colour] if image.ndim > 2 else image
    return drawn(total, None if plain else behind), _range(total)


def _range(values: NDArray[Any]) -> str:
    return f"gradient from {values.min():.6g} to {values.max():.6g}"


def _blendable(image: NDArray[Any], info: Info, step: Step, linear: bool, target: np.dtype[Any]) -> NDArray[Any]:
    """Return an image whose numbers may be averaged: itself where nothing has to be done, or nothing is blended."""
    from poolcli.images.colour import blendable

    return blendable(image, info, linear, target) if step.blends else image


def _blended(values: NDArray[Any], dtype: np.dtype[Any], info: Info, step: Step) -> NDArray[Any]:
    """Return what is made of floats on the scale of a dtype, on that scale, with channels last."""
    from poolcli.dtypes import maximum

    scale = maximum(dtype) if step.row.is_relative(step.arguments) else 1.0
    values = values if scale == 1 else values / scale
    out = _with_channels(step.apply(values, dtype=None), values)
    as_mean = step.row.as_mean(step.arguments)
    if info.alpha and as_mean:  # alpha is a share, never a sum
        out[..., -1:] = _with_channels(step.apply(values, dtype=None, **as_mean), values)[..., -1:]
    return out if scale == 1 else scale * out


def _with_channels(made: NDArray[Any], values: NDArray[Any]) -> NDArray[Any]:
    """Return a vector of an image with an axis of channels, and an image as it is."""
    return made.reshape(-1, (*values.shape, 1)[2]) if made.ndim == 1 else made


def _announcing(image: NDArray[Any], step: Step, notice: Notice) -> AbstractContextManager[None]:
    """Say that a mode is compiled, if it is, and whether that is kept."""
    from poolcli.engine import cache
    from poolcli.engine.compile import announcing

    def announce() -> None:
        what = f"compiling {step.mode} for {image.dtype.name}"
        way = f"the cache folder {shown(cache.root())} cannot be written, POOLCLI_CACHE_DIR names another"
        notice(f"{what}, once" if cache.is_writable() else f"{what} in every run: {way}")

    return announcing(announce)


def channel_names(count: int, info: Info) -> tuple[str, ...]:
    """Return r, g, b, a or grey where an image has colour, and numbers where it has bands.

    >>> channel_names(4, Info("PNG", alpha=True)), channel_names(3, Info("NPY"))
    (('r', 'g', 'b', 'a'), ('0', '1', '2'))
    """
    shade = "bands" if info.format in ARRAYS else colour_of(count, info.alpha, info.palette is not None)
    names = {"grey": ("grey",), "grey+alpha": ("grey", "a"), "RGB": ("r", "g", "b"), "RGBA": ("r", "g", "b", "a")}
    return ("index",) if shade == "palette" else names.get(shade, tuple(map(str, range(count))))
