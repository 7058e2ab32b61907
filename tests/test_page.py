"""The page of a comparison, in a browser: what it shows, and what it does when it is pointed at, typed at, moved."""

import json
import re
from dataclasses import replace
from functools import cache
from math import inf, nan

import numpy as np
import pytest
from browser import axe, called, console
from commands import said
from effort import JIT

import poolcli
from poolcli.commands import Step
from poolcli.comparing import Comparison, Result
from poolcli.images import Info
from poolcli.page import document

pytestmark = pytest.mark.skipif(not JIT, reason="a page is the same, compiled or not")

NASTY = """a "b" 'c' </script><script>alert(1)</script> {{data}} <!-- \udcff.png"""
TIMES, MINUS = "\u00d7", "\u2212"
WINDOW = {"kernel_size": 2, "stride": 2}


def compared(image, info=None, name="picture.png", modes=("max", "average")):
    """Return a comparison of modes, made by the API, enlarged by copying."""
    peak = float(np.iinfo(image.dtype).max) if image.dtype.kind in "iu" else 1.0
    results = []
    for mode in modes:
        step = Step("downsample", mode, WINDOW)
        numbers = step.apply(image / peak) * peak  # what the page needs is compiled, and no more
        made = (np.rint(numbers) if image.dtype.kind in "iu" else numbers).astype(image.dtype)
        enlarged = poolcli.resize(made, image.shape[:2], "nearest")
        line = f"poolcli downsample --mode {mode} picture.png"
        results.append(Result(step, line, made, enlarged, 30.5 + len(results), 0.9, 0.0021))
    return Comparison(name, image, info or Info("PNG"), peak, "nearest", results)


def sample(name, rows=slice(None), columns=slice(None)):
    return np.ascontiguousarray(poolcli.read_image(f"sample_images/{name}")[0][rows, columns])


GREY = sample("camera.png", slice(100, 228), slice(150, 310))
RGB = sample("coffee.png", slice(0, 120), slice(200, 360))
RGBA = np.dstack([RGB, np.tile(np.linspace(0, 255, RGB.shape[1]).astype(np.uint8), (len(RGB), 1))])


@cache
def grey():
    return compared(GREY, name="grey.png", modes=("max", "average", "random", "lip"))


PAGES = {
    "grey": grey,
    "rgb": cache(lambda: compared(RGB, name="rgb.png", modes=["max"])),
    "rgba": cache(lambda: compared(RGBA, Info("PNG", alpha=True), NASTY, ["max"])),
}
"""Comparisons of three pictures, made when a test asks for them."""


@pytest.fixture(scope="module")
def opened(browser, tmp_path_factory):
    """Return what opens the page of a comparison, at a width, and waits until it is built."""
    folder = tmp_path_factory.mktemp("pages")
    written, still = {}, {"name": "prefers-reduced-motion", "value": "reduce"}

    def opened(comparison, width=1280):
        if comparison.name not in written:
            written[comparison.name] = folder / f"{len(written)}.html"
            written[comparison.name].write_text(document(comparison), "utf-8")
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [still]})
        screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        browser.get(written[comparison.name].as_uri())
        browser.execute_async_script("window.poolcli.ready.finally(arguments[arguments.length - 1])")
        return browser

    yield opened
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.fixture
def page(opened):
    return opened(grey())


def text(driver, selector):
    return driver.find_element("css selector", selector).text


def state(driver):
    return called(driver, "const {told, exported, ...rest} = window.poolcli.state; return rest")


def crop_of(driver, image):
    """Return the part of an image that is pooled by hand."""
    crop = state(driver)["crop"]
    return image[crop["y"] : crop["y"] + crop["height"], crop["x"] : crop["x"] + crop["width"]]


def numbers(driver, pane):
    """Return the numbers that a pane shows, read as its pixels are painted."""
    return called(driver, _PAINTED, pane)


