"""A page in a real browser: what a reader sees of a file that is opened from disk.

Needs Debian's `chromium` and `chromium-driver`. One browser serves all tests of a run: the session
fixture `browser` of tests/conftest.py.

    page = browser.open(report, width=390, height=844, dark=True)
    assert page.errors == [] and page.outside_requests == []
    assert page.box(".verdict").bottom <= 844
    page.screenshot(tmp_path / "report.png")
"""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

_INSIDE = ("file:", "data:", "blob:", "about:")
_PHONE = 600
"""Pixels of width below which the screen is a phone's: it obeys the page's viewport."""
_SETTLED = "requestAnimationFrame(() => requestAnimationFrame(() => arguments[0]()))"
_BOX = """
const box = document.querySelector(arguments[0])?.getBoundingClientRect();
return box ? [box.x + scrollX, box.y + scrollY, box.width, box.height] : null;
"""


@dataclass(frozen=True)
class Box:
    """Where an element stands on the page, in CSS pixels from its upper left corner."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def bottom(self) -> float:
        return self.top + self.height


@dataclass(frozen=True)
class Page:
    """A page that is open.

    Attributes:
        width: Of the screen, CSS pixels.
        errors: What the console says: exceptions, missing files, refused scripts.
        outside_requests: Addresses that the page asked for, other than files and inline data.
    """

    driver: webdriver.Chrome
    width: int
    errors: list[str]
    outside_requests: list[str]

    def box(self, selector: str) -> Box:
        """Where the first element stands that a CSS selector finds."""
        found = self.evaluate(_BOX, selector)
        if found is None:
            raise LookupError(f"the page has no element {selector!r}")
        return Box(*found)

    def evaluate(self, script: str, *arguments: Any) -> Any:
        """What a script returns that runs in the page: `return document.title`."""
        return self.driver.execute_script(script, *arguments)

    @property
    def sideways(self) -> float:
        """Pixels by which the page is wider than the screen: the reader must scroll sideways."""
        # A phone zooms out of a page that is too wide, so its own width says nothing.
        return float(self.evaluate("return document.documentElement.scrollWidth")) - self.width

    def screenshot(self, path: Path, *, whole: bool = False) -> Path:
        """Writes what is on the screen, or the whole page, as PNG."""
        options: dict[str, Any] = {"format": "png", "captureBeyondViewport": whole}
        if whole:
            size = self.evaluate("const d = document.documentElement; "
                                 "return [d.scrollWidth, d.scrollHeight]")  # fmt: skip
            options["clip"] = {"x": 0, "y": 0, "width": size[0], "height": size[1], "scale": 1}
        answer = self.driver.execute_cdp_cmd("Page.captureScreenshot", options)
        path.write_bytes(base64.b64decode(answer["data"]))
        return path


class Browser:
    """Headless chromium that reaches nothing but files and this machine."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self._driver = driver

    def open(self, file: Path, *, width: int = 1280, height: int = 800, dark: bool = False) -> Page:
        """Opens a file on a screen of that size, in light or dark, and waits until it is drawn."""
        address = file.resolve().as_uri()
        return self.visit(address, inside=_INSIDE, width=width, height=height, dark=dark)

    def visit(
        self,
        address: str,
        *,
        inside: tuple[str, ...],
        width: int = 1280,
        height: int = 800,
        dark: bool = False,
    ) -> Page:
        """Opens an address on this machine; requests that begin otherwise than `inside` count."""
        driver = self._driver
        driver.get("about:blank")
        self._new_log("browser"), self._new_log("performance")
        screen = {"width": width, "height": height, "deviceScaleFactor": 1}
        driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride", {**screen, "mobile": width < _PHONE}
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        driver.get(address)
        driver.execute_async_script(_SETTLED)
        console = [entry["message"] for entry in self._new_log("browser") if _is_error(entry)]
        events = [json.loads(entry["message"])["message"] for entry in self._new_log("performance")]
        asked = [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]
        outside = [asked_for for asked_for in asked if not asked_for.startswith(inside)]
        return Page(driver, width, console, outside)

    def _new_log(self, kind: str) -> list[dict[str, Any]]:
        """Entries since the last call."""
        entries: list[dict[str, Any]] = self._driver.get_log(kind)
        return entries


def installed() -> bool:
    """Whether there is a browser to start."""
    return bool(shutil.which("chromium") and shutil.which("chromedriver"))


@contextmanager
def start_browser() -> Iterator[Browser]:
    """A browser for many pages, where one is installed."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert chromium and driver
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (
        "headless=new",
        "no-sandbox",  # containers have no user namespaces; only our own files are opened
        "disable-dev-shm-usage",
        "disable-gpu",
        "hide-scrollbars",
        "disable-background-networking",
        "host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield Browser(chrome)
    finally:
        chrome.quit()


def _is_error(entry: dict[str, Any]) -> bool:
    return entry["level"] == "SEVERE"
