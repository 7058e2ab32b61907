"""The test cases of ONNX for every operator of two spatial axes that poolcli has, through one thin adapter.

The expected arrays are those that ONNX ships, not what its reference code would compute.
"""

import warnings

import numpy as np
import onnx
import pytest
from effort import JIT

import poolcli
from poolcli import sampling
from poolcli.engine.resample import resample
from poolcli.filters import FILTERS

if not JIT:
    pytest.skip("the same numbers, compiled or not: once is enough", allow_module_level=True)


CHW = {"layout": "chw"}
SAME = {b"SAME_UPPER": "same", b"SAME_LOWER": "same-lower"}


def window(kernel_shape, strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1), auto_pad=b"NOTSET", ceil_mode=0):
    top, left, bottom, right = pads
    return {
        "kernel_size": tuple(kernel_shape),
        "stride": tuple(strides),
        "padding": SAME.get(auto_pad, (top, bottom, left, right)),
        "wide_padding": True,
        "dilation": tuple(dilations),
        "ceil": bool(ceil_mode),
        **CHW,
    }


def max_pool(x, storage_order=0, **attributes):
    given = window(**attributes)
    if not storage_order:
        return poolcli.downsample(x, "max", return_indices=True, **given)
    # Down the columns first: rows are columns.
    given |= {name: given[name][::-1] for name in ("kernel_size", "stride", "dilation")}
    assert given["padding"] == (0, 0, 0, 0)
    found = poolcli.downsample(x.swapaxes(2, 3), "max", return_indices=True, **given)
    return tuple(array.swapaxes(2, 3) for array in found)


def average_pool(x, count_include_pad=0, **attributes):
    return poolcli.downsample(x, "average", count_include_pad=bool(count_include_pad), **window(**attributes))


def lp_pool(x, p=2, **attributes):
    return poolcli.downsample(x, "lp", p=p, norm="sum", **window(**attributes))


def global_pool(mode):
    return lambda x: poolcli.reduce(x, mode, dtype=x.dtype, **CHW)[:, :, None, None]


def last(x):
    return np.moveaxis(x, 1, -1)


def first(x):
    return np.moveaxis(x, -1, 1)


def max_unpool(x, indices, output_shape=None, kernel_shape=(), strides=(), pads=(0, 0, 0, 0)):
    top, left, bottom, right = pads
    given = {
        "indices": indices,
        "scale": tuple(strides),
        "kernel_size": tuple(kernel_shape),
        "padding": (top, bottom, left, right),
        "size": None if output_shape is None else tuple(output_shape[2:]),
    }
    return poolcli.upsample(x, "unpool", **given, **CHW)


def conv_transpose(
    x, w, strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1), group=1, auto_pad=b"NOTSET", output_padding=None,
    output_shape=None, kernel_shape=None,
):  # fmt: skip
    top, left, bottom, right = pads
    given = {
        "scale": tuple(strides),
        "dilation": tuple(dilations),
        "weights": w,
        "groups": group,
        "padding": SAME.get(auto_pad, None if output_shape else (top, bottom, left, right)),
        "output_padding": None if output_padding is None else tuple(output_padding),
        "size": None if output_shape is None else tuple(output_shape),
        **CHW,
    }
    return poolcli.upsample(x, "transposed", **given)


def depth_to_space(x, blocksize, mode=b"DCR"):
    return poolcli.upsample(x, "depth-to-space", scale=blocksize, order=mode.decode().lower(), **CHW)


def space_to_depth(x, blocksize, mode=b"DCR"):
    return poolcli.downsample(x, "space-to-depth", kernel_size=blocksize, order=mode.decode().lower(), **CHW)


def upsample(x, scales, mode=b"nearest"):
    given = {"scale": tuple(scales[2:]), "coordinates": "asymmetric", "rounding": "floor", **CHW}
    return poolcli.upsample(x, mode.decode(), **given)


FITS = {b"stretch": "stretch", b"not_larger": "inside", b"not_smaller": "outside"}
ROUNDING = {"round_prefer_floor": "half-down", "round_prefer_ceil": "half-up", "floor": "floor", "ceil": "ceil"}


