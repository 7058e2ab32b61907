"""The page that `compare` writes: a picture and its pools, to be explored by hand in a browser.

`index.html` is its frame, `style.css` its looks. Of its modules `main.js` starts the others, `pools.js` and
`upsamplings.js` compute, and those named after a section of the page show it.
"""

from __future__ import annotations

import html
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from poolcli.comparing import Comparison

_FIELD = re.compile(r"\{\{(\w+)\}\}")


def document(comparison: Comparison) -> str:
    """Return the page of a comparison: one HTML file, which loads nothing else."""
    from poolcli.page.content import content
    from poolcli.page.sources import modules, text_of

    told = content(comparison)
    fields = {
        "title": html.escape(told["name"]),
        "style": text_of("style.css"),
        "modules": _json({"imports": modules()}),
        "data": _json(told),
    }
    return _FIELD.sub(lambda field: fields[field[1]], text_of("index.html"))


def _json(value: Any) -> str:
    """Return JSON that may stand in a script element: it has no `<`, so nothing in it ends the element."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
