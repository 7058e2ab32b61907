"""Dask arrays: what a function makes of one is lazy, an array whose chunks are boxes of the result.

A chunk of the result is one task. It is made of the box of the image that it needs, which is cut out of the chunks of
the image: these may be any, and stay as they are. Chunks of the result end where those of the image do. A reduction has
a state of every chunk, and joins these, where it makes no difference which are joined first; or it sees a map as a
whole, in one task.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache, partial
from functools import reduce as folded
from itertools import accumulate, pairwise, product
from math import prod
from operator import getitem
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from dask import array as da
from dask.base import tokenize
from dask.highlevelgraph import HighLevelGraph
from numpy.typing import DTypeLike, NDArray

from poolcli import axes, dtypes
from poolcli.commands import Step
from poolcli.downsample import MODES, check_indices
from poolcli.files import is_name
from poolcli.folding import Merging, merging_of
from poolcli.light import Alpha, Light
from poolcli.nodata import check_ignore, without
from poolcli.parameters import find
from poolcli.reduce import arguments_of, maps_of
from poolcli.reduce import reduce as reduced
from poolcli.resize import Fit, Scale, Sides, Size, as_batch
from poolcli.resizing import Request
from poolcli.rows import imported
from poolcli.tiling import Box, Tiling, resampling_of, tiling_of
from poolcli.upsample import UPSAMPLINGS
from poolcli.weights import is_named, read

Ends = tuple[int, int]
Chunks = tuple[int, ...]
"""The lengths of the chunks along an axis."""

_WAY = "image.compute() makes an array of NumPy, which it takes"
_LETTERS = {"hwc": {2: "yx", 3: "yxc", 4: "nyxc"}, "chw": {2: "yx", 3: "cyx", 4: "ncyx"}}
"""Of the axes of an image, by layout and rank: y and x, c (channels), n (images)."""
_JOINED = 16  # states in a task
_SMALL = 0.5  # of a chunk: what is less is cut out by a task of its own, so that another machine gets no more than that


@dataclass(frozen=True)
class _Look:
    """How an image and what is made of it are seen."""

    dtype: DTypeLike | None  # of the result, or that of the image
    layout: axes.Layout
    light: Light
    channelwise: bool = False  # channels that come first count as images, as they do without chunks


@dataclass(frozen=True)
class _Work:
    """What is made of an image, as plain data: every process makes windows and weights of it, once."""

    token: str
    tiling: Callable[[], Tiling | None] = field(compare=False)
    look: _Look = field(compare=False)

    def box(self, image: NDArray[Any], box: Box) -> Any:
        """Return a box of the result, made of that of the image."""
        tiling, look = _tiling_of(self), self.look
        apply = partial(self._made, tiling, box)
        if tiling.blend is None or not look.light:
            return apply(image, look.dtype, look.layout)
        return replace(tiling.blend, apply=apply).seen(image, look.light, look.layout, look.dtype)

    def _made(
        self, tiling: Tiling, box: Box, image: Any, dtype: DTypeLike | None, layout: axes.Layout = "hwc", **more: Any
    ) -> Any:
        array, laid_out = axes.taken(image, layout, self.look.channelwise)
        return laid_out(tiling.make(array, box, dtype, **more))


@lru_cache(maxsize=16)
def _tiling_of(work: _Work) -> Tiling:
    tiling = work.tiling()
    assert tiling is not None  # which was checked before there was a graph
    return tiling


def downsample(
    image: Any,
    mode: str,
    *,
    dtype: DTypeLike | None = None,
    layout: axes.Layout = "hwc",
    alpha: Alpha = False,
    linear: bool = False,
    **arguments: Any,
) -> Any:
    """Return what `poolcli.downsample` makes of a Dask array, lazily."""
    row, given = find(MODES, mode), _given(arguments)
    if "weights" in row.parameters:
        given |= _weights(given.get("weights"), as_batch(_stand_in(image, layout)).shape[3])
    if "joint" in given:
        check_indices(row, given, "joint")
    look = _Look(dtype, layout, Light(alpha, linear), row.channelwise and "joint" not in given)
    return _lazy(image, mode, partial(tiling_of, Step("downsample", mode, given)), look)


def upsample(
    image: Any,
    mode: str,
    *,
    dtype: DTypeLike | None = None,
    layout: axes.Layout = "hwc",
    alpha: Alpha = False,
    linear: bool = False,
    **arguments: Any,
) -> Any:
    """Return what `poolcli.upsample` makes of a Dask array, lazily."""
    row, given = find(UPSAMPLINGS, mode), _given(arguments)
    row.check_scale(given.get("scale"), given.get("size"))
    if is_name(given.get("weights")) and not is_named(given["weights"]):  # no other machine may have the file
        given["weights"] = read(str(given["weights"]))
    look = _Look(dtype, layout, Light(alpha, linear))
    return _lazy(image, mode, partial(tiling_of, Step("upsample", mode, given)), look)


def resize(
    image: Any,
    size: Size | Sides | None = None,
    mode: str = "bilinear",
    *,
    scale: Scale | None = None,
    fit: Fit = "stretch",
    antialias: bool = False,
    dtype: DTypeLike | None = None,
    layout: axes.Layout = "hwc",
    alpha: Alpha = False,
    linear: bool = False,
    **parameters: Any,
) -> Any:
    """Return what `poolcli.resize` makes of a Dask array, lazily."""
    asked = Request((size, scale, fit), mode, antialias, _given(parameters))
    look = _Look(dtype, layout, Light(alpha, linear))
    return _lazy(image, mode, partial(resampling_of, Step("resize", mode), asked), look)


def reduce(
    image: Any,
    mode: str,
    *,
    dtype: DTypeLike | None = None,
    layout: axes.Layout = "hwc",
    alpha: Alpha = False,
    linear: bool = False,
    **arguments: Any,
) -> Any:
    """Return what `poolcli.reduce` makes of a Dask array, lazily."""
    given = _without_out(arguments)
    row, values = arguments_of(mode, without(given))
    check_ignore(row, given)
    seen = _stand_in(image, layout)
    maps = maps_of(seen, "hwc")[1]
    blends = row.blends(given)
    is_lit = blends and bool(alpha or linear)
    if is_lit:
        Light(alpha, linear, given.get("ignore")).check(seen)
    if "weights" in values:
        given |= _weights(given.get("weights"), maps.shape[3])
    target = dtypes.check(dtype) if dtype is not None else dtypes.check("float64" if blends else seen.dtype)
    step = Step("reduce", mode, given if dtype is None else {**given, "dtype": target.name})
    asked = _Asked(step, maps.shape[1:], image.dtype, layout, {"alpha": alpha, "linear": linear})
    shape = imported(row.shape)(maps.shape[1:], values)
    made = _Reduction(image, asked, target, shape if image.ndim < 4 else (image.shape[0], *shape))
    return made.merged() if image.size and not is_lit and asked.merging else made.whole()


def _without_out(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that are given, or raise a ValueError if one is memory for the result."""
    given = {name: value for name, value in arguments.items() if value is not None}
    if "out" in given:
        raise ValueError("out is for arrays of NumPy, and what is made of a Dask array is lazy: leave it out")
    return given


