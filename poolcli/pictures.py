"""Between files and functions: images have alpha, palettes and names of channels; arrays have numbers."""

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
    from numpy.typing import NDArray

    from poolcli.folding import Folding
    from poolcli.light import Alpha
    from poolcli.tiling import Box, Tiling

Notice = Callable[[str], None]
"""Says once why something takes longer."""


def operate(image: NDArray[Any], info: Info, step: Step, linear: bool, notice: Notice) -> Any:
    """Pool or enlarge an image, and say where values were taken from if the step asks for it."""
    with announcing(step.mode, image, notice):
        return step.apply(image, alpha=_alpha(info), linear=linear)


def operate_box(tiling: Tiling, image: NDArray[Any], box: Box, info: Info, linear: bool, notice: Notice) -> Any:
    """Return a box of what is made of an image, of the box of it that this needs."""
    from poolcli.tiling import tile

    with announcing(tiling.step.mode, image, notice):
        return tile(tiling, image, box, tiling.step.arguments.get("dtype"), _alpha(info), linear)


def fold_box(fold: Folding, image: NDArray[Any], step: Step, notice: Notice) -> None:
    """Join a box of an image to what a reduction has of it."""
    with announcing(step.mode, image, notice):
        fold.add(image)


def measure(image: NDArray[Any], info: Info, step: Step, linear: bool, notice: Notice) -> NDArray[Any]:
    """Reduce an image to a vector."""
    with announcing(step.mode, image, notice):
        vector: NDArray[Any] = step.apply(image, alpha=_alpha(info), linear=linear).ravel()
        return vector


def _alpha(info: Info) -> Alpha:
    return "premultiplied" if info.alpha and info.premultiplied else bool(info.alpha)


def differentiate(
    image: NDArray[Any], info: Info, step: Step, linear: bool, notice: Notice
) -> tuple[NDArray[Any], str]:
    """Return the gradient of a pool as numbers or, summed over the channels, as a picture; and its range in words."""
    from poolcli.dtypes import check, saturate_cast
    from poolcli.images.diverging import drawn

    asked = {**step.arguments}
    numbers, plain, _ = (asked.pop(name, None) for name in ("numbers", "plain", "dtype"))
    with announcing(step.mode, image, notice):
        values = imported(step.does.function)(image, step.mode, **asked)
    if numbers:
        return saturate_cast(values, check(numbers)), _range(values)
    colour = slice(None, -1 if info.alpha and image.ndim > 2 else None)
    total = values[..., colour].sum(axis=2) if image.ndim > 2 else values
    behind = image[..., colour] if image.ndim > 2 else image
    return drawn(total, None if plain else behind), _range(total)


def _range(values: NDArray[Any]) -> str:
    return f"gradient from {values.min():.6g} to {values.max():.6g}"


def announcing(name: str, image: NDArray[Any], notice: Notice) -> AbstractContextManager[None]:
    """Say that a mode is compiled, if it is, and whether that is kept."""
    from poolcli.engine import cache
    from poolcli.engine.compile import announcing as watching

    def announce() -> None:
        what = f"compiling {name} for {image.dtype.name}"
        way = f"the cache folder {shown(cache.root())} cannot be written, POOLCLI_CACHE_DIR names another"
        notice(f"{what}, once" if cache.is_writable() else f"{what} in every run: {way}")

    return watching(announce)


def channel_names(count: int, info: Info) -> tuple[str, ...]:
    """Return r, g, b, a or grey where an image has colour, and numbers where it has bands.

    >>> channel_names(4, Info("PNG", alpha=True)), channel_names(3, Info("NPY"))
    (('r', 'g', 'b', 'a'), ('0', '1', '2'))
    """
    shade = "bands" if info.format in ARRAYS else colour_of(count, info.alpha, info.palette is not None)
    names = {"grey": ("grey",), "grey+alpha": ("grey", "a"), "RGB": ("r", "g", "b"), "RGBA": ("r", "g", "b", "a")}
    return ("index",) if shade == "palette" else names.get(shade, tuple(map(str, range(count))))