_PAINTED = """
const figure = document.querySelector(arguments[0]);
const canvas = figure.querySelector("canvas");
const [rows, columns] = figure.querySelector(".size").textContent.split(" \\u00d7 ").map(Number);
const side = canvas.width / columns;
const context = canvas.getContext("2d");
const at = (y, x) => context.getImageData(Math.floor(x * side) + 5, Math.floor(y * side) + 5, 1, 1).data;
return Array.from({length: rows}, (_, y) => Array.from({length: columns}, (_, x) => at(y, x)[0]));
"""


def pixel(driver, selector, y, x):
    """Return the colour of a canvas at a share of its height and width."""
    script = """
    const canvas = document.querySelector(arguments[0]);
    const [y, x] = [arguments[1] * canvas.height, arguments[2] * canvas.width].map(Math.floor);
    return [...canvas.getContext("2d").getImageData(x, y, 1, 1).data];
    """
    return called(driver, script, selector, y, x)[:3]


def point(driver, pane, y, x):
    """Move the pointer over a pixel of a pane."""
    from selenium.webdriver import ActionChains

    canvas = driver.find_element("css selector", f"{pane} canvas")
    driver.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", canvas)
    rows, columns = map(int, text(driver, f"{pane} .size").split(f" {TIMES} "))
    wide, tall = canvas.size["width"] / columns, canvas.size["height"] / rows
    across = (x + 0.5) * wide - canvas.size["width"] / 2
    down = (y + 0.5) * tall - canvas.size["height"] / 2
    ActionChains(driver, duration=0).move_to_element_with_offset(canvas, round(across), round(down)).perform()


def press(driver, selector, *keys):
    element = driver.find_element("css selector", selector)
    driver.execute_script("arguments[0].focus()", element)
    element.send_keys(*keys)


def slide(driver, selector, value):
    """Set a slider as a reader does, who moves it and is heard."""
    script = """
    const slider = document.querySelector(arguments[0]);
    slider.value = arguments[1];
    slider.dispatchEvent(new Event("input", {bubbles: true}));
    """
    driver.execute_script(script, selector, value)


def choose(driver, value):
    driver.find_element("css selector", f"input[value='{value}']").click()


def waited(driver, selector, expected):
    """Return whether an element soon has a text."""
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(driver, 5, 0.05).until(lambda _: text(driver, selector) == expected)


def column(driver, selector, number):
    cells = driver.find_elements("css selector", f"{selector} tbody tr > :nth-child({number})")
    return [cell.text for cell in cells]


def windows(image, y, x, size=2, stride=2):
    return image[y * stride : y * stride + size, x * stride : x * stride + size].ravel()


@pytest.mark.parametrize("kind", PAGES)
def test_a_page_loads_without_a_message_and_shows_the_picture(opened, kind):
    driver = opened(PAGES[kind]())
    assert console(driver) == []
    assert not driver.find_element("css selector", "#failure").is_displayed()
    image = PAGES[kind]().image.reshape(*PAGES[kind]().image.shape[:2], -1)
    channel = state(driver)["channel"]
    assert np.count_nonzero(numbers(driver, "#input") != crop_of(driver, image)[..., channel]) <= 1  # it is marked


def test_the_first_view_tells_what_modes_make_of_a_window(page):
    driver = page
    y, x = map(int, re.fullmatch(r"Output \((\d+), (\d+)\) = \d+", text(driver, "#said")).groups())
    r = windows(crop_of(driver, GREY), y, x).astype(float)
    assert r.max() - r.mean() > 60
    soft = np.sum(r * np.exp(r / 255)) / np.sum(np.exp(r / 255))
    shown = dict(zip(column(driver, "#every", 1), column(driver, "#every", 2), strict=True))
    assert {name: float(value) for name, value in shown.items()} == pytest.approx(
        {"max": r.max(), "average": r.mean(), "soft": soft}, abs=0.06
    )
    assert column(driver, "#taps", 2) == [f"{value:.0f}" for value in r]
    assert sorted(column(driver, "#taps", 3)) == ["0 %", "0 %", "0 %", "100 %"]
    assert text(driver, "#numbers") == f"max({', '.join(f'{value:.0f}' for value in r)}) = {r.max():.0f}"


