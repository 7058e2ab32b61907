"""What is made of Dask arrays is lazy, and has the bytes of what is made of NumPy's, whatever the chunks."""

import subprocess
import sys

import dask
import dask.array as da
import numpy as np
import pytest
from effort import EXAMPLES
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import picture
from test_tiling import CONVOLVING, FILTERED, arguments_of, bytes_of, convolutions, special, windows

import poolcli
from poolcli import sampling

FEW = settings(EXAMPLES, max_examples=min(EXAMPLES.max_examples, 12))
AXES = {"hw": "yx", "hwc": "yxc", "nhwc": "nyxc", "chw": "cyx", "nchw": "ncyx"}


@st.composite
def chunks(draw, n):
    """Draw lengths of chunks along an axis of n."""
    cuts = draw(st.lists(st.integers(1, max(n - 1, 1)), max_size=4, unique=True))
    return tuple(np.diff(sorted({0, n, *(cut for cut in cuts if cut < n)})).tolist())


@st.composite
def arrays(draw, smallest, largest):
    """Draw an image, the same in random chunks, and the layout of both."""
    axes = draw(st.sampled_from(sorted(AXES)))
    sizes = {"y": st.integers(smallest, largest), "x": st.integers(smallest, largest), "c": st.sampled_from([1, 3, 5]),
             "n": st.integers(1, 3)}  # fmt: skip
    shape = tuple(draw(sizes[axis]) for axis in AXES[axes])
    image = special("float32", shape, draw(st.integers(0, 2**32 - 1)))
    lazy = da.from_array(image, tuple(draw(chunks(n)) for n in shape))
    return image, lazy, "chw" if "chw" in axes else "hwc"


def assert_alike(function, image, lazy, *arguments, **given):
    """Compare what is made of a Dask array with what is made of NumPy's."""
    whole = function(image, *arguments, **given)
    made = function(lazy, *arguments, **given)
    assert isinstance(made, da.Array)
    assert (made.shape, made.dtype) == (whole.shape, whole.dtype)
    computed = made.compute(scheduler="sync")
    assert (computed.shape, computed.dtype) == (whole.shape, whole.dtype)
    assert bytes_of(computed) == bytes_of(whole)


@pytest.mark.parametrize("mode", poolcli.MODES)
def test_pools_of_any_chunks(mode):
    row = poolcli.MODES[mode]

    @FEW
    @given(arrays(7, 16), st.data())
    def check(both, data):
        image, lazy, layout = both
        geometry = data.draw(windows(7, row.stacks))
        assert_alike(poolcli.downsample, image, lazy, mode, layout=layout, **geometry, **arguments_of(mode))

    check()


@pytest.mark.parametrize("mode", FILTERED)
def test_enlargements_of_any_chunks(mode):
    @FEW
    @given(arrays(2, 9), st.data())
    def check(both, data):
        image, lazy, layout = both
        scale = st.integers(1, 3) if mode == "nails" else st.one_of(st.integers(1, 3), st.floats(1, 3))
        arguments = {"scale": (data.draw(scale), data.draw(scale))}
        if mode not in ("nails", "nearest"):
            arguments["border"] = data.draw(st.sampled_from(sorted(sampling.BORDERS)))
        assert_alike(poolcli.upsample, image, lazy, mode, layout=layout, **arguments)

    check()


@pytest.mark.parametrize("mode", CONVOLVING)
def test_convolutions_of_any_chunks(mode):
    @FEW
    @given(arrays(3, 9), st.data())
    def check(both, data):
        image, lazy, layout = both
        channels = image.shape[-1 if layout == "hwc" else -3] if image.ndim > 2 else None
        if mode == "depth-to-space":
            image, lazy = (own.repeat(6, -3 if layout == "chw" else -1) for own in both[:2]) if channels else both[:2]
            arguments = {"scale": (2, 3) if channels else 1, "order": "dcr"}
        else:
            arguments = data.draw(convolutions(mode, None)) | {"scale": 2}
        assert_alike(poolcli.upsample, image, lazy, mode, layout=layout, **arguments)

    check()


