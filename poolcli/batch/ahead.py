"""Items that a thread makes while those before them are in use."""

from __future__ import annotations

import ctypes
from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from typing import TypeVar

Item = TypeVar("Item")

_END = object()
_MMAP_THRESHOLD, _LARGE = -3, 1 << 17


@cache
def _give_back() -> None:
    """Let the C library give large arrays back when they are freed.

    glibc keeps arrays of up to 32 MB for each thread that freed one, more than all parts take: 600 MB in the
    place of 450, where a pyramid of 4 gigapixels is written.
    """
    with suppress(OSError, AttributeError, TypeError):  # of other libraries
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE)


def ahead(items: Iterable[Item]) -> Generator[Item]:
    """Yield items, the next of which is made while one is in use; an error comes where its item would.

    >>> list(ahead(n * n for n in range(4)))
    [0, 1, 4, 9]
    """
    _give_back()
    source = iter(items)
    with ThreadPoolExecutor(1, "ahead") as thread:
        made = thread.submit(next, source, _END)
        while (item := made.result()) is not _END:
            made = thread.submit(next, source, _END)
            yield item  # type: ignore[misc]
            del item