def accent(driver):
    """Return the colour of outlines."""
    script = "return getComputedStyle(document.documentElement).getPropertyValue('--window').trim()"
    return [int(driver.execute_script(script)[k : k + 2], 16) for k in (1, 3, 5)]


def test_pointing_at_an_output_pixel_outlines_its_window_and_leaving_goes_back(page):
    driver = page
    crop, kept = crop_of(driver, GREY), text(driver, "#said")
    point(driver, "#output", 1, 4)
    assert text(driver, "#said") == f"Output (1, 4) = {windows(crop, 1, 4).max()}"
    assert column(driver, "#taps", 1) == ["(2, 8)", "(2, 9)", "(3, 8)", "(3, 9)"]
    assert pixel(driver, "#input canvas", 2.5 / 12, 8.02 / 12) == accent(driver)  # the left edge of the window
    assert pixel(driver, "#input canvas", 2.5 / 12, 6.02 / 12) != accent(driver)
    point(driver, "#output", 0, 0)
    assert text(driver, "#said") == f"Output (0, 0) = {windows(crop, 0, 0).max()}"
    point(driver, "#gradient", 11, 11)
    driver.execute_script("document.querySelector('#gradient .grid').dispatchEvent(new Event('pointerleave'))")
    assert text(driver, "#said") == kept


def test_arrow_keys_move_the_pixel_and_stop_at_the_edge(page):
    from selenium.webdriver import Keys

    driver = page
    press(driver, "#output .grid", *[Keys.ARROW_LEFT] * 6, *[Keys.ARROW_UP] * 6)
    assert text(driver, "#said").startswith("Output (0, 0) = ")
    press(driver, "#output .grid", Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_DOWN)
    assert text(driver, "#said") == f"Output (1, 2) = {windows(crop_of(driver, GREY), 1, 2).max()}"
    press(driver, "#input .grid", Keys.ARROW_RIGHT)  # from the first pixel of that window
    assert text(driver, "#said") == f"Input (2, 5) = {crop_of(driver, GREY)[2, 5]}"


def test_an_input_pixel_tells_which_windows_read_it_and_what_it_gets_back(page):
    driver = page
    slide(driver, "#slide-F", 3)
    slide(driver, "#slide-S", 1)
    choose(driver, "average")
    point(driver, "#input", 5, 6)
    assert text(driver, "#because") == "9 windows read it; it gets back 1."
    assert column(driver, "#taps", 1) == [f"({y}, {x})" for y in (3, 4, 5) for x in (4, 5, 6)]
    assert set(column(driver, "#taps", 4)) == {"0.1111"}
    point(driver, "#input", 0, 0)
    assert text(driver, "#because") == "1 window reads it; it gets back 0.1111."


def test_sliders_pool_the_crop_again(page):
    driver = page
    crop = crop_of(driver, GREY)
    slide(driver, "#slide-F", 3)
    slide(driver, "#slide-S", 1)
    slide(driver, "#slide-P", 1)
    assert text(driver, "#output .size") == f"12 {TIMES} 12"
    expected = poolcli.downsample(crop / 1, "max", kernel_size=3, stride=1, padding=1)
    assert np.array_equal(numbers(driver, "#output"), expected)
    assert text(driver, "#command") == "poolcli downsample -m max -F 3 -S 1 -P 1 grey.png"
    slide(driver, "#slide-D", 3)
    assert text(driver, "#output .size") == f"8 {TIMES} 8"
    assert len(column(driver, "#taps", 1)) in (4, 6, 9)
    slide(driver, "#slide-F", 1)
    assert text(driver, "#slide-P ~ output") == "0"  # more than half of the window is refused


