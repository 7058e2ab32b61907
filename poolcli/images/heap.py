"""The memory of the C library, where strips and tiles are decoded and encoded by several threads."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from functools import cache
from typing import Any

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGE = 1 << 22  # bytes: tiles of the usual sizes are smaller, and their memory is used again
_LEFT = 1 << 25  # bytes that may be free at the end of what the library has of the system


def give_back() -> None:
    """Let the C library give back what is free, and from now on large arrays when they are freed.

    glibc keeps arrays of up to 32 MB for each thread that freed one, as much as all parts take: 510 MB in the place of
    370, where a pyramid of a gigapixel is made of tiles, and written in tiles.
    """
    trim = _trim()
    if trim:
        trim(0)


@cache
def _trim() -> Any:
    with suppress(OSError, AttributeError, TypeError):  # of other libraries
        library = ctypes.CDLL(None)
        library.mallopt(_MMAP_THRESHOLD, _LARGE)
        library.mallopt(_TRIM_THRESHOLD, _LEFT)
        return library.malloc_trim
    return None
