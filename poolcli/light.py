"""Alpha and linear light: what is done to the numbers of an image before they are blended, and undone afterwards.

Colour multiplied by alpha can be averaged: dividing alpha out again weighs each colour by how much of it is seen. Light
adds up where it is linear, and sRGB is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from poolcli import axes
from poolcli.dtypes import blend_dtype, check, maximum, saturate_cast
from poolcli.nodata import held
from poolcli.rows import ModeRow

Alpha = bool | Literal["premultiplied"]


@dataclass(frozen=True)
class Light:
    """What the numbers of an image are: whether the last channel is alpha, and whether colour is to be linear.

    Raises:
        ValueError: a value is neither True nor False, nor "premultiplied" of alpha.
    """

    alpha: Alpha = False
    linear: bool = False
    ignore: Any = None  # the value that means none

    def __post_init__(self) -> None:
        """Check what is asked for."""
        if self.alpha and self.ignore is not None:
            what = f"ignore={self.ignore!r} leaves out single values, and alpha weighs the colour of a pixel"
            raise ValueError(f"{what}: give one of them, or a mode that selects")
        if not (isinstance(self.alpha, (bool, np.bool_)) or self.alpha == "premultiplied"):
            raise ValueError(f"alpha={self.alpha!r} is not allowed: alpha must be True, False or premultiplied")
        if not isinstance(self.linear, (bool, np.bool_)):
            raise ValueError(f"linear={self.linear!r} is not allowed: linear must be True or False")

    def __bool__(self) -> bool:
        return bool(self.alpha or self.linear)

    def check(self, array: NDArray[Any]) -> None:
        """Raise a ValueError if the numbers of an image, channels last, cannot be what is said of them."""
        if self.alpha and (array.ndim < 3 or array.shape[-1] < 2):
            raise ValueError(f"alpha={self.alpha}: an array {array.shape} has no channel of alpha beside others")
        if self.alpha and array.shape[-1] == 3:
            raise ValueError(f"alpha={self.alpha}: three channels are red, green and blue, without alpha")
        if self.linear and array.dtype.kind in "iu":
            _check_linear(array.dtype)

    @property
    def hidden(self) -> Mapping[str, Any]:
        """Return the argument by which numbers that may be averaged are ignored."""
        return {} if self.ignore is None else {"ignore": np.nan}

    @property
    def premultiplied(self) -> bool:
        """Return whether colour has been multiplied by alpha already."""
        return self.alpha == "premultiplied"

    def blendable(self, image: NDArray[Any], target: np.dtype[Any]) -> NDArray[Any]:
        """Return an image whose numbers may be averaged: in linear light if asked, colour multiplied by alpha.

        The scale is that of the image's dtype, the float such that it holds the target. Floats are linear already.
        """
        linear = self.linear and image.dtype.kind in "iu"
        if not linear and (not self.alpha or self.premultiplied):
            return image
        out: NDArray[Any] = image.astype(blend_dtype(image.dtype, target))
        most = out.dtype.type(maximum(image.dtype))
        colour = out[..., :-1] if self.alpha else out
        if linear:
            if self.premultiplied:
                _divide(out, most)
            stored = image[..., : colour.shape[-1]] if self.alpha else image
            colour[...] = _linear_table(image.dtype, out.dtype)[stored]
            if self.ignore is not None:
                colour[image == held(self.ignore, image.dtype, "the image")] = np.nan
        if self.alpha:
            colour *= out[..., -1:]
            colour /= most
        return out

    def viewable(self, image: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Undo `blendable` for an image of this dtype; colour is 0 where alpha is. Values are not rounded yet."""
        linear = self.linear and dtype.kind in "iu"
        if not linear and (not self.alpha or self.premultiplied):
            return image
        most = image.dtype.type(maximum(dtype))
        out = image.copy()
        colour = out[..., :-1] if self.alpha else out
        if self.alpha:
            _divide(out, most)
        if linear:
            colour[...] = most * _encoded(colour / most)
            if self.premultiplied:
                colour *= out[..., -1:] / most
        return out