def test_a_parameter_changes_result_weights_and_command(page):
    driver = page
    choose(driver, "soft")
    least = [float(cell.removesuffix(" %")) for cell in column(driver, "#taps", 3)]
    slide(driver, "#slide-beta", 20)
    sharp = [float(cell.strip("< %")) for cell in column(driver, "#taps", 3)]
    assert max(least) < 60 < 90 < max(sharp)
    assert text(driver, "#slide-beta ~ output") == "20"
    assert text(driver, "#command").endswith("-m soft -F 2 --beta 20 grey.png")


def test_the_gradient_is_that_of_the_mode_and_the_badge_compares_its_sum(page):
    driver = page
    assert text(driver, "#badge") == "✓ Σ gradient = 36, as much as came in"
    choose(driver, "l2")
    crop = crop_of(driver, GREY).astype(float)
    blocks = crop.reshape(6, 2, 6, 2)
    total = (blocks / (4 * np.sqrt((blocks**2).sum((1, 3), keepdims=True)))).sum()
    shown = float(re.search(r"gradient = ([\d.]+)", text(driver, "#badge"))[1])
    assert shown == pytest.approx(total, abs=0.001)
    assert text(driver, "#badge").endswith(", and 36 came in")
    choose(driver, "one")
    assert text(driver, "#badge").endswith(", and 1 came in")
    choose(driver, "average")
    assert text(driver, "#badge") == "✓ Σ gradient = 1, as much as came in"
    assert text(driver, "#most") == "0.25"


def test_gradients_below_0_have_the_other_colour(page):
    driver = page
    choose(driver, "soft")
    slide(driver, "#slide-beta", 20)
    back = called(driver, _GRADIENT)
    y, x = np.unravel_index(np.argmin(back), np.shape(back))
    assert np.min(back) < -0.05
    point(driver, "#output", *((0, 0) if y > 5 else (5, 5)))  # the outline is elsewhere
    red, _, blue = pixel(driver, "#gradient canvas", (y + 0.15) / 12, (x + 0.15) / 12)
    assert blue > red
    assert text(driver, "#least") == MINUS + text(driver, "#most")


_GRADIENT = """
const {state, pools} = window.poolcli;
const {height, width, y, x} = state.crop;
const {image} = state.told;
const data = Float64Array.from({length: height * width}, (_, k) =>
  image.data[(y + Math.floor(k / width)) * image.width + x + k % width]);
const crop = {...image, height, width, data};
const layer = {...state.layer, parameters: state.parameters[state.layer.mode]};
const ones = pools.forward(layer, crop);
ones.data.fill(1);
const back = pools.backward(layer, crop, ones).data;
return Array.from({length: height}, (_, row) => [...back.slice(row * width, (row + 1) * width)]);
"""


def test_modes_of_the_library_alone_are_as_exported(page):
    driver = page
    choose(driver, "result 2")
    crop = crop_of(driver, GREY) / 255
    drawn = poolcli.downsample(crop, "random") * 255
    assert np.array_equal(numbers(driver, "#output"), drawn.round())
    taken = poolcli.downsample_backward(np.ones((6, 6)), crop, "random")
    shown = np.array(numbers(driver, "#gradient"))
    assert np.array_equal(shown == shown.min(), taken == 1)
    assert not driver.find_element("css selector", "#slide-F").is_enabled()
    assert sorted(column(driver, "#taps", 4)) == ["0", "0", "0", "1"]
    choose(driver, "result 3")
    point(driver, "#output", 2, 3)
    lip = poolcli.downsample(crop, "lip")[2, 3] * 255
    assert float(text(driver, "#said").removeprefix("Output (2, 3) = ")) == pytest.approx(lip, abs=0.06)
    one = np.zeros((6, 6))
    one[2, 3] = 1
    slopes = poolcli.downsample_backward(one, crop, "lip")[4:6, 6:8].ravel()
    shown = [float(cell.replace(MINUS, "-")) for cell in column(driver, "#taps", 4)]
    assert shown == pytest.approx(slopes, abs=6e-5)
    choose(driver, "max")
    assert driver.find_element("css selector", "#slide-F").is_enabled()