def test_weights_of_a_file_go_with_the_array(tmp_path):
    np.save(tmp_path / "w.npy", np.ones((2, 2)))
    lazy = poolcli.upsample(LAZY + 3, "transposed", weights=str(tmp_path / "w.npy"))
    (tmp_path / "w.npy").unlink()
    assert (lazy.compute(scheduler="sync") == 3).all()


@pytest.mark.parametrize("mode", [mode for mode in FILTERED if mode != "nails"])
def test_resamplings_of_any_chunks(mode):
    @FEW
    @given(arrays(2, 16), st.integers(1, 30), st.integers(1, 30), st.booleans())
    def check(both, height, width, antialias):
        image, lazy, layout = both
        size = (height, width)
        assert_alike(poolcli.resize, image, lazy, size, mode, antialias=antialias, layout=layout)

    check()


REDUCED = {
    "spp": {"levels": (1, 2), "pool": "kmax", "k": 2},
    "covariance": {"matrix": True},
    "kmax": {"k": 3},
    "percentile": {"q": 70.0},
    "flatten": {"order": "columns"},
}


@pytest.mark.parametrize("mode", poolcli.REDUCTIONS)
def test_reductions_of_any_chunks(mode):
    @FEW
    @given(arrays(3, 16), st.sampled_from(["float32", "uint8"]))
    def check(both, dtype):
        image, lazy, layout = both
        if mode in ("max", "min", "gmp"):  # of 0.0 and -0.0 either is the larger
            image = image + np.float32(0)
        if dtype == "uint8" or mode == "covariance":  # which warns of infinities
            image = np.nan_to_num(image * 9, posinf=99, neginf=0).clip(0, 99).astype(dtype)
        assert_alike(
            poolcli.reduce, image, da.from_array(image, lazy.chunks), mode, layout=layout, **REDUCED.get(mode, {})
        )

    check()


@pytest.mark.parametrize("dtype", ["uint8", "int16"])
def test_reductions_join_what_chunks_have(dtype):
    """No task sees more than a chunk, of a whole in 20 of them."""
    image = picture(dtype, (2, 400, 500, 3), 1)
    lazy = da.from_array(image, (1, 100, 100, 2))
    for mode in ("gap", "max", "min", "median", "percentile", "majority", "average"):
        assert_alike(poolcli.reduce, image, lazy, mode)
        made = poolcli.reduce(lazy, mode)
        assert made.chunks == ((1, 1), (2, 1))
        assert len(made.dask.layers[made.name]) == 2 * 2 * (20 + 2 + 1 + 1)
    for arguments in ({"k": 3}, {"k": 700, "combine": "mean"}, {"k": 10**6, "combine": "mean", "dtype": "float32"}):
        if arguments["k"] < 400 * 500:
            assert_alike(poolcli.reduce, image, lazy, "kmax", **arguments)
    assert_alike(poolcli.reduce, image.astype(">u2"), lazy.astype(">u2"), "median")
    for how in ({"ignore": 5}, {"ignore": 5, "valid": 0.99}, {"linear": dtype == "uint8"}, {"dtype": "float32"}):
        assert_alike(poolcli.reduce, image, lazy, "gap", **how)


@pytest.mark.parametrize("layout", ["hwc", "chw"])
def test_alpha_and_linear_light(layout):
    image = picture("uint8", (2, 17, 19, 4), 3)
    image = np.moveaxis(image, -1, 1) if layout == "chw" else image
    lazy = da.from_array(image, 6)
    for how in ({"alpha": True}, {"linear": True}, {"alpha": "premultiplied"}, {"alpha": True, "linear": True}):
        how["layout"] = layout
        assert_alike(poolcli.downsample, image, lazy, "average", kernel_size=3, stride=2, **how)
        assert_alike(poolcli.downsample, image, lazy, "l2", dtype="float32", **how)
        assert_alike(poolcli.downsample, image, lazy, "max", **how)
        assert_alike(poolcli.upsample, image, lazy, "bicubic", **how)
        assert_alike(poolcli.resize, image, lazy, 5, fit="inside", antialias=True, **how)
        assert_alike(poolcli.reduce, image, lazy, "gap", **how)
        assert_alike(poolcli.reduce, image, lazy, "max", **how)


