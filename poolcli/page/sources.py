"""The files of the page, and what its modules are to a browser that loads no files."""

from __future__ import annotations

import base64
import re
from importlib.resources import files

_IMPORT = re.compile(r'from "\./(\w+\.js)"')
_FOLDER = files("poolcli.page")


def text_of(name: str) -> str:
    """Return the text of a file of the page."""
    return _FOLDER.joinpath(name).read_text("utf-8")


def modules() -> dict[str, str]:
    """Return the URL of each module by its name: the URL is the module itself."""
    names = sorted(entry.name for entry in _FOLDER.iterdir() if entry.name.endswith(".js"))
    return {f"poolcli/{name}": _url(name) for name in names}


def computes(mode: str) -> bool:
    """Return whether the page computes a mode: pools.js has an entry for it."""
    return f'name: "{mode}",' in text_of("pools.js")


def _url(name: str) -> str:
    source = _IMPORT.sub(r'from "poolcli/\1"', text_of(name)) + f"\n//# sourceURL=poolcli/{name}\n"
    return f"data:text/javascript;charset=utf-8;base64,{base64.b64encode(source.encode()).decode()}"