def test_the_crop_moves(page):
    from selenium.webdriver import Keys

    driver = page
    before = state(driver)["crop"]
    press(driver, "#locator", Keys.ARROW_UP, Keys.ARROW_UP, Keys.ARROW_LEFT)
    after = state(driver)["crop"]
    assert (after["y"], after["x"]) == (before["y"] - 2, before["x"] - 1)
    assert np.count_nonzero(numbers(driver, "#input") != crop_of(driver, GREY)) <= 1
    first, last = after["y"], after["y"] + 11
    assert text(driver, "#locator-place").startswith(f"Crop: rows {first} to {last}, columns ")
    slide(driver, "#slide-crop", 20)
    assert text(driver, "#input .size") == f"20 {TIMES} 20"


def shown_of(image, y, x):
    return [int(image[int(y * image.shape[0]), int(x * image.shape[1])])] * 3


def test_the_wipe_shows_one_result_on_either_side_of_its_edge(page):
    driver = page
    enlarged = grey().results[0].enlarged
    places = [(40.5 / 128, (column + 0.5) / 160) for column in range(5, 160, 4)]

    def sides(edge):
        for y, x in places:
            if abs(x - edge) > 0.01:
                yield pixel(driver, "#stage canvas", y, x), shown_of(GREY if x < edge else enlarged, y, x)

    assert all(found == expected for found, expected in sides(0.5))
    slide(driver, "#share", 20)
    assert all(found == expected for found, expected in sides(0.2))
    assert (text(driver, "#tag-first"), text(driver, "#tag-second")) == ("A original", "B max")
    driver.find_element("css selector", "#second option[value='2']").click()
    enlarged = grey().results[1].enlarged
    assert all(found == expected for found, expected in sides(0.2))


def test_onion_flicker_and_difference(page):
    driver = page
    enlarged = grey().results[0].enlarged
    y, x = (
        n / size for n, size in zip(np.argwhere(enlarged - GREY.astype(int) > 60)[0] + 0.5, GREY.shape, strict=True)
    )
    a, b = shown_of(GREY, y, x)[0], shown_of(enlarged, y, x)[0]
    choose(driver, "onion")
    slide(driver, "#share", 25)
    assert pixel(driver, "#stage canvas", y, x)[0] == pytest.approx(0.75 * a + 0.25 * b, abs=1)
    choose(driver, "flicker")
    assert not driver.find_element("css selector", "#swaps").is_selected()  # less motion is asked for
    seen = [pixel(driver, "#stage canvas", y, x)[0]]
    driver.find_element("css selector", "#swap").click()
    seen.append(pixel(driver, "#stage canvas", y, x)[0])
    assert sorted(seen) == [a, b]
    choose(driver, "difference")
    red, _, blue = pixel(driver, "#stage canvas", y, x)
    assert red > blue  # brighter
    apart = enlarged.astype(int) - GREY
    assert text(driver, "#stage-said").endswith(f"from {MINUS}{apart.max()} to {apart.max()}, of 255.")
    driver.find_element("css selector", "#second option[value='0']").click()
    assert text(driver, "#stage-said") == "original and original are equal."


def test_zoom_and_position_are_those_of_all_views(page):
    driver = page
    slide(driver, "#zoom", 3)
    assert text(driver, "#zoom ~ output") == f"8{TIMES}"
    for k, image in enumerate([GREY, grey().results[0].enlarged]):
        selector = f"#small button:nth-child({k + 1}) canvas"
        assert pixel(driver, selector, 0.53, 0.53) == shown_of(image, 0.5 + 0.03 / 8, 0.5 + 0.03 / 8)
    press(driver, "#stage", "+")
    assert text(driver, "#zoom ~ output") == f"16{TIMES}"


