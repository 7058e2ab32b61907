"""The page's pools and upsamplings, called in a browser, against those of the API."""

import naive
import numpy as np
import pytest
from browser import called, load_modules
from effort import JIT

import poolcli

pytestmark = pytest.mark.skipif(not JIT, reason="a page is the same, compiled or not")

MODES = ("max", "min", "median", "percentile", "average", "l2", "lp", "gem", "mixed", "soft")
CASES = 50
TOLERANCE = {"rtol": 1e-9, "atol": 1e-9}

DRAWN = {
    "q": lambda rng: float(rng.integers(0, 101)),
    "p": lambda rng: float(rng.choice([0.7, 1.3, 3.7, 12.5])),
    "norm": lambda rng: str(rng.choice(["size", "mean", "sum"])),
    "count_include_pad": lambda rng: bool(rng.integers(2)),
    "lam": lambda rng: float(rng.choice([0, 0.25, 1 / 3, 1])),
    "beta": lambda rng: float(rng.choice([-3, 0, 1, 4.45, 900])),
}
"""Of each parameter a value that a case has."""


@pytest.fixture(scope="module")
def page(browser):
    load_modules(browser, "pools", "upsamplings")
    return browser


def drawn_image(rng, shape):
    """Return values with many equal ones, some negative, or those of bytes."""
    kind = rng.integers(3)
    if kind == 0:
        return np.round(rng.standard_normal(shape), 1)
    return rng.integers(0, 256, shape).astype(float) if kind == 1 else rng.standard_normal(shape)


