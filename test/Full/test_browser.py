"""report.html in a browser: nothing from the network, no overflow on a screen or a phone, all of it
shown, reachable by keyboard, and printable. Screenshots stay in the folder of the data."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT
from selenium import webdriver
from selenium.webdriver.common.keys import Keys

sys.path.insert(0, str(ROOT / "python-eval" / "tests"))

# A screen and a phone.
WIDTHS = (1280, 390)
OVERFLOWING = """
const wide = document.documentElement.clientWidth;
const scrolls = e => e.closest('.scroll') !== null;
return [...document.querySelectorAll('body *')]
    .filter(e => !scrolls(e) && !e.classList.contains('skip'))
    .filter(e => e.getBoundingClientRect().right > wide + 1)
    .map(e => e.outerHTML.slice(0, 80));
"""
# What explains a table is read without scrolling it.
CAPTIONS = """
return [...document.querySelectorAll('caption span')].map(
    e => e.getBoundingClientRect().right <= document.documentElement.clientWidth);
"""
IMAGES = """
return [...document.images].map(
    i => [i.complete && i.naturalWidth > 0, i.getBoundingClientRect().width, i.currentSrc]);
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from qz_eval.report import write_report
    from results_samples import sample

    out = tmp_path_factory.mktemp("report")
    write_report(sample(), out)
    return out / "report.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    service = webdriver.ChromeService("/usr/bin/chromedriver")
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


def show(browser: webdriver.Chrome, page: Path, width: int) -> None:
    """A window's least width is more than a phone's: the device is emulated."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    browser.get(page.as_uri())


@pytest.mark.parametrize("width", WIDTHS)
def test_fits_and_shows_everything(
    browser: webdriver.Chrome, report: Path, data: Path, width: int
) -> None:
    show(browser, report, width)
    assert browser.execute_script("return innerWidth") == width
    assert browser.execute_script(OVERFLOWING) == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.execute_script(CAPTIONS) == [True] * 5
    images = browser.execute_script(IMAGES)
    assert len(images) == 6
    for is_shown, shown_width, source in images:
        assert is_shown and width * 0.4 < shown_width <= width
        assert source.startswith("data:image/svg+xml")
    picture = browser.execute_cdp_cmd(
        "Page.captureScreenshot", {"format": "png", "captureBeyondViewport": True}
    )
    (data / f"report-{width}.png").write_bytes(base64.b64decode(picture["data"]))


def test_phones_get_plots_of_their_own(browser: webdriver.Chrome, report: Path) -> None:
    sources = []
    for width in WIDTHS:
        show(browser, report, width)
        sources.append([source for _, _, source in browser.execute_script(IMAGES)])
    assert all(wide != narrow for wide, narrow in zip(*sources, strict=True))


def test_asks_the_network_for_nothing(browser: webdriver.Chrome, report: Path) -> None:
    browser.get_log("performance")
    show(browser, report, WIDTHS[0])
    asked = [
        message["params"]["request"]["url"]
        for message in (
            json.loads(entry["message"])["message"] for entry in browser.get_log("performance")
        )
        if message["method"] == "Network.requestWillBeSent"
    ]
    assert asked and all(url.startswith(("file:", "data:")) for url in asked)
    assert browser.get_log("browser") == []


def test_keyboard_reaches_everything(browser: webdriver.Chrome, report: Path) -> None:
    show(browser, report, WIDTHS[0])
    seen: list[str] = []
    for _ in range(60):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        active = browser.switch_to.active_element
        if active.tag_name == "body" or len(seen) > 55:
            break
        seen.append(active.get_attribute("href") or active.get_attribute("class"))
    assert seen[0].endswith("#main")
    links = browser.execute_script("return document.links.length")
    tables = browser.execute_script("return document.querySelectorAll('.scroll').length")
    assert len(set(seen)) >= links and seen.count("scroll") >= tables == 5
    # What the first key shows hides nothing.
    browser.get(report.as_uri())
    browser.switch_to.active_element.send_keys(Keys.TAB)
    assert browser.switch_to.active_element.rect["x"] >= 0


def test_screen_readers_get_names(browser: webdriver.Chrome, report: Path) -> None:
    show(browser, report, WIDTHS[0])
    tree = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    unnamed = [
        node["role"]["value"]
        for node in tree
        if not node.get("ignored")
        and node["role"]["value"] in ("image", "link", "table", "heading", "region", "navigation")
        and not node.get("name", {}).get("value")
    ]
    assert unnamed == []


def test_prints(browser: webdriver.Chrome, report: Path, data: Path) -> None:
    show(browser, report, WIDTHS[0])
    printed = browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})["data"]
    raw = base64.b64decode(printed)
    assert raw.startswith(b"%PDF")
    (data / "report.pdf").write_bytes(raw)
    # A page or so a plot, with tables and text: not one a line.
    assert 3 <= raw.count(b"/Type /Page\n") + raw.count(b"/Type /Page ") <= 14