def test_the_table_of_figures_and_its_commands(page):
    driver = page
    assert column(driver, "#figures", 1) == ["max", "average", "random", "lip"]
    assert column(driver, "#figures", 2)[:2] == ["30.50 dB", "31.50 dB"]
    assert column(driver, "#figures", 4)[0] == "2.1 ms"
    assert column(driver, "#figures", 5)[0] == f"64 {TIMES} 80"
    assert column(driver, "#figures", 6)[2] == "one r, drawn with probability e^(beta r) / sum(e^(beta r))"
    driver.find_element("css selector", "#figures tbody tr:nth-child(2) button").click()
    assert waited(driver, "#figures tbody tr:nth-child(2) button", "Copied")
    announced = driver.execute_script("return document.getElementById('announced').textContent")
    assert announced == "Copied: poolcli downsample --mode average picture.png"


def test_the_way_back(page):
    driver = page
    crop = crop_of(driver, GREY)
    blocks = crop.reshape(6, 2, 6, 2).swapaxes(1, 2).reshape(6, 6, 4)
    assert np.array_equal(numbers(driver, "#way-max"), blocks.max(2))
    nails = np.zeros((12, 12))
    nails[::2, ::2] = blocks.max(2)
    assert np.array_equal(numbers(driver, "#way-nails"), nails)
    back = np.where(np.arange(4) == blocks.argmax(2)[..., None], blocks, 0)
    assert np.array_equal(numbers(driver, "#way-unpool"), back.reshape(6, 6, 2, 2).swapaxes(1, 2).reshape(12, 12))
    assert np.array_equal(numbers(driver, "#way-nearest"), blocks.max(2).repeat(2, 0).repeat(2, 1))
    sums = np.unique(numbers(driver, "#way-flat"))
    assert len(sums) > 2
    assert text(driver, "#checkerboard").startswith("Checkerboard: F = 3 is no multiple of S = 2")
    slide(driver, "#slide-back-F", 2)
    assert text(driver, "#checkerboard").startswith("No checkerboard: F = 2 is a multiple of S = 2")
    assert np.unique(numbers(driver, "#way-flat")).tolist() == [255]


@pytest.mark.parametrize("kind", ["grey", "rgba"])
def test_a_phone_shows_all_of_it(opened, kind):
    driver = opened(PAGES[kind](), width=390)
    wide, widest = driver.execute_script("return [window.innerWidth, document.documentElement.scrollWidth]")
    assert (wide, widest) == (390, 390)
    assert driver.find_element("css selector", "#input canvas").size["width"] > 330
    point(driver, "#output", 0, 1)
    assert text(driver, "#said").startswith("Output (0, 1) = ")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(opened, scheme):
    driver = opened(PAGES["rgba"]())
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    background = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", background))) > 384) is (scheme == "light")
    assert [found for found in axe(driver) if found["impact"] in ("serious", "critical")] == []


def told_by(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])


def test_a_page_of_512_pixels_is_small_and_loads_nothing():
    page = document(compared(sample("astronaut.png"), modes=("max", "average", "random")))
    assert len(page) < 2_000_000
    assert told_by(page)["region"] == {"y": 0, "x": 0, "height": 512, "width": 512}
    assert not re.search(r"""(src|href)=["']?(https?:)?//|@import|url\(""", page)
    assert "default-src 'none'" in page


def test_a_larger_image_is_told_in_part():
    image = np.random.default_rng(3).random((700, 900))
    page = document(compared(image, Info("NPY"), modes=["max"]))
    told = told_by(page)
    assert len(page) < 2_000_000
    region = told["region"]
    assert region["height"] == region["width"] < 512
    middle = (700 - region["height"]) // 2, (900 - region["width"]) // 2
    assert (region["y"], region["x"]) == tuple(first - first % 2 for first in middle)  # where a window begins
    assert told["overview"].startswith("data:image/png;base64,")