def drawn_layer(rng, mode, size):
    """Return a layer whose windows lie in an image of this size, not in the padding alone."""
    while True:
        window, stride, dilation = (rng.integers(1, most, 2).tolist() for most in (6, 5, 4))
        spans = [d * (f - 1) + 1 for f, d in zip(window, dilation, strict=True)]
        padding = [int(rng.integers(0, spans[k // 2] // 2 + 1)) for k in range(4)]
        parameters = {name: DRAWN[name](rng) for name in poolcli.MODES[mode].parameters}
        layer = {"mode": mode, "F": window, "S": stride, "P": padding, "D": dilation, "parameters": parameters}
        try:
            poolcli.downsample(np.zeros(size), "max", **windows_of(layer))
        except ValueError:
            continue
        return layer


def windows_of(layer):
    """Return the arguments of the API that say where windows lie."""
    names = {"kernel_size": "F", "stride": "S", "padding": "P", "dilation": "D"}
    return {name: tuple(layer[letter]) for name, letter in names.items()}


def as_page_has(image, **more):
    height, width, channels = image.shape
    return {"height": height, "width": width, "channels": channels, "data": image.ravel().tolist(), **more}


def as_array(image):
    return np.array(image["data"], float).reshape(image["height"], image["width"], image["channels"])


def cases_of(mode, seed=0):
    """Return images with layers, and the gradients that come back to their outputs."""
    rng = np.random.default_rng([seed, *mode.encode()])
    cases = []
    for _ in range(CASES):
        image = drawn_image(rng, (*rng.integers(6, 14, 2), rng.integers(1, 4)))
        layer = drawn_layer(rng, mode, image.shape[:2])
        out = poolcli.downsample(image, mode, **windows_of(layer), **layer["parameters"])
        cases.append((image, layer, out, rng.standard_normal(out.shape)))
    return cases


POOLS = """
return arguments[0].map(({layer, image, grad}) => {
  const out = pools.forward(layer, image);
  return {out, size: pools.outputSize(layer, image.height, image.width), back: pools.backward(layer, image, grad)};
});
"""


@pytest.mark.parametrize("mode", MODES)
def test_forward_and_backward_are_those_of_the_api(page, mode):
    cases = cases_of(mode)
    asked = [
        {"layer": layer, "image": as_page_has(image), "grad": as_page_has(grad)} for image, layer, _, grad in cases
    ]
    results = called(page, POOLS, asked)
    for (image, layer, out, grad), result in zip(cases, results, strict=True):
        back = poolcli.downsample_backward(grad, image, mode, **windows_of(layer), **layer["parameters"])
        assert result["size"] == [*out.shape[:2]], layer
        np.testing.assert_allclose(as_array(result["out"]), out, **TOLERANCE, err_msg=str(layer))
        np.testing.assert_allclose(as_array(result["back"]), back, **TOLERANCE, err_msg=str(layer))


EXPLAINED = """
return arguments[0].map(({layer, image, at}) => ({
  ...pools.explain(layer, image, ...at),
  window: pools.windowOf(layer, image, at[0], at[1]),
  out: pools.forward(layer, image),
}));
"""


@pytest.mark.parametrize("mode", MODES)
def test_slopes_are_the_gradient_of_one_output_and_weights_are_shares(page, mode):
    rng = np.random.default_rng(1)
    cases = [
        (image, layer, out, [int(rng.integers(n)) for n in out.shape]) for image, layer, out, _ in cases_of(mode, 1)
    ]
    asked = [{"layer": layer, "image": as_page_has(image), "at": at} for image, layer, _, at in cases]
    for (image, layer, out, at), result in zip(cases, called(page, EXPLAINED, asked), strict=True):
        y, x, c = at
        inside, _ = naive.windows(image.shape, **windows_of(layer))[y, x]
        assert [(tap["y"], tap["x"]) for tap in result["window"]] == inside
        assert [tap["value"] for tap in result["taps"]] == [image[row, column, c] for row, column in inside]
        one = np.zeros(out.shape)
        one[y, x, c] = 1
        slopes = poolcli.downsample_backward(one, image, mode, **windows_of(layer), **layer["parameters"])
        found = np.zeros(image.shape)
        for tap in result["taps"]:
            found[tap["y"], tap["x"], c] = tap["slope"]
        np.testing.assert_allclose(found, slopes, **TOLERANCE, err_msg=str(layer))
        np.testing.assert_allclose(result["result"], out[y, x, c], **TOLERANCE)
        check_weights(mode, layer, result)


def check_weights(mode, layer, result):
    weights = [tap["weight"] for tap in result["taps"]]
    counted = np.prod(layer["F"]) if layer["parameters"].get("count_include_pad") else len(weights)
    if mode == "average":
        assert sum(weights) == pytest.approx(len(weights) / counted, rel=1e-12)  # the padding has the rest
    elif mode in ("l2", "lp", "gem"):
        assert sum(weights) == pytest.approx(1 if result["result"] else 0, rel=1e-12)
    else:
        assert sum(weights) == pytest.approx(1, rel=1e-12)
    if mode in ("max", "min", "median", "percentile"):
        assert [tap["taken"] for tap in result["taps"]] == [weight == 1 for weight in weights]


TEXTS = {
    "max": "max(1, 5, 3, -4) = 5",
    "min": "min(1, 5, 3, -4) = -4",
    "median": "sorted(r) = (-4, 1, 3, 5), sorted(r)[floor((4 - 1) / 2)] = sorted(r)[1] = 1",
    "percentile": "sorted(r) = (-4, 1, 3, 5), sorted(r)[floor(50/100 (4 - 1))] = sorted(r)[1] = 1",
    "average": "(1 + 5 + 3 + (-4)) / 4 = 1.25",
    "l2": "(1/4) sqrt(1^2 + 5^2 + 3^2 + (-4)^2) = 1.7854",
    "lp": "(1/4) (|1|^3 + |5|^3 + |3|^3 + |-4|^3)^(1/3) = 1.5023",
    "gem": "((1^3 + 5^3 + 3^3 + 0^3) / 4)^(1/3) = 3.3693",
    "mixed": "0.5 max(1, 5, 3, -4) + (1 - 0.5) (1 + 5 + 3 + (-4)) / 4 = 3.125",
    "soft": "(1 e^1 + 5 e^5 + 3 e^3 + (-4) e^(-4)) / (e^1 + e^5 + e^3 + e^(-4)) = 4.7009",
}


@pytest.mark.parametrize("mode", MODES)
def test_the_formula_has_the_numbers_in_it(page, mode):
    layer = {"mode": mode, "F": [2, 2], "S": [2, 2], "P": [0, 0, 0, 0], "D": [1, 1], "parameters": {}}
    image = as_page_has(np.array([[1.0, 5], [3, -4]])[:, :, None])
    assert called(page, "return pools.explain(...arguments, 0, 0, 0).text", layer, image) == TEXTS[mode]


def test_the_formula_is_divided_as_its_norm_says(page):
    layer = {"mode": "l2", "F": [1, 2], "S": [1, 2], "P": [0, 0, 0, 0], "D": [1, 1]}
    image = as_page_has(np.array([[[3.0], [4.0]]]))
    expected = {
        "size": "(1/2) sqrt(3^2 + 4^2) = 2.5",
        "mean": "sqrt((3^2 + 4^2) / 2) = 3.5355",
        "sum": "sqrt(3^2 + 4^2) = 5",
    }
    for norm, text in expected.items():
        asked = {**layer, "parameters": {"norm": norm}}
        assert called(page, "return pools.explain(...arguments, 0, 0, 0).text", asked, image) == text


@pytest.mark.parametrize(
    ("beta", "text"),
    [
        (1, "(51 e^(51/255) + 255 e^(255/255)) / (e^(51/255) + e^(255/255)) = 191.75"),
        (2, "(51 e^(2·51/255) + 255 e^(2·255/255)) / (e^(2·51/255) + e^(2·255/255)) = 220.73"),
    ],
)
def test_the_formula_of_bytes_has_their_shares(page, beta, text):
    layer = {"mode": "soft", "F": [1, 2], "S": [1, 2], "P": [0, 0, 0, 0], "D": [1, 1], "parameters": {"beta": beta}}
    image = as_page_has(np.array([[[51.0], [255.0]]]), maximum=255)
    assert called(page, "return pools.explain(...arguments, 0, 0, 0).text", layer, image) == text


def test_modes_have_the_formulas_and_parameters_of_the_api(page):
    local = called(page, "return pools.LOCAL")
    assert [mode["name"] for mode in local] == [*MODES]
    for mode in local:
        row = poolcli.MODES[mode["name"]]
        assert mode["formula"] == row.formula
        assert {one["name"]: one["default"] for one in mode["parameters"]} == {
            name: row.value(name, {}) for name in row.parameters
        }


def test_bytes_count_as_shares_of_255(page):
    rng = np.random.default_rng(3)
    image = rng.integers(0, 256, (8, 9, 3)).astype(np.uint8)
    layer = {"mode": "soft", "F": [3, 2], "S": [2, 1], "P": [1, 0, 1, 1], "D": [1, 1], "parameters": {"beta": 4.45}}
    out = poolcli.downsample(image, "soft", **windows_of(layer), beta=4.45, dtype="float64")
    grad = rng.standard_normal(out.shape)
    back = poolcli.downsample_backward(grad, image.astype(float), "soft", **windows_of(layer), beta=4.45 / 255)
    asked = {"layer": layer, "image": as_page_has(image, maximum=255), "grad": as_page_has(grad)}
    (result,) = called(page, POOLS, [asked])
    np.testing.assert_allclose(as_array(result["out"]), out, **TOLERANCE)
    np.testing.assert_allclose(as_array(result["back"]), back, **TOLERANCE)


@pytest.mark.parametrize("mode", MODES)
def test_nan_propagates(page, mode):
    image = np.array([[1, 2, np.nan, 4], [5, 6, np.nan, 8]])[:, :, None]
    layer = {"mode": mode, "F": [2, 2], "S": [2, 2], "P": [0, 0, 0, 0], "D": [1, 1], "parameters": {}}
    out = poolcli.downsample(image, mode)
    script = """
    const [layer, image, places] = arguments;
    for (const place of places) image.data[place] = NaN;
    return {out: pools.forward(layer, image), taken: pools.explain(layer, image, 0, 1, 0).taps.map((tap) => tap.taken)};
    """
    result = called(page, script, layer, as_page_has(np.nan_to_num(image)), [2, 6])
    assert np.isnan(out).ravel().tolist() == [False, True]
    np.testing.assert_allclose(as_array(result["out"]), out, **TOLERANCE)
    if poolcli.MODES[mode].selects:
        _, indices = poolcli.downsample(image, mode, return_indices=True)
        assert indices[0, 1, 0] == 2
        assert result["taken"] == [True, False, False, False]


def test_readers_of_a_pixel_are_the_windows_that_hold_it(page):
    script = """
    return arguments[0].map(({layer, image}) => Array.from({length: image.height * image.width}, (_, k) =>
      pools.readers(layer, image, Math.floor(k / image.width), k % image.width)));
    """
    cases = [(image[:, :, :1], layer) for image, layer, _, _ in cases_of("max", 2)]
    asked = [{"layer": layer, "image": as_page_has(image)} for image, layer in cases]
    for (image, layer), found in zip(cases, called(page, script, asked), strict=True):
        windows = naive.windows(image.shape, **windows_of(layer))
        for k, readers in enumerate(found):
            pixel = divmod(k, image.shape[1])
            expected = [at for at, (inside, _) in windows.items() if pixel in inside]
            assert [(reader["y"], reader["x"]) for reader in readers] == expected, (layer, pixel)


UPSAMPLED = "return arguments[0].map(({kind, small, asked}) => upsamplings.upsample(kind, small, asked))"


def test_unpooling_returns_what_max_took(page):
    script = """
    return arguments[0].map(({layer, image}) => {
      const indices = upsamplings.maxIndices(layer, image);
      const size = [image.height, image.width];
      const out = upsamplings.upsample("unpool", pools.forward(layer, image), {indices, size});
      return {indices: [...indices], out};
    });
    """
    cases = cases_of("max", 3)
    asked = [{"layer": layer, "image": as_page_has(image)} for image, layer, _, _ in cases]
    for (image, layer, _, _), result in zip(cases, called(page, script, asked), strict=True):
        values, indices = poolcli.downsample(image, "max", **windows_of(layer), return_indices=True)
        assert result["indices"] == indices.ravel().tolist(), layer
        expected = poolcli.upsample(values, "unpool", indices=indices, size=image.shape[:2])
        assert as_array(result["out"]).tolist() == expected.tolist(), layer


def test_unpooling_keeps_the_largest_of_values_with_one_index(page):
    small, indices = np.array([[[-3.0], [-2.0], [7.0], [6.0]]]), np.array([[[1], [1], [3], [3]]])
    asked = {"indices": indices.ravel().tolist(), "size": [1, 5]}
    (result,) = called(page, UPSAMPLED, [{"kind": "unpool", "small": as_page_has(small), "asked": asked}])
    assert result["data"] == [0, -2, 0, 7, 0]
    assert poolcli.upsample(small, "unpool", indices=indices, size=(1, 5)).ravel().tolist() == [0, -2, 0, 7, 0]


@pytest.mark.parametrize("kind", ["nails", "nearest", "bilinear"])
def test_enlarging_is_that_of_the_api(page, kind):
    rng = np.random.default_rng(5)
    cases = []
    for k in range(CASES):
        small = rng.standard_normal((*rng.integers(1, 8, 2), rng.integers(1, 4)))
        strides = rng.integers(1, 5, 2).tolist()
        size = [n * s + int(rng.integers(s)) for n, s in zip(small.shape, strides, strict=False)]
        sized = kind != "nails" and k % 2
        cases.append((small, {"size": size} if sized else {"S": strides}))
    asked = [{"kind": kind, "small": as_page_has(small), "asked": given} for small, given in cases]
    for (small, given), result in zip(cases, called(page, UPSAMPLED, asked), strict=True):
        arguments = {"size": tuple(given["size"])} if "size" in given else {"scale": tuple(given["S"])}
        expected = poolcli.upsample(small, kind, **arguments)
        np.testing.assert_allclose(as_array(result), expected, **TOLERANCE, err_msg=str(given))


@pytest.mark.parametrize("weights", ["equal", "box", "bilinear", "gaussian"])
def test_transposed_convolution_is_that_of_the_api(page, weights):
    rng = np.random.default_rng(6)
    cases = []
    for k in range(CASES):
        small = rng.standard_normal((*rng.integers(1, 8, 2), rng.integers(1, 4)))
        window, strides = rng.integers(1, 7, 2).tolist(), rng.integers(1, 5, 2).tolist()
        size = [(n - 1) * s + f for n, s, f in zip(small.shape, strides, window, strict=False)]
        cases.append((small, {"F": window, "S": strides, "weights": weights, **({"size": size} if k % 2 else {})}))
    asked = [{"kind": "transposed", "small": as_page_has(small), "asked": given} for small, given in cases]
    for (small, given), result in zip(cases, called(page, UPSAMPLED, asked), strict=True):
        window, strides = tuple(given["F"]), tuple(given["S"])
        equal = np.full(window, np.prod(strides) / np.prod(window))
        own = {"weights": equal} if weights == "equal" else {"weights": weights, "kernel_size": window}
        sized = {"size": tuple(given["size"])} if "size" in given else {}
        expected = poolcli.upsample(small, "transposed", scale=strides, **own, **sized)
        np.testing.assert_allclose(as_array(result), expected, **TOLERANCE, err_msg=str(given))


@pytest.mark.parametrize(
    ("window", "weights", "expected"),
    [
        (3, "equal", [2 / 3, 4 / 3, 2 / 3, 4 / 3]),  # two of the weights of 2/3 meet in every other pixel
        (4, "equal", [1, 1, 1, 1]),
        (3, "bilinear", [1, 1, 1, 1]),
    ],
)
def test_a_checkerboard_where_f_is_no_multiple_of_s(page, window, weights, expected):
    asked = {"F": [1, window], "S": [1, 2], "weights": weights}
    ones = as_page_has(np.ones((1, 5, 1)))
    (result,) = called(page, UPSAMPLED, [{"kind": "transposed", "small": ones, "asked": asked}])
    np.testing.assert_allclose(result["data"][4:8], expected, **TOLERANCE)
