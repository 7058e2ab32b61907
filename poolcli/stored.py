"""Arrays in files: weights and indices."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def arrays(path: Path) -> Mapping[str, NDArray[Any]]:
    """Return the arrays of an .npz, .npy or .safetensors file, or raise a ValueError; a lone array is called weight."""
    try:
        stamp = path.stat().st_mtime_ns
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    except ValueError:  # a NUL
        raise ValueError(f"{str(path)!r} is no name of a file") from None
    return _arrays(path, stamp)


@lru_cache(maxsize=4)  # a batch asks for every picture
def _arrays(path: Path, stamp: int) -> Mapping[str, NDArray[Any]]:
    try:
        if path.suffix == ".safetensors":
            try:
                from safetensors.numpy import load_file
            except ImportError:
                way = "the package safetensors reads it, which the extra safetensors of poolcli brings"
                raise ValueError(f"{path}: {way}") from None
            return dict(load_file(path))
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"weight": loaded}
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except ValueError as error:
        if str(path) in str(error):
            raise
        raise ValueError(f"{path}: damaged, or no file of arrays: .npy, .npz or .safetensors") from None
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}") from None
    except Exception as error:  # of damaged archives
        raise ValueError(f"{path}: damaged: {error}".splitlines()[0]) from None
