"""What the numbers were taken on: processor, threads, memory, versions; and how many threads all take."""

from __future__ import annotations

import datetime
import os
import platform
import re
import shutil
import subprocess
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

LIBRARIES = {
    "NumPy": ("numpy", "numpy"),
    "Pillow": ("PIL", "pillow"),
    "OpenCV": ("cv2", "opencv-python-headless"),
    "PyTorch": ("torch", "torch"),
    "libvips": ("pyvips", "pyvips-binary"),
    "fast_image_resize": ("cykooz_resizer", "cykooz-resizer"),
    "scikit-image": ("skimage", "scikit-image"),
    "TensorStore": ("tensorstore", "tensorstore"),
    "tinybrain": ("tinybrain", "tinybrain"),
    "ngff-zarr": ("ngff_zarr", "ngff-zarr"),
}
"""Peer: the module that is imported, the package that has its version."""

COMMANDS = {
    "vips": ("vips", "--version"),
    "vipsthumbnail": ("vipsthumbnail", "--vips-version"),
    "ImageMagick": ("convert", "-version"),
    "mogrify": ("mogrify", "-version"),
    "GraphicsMagick": ("gm", "version"),
    "GDAL": ("gdaladdo", "--version"),
    "OpenImageIO": ("oiiotool", "--version"),
}
"""Peer: its command, and what makes that tell its version. There are other commands `convert` and `gm`."""

_TOLD = re.compile(r"(?:vips[- ]|ImageMagick |GraphicsMagick |GDAL |^)(\d+\.\d[\w.-]*)")

THREADS = (
    "NUMBA_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VIPS_CONCURRENCY",
    "MAGICK_THREAD_LIMIT",
    "GDAL_NUM_THREADS",
    "OPENIMAGEIO_THREADS",
    "RAYON_NUM_THREADS",
)
"""Variables that say how many threads a library or a command takes."""

threads = 2
environment = dict(os.environ)
"""Of the commands that are timed."""


def has(peer: str) -> bool:
    """Return whether a peer is installed; its first word tells which it is. What is none of these, is always there."""
    name = peer.split()[0]
    if name in COMMANDS:
        return version_of(name) is not None
    return name not in LIBRARIES or find_spec(LIBRARIES[name][0]) is not None


@cache
def version_of(name: str) -> str | None:
    """Return the version that a command tells, or nothing where it is not that command or not installed."""
    if not shutil.which(COMMANDS[name][0]):
        return None
    text = subprocess.run(COMMANDS[name], capture_output=True, text=True, check=False).stdout
    told = _TOLD.search(text)
    return told[1] if told else None


def take_threads(count: int) -> None:
    """Let all libraries, and the commands started from here on, take so many threads."""
    global threads
    threads = count
    os.environ.update({name: str(count) for name in THREADS if name != "NUMBA_NUM_THREADS"})
    os.environ["OMP_WAIT_POLICY"] = "passive"
    environment.update(os.environ, NUMBA_NUM_THREADS=str(count))
    os.environ["NUMBA_NUM_THREADS"] = str(max(count, os.cpu_count() or 1))  # more cannot be asked for later on
    import numba

    numba.set_num_threads(count)
    if find_spec("cv2"):
        import cv2

        cv2.setNumThreads(count)
    if find_spec("torch"):
        import torch

        torch.set_num_threads(count)


def described() -> dict[str, Any]:
    """Return what the numbers hold for."""
    import poolcli

    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": threads,
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f} GB",
        "system": platform.platform(),
        "versions": {"poolcli": poolcli.__version__, "Python": platform.python_version(), **_versions()},
    }


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    found = {"Numba": metadata.version("numba")}
    found |= {name: metadata.version(package) for name, (_, package) in LIBRARIES.items() if has(name)}
    told = {name: version_of(name) for name in COMMANDS if name not in ("vipsthumbnail", "mogrify")}
    return found | {name: version for name, version in told.items() if version}
