"""The page in a real browser: it asks for nothing, raises nothing, draws everything, and fits."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (BROWSER and DRIVER), reason="Chromium and chromedriver are not on PATH"),
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER or ""
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


def open_page(browser: webdriver.Chrome, page: Path, width: int = 1280) -> tuple[list[str], list[str]]:
    """Load a page at a width of the window; the addresses it asked for beside its own, and its console messages."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get("about:blank")
    browser.get_log("performance")
    browser.get_log("browser")
    browser.get(page.as_uri())
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert page.as_uri() in asked  # or the log would be blind
    outside = [url for url in asked if url != page.as_uri() and not url.startswith("data:")]
    return outside, [entry["message"] for entry in browser.get_log("browser")]


def test_nothing_leaves_the_page_and_the_console_is_silent(browser: webdriver.Chrome, complete_page: Path) -> None:
    assert open_page(browser, complete_page) == ([], [])


def test_the_alarms_ring(browser: webdriver.Chrome, tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text('<img src="http://127.0.0.1:9/x.png"><script>throw Error("seen")</script>', encoding="utf-8")
    asked, messages = open_page(browser, page)
    assert "http://127.0.0.1:9/x.png" in asked
    assert any("seen" in message for message in messages)


def test_every_figure_is_drawn(browser: webdriver.Chrome, complete_page: Path) -> None:
    open_page(browser, complete_page)
    sizes = browser.execute_script("return [...document.images].map(i => [i.complete, i.naturalWidth, i.clientWidth])")
    assert len(sizes) == 5
    assert all(complete and natural > 300 and shown > 300 for complete, natural, shown in sizes)


def test_tables_are_filled(browser: webdriver.Chrome, complete_page: Path) -> None:
    open_page(browser, complete_page)
    shapes = browser.execute_script(
        """return [...document.querySelectorAll('table')].map(table => [
            table.caption.innerText,
            table.tHead.rows[0].cells.length,
            [...table.tBodies].flatMap(body => [...body.rows]).map(
                row => [...row.cells].reduce((count, cell) => count + cell.colSpan, 0)),
            [...table.querySelectorAll('th, td')].some(cell => !cell.textContent)])"""
    )
    assert len(shapes) >= 7
    for caption, columns, rows, has_empty_cell in shapes:
        assert rows, caption
        assert set(rows) == {columns}, caption
        assert not has_empty_cell, caption


@pytest.mark.parametrize("width", [1280, 420])
def test_the_page_fits_its_window(browser: webdriver.Chrome, complete_page: Path, width: int) -> None:
    open_page(browser, complete_page, width)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


def test_settings_open_and_name_their_values(browser: webdriver.Chrome, complete_page: Path) -> None:
    open_page(browser, complete_page)
    browser.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
    settings = browser.execute_script("return [...document.querySelectorAll('pre')].map(p => p.innerText)")
    assert any("timestep_fs: 0.5" in text for text in settings)
    assert any("budget_minutes: 0.1" in text for text in settings)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 1280