@dataclass(frozen=True)
class Blend:
    """An operator that blends, as this module calls it."""

    apply: Callable[..., Any]  # of an image, with dtype and layout, and the arguments of `mean`
    relative: bool = False  # its result depends on which value counts as 1
    mean: Mapping[str, Any] = field(default_factory=dict)  # arguments that make it a mean, where it may be a sum
    vector: bool = False  # it makes numbers of whole channels, whose last axis is channels after bins
    mixes: bool = False  # its numbers are of several channels each, and stay as they are

    @classmethod
    def of(cls, row: ModeRow, arguments: Mapping[str, Any], apply: Callable[..., Any], vector: bool = False) -> Blend:
        """Return what this module has to know of a mode and its arguments."""
        return cls(apply, row.is_relative(arguments), row.as_mean(arguments), vector, row.mixes(arguments))

    def seen(self, image: ArrayLike, light: Light, layout: axes.Layout, dtype: DTypeLike | None) -> Any:
        """Return what it makes of an image in this light, rounded once."""
        array = axes.channels_last(axes.as_array(image), layout)
        source = check(array.dtype)
        light.check(array)
        target = check(dtype) if dtype is not None else check("float64") if self.vector else source
        values = light.blendable(array, target)
        if values is array or self.mixes:
            return self.apply(values, dtype=dtype) if self.vector else self.apply(image, dtype=dtype, layout=layout)
        scale = maximum(source) if self.relative else 1.0
        out = self._blended(values if scale == 1 else values / scale, light)
        out = light.viewable(out if scale == 1 else scale * out, source)
        found = saturate_cast(out, target)
        if light.ignore is not None:
            found[np.isnan(out)] = held(light.ignore, target, "the output")
        if self.vector:
            return found.reshape(*found.shape[:-2], -1)
        return axes.as_laid_out(found[..., 0] if array.ndim == 2 else found, layout, array.ndim > 2)

    def _blended(self, values: NDArray[Any], light: Light) -> NDArray[Any]:
        """Return what it makes of numbers that may be averaged, with channels last."""
        channels = (*values.shape, 1)[2] if values.ndim == 2 else values.shape[-1]
        out: NDArray[Any] = self._with_channels(self.apply(values, dtype=None, **light.hidden), channels, values.ndim)
        if light.alpha and self.mean:  # alpha is a share, never a sum
            mean = self.apply(values, dtype=None, **self.mean)
            out[..., -1:] = self._with_channels(mean, channels, values.ndim)[..., -1:]
        return out

    def _with_channels(self, made: NDArray[Any], channels: int, rank: int) -> NDArray[Any]:
        if self.vector:
            return made.reshape(*made.shape[:-1], -1, channels)
        return made[..., None] if rank == 2 else made


def straight(image: NDArray[Any]) -> NDArray[Any]:
    """Return colour that was multiplied by alpha as it was before, rounded once."""
    out: NDArray[Any] = image.astype(blend_dtype(image.dtype))
    _divide(out, out.dtype.type(maximum(image.dtype)))
    return saturate_cast(out, image.dtype)


def _divide(image: NDArray[Any], most: Any) -> None:
    alpha = image[..., -1:]
    image[..., :-1] *= most
    image[..., :-1] /= np.where(alpha > 0, alpha, alpha.dtype.type(np.inf))


def _check_linear(dtype: np.dtype[Any]) -> None:
    if dtype.itemsize > 2 or dtype.kind != "u":
        raise ValueError(f"linear light is defined for uint8 and uint16, not for {dtype}")


@cache
def _linear_table(dtype: np.dtype[Any], lane: np.dtype[Any]) -> NDArray[Any]:
    """Return the linear light of every value of an integer dtype, on its own scale: sRGB, IEC 61966-2-1."""
    most = maximum(dtype)
    v = np.arange(int(most) + 1) / most
    return (most * np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)).astype(lane)


def _encoded(light: NDArray[Any]) -> NDArray[Any]:
    """Return the sRGB value of linear light, both as fractions."""
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
