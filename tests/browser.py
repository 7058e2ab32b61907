"""A headless Chromium for the tests of pages: started once in each test process, or a reason to skip them."""

import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

import poolcli

PAGE = Path(poolcli.__file__).with_name("page")
ROOT = PAGE.parents[1]

ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",  # containers run as root
    "--disable-dev-shm-usage",  # and have 64 MB of shared memory
    "--disable-gpu",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--window-size=1280,900",
)


@contextmanager
def started():
    """Yield a Selenium driver of a headless Chromium, or skip the test where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium, chromedriver = _program("chromium", "chromium-browser", "google-chrome"), _program("chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for argument in (*ARGUMENTS, f"--user-data-dir={profile}"):
            options.add_argument(argument)
        driver = webdriver.Chrome(options, webdriver.ChromeService(chromedriver))  # given a path, it downloads none
        try:
            yield driver
        finally:
            driver.quit()


def _program(*names):
    found = next(filter(None, map(shutil.which, names)), None)
    return found or pytest.skip(f"{' or '.join(names)} is not installed")


def console(driver):
    """Return what was written to the console since the last call: of loading a page, what was wrong with it."""
    return [f"{entry['level']}: {entry['message']}" for entry in driver.get_log("browser")]


def load_modules(driver, *names):
    """Open an empty page, and keep modules of the page's code there, by name: each may import those before it."""
    driver.get("about:blank")
    sources = {name: (PAGE / f"{name}.js").read_text() for name in names}
    failed = driver.execute_async_script(_IMPORT, sources)
    assert failed is None, failed


_IMPORT = """
const [sources, done] = arguments;
const urls = {};
const load = async () => {
  for (const [name, source] of Object.entries(sources)) {
    const linked = source.replace(/"\\.\\/(\\w+)\\.js"/g, (all, other) => JSON.stringify(urls[other]));
    urls[name] = URL.createObjectURL(new Blob([linked], {type: "text/javascript"}));
    window[name] = await import(urls[name]);
  }
};
load().then(() => done(null), (error) => done(String(error)));
"""


def called(driver, script, *arguments):
    """Return what a script returns, as JSON: of numbers all digits, and null for those that are not finite."""
    text = driver.execute_script(_CALL.replace("SCRIPT", script), *arguments)
    return json.loads(text)


_CALL = """
const result = (function () { SCRIPT }).apply(null, arguments);
return JSON.stringify(result, (name, value) => ArrayBuffer.isView(value) ? [...value] : value);
"""


def axe(driver):
    """Return what axe-core finds wrong with a page, {id, impact, help, nodes}, or skip the test where there is none."""
    folders = (os.environ.get("POOLCLI_AXE"), ROOT / "node_modules" / "axe-core")
    files = [Path(folder) / "axe.min.js" for folder in folders if folder]
    found = next((file for file in files if file.is_file()), None)
    if found is None:
        pytest.skip("axe-core is not installed: npm install axe-core, or POOLCLI_AXE names its folder")
    driver.execute_script(found.read_text())
    violations, failed = driver.execute_async_script(_AXE)
    assert failed is None, failed
    return violations


_AXE = """
const done = arguments[arguments.length - 1];
const nodes = (found) => found.nodes.map((node) => node.html);
const told = (found) => ({id: found.id, impact: found.impact, help: found.help, nodes: nodes(found)});
axe.run().then((results) => done([results.violations.map(told), null]), (error) => done([null, String(error)]));
"""