def test_one_pixel_of_all_channels_several_planes_and_another_dtype():
    image = picture("uint8", (13, 17, 3), 3)
    lazy = da.from_array(image, (5, 4, 2))
    assert_alike(poolcli.downsample, image, lazy, "max", kernel_size=3, stride=1, joint="luminance")
    assert_alike(poolcli.downsample, image, lazy, "kmax", k=3)
    assert_alike(poolcli.downsample, image, lazy, "average", dtype="float64", padding="same")
    assert_alike(poolcli.downsample, image.astype(">u2"), lazy.astype(">u2"), "median")
    assert_alike(poolcli.downsample, image > 99, lazy > 99, "majority")


def test_a_chunk_of_the_image_makes_a_chunk():
    lazy = da.zeros((1000, 900, 3), chunks=(256, 300, 1), dtype="uint8")
    half = poolcli.downsample(lazy, "max")
    assert half.chunks == ((128, 128, 128, 116), (150, 150, 150), (3,))
    assert len(half.dask.layers[half.name]) == 12  # no task but those of the chunks
    assert poolcli.downsample(half, "average").chunks[:2] == ((64, 64, 64, 58), (75, 75, 75))
    assert poolcli.downsample(lazy, "median", kernel_size=3, stride=1, padding=1).chunks[:2] == lazy.chunks[:2]
    assert poolcli.upsample(lazy, "bicubic").chunks[:2] == ((512, 512, 512, 464), (600, 600, 600))
    one = poolcli.downsample(da.zeros((6, 8), chunks=(4, 8), dtype="uint8"), "max", kernel_size=4)
    assert one.chunks == ((1,), (2,))


def test_neighbours_send_the_rows_that_are_needed():
    """Chunks of 100 columns, of which windows of 3 columns need one more on each side."""
    lazy = da.from_array(picture("uint8", (100, 300), 1), chunks=(100, 100), name="image")
    made = poolcli.downsample(lazy, "max", kernel_size=3, stride=1, padding=1)
    graph = dict(made.dask.layers[made.name])
    pieces = {key: task for key, task in graph.items() if key[0] != made.name}
    columns = sorted((task[1][2], task[2][1].start, task[2][1].stop) for task in pieces.values())
    assert columns == [(0, 99, 100), (1, 0, 1), (1, 99, 100), (2, 0, 1)]  # chunk, and from where to where in it


def test_the_graph_is_the_same_each_time_and_goes_to_other_processes(tmp_path):
    image = picture("uint8", (20, 24, 3), 1)
    lazy = da.from_array(image, (8, 9, 3))
    made = poolcli.downsample(lazy, "lip")
    assert made.name == poolcli.downsample(lazy, "lip").name
    assert made.name != poolcli.downsample(lazy, "lip", padding=1).name
    assert made.name != poolcli.downsample(lazy, "lip", dtype="float32").name
    with dask.config.set({"optimization.fuse.active": False}):
        np.testing.assert_array_equal(made.compute(scheduler="threads"), poolcli.downsample(image, "lip"))
    network = np.load(poolcli.__path__[0] + "/pools/lip.npz")
    np.savez(tmp_path / "own.npz", **network)
    own = poolcli.downsample(lazy, "lip", weights=tmp_path / "own.npz")
    (tmp_path / "own.npz").unlink()  # on another machine there is no such file
    np.testing.assert_array_equal(own.compute(scheduler="sync"), poolcli.downsample(image, "lip"))


