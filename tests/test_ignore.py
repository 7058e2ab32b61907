"""Values that mean none: outside every window, as padding is."""

import naive
import numpy as np
import pytest
import tifffile
from commands import said
from comparison import assert_rounded, seen, selects
from effort import EXAMPLES, JIT
from hypothesis import given
from hypothesis import strategies as st
from pictures import GEOMETRIES, VARIANTS, describe, picture

import poolcli

POOLS = {name: mode for name, mode in poolcli.MODES.items() if not mode.stacks}


def with_holes(dtype, ignore, share, shape=(7, 11, 3), seed=0):
    """Return values of the whole range, with so many that mean none."""
    image = picture(dtype, shape, seed)
    image[np.random.default_rng(seed).random(shape) < share] = ignore
    return image


def expected(image, mode, ignore, geometry, parameters):
    """Return the naive result, planes of k values first, nodata in each of them."""
    result = naive.downsample(image, mode, ignore=ignore, **geometry, **seen(image, mode, parameters))
    if not poolcli.MODES[mode].planes(parameters):
        return result
    k = parameters.get("k", 2)
    each = [value if isinstance(value, list) else [value] * k for value in result.ravel()]
    return np.moveaxis(np.array(each, object).reshape(*result.shape, k), -1, 0)


def assert_is(result, exact, image, mode, parameters, ignore):
    """Check a result against its twin: nodata is where it must be, and the others are as near as without."""
    none = np.vectorize(lambda value: naive.means_none(value, ignore))(exact)
    if ignore == ignore:
        assert (result[none] == ignore).all()
    else:
        assert np.isnan(result[none].astype(np.float64)).all()
    if selects(mode, parameters):
        np.testing.assert_array_equal(result[~none].astype(object), exact[~none])
    else:
        scale = float(np.nanmax(np.abs(image.astype(np.float64))))
        assert_rounded(result[~none], exact[~none], scale)


IGNORED = {"bool": 0, "uint8": 255, "int8": -1, "uint16": 0, "int16": -999, "uint32": 7, "int32": -9999,
           "uint64": 2**64 - 1, "int64": -(2**63), "float16": np.nan, "float32": -9999.0, "float64": np.nan}  # fmt: skip


@pytest.mark.quick_when(lambda dtype, **_: not JIT or dtype in ("uint8", "int64", "float32"))
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=describe)
@pytest.mark.parametrize("dtype", IGNORED if JIT else ("uint8", "int16", "float32"))
@pytest.mark.parametrize(("mode", "parameters"), VARIANTS, ids=[f"{m}-{describe(p)}" for m, p in VARIANTS])
def test_twin(mode, parameters, dtype, geometry):
    ignore = IGNORED[dtype]
    image = with_holes(dtype, ignore, 0.4)
    if parameters.get("k", 1) > np.prod(geometry.get("kernel_size", 2)) and "size" not in geometry:
        parameters = {**parameters, "k": 2}
    result = poolcli.downsample(image, mode, ignore=ignore, **geometry, **parameters)
    assert result.dtype == image.dtype
    assert_is(result, expected(image, mode, ignore, geometry, parameters), image, mode, parameters, ignore)