def _given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that are given, or raise a ValueError if one of them needs the whole image."""
    given = _without_out(arguments)
    if given.pop("return_indices", False):
        raise ValueError(f"return_indices=True is not for Dask arrays: {_WAY}")
    for name in ("ignore", "valid"):
        if name in given:
            raise ValueError(f"{name}={given[name]!r} is not for Dask arrays: {_WAY}")
    return given


def _weights(weights: Any, channels: int) -> dict[str, Any]:
    """Return the argument of weights with the arrays of a file, which no other machine may have, if they fit."""
    from poolcli.pools.lip import load
    from poolcli.stored import arrays

    load(weights).check(channels)
    if weights is None:
        return {}
    return {"weights": weights if isinstance(weights, Mapping) else dict(arrays(Path(weights)))}


def _stand_in(image: Any, layout: axes.Layout) -> NDArray[Any]:
    """Return an array of the shape and the dtype of an image, channels last, without its values; or raise an error."""
    if not isinstance(image, da.Array):
        raise TypeError(f"a Dask {type(image).__name__} is no array: {_WAY}")
    if any(n != n for n in image.shape):
        raise ValueError("the chunks of the Dask array have no known sizes: image.compute_chunk_sizes() finds them")
    dtypes.check(image.dtype)
    return axes.channels_last(np.broadcast_to(np.zeros((), image.dtype), image.shape), layout)


def _lazy(image: Any, mode: str, made: Callable[[tuple[int, ...]], Tiling | None], look: _Look) -> Any:
    """Return a lazy array of what a tiling, made for the shape of an image, makes of a Dask array."""
    seen = _stand_in(image, look.layout)
    batch, shape = as_batch(seen), seen.shape[-3:] if seen.ndim == 4 else seen.shape
    target = dtypes.check(image.dtype if look.dtype is None else look.dtype)
    tiling = made(shape)
    if tiling is None:
        raise ValueError(f"mode {mode!r} is not for Dask arrays: {_WAY}")
    if tiling.blend is not None and look.light:
        look.light.check(seen)
    work = _Work(tokenize(image.name, made, look), partial(made, shape), look)
    name = f"{tiling.step.command}-{work.token}"
    plan = _Plan.of(image, tiling, look.layout, batch.shape[3])
    graph = HighLevelGraph.from_collections(name, dict(plan.tasks(name, work)), dependencies=[image])
    return da.Array(graph, name, plan.chunks, dtype=target)


class _Cut(NamedTuple):
    """Part of a chunk along an axis, and where it stands in the box that is put together."""

    chunk: int
    begin: int
    stop: int
    at: int


@dataclass(frozen=True)
class _Block:
    """What a chunk of the result is made of: pieces of the image that are put together to a box."""

    work: _Work
    box: Box  # of the result
    shape: tuple[int, ...]
    places: tuple[tuple[slice, ...], ...]  # of the pieces in it


def _make(block: _Block, *pieces: Any) -> Any:
    """Return a chunk of the result."""
    arrays = [axes.as_array(piece) for piece in pieces]
    image = arrays[0]
    if len(arrays) > 1:
        image = np.empty(block.shape, arrays[0].dtype)
        for place, array in zip(block.places, arrays, strict=True):
            image[place] = array
    return block.work.box(image, block.box)


@dataclass(frozen=True)
class _Plan:
    """The chunks of a result, and the tasks that make them: along y, x, c (channels), n (images) and k (planes)."""

    image: Any
    axes_of_image: str
    made: dict[str, list[Ends]]  # from where to where the chunks of the result reach along each axis
    needs: dict[str, list[Ends]]  # and the pixels of the image that these are made of
    order: str  # of the axes of the result

    @classmethod
    def of(cls, image: Any, tiling: Tiling, layout: axes.Layout, channels: int) -> _Plan:
        """Return the plan of what is made of a Dask array."""
        letters = _LETTERS[layout]
        own = letters[image.ndim]
        chunks = dict(zip(own, image.chunks, strict=True))
        sides = [_Side(tiling, axis) for axis in (0, 1)]
        made = {name: side.along(chunks[name]) for name, side in zip("yx", sides, strict=True)}
        needs = {name: [side.needs(*ends) for ends in made[name]] for name, side in zip("yx", sides, strict=True)}
        made |= {"c": [(0, (*tiling.shape, 1)[2])], "k": [(0, tiling.step.planes)]}
        needs |= {"c": [(0, channels)]}
        if "n" in chunks:
            made["n"] = needs["n"] = [(begin, stop) for begin, stop in _ends(chunks["n"]) if begin < stop]
        order = letters[max(image.ndim, len(tiling.shape))]
        return cls(image, own, made, needs, "k" * bool(tiling.step.planes) + order)

    @property
    def chunks(self) -> tuple[Chunks, ...]:
        """Return the chunks of the result."""
        return tuple(tuple(stop - begin for begin, stop in self.made[name]) for name in self.order)

    def tasks(self, name: str, work: _Work) -> Iterator[tuple[Hashable, Any]]:
        """Yield the tasks with their keys: one for each chunk, and one for each small piece that it needs."""
        chunks = dict(zip(self.axes_of_image, self.image.chunks, strict=True))
        cuts = {axis: [_cuts(chunks[axis], *ends) for ends in self.needs[axis]] for axis in self.axes_of_image}
        for index in product(*(range(len(self.made[axis])) for axis in self.order)):
            at = dict(zip(self.order, index, strict=True))
            own, places = [], []
            for pieces in product(*(cuts[axis][at[axis]] for axis in self.axes_of_image)):
                piece = self._piece(pieces)
                if piece[0] is getitem and _share(pieces, self.image.chunks) < _SMALL:
                    key = (f"{name}-piece", *(number for cut in pieces for number in cut[:3]))
                    yield key, piece
                    piece = key
                own.append(piece)
                places.append(tuple(slice(cut.at, cut.at + cut.stop - cut.begin) for cut in pieces))
            ends = [self.needs[axis][at[axis]] for axis in self.axes_of_image]
            box = Box(*self.made["y"][at["y"]], *self.made["x"][at["x"]])
            block = _Block(work, box, tuple(stop - begin for begin, stop in ends), tuple(places))
            yield (name, *index), (_make, block, *own)

    def _piece(self, pieces: tuple[_Cut, ...]) -> tuple[Any, ...]:
        """Return the key of a chunk that is a piece as a whole, or the task that cuts a piece out of it."""
        key = (self.image.name, *(cut.chunk for cut in pieces))
        lengths = (chunks[cut.chunk] for cut, chunks in zip(pieces, self.image.chunks, strict=True))
        if all(cut.stop - cut.begin == length for cut, length in zip(pieces, lengths, strict=True)):
            return key
        return getitem, key, tuple(slice(cut.begin, cut.stop) for cut in pieces)


class _Side:
    """The rows, or the columns, of a result."""

    def __init__(self, tiling: Tiling, axis: int) -> None:
        self._tiling, self._axis, self._size = tiling, axis, tiling.shape[axis]

    def needs(self, begin: int, stop: int) -> Ends:
        """Return from where to where the image is needed along this axis."""
        ends = (begin, stop), (0, 1)
        return self._tiling.needs(Box(*ends[self._axis], *ends[1 - self._axis])).sides[self._axis]

    def along(self, chunks: Chunks) -> list[Ends]:
        """Return the ends of the chunks of the result, each where the pixels on both sides need either chunk alike."""
        n = sum(chunks)
        inner = {at for at in accumulate(chunks) if 0 < at < n}
        ends = {self._end(at, round(at * self._size / n)) for at in inner}
        return [*pairwise(sorted({0, *ends, self._size}))]

    def _end(self, at: int, near: int) -> int:
        """Return which of the pixels near to one is the first that is made of pixels after another of the image."""

        def distance(end: int) -> int:
            return abs(self.needs(end, end + 1)[0] + self.needs(end - 1, end)[1] - 2 * at)

        ends = [end for end in (near - 1, near, near + 1) if 0 < end < self._size]
        return min(ends, key=distance, default=0)


def _ends(chunks: Chunks) -> list[Ends]:
    return [*pairwise(accumulate(chunks, initial=0))]


def _cuts(chunks: Chunks, begin: int, stop: int) -> list[_Cut]:
    """Return the parts of chunks that lie between two pixels of an axis.

    >>> _cuts((4, 4, 4), 3, 9)
    [_Cut(chunk=0, begin=3, stop=4, at=0), _Cut(chunk=1, begin=0, stop=4, at=1), _Cut(chunk=2, begin=0, stop=1, at=5)]
    """
    return [
        _Cut(chunk, max(begin - first, 0), min(last, stop) - first, max(first - begin, 0))
        for chunk, (first, last) in enumerate(_ends(chunks))
        if max(first, begin) < min(last, stop)
    ]


def _share(pieces: tuple[_Cut, ...], chunks: tuple[Chunks, ...]) -> float:
    """Return how much of a chunk a piece is."""
    parts = ((cut.stop - cut.begin) / sizes[cut.chunk] for cut, sizes in zip(pieces, chunks, strict=True))
    return prod(parts)


@dataclass(frozen=True)
class _Asked:
    """A reduction of maps, as plain data."""

    step: Step
    shape: tuple[int, ...]  # of a map, (H, W, C)
    dtype: np.dtype[Any]
    layout: axes.Layout
    light: Mapping[str, Any]

    @property
    def merging(self) -> Merging | None:
        """Return how what it has of chunks is joined, if it is."""
        return merging_of(self.step, self.shape, self.dtype)


def _state(asked: _Asked, chunk: Any) -> Any:
    """Return what a reduction has of a chunk."""
    array = axes.channels_last(axes.as_array(chunk), asked.layout)
    assert asked.merging
    return asked.merging.of(array[None, :, :, None] if array.ndim == 2 else array[None] if array.ndim == 3 else array)


def _joined(asked: _Asked, *states: Any) -> Any:
    assert asked.merging
    return folded(asked.merging.joined, states)


def _finished(asked: _Asked, state: Any, several: bool) -> NDArray[Any]:
    """Return the numbers of all channels of a map, or of several."""
    assert asked.merging
    planes = asked.merging.finished(state)
    vectors = planes.transpose(1, 0, 2).reshape(planes.shape[1], -1)
    return vectors if several else vectors[0]


def _of_whole(asked: _Asked, maps: Any) -> Any:
    return reduced(axes.as_array(maps), asked.step.mode, layout=asked.layout, **asked.light, **asked.step.arguments)


@dataclass(frozen=True)
class _Reduction:
    """What a reduction makes of a Dask array, and the tasks that make it."""

    image: Any
    asked: _Asked
    target: np.dtype[Any]
    shape: tuple[int, ...]

    @cached_property
    def name(self) -> str:
        """Return the name of the result."""
        return f"reduce-{tokenize(self.image.name, self.asked)}"

    @property
    def letters(self) -> str:
        """Return the axes of the image."""
        return _LETTERS[self.asked.layout][self.image.ndim]

    def whole(self) -> Any:
        """Return the result, of tasks that get all chunks of their maps."""
        image, several = self.image, self.letters.startswith("n")
        image = image.rechunk({axis: -1 for axis, letter in enumerate(self.letters) if letter != "n"})
        rest, maps = (self.shape[1:], image.chunks[0]) if several else (self.shape, (1,))
        tasks: dict[Hashable, Any] = {}
        for n in range(len(maps)):
            key = (self.name, *[n] * several, *[0] * len(rest))
            tasks[key] = _of_whole, self.asked, (image.name, n, *[0] * (image.ndim - 1))
        return self._array(tasks, image, (*[maps] * several, *((length,) for length in rest)))

    def merged(self) -> Any:
        """Return the result, of tasks for each chunk, and others that join what these have."""
        image, letters, several = self.image, self.letters, self.letters.startswith("n")
        if "c" in letters and self.shape[-1] != self.asked.shape[2]:  # several numbers of a channel
            image = image.rechunk({letters.index("c"): -1})
        chunks = dict(zip(letters, image.chunks, strict=True))
        blocks = {letter: [k for k, n in enumerate(own) if n] for letter, own in chunks.items()}
        tasks: dict[Hashable, Any] = {}
        for i, n in enumerate(blocks.get("n", [0])):
            for j, c in enumerate(blocks.get("c", [0])):
                at = [{"n": n, "c": c, "y": y, "x": x} for y, x in product(blocks["y"], blocks["x"])]
                state = self._state(tasks, image.name, [tuple(one[letter] for letter in letters) for one in at])
                tasks[(self.name, *[i] * several, j)] = _finished, self.asked, state, several
        kept = {letter: tuple(chunks[letter][k] for k in own) for letter, own in blocks.items()}
        channels = kept["c"] if len(kept.get("c", ())) > 1 else (self.shape[-1],)
        return self._array(tasks, image, (kept["n"], channels) if several else (channels,))

    def _state(self, tasks: dict[Hashable, Any], image: str, chunks: list[tuple[int, ...]]) -> Hashable:
        """Return the key of the state of some chunks, and add the tasks that make it."""
        states: list[Hashable] = []
        for chunk in chunks:
            states.append((f"{self.name}-state", *chunk))
            tasks[states[-1]] = _state, self.asked, (image, *chunk)
        while len(states) > 1:
            groups = [states[i : i + _JOINED] for i in range(0, len(states), _JOINED)]
            states = [(f"{self.name}-joined", len(states), i, *chunks[0]) for i in range(len(groups))]
            tasks |= {key: (_joined, self.asked, *group) for key, group in zip(states, groups, strict=True)}
        return states[0]

    def _array(self, tasks: Mapping[Hashable, Any], image: Any, chunks: tuple[Chunks, ...]) -> Any:
        graph = HighLevelGraph.from_collections(self.name, tasks, dependencies=[image])
        return da.Array(graph, self.name, chunks, dtype=self.target)
