"""Boxes of an output, made of the boxes that they need, have the bytes of the whole."""

import numpy as np
import pytest
from effort import EXAMPLES, JIT
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import picture

import poolcli
from poolcli import sampling
from poolcli.commands import Step
from poolcli.engine import regions
from poolcli.tiling import Box, tile, tiling_of

DTYPES = ["uint8", "int16", "float32", "float64"] if JIT else ["uint8", "float32"]


def by_boxes(image, step, box_size, **how):
    """Return the arrays that a step makes of an image, box by box; each sees no more of the image than it asks for."""
    tiling = tiling_of(step, image.shape)
    (height, width), axis = tiling.shape[:2], 1 if step.planes else 0
    out = ()
    for top in range(0, height, box_size[0]):
        for left in range(0, width, box_size[1]):
            box = Box(top, min(top + box_size[0], height), left, min(left + box_size[1], width))
            own = np.ascontiguousarray(image[tiling.needs(box).slices])
            made = arrays(tile(tiling, own, box, step.arguments.get("dtype"), **how))
            out = out or [np.empty((*a.shape[:axis], height, width, *a.shape[axis + 2 :]), a.dtype) for a in made]
            for whole, part in zip(out, made, strict=True):
                whole[(slice(None),) * axis + box.slices] = part
    return out


def arrays(made):
    return made if isinstance(made, tuple) else (made,)


def assert_alike(image, step, box_size, **how):
    whole = arrays(step.apply(image, **how))
    for one, parts in zip(whole, by_boxes(image, step, box_size, **how), strict=True):
        assert parts.shape == one.shape
        assert parts.dtype == one.dtype
        assert bytes_of(parts) == bytes_of(one)


def bytes_of(array):
    """Return the bytes of an array, zeros with their signs; of two NaN, which one stays no rule says."""
    return (
        np.where(np.isnan(array), array.dtype.type(np.nan), array).tobytes()
        if array.dtype.kind == "f"
        else array.tobytes()
    )


def special(dtype, shape, seed):
    """Return an image that has, where its dtype does, NaN, infinities and zeros of both signs."""
    image = picture(dtype, shape, seed)
    if image.dtype.kind == "f":
        rng = np.random.default_rng(seed)
        for value in (np.nan, np.inf, -np.inf, 0.0, -0.0):
            image[rng.random(shape) < (0.01 if abs(value) != 0 else 0.2)] = value
    return image


