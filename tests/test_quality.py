"""How near images are: known figures, the naive twins, scikit-image, and what has no figure."""

import math
import warnings

import naive
import numpy as np
import pytest
from effort import JIT
from pictures import picture

import poolcli
from poolcli import quality
from poolcli.quality import mean_psnr, peak_of, psnr, ssim


def test_known_figures():
    black, white = np.zeros((8, 8), np.uint8), np.full((8, 8), 255, np.uint8)
    assert psnr(black, white) == 0
    assert psnr(white, white) == math.inf
    assert psnr(black, black + 1) == pytest.approx(20 * math.log10(255))
    assert ssim(white, white) == 1
    # Flat images differ in their means alone: (0 + a) / (255^2 + a) with a = 2.55^2.
    assert ssim(black, white) == pytest.approx(2.55**2 / (255**2 + 2.55**2), abs=1e-12)
    board = (np.indices((9, 9)).sum(axis=0) % 2 * 255).astype(np.uint8)
    assert ssim(board, 255 - board) < -0.9


def test_the_peak_is_that_of_the_dtype_or_of_the_image():
    assert [peak_of(np.zeros((2, 2), dtype)) for dtype in ("bool", "uint8", "int16", "uint16")] == [
        1,
        255,
        32767,
        65535,
    ]
    values = np.array([[0.5, np.nan], [-np.inf, 0.25]])
    assert (peak_of(values), peak_of(8 * values)) == (1, 4)
    assert psnr(np.array([[0.0, 1.0]]), np.array([[0.0, 0.9]])) == pytest.approx(10 * math.log10(2 / 0.01))
    assert psnr(np.array([[0.0, 1.0]]), np.array([[0.0, 0.9]]), peak=10) == pytest.approx(10 * math.log10(200 / 0.01))


@pytest.mark.quick_when(lambda dtype: dtype in ("bool", "uint8", "uint16", "float16"))
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "uint16", "int16", "uint32", "int64", "float16", "float64"])
def test_figures_are_those_of_the_naive_twins(dtype):
    image, other = picture(dtype, (9, 11, 2), 1), picture(dtype, (9, 11, 2), 2)
    other[:5] = image[:5]
    peak = peak_of(image)
    assert psnr(image, other) == pytest.approx(naive.psnr(image, other, peak), rel=1e-9)
    assert ssim(image, other) == pytest.approx(naive.ssim(image, other, peak), abs=1e-9)
    assert ssim(image[..., 0], other[..., 0]) == pytest.approx(
        naive.ssim(image[..., :1], other[..., :1], peak_of(image[..., 0])), abs=1e-9
    )


@pytest.mark.skipif(not JIT, reason="images of this size take too long uncompiled")
@pytest.mark.parametrize("name", ["coffee.png", "camera.png", "retina_16bit.png", "hubble_log.tif"])
def test_figures_are_those_of_scikit_image(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy tells of what it will rename
        metrics = pytest.importorskip("skimage.metrics")
    image, _ = poolcli.read_image(f"sample_images/{name}")
    image = image.astype(np.float64) if image.dtype.kind == "f" else image
    other = poolcli.resize(poolcli.downsample(image, "average", kernel_size=3), image.shape[:2])
    peak, channels = peak_of(image), 2 if image.ndim > 2 else None
    expected = metrics.structural_similarity(image, other, data_range=peak, channel_axis=channels)
    assert ssim(image, other) == pytest.approx(expected, abs=1e-7)
    assert psnr(image, other) == pytest.approx(metrics.peak_signal_noise_ratio(image, other, data_range=peak), abs=1e-7)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_bands_make_no_difference(dtype, monkeypatch):
    image, other = picture(dtype, (40, 30, 3), 1), picture(dtype, (40, 30, 3), 2)
    whole = psnr(image, other), ssim(image, other)
    monkeypatch.setattr(quality, "_BAND", 500)
    assert (psnr(image, other), ssim(image, other)) == pytest.approx(whole, rel=1e-12)


def test_what_has_no_figure():
    assert math.isnan(ssim(np.zeros((6, 9), np.uint8), np.zeros((6, 9), np.uint8)))
    assert math.isnan(ssim(np.zeros((9, 6, 3), np.uint8), np.zeros((9, 6, 3), np.uint8)))
    assert ssim(np.zeros((7, 7), np.uint8), np.zeros((7, 7), np.uint8)) == 1
    holes = np.full((8, 8), np.nan)
    assert math.isnan(psnr(holes, holes))
    assert math.isnan(ssim(holes, holes))
    with pytest.raises(ValueError, match=r"images \(2, 2\) of uint8 and \(2, 3\) of uint8 cannot be compared"):
        psnr(np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8))
    with pytest.raises(ValueError, match="cannot be compared"):
        ssim(np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.uint16))


def test_the_mean_of_ratios_is_that_of_errors():
    assert mean_psnr([30.0]) == 30
    assert mean_psnr([math.inf, 30.0]) == pytest.approx(30 + 10 * math.log10(2))
    assert mean_psnr([math.inf, math.inf]) == math.inf
    errors = [4.0, 1.0, 25.0]
    ratios = [10 * math.log10(255**2 / error) for error in errors]
    assert mean_psnr(ratios) == pytest.approx(10 * math.log10(255**2 / 10))