def test_the_crop_has_windows_of_the_whole():
    image = np.random.default_rng(0).integers(0, 256, (617, 620, 3), np.uint8)
    comparison = compared(image, modes=["max"])
    step = Step("downsample", "max", {"kernel_size": 5, "stride": 3})
    told = told_by(document(replace(comparison, results=[replace(comparison.results[0], step=step)])))
    region, crop = told["region"], told["crop"]
    assert region["y"] > 0
    assert [(region[axis] + crop[axis]) % 3 for axis in ("y", "x")] == [0, 0]
    y, x = region["y"] + crop["y"], region["x"] + crop["x"]
    part = poolcli.downsample(image[y : y + crop["height"], x : x + crop["width"]], "max", kernel_size=5, stride=3)
    whole = poolcli.downsample(image, "max", kernel_size=5, stride=3)
    np.testing.assert_array_equal(part, whole[y // 3 : y // 3 + len(part), x // 3 : x // 3 + part.shape[1]])


def test_a_detail_is_in_the_region_and_the_crop_in_the_detail():
    image = np.random.default_rng(4).random((600, 700)).astype(np.float32)
    comparison = replace(compared(image, Info("NPY"), modes=[]), zoom=(20, 400, 40, 60))
    told = told_by(document(comparison))
    region, crop = told["region"], told["crop"]
    assert region == {"y": 0, "x": 174, "height": 512, "width": 512}  # around row 40, column 430, as far as there is
    assert 20 - 12 < region["y"] + crop["y"] < 60
    assert 400 - 12 < region["x"] + crop["x"] < 460


def test_the_command_writes_a_page_of_a_detail(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    poolcli.write_image(np.random.default_rng(6).integers(0, 256, (530, 20), np.uint8), "a b.png")
    said("compare", "a b.png", "-m", "max", "-F", "3", "--zoom", "500,0,20x20", "-o", "page.html")
    told = told_by((tmp_path / "page.html").read_text())
    (result,) = told["results"]
    assert result["command"] == "poolcli downsample --mode max --kernel-size 3 'a b.png'"
    assert (told["name"], told["argument"], told["region"]["y"]) == ("a b.png", "'a b.png'", 530 - 512)
    line = said("compare", "a b.png", "--zoom", "529,0,2x2", "-o", "other.html", code=1)
    assert "reaches beyond the image, which has 530 x 20 pixels" in line
    line = said("compare", "a b.png", "--side", "64", "-o", "other.html", code=2)
    assert "--zoom is for a sheet or a page, --side for a sheet" in line


def test_a_name_is_a_name(opened):
    driver = opened(PAGES["rgba"]())
    assert text(driver, "h1") == NASTY.replace("\udcff", "?")
    assert driver.title == f"{text(driver, 'h1')}: pools compared"


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "float32", "float64"])
def test_numbers_arrive_as_they_are(opened, dtype):
    rng = np.random.default_rng(5)
    image = (rng.standard_normal((9, 14, 2)) * 100).astype(dtype)
    driver = opened(compared(image, Info("NPY"), f"{dtype}.npy", modes=[]))
    assert called(driver, "return [...window.poolcli.state.told.image.data]") == image.ravel().tolist()
    assert console(driver) == []


@pytest.mark.parametrize("shape", [(2, 2), (3, 40), (700, 5)])
def test_small_and_narrow_images(opened, shape):
    image = np.linspace(0, 1, int(np.prod(shape))).reshape(shape)
    driver = opened(compared(image, name=f"{shape}.png", modes=["max"]))
    assert console(driver) == []
    assert text(driver, "#output .size") == f"{min(shape[0], 12) // 2} {TIMES} {min(shape[1], 12) // 2}"


def test_figures_that_are_no_numbers(opened):
    one = compared(GREY, name="figures.png", modes=["max"])
    result = one.results[0]
    for psnr, ssim, shown in ((inf, 1.0, "∞ dB"), (nan, nan, "\u2013")):
        odd = Result(result.step, result.command, result.image, result.enlarged, psnr, ssim, nan)
        told = Comparison(f"{psnr}.png", GREY, one.info, one.peak, one.upsample, [odd])
        driver = opened(told)
        assert text(driver, "#figures tbody td") == shown