@st.composite
def windows(draw, n, whole=False):
    """Draw the options of windows in an image of n x n pixels."""
    if whole:
        side = draw(st.integers(1, 3)), draw(st.integers(1, 3))
        return {"kernel_size": side, "stride": (draw(st.integers(1, 4)), draw(st.integers(1, 4)))}
    kind = draw(st.sampled_from(["plain", "side by side", "same", "ceil", "dilation", "size", "padding"]))
    if kind == "size":
        return {"size": (draw(st.integers(1, n + 3)), draw(st.integers(1, n + 3)))}
    kernel = draw(st.integers(1, min(n, 7))), draw(st.integers(1, min(n, 7)))
    if kind == "side by side":
        return {"kernel_size": kernel}
    given = {"kernel_size": kernel, "stride": (draw(st.integers(1, 4)), draw(st.integers(1, 4)))}
    if kind == "same":
        return given | {"padding": draw(st.sampled_from(["same", "same-lower"]))}
    if kind == "ceil":
        return given | {"ceil": True, "stride": tuple(min(*pair) for pair in zip(kernel, given["stride"], strict=True))}
    if kind == "dilation":
        return {**given, "kernel_size": (2, 3), "dilation": (draw(st.integers(1, 3)), draw(st.integers(1, 3)))}
    if kind == "padding":
        return given | {"padding": tuple(draw(st.integers(0, side // 2)) for side in np.repeat(kernel, 2).tolist())}
    return given


boxes = st.one_of(st.just((1, 1)), st.tuples(st.integers(1, 9), st.integers(1, 9)), st.just((99, 99)))


def arguments_of(mode):
    chosen = {"kmax": {"k": 1}, "percentile": {"q": 70.0}, "lp": {"p": 3.0}, "gem": {"p": 2.5}}
    return chosen.get(mode, {})


def test_zeros_have_the_sign_that_they_have_in_the_whole():
    image = np.tile([[-0.0], [0.0]], (3, 7))
    assert_alike(image, Step("downsample", "lip", {"size": (4, 7)}), (1, 1))


@pytest.mark.quick_when(lambda dtype, **_: not JIT or dtype == "float32")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", poolcli.MODES)
def test_boxes_of_a_pool_are_those_of_the_whole(mode, dtype):
    row = poolcli.MODES[mode]

    @EXAMPLES
    @given(st.integers(7, 24), st.sampled_from([None, 1, 3, 9]), st.data(), boxes, st.integers(0, 2**32 - 1))
    def check(n, channels, data, box_size, seed):
        geometry = data.draw(windows(n, row.stacks))
        image = special(dtype, (n, n) if channels is None else (n, n, channels), seed)
        step = Step("downsample", mode, geometry | arguments_of(mode))
        assert_alike(image, step, box_size)

    check()


FEWER = settings(EXAMPLES, max_examples=10 if JIT else 2)
larger = st.tuples(st.integers(2, 9), st.integers(2, 9))


@pytest.mark.parametrize("mode", [name for name, row in poolcli.MODES.items() if not row.stacks])
def test_boxes_around_nodata_are_those_of_the_whole(mode):
    @FEWER
    @given(
        st.sampled_from(["uint8", "float32"]), st.integers(7, 20), st.sampled_from([None, 3]), st.data(), larger,
        st.sampled_from([None, 0.0, 0.6]), st.sampled_from([0.02, 0.5]), st.integers(0, 2**32 - 1),
    )  # fmt: skip
    def check(dtype, n, channels, data, box_size, valid, share, seed):
        image = picture(dtype, (n, n) if channels is None else (n, n, channels), seed)
        ignore = np.nan if dtype == "float32" else 7
        image[np.random.default_rng(seed).random(image.shape) < share] = ignore
        arguments = data.draw(windows(n)) | arguments_of(mode) | {"ignore": ignore, "valid": valid}
        assert_alike(image, Step("downsample", mode, arguments), box_size)

    check()


@pytest.mark.parametrize("mode", [name for name, row in poolcli.MODES.items() if row.finds])
def test_indices_of_boxes_are_those_of_the_whole(mode):
    @FEWER
    @given(st.integers(7, 20), st.sampled_from([None, 3]), st.data(), larger, st.booleans(), st.integers(0, 2**32 - 1))
    def check(n, channels, data, box_size, ignored, seed):
        image = picture("uint8", (n, n + 3) if channels is None else (n, n + 3, channels), seed) // 16
        arguments = data.draw(windows(n)) | arguments_of(mode) | {"return_indices": True}
        arguments |= {"k": 3, "kernel_size": (2, 3), "size": None} if mode == "kmax" else {}
        arguments |= {"ignore": 3, "valid": 0.4} if ignored else {}
        assert_alike(image, Step("downsample", mode, arguments), box_size)

    check()


def test_a_box_says_where_in_the_image_its_values_stood():
    image = np.arange(24, dtype=np.uint8).reshape(4, 6)
    tiling = tiling_of(Step("downsample", "max", {"return_indices": True}), image.shape)
    values, indices = tile(tiling, image[2:4, 2:6], Box(1, 2, 1, 3), None)
    np.testing.assert_array_equal(values, [[21, 23]])
    np.testing.assert_array_equal(indices, [[21, 23]])


@pytest.mark.quick_when(lambda mode: JIT or mode in ("max", "average", "median"))  # uncompiled they take a minute
@pytest.mark.parametrize("mode", [name for name, row in poolcli.MODES.items() if not row.stacks])
def test_boxes_of_large_windows_are_those_of_the_whole(mode, monkeypatch):
    monkeypatch.setattr(regions, "_WIDTH", 16)
    for size, kernel in (((2, 3), None), (None, (70, 65))):
        image = special("float32", (150, 141, 1), 5)
        image[np.isinf(image)] = 0.5  # NumPy warns of their differences
        windows = {"size": size} if size else {"kernel_size": kernel, "stride": (33, 9), "padding": (7, 11)}
        assert_alike(image, Step("downsample", mode, windows | arguments_of(mode)), (1, 2))
        if size:
            assert_alike(image, Step("downsample", mode, windows | arguments_of(mode) | {"ignore": np.nan}), (1, 2))


def test_boxes_in_padding_alone_have_what_is_made_of_nothing():
    image = special("float32", (4, 5), 1)
    geometry = {"kernel_size": 2, "stride": 1, "padding": 4, "wide_padding": True}
    for mode in ("max", "average", "blur", "lip"):
        assert_alike(image, Step("downsample", mode, geometry), (2, 3))


def test_a_box_shows_its_pixels():
    image = np.arange(24, dtype=np.uint8).reshape(4, 6)
    tiling = tiling_of(Step("downsample", "max", {"kernel_size": 2}), image.shape)
    assert tiling.needs(Box(1, 2, 1, 3)) == Box(2, 4, 2, 6)
    np.testing.assert_array_equal(tile(tiling, image[2:4, 2:6], Box(1, 2, 1, 3), None), [[21, 23]])


FILTERED = ["nearest", "bilinear", "bicubic", "lanczos", "nails"]


@pytest.mark.quick_when(lambda dtype, **_: not JIT or dtype == "float32")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", FILTERED)
def test_boxes_of_an_enlargement_are_those_of_the_whole(mode, dtype):
    @EXAMPLES
    @given(st.integers(2, 12), st.sampled_from([None, 1, 3, 5]), st.data(), boxes, st.integers(0, 2**32 - 1))
    def check(n, channels, data, box_size, seed):
        scale = st.integers(1, 4) if mode == "nails" else st.one_of(st.integers(1, 4), st.floats(1, 4))
        arguments = {"scale": (data.draw(scale), data.draw(scale))}
        if mode != "nails":
            arguments["coordinates"] = data.draw(st.sampled_from(sorted(sampling.COORDINATES)))
        if mode not in ("nails", "nearest"):
            arguments["border"] = data.draw(st.sampled_from(sorted(sampling.BORDERS)))
            if arguments["border"] == "constant":
                arguments["fill"] = 7.25
        image = special(dtype, (n, n + 1) if channels is None else (n, n + 1, channels), seed)
        assert_alike(image, Step("upsample", mode, arguments), box_size)

    check()


CONVOLVING = ["transposed", "average-unpool", "resize-conv", "subpixel", "depth-to-space"]


@st.composite
def convolutions(draw, mode, channels):
    """Draw the options of a convolution that enlarges an image of so many channels."""
    scale = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    if mode == "depth-to-space":
        return {"scale": (2, 3), "order": draw(st.sampled_from(["crd", "dcr"]))}
    taps = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    if mode == "average-unpool":
        return {"scale": scale} | draw(
            st.sampled_from([{}, {"kernel_size": taps}, {"kernel_size": taps, "padding": 0}])
        )
    named = draw(st.booleans())
    given = {"scale": scale} | (
        {"weights": draw(st.sampled_from(["box", "bilinear", "gaussian"]))}
        | ({"kernel_size": taps} if draw(st.booleans()) else {})
        if named
        else {"weights": np.random.default_rng(taps).normal(size=taps).round(1)}
    )
    if mode == "transposed":
        if not named and channels and draw(st.booleans()):
            given["weights"] = np.random.default_rng(taps).normal(size=(channels, *taps))
        given["dilation"] = draw(st.integers(1, 3)), draw(st.integers(1, 3))
        ways = [{"padding": "same"}, {"padding": "same-lower"}, {"padding": 0}, {"padding": (1, 0, 0, 2)}]
        return given | draw(st.sampled_from(ways))
    given["border"] = draw(st.sampled_from(["edge", "reflect", "wrap", "constant"]))
    if mode == "resize-conv":
        given["enlarge"] = draw(st.sampled_from(["nearest", "bilinear"]))
    return given


@pytest.mark.quick_when(lambda dtype, **_: not JIT or dtype == "float32")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", CONVOLVING)
def test_boxes_of_a_convolution_are_those_of_the_whole(mode, dtype):
    @EXAMPLES
    @given(st.integers(3, 12), st.sampled_from([None, 1, 3, 5]), st.data(), boxes, st.integers(0, 2**32 - 1))
    def check(n, channels, data, box_size, seed):
        channels = 6 * (channels or 1) if mode == "depth-to-space" else channels
        arguments = data.draw(convolutions(mode, channels))
        shape = (n, n + 1) if channels is None else (n, n + 1, channels)
        image = special(dtype, shape, seed)
        step = Step("upsample", mode, arguments)
        try:
            step.shape_after(shape)
        except ValueError:  # padding leaves nothing
            return
        assert_alike(image, step, box_size)

    check()


@pytest.mark.quick_when(lambda dtype, **_: not JIT or dtype == "float32")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", ["nearest", "box", "bilinear", "lanczos"])
def test_boxes_of_a_resampling_are_those_of_the_whole(mode, dtype):
    @EXAMPLES
    @given(
        st.integers(2, 30), st.sampled_from([None, 1, 3, 4, 9]), st.integers(1, 40), st.integers(1, 40), st.booleans(),
        boxes, st.integers(0, 2**32 - 1),
    )  # fmt: skip
    def check(n, channels, height, width, plain, box_size, seed):
        arguments = {"size": (height, width)} | ({"no_antialias": True} if plain and mode != "box" else {})
        image = special(dtype, (n, 31) if channels is None else (n, 31, channels), seed)
        assert_alike(image, Step("resize", mode, arguments), box_size)

    check()


@pytest.mark.parametrize(
    "step",
    [
        Step("downsample", "average", {"kernel_size": 3, "stride": 2, "padding": 1}),
        Step("downsample", "l2", {"kernel_size": 2}),
        Step("downsample", "soft", {"kernel_size": 3}),
        Step("upsample", "bicubic", {"scale": 1.5}),
        Step("upsample", "transposed", {"scale": 2}),
        Step("upsample", "average-unpool", {"scale": 2, "kernel_size": 3}),
        Step("upsample", "resize-conv", {"scale": 2}),
        Step("upsample", "subpixel", {"scale": 2, "border": "wrap"}),
        Step("resize", "bilinear", {"scale": 0.4}),
    ],
    ids=lambda step: step.mode,
)
def test_boxes_with_alpha_in_linear_light_are_those_of_the_whole(step):
    image = picture("uint8", (17, 19, 4), 3)
    for how in ({"alpha": True}, {"linear": True}, {"alpha": True, "linear": True}):
        assert_alike(image, step, (4, 5), **how)


def test_boxes_around_nodata_in_linear_light_are_those_of_the_whole():
    image = picture("uint8", (17, 19, 3), 3) // 8
    for mode in ("average", "soft"):
        step = Step("downsample", mode, {"kernel_size": 3, "stride": 2, "ignore": 5, "valid": 0.5})
        assert_alike(image, step, (4, 5), linear=True)


def test_one_pixel_is_chosen_by_its_key_in_boxes_too():
    image = picture("uint8", (17, 19, 3), 3)
    assert_alike(image, Step("downsample", "max", {"kernel_size": 3, "stride": 1, "joint": "luminance"}), (4, 5))


def test_steps_that_see_the_whole_have_no_boxes():
    for mode in ("transposed", "resize-conv"):
        step = Step("upsample", mode, {"scale": 2, "weights": np.ones((3, 2, 3, 3))})
        assert tiling_of(step, (8, 8, 3)) is None
    assert tiling_of(Step("upsample", "unpool", {"indices": np.zeros((8, 8), np.int64)}), (8, 8)) is None
    assert tiling_of(Step("reduce", "gap"), (8, 8)) is None
