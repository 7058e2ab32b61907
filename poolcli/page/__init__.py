"""The page that `compare` writes: a picture and its pools, to be explored by hand in a browser.

`index.html` is its frame, `style.css` its looks. Of its modules `main.js` starts the others, `pools.js` and
`upsamplings.js` compute, and those named after a section of the page show it.
"""

from __future__ import annotations

import base64
import html
import json
import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from poolcli.comparing import Comparison

_FIELD = re.compile(r"\{\{(\w+)\}\}")
_IMPORT = re.compile(r'from "\./(\w+\.js)"')


def document(comparison: Comparison) -> str:
    """Return the page of a comparison: one HTML file, which loads nothing else."""
    from poolcli.page.content import content

    fields = {
        "title": html.escape(comparison.name.encode("utf-8", "replace").decode()),
        "style": text_of("style.css"),
        "modules": _json({"imports": _modules()}),
        "data": _json(content(comparison)),
    }
    return _FIELD.sub(lambda field: fields[field[1]], text_of("index.html"))


def text_of(name: str) -> str:
    """Return the text of a file of the page."""
    return files(__name__).joinpath(name).read_text("utf-8")


def _modules() -> dict[str, str]:
    """Return the URL of each module by its name: the module itself, because a file loads no others."""
    names = sorted(entry.name for entry in files(__name__).iterdir() if entry.name.endswith(".js"))
    return {f"poolcli/{name}": _url(name) for name in names}


def _url(name: str) -> str:
    source = _IMPORT.sub(r'from "poolcli/\1"', text_of(name)) + f"\n//# sourceURL=poolcli/{name}\n"
    return f"data:text/javascript;charset=utf-8;base64,{base64.b64encode(source.encode()).decode()}"


def _json(value: Any) -> str:
    """Return JSON that may stand in a script element: it has no `<`, so nothing in it ends the element."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