def test_pixels_are_made_when_they_are_asked_for():
    asked = []

    def made(block_info=None):
        asked.append(block_info[None]["array-location"])
        return np.full((4, 4), len(asked), np.uint8)

    lazy = da.map_blocks(made, chunks=((4,) * 3, (4,) * 3), dtype="uint8", meta=np.empty((0, 0), np.uint8))
    half = poolcli.downsample(lazy, "max")
    assert asked == []
    np.testing.assert_array_equal(half[2:4, 4:].compute(scheduler="sync"), [[1, 1], [1, 1]])
    assert asked == [[(4, 8), (8, 12)]]


LAZY = da.zeros((8, 8, 3), chunks=4, dtype="uint8")


@pytest.mark.parametrize(
    ("made", "error", "words"),
    [
        (lambda: poolcli.upsample(LAZY, "unpool"), ValueError, "mode 'unpool' is not for Dask arrays: image"),
        (lambda: poolcli.reduce(LAZY, "gap", out=np.zeros(3)), ValueError, "out is for arrays of NumPy"),
        (lambda: poolcli.reduce(LAZY, "gap", alpha=True), ValueError, "three channels are red, green and blue"),
        (lambda: poolcli.reduce(LAZY, "spp", pool="gap"), ValueError, "pool='gap' is not allowed"),
        (lambda: poolcli.reduce(LAZY, "covariance", ignore=0), ValueError, "mode 'covariance' takes no ignore"),
        (lambda: poolcli.reduce(LAZY[:0], "gap"), ValueError, "the map is empty"),
        (lambda: poolcli.reduce(LAZY, "max", levels=(1, 2)), ValueError, "mode 'max' takes no levels"),
        (lambda: poolcli.downsample(LAZY, "max", return_indices=True), ValueError, "return_indices=True is not for"),
        (lambda: poolcli.downsample(LAZY, "max", ignore=0), ValueError, "ignore=0 is not for Dask arrays: image"),
        (lambda: poolcli.resize(LAZY, 4, out=np.zeros((4, 4, 3), "uint8")), ValueError, "out is for arrays of NumPy"),
        (lambda: poolcli.downsample(LAZY, "average", alpha=True), ValueError, "three channels are red, green and blue"),
        (lambda: poolcli.resize(LAZY.astype("int32"), 4, linear=True), ValueError, "linear light is defined for uint8"),
        (lambda: poolcli.downsample(LAZY, "max", kernel_size=9), ValueError, "the image is smaller than the window"),
        (lambda: poolcli.downsample(LAZY, "average", joint=0), ValueError, "mode 'average' takes no joint"),
        (lambda: poolcli.downsample(LAZY, "max", scale=2), TypeError, "there is no parameter 'scale'"),
        (lambda: poolcli.upsample(LAZY, "bicubic", scale=0.5), ValueError, "scale=0.5 makes images smaller"),
        (lambda: poolcli.downsample(LAZY[0, 0], "max"), ValueError, "an array of rank 1 is not an image"),
        (lambda: poolcli.downsample(LAZY, "max", layout="cwh"), ValueError, "layout must be hwc or chw"),
        (lambda: poolcli.downsample(LAZY.astype("complex64"), "max"), TypeError, "dtype complex64 is not supported"),
        (lambda: poolcli.downsample(LAZY, "max", dtype="U2"), TypeError, "dtype <U2 is not supported"),
        (lambda: poolcli.downsample(LAZY[LAZY[:, 0, 0] > 0], "max"), ValueError, r"image.compute_chunk_sizes"),
        (lambda: poolcli.downsample(dask.delayed(1), "max"), TypeError, "a Dask Delayed"),
    ],
)  # fmt: skip
def test_what_is_not_made_chunk_by_chunk_is_told_at_once(made, error, words):
    with pytest.raises(error, match=words):
        made()


def test_nothing_imports_dask_but_a_dask_array():
    code = """
import sys, numpy, poolcli
poolcli.downsample(numpy.zeros((4, 4), "uint8"), "max")
print("dask" in sys.modules, "poolcli.chunks" in sys.modules)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "False False\n"
