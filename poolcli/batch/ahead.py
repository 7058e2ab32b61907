"""Items that a thread makes while those before them are in use."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")

_END = object()


def ahead(items: Iterable[Item]) -> Generator[Item]:
    """Yield items, the next of which is made while one is in use; an error comes where its item would.

    >>> list(ahead(n * n for n in range(4)))
    [0, 1, 4, 9]
    """
    source = iter(items)
    with ThreadPoolExecutor(1, "ahead") as thread:
        made = thread.submit(next, source, _END)
        while (item := made.result()) is not _END:
            made = thread.submit(next, source, _END)
            yield item  # type: ignore[misc]
            del item
