"""Dask arrays among arguments: a function hands them to its namesake in `chunks`, and nobody else imports Dask."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

from poolcli.rows import imported

P = ParamSpec("P")


def takes_dask(function: Callable[P, Any]) -> Callable[P, Any]:
    """Let a function take a Dask array for its image: what that gives is lazy, and computed chunk by chunk."""

    @wraps(function)
    def with_dask(*args: P.args, **given: P.kwargs) -> Any:
        image = args[0] if args else given.get("image")
        if type(image).__module__.partition(".")[0] == "dask":
            return imported(f"chunks:{function.__name__}")(*args, **given)
        return function(*args, **given)

    return with_dask
