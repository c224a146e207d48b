"""MLflow's pages in a headless Chromium that reaches no host but this one."""

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from playwright.sync_api import Page, sync_playwright

Found = TypeVar("Found")
PATIENCE = 90.0
"""Seconds for a page on a busy machine."""
OPTIONS = ("--no-sandbox", "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
ASSISTANT = "[data-component-id='mlflow.assistant.chat_panel.close']"
CURVES = """wanted => {
  const curves = [...document.querySelectorAll('.js-plotly-plot')].flatMap(plot => plot.data || []);
  const found = curves.filter(curve => curve.metricKey === wanted);
  return Object.fromEntries(found.map(curve => [curve.name, curve.y.length]));
}"""
RUNS = "links => Object.fromEntries(links.map(link => [link.href.split('/').pop(), link.innerText]))"


@contextlib.contextmanager
def chromium(width: int = 1600, height: int = 1300) -> Iterator["Pages"]:
    """The distribution's browser; pixels."""
    program = shutil.which("chromium")
    if program is None:
        raise FileNotFoundError("Chromium is missing: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(OPTIONS))
        try:
            yield Pages(browser.new_page(viewport={"width": width, "height": height}))
        finally:
            browser.close()


class Pages:
    """What the tests and the picture need of MLflow's pages."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def open(self, address: str) -> None:
        """Load a page anew: the addresses differ behind the # alone, where a browser stays on its page."""
        self._page.goto("about:blank")
        self._page.goto(address, timeout=1000 * PATIENCE)

    def wait(self, condition: Callable[[], Found], what: str) -> Found:
        """The condition's value as soon as it is true.

        Raises:
            TimeoutError: it never was; names what was waited for and shows the page's text.
        """
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = condition()
            if found:
                return found
            self._page.wait_for_timeout(200)
        raise TimeoutError(f"waited in vain for {what}; the page:\n{self.text()}")

    def text(self) -> str:
        """All that the page says."""
        return self._page.inner_text("body")

    def wait_for_text(self, *words: str) -> None:
        """Return when the page says all of this."""
        self.wait(lambda: all(word in self.text() for word in words), " and ".join(words))

    def runs(self) -> dict[str, str]:
        """Run ids and names in the list of runs."""
        found: dict[str, str] = self._page.locator("[role='row'] a[href*='/runs/']").evaluate_all(RUNS)
        return found

    def unfold(self, parent: str, children: int) -> None:
        """Show a parent's children in the list of runs; the page may remember that from before, or forget a click."""
        cell = self._page.locator(f"[row-id='{parent}'] [role='gridcell']:has(a[href*='/runs/'])")
        clicked = 0.0

        def shown() -> bool:
            nonlocal clicked
            if len(self.runs()) == children + 1:
                return True
            if cell.count() and time.monotonic() > clicked + 5:
                cell.locator("button").first.click()
                clicked = time.monotonic()
            return False

        self.wait(shown, f"the {children} children of {parent}")

    def curves(self, metric: str) -> dict[str, int]:
        """Number of points of each curve in a metric's chart, by the name of its run."""
        found: dict[str, int] = self._page.evaluate(CURVES, metric)
        return found

    def picture(self, path: Path) -> None:
        """What the window shows, as PNG, without the panel that MLflow opens beside it."""
        for button in self._page.locator(ASSISTANT).all():
            button.click()
        self.wait(lambda: self._page.locator(ASSISTANT).count() == 0, "the assistant to go")
        self._page.wait_for_timeout(1000)  # the charts take its place
        self._page.screenshot(path=path)
