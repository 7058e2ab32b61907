"""Arrays in files: weights and indices."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from errno import ENOENT
from functools import lru_cache, partial
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from poolcli import geometry
from poolcli.files import WriteError, fetched, is_name, located, place, stamp
from poolcli.parameters import SAME

Pair = tuple[int, int]


def arrays(path: Path) -> Mapping[str, NDArray[Any]]:
    """Return the arrays of an .npz, .npy or .safetensors file, or raise a ValueError; a lone array is called weight."""
    try:
        known = stamp(path)
    except OSError as error:
        raise ValueError(f"{path}: {'no such file' if error.errno == ENOENT else error.strerror}") from None
    except ValueError:  # a NUL
        raise ValueError(f"{str(path)!r} is no name of a file") from None
    return _arrays(path, known)


@lru_cache(maxsize=4)  # a batch asks for every image
def _arrays(path: Path, known: str) -> Mapping[str, NDArray[Any]]:
    try:
        with fetched(path) as file:
            return _load(path, file)
    except ValueError as error:
        if str(path) in str(error):
            raise
        raise ValueError(f"{path}: damaged, or no file of arrays: .npy, .npz or .safetensors") from None
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}") from None
    except Exception as error:  # of damaged archives
        raise ValueError(f"{path}: damaged: {error}".splitlines()[0]) from None


def _load(path: Path, file: bytes | Path) -> Mapping[str, NDArray[Any]]:
    """Return the arrays of a file, which is open by its bytes or by its name."""
    if path.suffix == ".safetensors":
        try:
            from safetensors.numpy import load, load_file
        except ImportError:
            way = "the package safetensors reads it, and pip install 'poolcli-image[safetensors]' brings that"
            raise ValueError(f"{path}: {way}") from None
        return dict(load(file) if isinstance(file, bytes) else load_file(file))
    loaded = np.load(io.BytesIO(file) if isinstance(file, bytes) else file, allow_pickle=False)
    if isinstance(loaded, np.ndarray):
        return {"weight": loaded}
    with loaded:
        return {name: loaded[name] for name in loaded.files}


Take = Callable[[NDArray[np.int64]], object]
"""Takes the next rows of indices."""


def about_indices(shape: tuple[int, ...], window: Mapping[str, Any], planes: int) -> dict[str, Any]:
    """Return what is stored with indices: the size of the image, its windows, how many planes if there is that axis."""
    asked = geometry.shape(**window)
    about: dict[str, Any] = {"shape": shape[:2], **asdict(asked)}
    about |= {"padding": np.ravel(asked.padding), "size": asked.size or ()}
    return about | ({"planes": planes} if planes else {})


def save_indices(
    path: Path, shape: tuple[int, ...], about: Mapping[str, Any], overwrite: bool, fill: Callable[[Take], object]
) -> None:
    """Write indices of this shape, as `fill` hands them over, and what is stored with them; as NumPy's archives are."""

    def write(file: BinaryIO) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            with archive.open("indices.npy", "w", force_zip64=True) as member:
                write_header(member, shape, np.dtype(np.int64))
                fill(partial(_take, path, member))
            for name, value in about.items():
                with archive.open(f"{name}.npy", "w") as member:
                    npy_format.write_array(member, np.array(value), allow_pickle=False)

    place(write, path, overwrite)


def _take(path: Path, member: IO[bytes], rows: NDArray[np.int64]) -> None:
    """Write rows of indices; what goes wrong is the fault of their file, not of another that is written meanwhile."""
    try:
        member.write(np.ascontiguousarray(rows).data)
    except OSError as error:
        raise WriteError(error.strerror or str(error), path) from error


def write_header(file: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Write what comes before the numbers of an .npy file, in row order."""
    header = {"descr": npy_format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    npy_format.write_array_header_1_0(file, header)


@dataclass(frozen=True)
class Indices:
    """Where values were taken from; the size of that image, the stride of its windows and these, if they are known."""

    indices: NDArray[Any]
    shape: Pair | None = None
    stride: Pair | None = None
    windows: geometry.Shape | None = None


def load_indices(indices: Any) -> Indices:
    """Return indices as they were given, or from a file with what is stored with them, or raise a ValueError."""
    if indices is None:
        raise ValueError(
            "unpool needs indices=FILE, which downsample --save-indices wrote; or in Python those that it returned"
        )
    name = "the indices"
    if is_name(indices):
        indices, name = arrays(located(indices)), str(indices)
    loaded = _stored(indices, name) if isinstance(indices, Mapping) else Indices(np.asarray(indices))
    if loaded.indices.dtype.kind not in "iu":
        raise ValueError(f"{name}: they are {loaded.indices.dtype}, and must be whole numbers")
    return loaded


def _stored(found: Mapping[str, Any], name: str) -> Indices:
    """Return indices with what is stored with them."""
    missing = [part for part in ("indices", "shape") if part not in found]
    if missing:
        raise ValueError(f"{name}: no array {', '.join(missing)}: --save-indices of downsample writes such files")
    sides = np.asarray(found["shape"]).ravel()
    if sides.size != 2 or sides.dtype.kind not in "iu" or sides.min() < 1:
        raise ValueError(f"{name}: shape is not the height and width of an image")
    indices, shape, stride = np.asarray(found["indices"]), (int(sides[0]), int(sides[1])), None
    try:
        windows = _windows(found, indices, shape, name)
        if "stride" in found and not np.size(found.get("size", ())):
            stride = (int(found["stride"][0]), int(found["stride"][1]))
    except (IndexError, TypeError):
        raise ValueError(f"{name}: damaged: its windows are not as --save-indices writes them") from None
    return Indices(indices, shape, stride, windows)


def _windows(stored: Mapping[str, Any], indices: NDArray[Any], shape: Pair, name: str) -> geometry.Shape | None:
    """Return the windows that are stored with indices, or raise a ValueError if they do not give as many."""
    if "kernel_size" not in stored:
        return None
    known = [field.name for field in fields(geometry.Shape) if field.name in stored]
    window = {field: np.asarray(stored[field]).tolist() for field in known}
    window = {field: tuple(value) if isinstance(value, list) else value for field, value in window.items()}
    padding = window.get("padding", (0, 0))
    window["padding"] = padding[0] if padding[0] in SAME else tuple(map(int, padding))
    if bins := window.pop("size", None):
        return geometry.shape(size=bins)  # any number of them is right
    try:
        asked = geometry.shape(**window)
        rows, columns = geometry.windows(*shape, asked)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name}: damaged: {error}") from None
    own = indices.shape["planes" in stored :]
    if own[:2] != (rows.size, columns.size):
        windows = f"{rows.size} x {columns.size} windows of an image of {shape[0]} x {shape[1]}"
        raise ValueError(f"{name}: {own[0]} x {own[1]} indices are not those of {windows}")
    return asked
