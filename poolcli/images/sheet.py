"""A contact sheet: rows of pictures with labels under them, which are wrapped and never cut."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from poolcli.images.colour import flattened, in_eight_bits, rgb
from poolcli.images.types import Info
from poolcli.resize import resize

_TITLE, _NAME, _TEXT = 22, 18, 15  # sizes of letters, in pixels
_INK, _GREY, _FRAME, _PAPER = "#111111", "#555555", "#cccccc", "#ffffff"
_MARGIN, _GAP, _UNDER = 20, 16, 6
_NARROWEST = 170  # of a column: its labels need room
_SHAPE = 1.6  # width over height of a sheet, about


@dataclass(frozen=True)
class Panel:
    """A picture, (H, W, 3) uint8, its name, and what else is said of it."""

    picture: NDArray[np.uint8]
    name: str
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Row:
    """Panels side by side, and what is said of them all."""

    heading: str
    panels: Sequence[Panel]


def sheet(title: str, notes: Sequence[str], rows: Sequence[Row]) -> NDArray[np.uint8]:
    """Return a sheet, (H, W, 3): a line a row, but a single row is broken into lines that make the sheet handy."""
    panels = [panel for row in rows for panel in row.panels]
    width = max(_NARROWEST, *(panel.picture.shape[1] for panel in panels))
    tallest = max(panel.picture.shape[0] for panel in panels) + 4 * _TEXT
    columns = max(len(row.panels) for row in rows)
    if len(rows) == 1:
        columns = _handy(len(panels), width + _GAP, tallest)
    across = columns * (width + _GAP) - _GAP
    parts: list[_Part] = [_Words(title, _TITLE, _INK, across)]
    parts += [_Words(note, _TEXT, _GREY, across) for note in notes]
    for row in rows:
        parts += [_Space(_GAP), *([_Words(row.heading, _NAME, _INK, across), _Space(_UNDER)] if row.heading else [])]
        for first in range(0, len(row.panels), columns):
            parts += [_Line(row.panels[first : first + columns], width), _Space(_GAP)]
    return _stacked(parts[:-1], across)


def picture_of(
    image: NDArray[Any], info: Info, ends: tuple[float, float], side: int, background: str
) -> NDArray[np.uint8]:
    """Return (H, W, 3) uint8 of an image of any dtype, from black to white, the ends, no side longer than asked for.

    Smaller images are enlarged a whole number of times, so that their pixels are seen; of bands the first three are.
    """
    height, width = image.shape[:2]
    longest = max(height, width)
    alpha = bool(info.alpha) and image.ndim > 2
    if longest > side:
        image = resize(image, side, antialias=True, fit="inside", border="exclude", alpha=alpha)
    if alpha:
        image = flattened(image, info, rgb(background))
    times = max(side // longest, 1)
    channels = image.reshape(*image.shape[:2], -1)
    colours = channels[..., :3] if channels.shape[2] > 2 else channels[..., :1].repeat(3, axis=2)
    return in_eight_bits(colours, ends).repeat(times, 0).repeat(times, 1)


def _handy(count: int, width: int, height: int) -> int:
    """Return how many panels of a size go side by side."""

    def clumsy(columns: int) -> float:
        rows = -(-count // columns)
        return abs(math.log(columns * width / (rows * height) / _SHAPE)) + 2 * (rows * columns - count) / count

    return min(range(1, count + 1), key=clumsy)


class _Part:
    """What has a height, and is drawn below what comes before it."""

    height = 0

    def draw(self, paper: Image.Image, x: int, y: int) -> None:
        """Draw it with its upper left corner at a place."""


class _Space(_Part):
    def __init__(self, height: int) -> None:
        self.height = height


class _Words(_Part):
    """A text in as many lines as it needs."""

    def __init__(self, text: str, size: int, ink: str, width: int) -> None:
        self._lines, self._font, self._ink = wrapped(text, size, width), _font(size), ink
        self._step = round(1.3 * size)
        self.height = self._step * len(self._lines)

    def draw(self, paper: Image.Image, x: int, y: int) -> None:
        for number, line in enumerate(self._lines):
            ImageDraw.Draw(paper).text((x, y + number * self._step), line, self._ink, self._font)


class _Line(_Part):
    """Panels side by side, with their labels under the tallest."""

    def __init__(self, panels: Sequence[Panel], width: int) -> None:
        self._width, self._pictures = width, [panel.picture for panel in panels]
        self._labels = [
            [_Words(panel.name, _NAME, _INK, width), *(_Words(note, _TEXT, _GREY, width) for note in panel.notes)]
            for panel in panels
        ]
        self._below = max(len(picture) for picture in self._pictures) + _UNDER
        self.height = self._below + max(sum(words.height for words in label) for label in self._labels)

    def draw(self, paper: Image.Image, x: int, y: int) -> None:
        for picture, label in zip(self._pictures, self._labels, strict=True):
            height, width = picture.shape[:2]
            ImageDraw.Draw(paper).rectangle((x - 1, y - 1, x + width, y + height), outline=_FRAME)
            paper.paste(Image.fromarray(picture), (x, y))
            below = y + self._below
            for words in label:
                words.draw(paper, x, below)
                below += words.height
            x += self._width + _GAP


def _stacked(parts: Sequence[_Part], across: int) -> NDArray[np.uint8]:
    """Return all parts, one below the other."""
    height = sum(part.height for part in parts)
    paper = Image.new("RGB", (across + 2 * _MARGIN, height + 2 * _MARGIN), _PAPER)
    y = _MARGIN
    for part in parts:
        part.draw(paper, _MARGIN, y)
        y += part.height
    return np.asarray(paper)


def wrapped(text: str, size: int, width: int) -> list[str]:
    """Return a text in lines that are not wider than so many pixels: between words, and in words that are wider."""
    font, lines = _font(size), [""]
    for word in text.split():
        if lines[-1] and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
            continue
        lines += [""] * bool(lines[-1])
        for letter in word:
            if lines[-1] and font.getlength(lines[-1] + letter) > width:
                lines.append("")
            lines[-1] += letter
    return lines


@cache
def _font(size: int) -> Any:
    return ImageFont.load_default(size)