def resize(
    x, roi=None, scales=None, sizes=None, mode=b"nearest", coordinate_transformation_mode=b"half_pixel",
    nearest_mode=b"round_prefer_floor", cubic_coeff_a=-0.75, exclude_outside=0, antialias=0, axes=None,
    keep_aspect_ratio_policy=b"stretch", extrapolation_value=0.0,
):  # fmt: skip
    axes = list(range(4) if axes is None else axes)

    def of(values):  # of height and width
        return [float(values[axes.index(axis)]) for axis in (2, 3)]

    arguments = {}
    if scales is not None and len(scales):
        arguments["scale"] = tuple(of(scales))
    else:
        arguments["size"], arguments["fit"] = tuple(map(int, of(sizes))), FITS[keep_aspect_ratio_policy]
    name = {b"nearest": "nearest", b"linear": "bilinear", b"cubic": "bicubic"}[mode]
    coordinates = coordinate_transformation_mode.decode().replace("_", "-")
    if coordinates == "tf-crop-and-resize":
        starts, ends = of(roi[: len(axes)]), of(roi[len(axes) :])
        return crop_and_resize(x, starts, ends, arguments["size"], name, extrapolation_value)
    arguments["coordinates"] = coordinates
    if name == "nearest":
        arguments["rounding"] = ROUNDING[nearest_mode.decode()]
    else:
        arguments["border"] = "exclude" if exclude_outside else "edge"
    if name == "bicubic":
        arguments["cubic_a"] = cubic_coeff_a
    return poolcli.resize(x, mode=name, antialias=bool(antialias), **arguments, **CHW)


def crop_and_resize(x, starts, ends, size, mode, fill):
    places, taps = [], []
    for n, m, start, end in zip(x.shape[2:], size, starts, ends, strict=True):
        i = np.arange(m)
        place = start * (n - 1) + i * ((end - start) * (n - 1) / (m - 1)) if m > 1 else [(start + end) * (n - 1) / 2]
        places.append(np.asarray(place, np.float64))
        taps.append(sampling.taps(n, places[-1], sampling.Resampling(FILTERS[mode])))
    out = resample(np.ascontiguousarray(last(x)), *taps, x.dtype, 0.0)
    outside = [(place < 0) | (place > n - 1) for place, n in zip(places, x.shape[2:], strict=True)]
    out[:, outside[0][:, None] | outside[1][None]] = fill
    return first(out)


OPERATORS = {
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "LpPool": lp_pool,
    "GlobalAveragePool": global_pool("gap"),
    "GlobalMaxPool": global_pool("gmp"),
    "MaxUnpool": max_unpool,
    "ConvTranspose": conv_transpose,
    "DepthToSpace": depth_to_space,
    "SpaceToDepth": space_to_depth,
    "Upsample": upsample,
    "Resize": resize,
}


def cases():
    """Return the cases of one node of these operators, with images (N, C, H, W)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # making the cases of other operators
        from onnx.backend.test.loader import load_model_tests

        found = load_model_tests(kind="node")
    chosen = []
    for case in found:
        nodes = case.model.graph.node if case.model else []
        if len(nodes) == 1 and nodes[0].op_type in OPERATORS and case.data_sets[0][0][0].ndim == 4:
            chosen.append(case)
    return chosen


CASES = cases()


def test_there_are_cases_of_every_operator():
    assert {case.model.graph.node[0].op_type for case in CASES} == set(OPERATORS)
    assert len(CASES) >= 85


@pytest.mark.parametrize("case", CASES, ids=[case.name.removeprefix("test_") for case in CASES])
def test_case(case):
    node = case.model.graph.node[0]
    attributes = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    for given, expected in case.data_sets:
        arrays = iter(given)
        inputs = [next(arrays) if name else None for name in node.input]
        result = OPERATORS[node.op_type](*inputs, **attributes)
        outputs = result if isinstance(result, tuple) else (result,)
        for output, right in zip(outputs[: len(expected)], expected, strict=True):
            assert output.shape == right.shape
            np.testing.assert_allclose(output, right, rtol=max(case.rtol, 1e-5), atol=max(case.atol, 1e-5))
