"""MLflow's pages in a headless Chromium that reaches no host but this one."""

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

Found = TypeVar("Found")
PATIENCE = 90.0
"""Seconds for a page on a busy machine."""
ALONE = "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
OPTIONS = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars")
ASSISTANT = "[data-component-id='mlflow.assistant.chat_panel.close']"
CURVES = """
const curves = [...document.querySelectorAll('.js-plotly-plot')].flatMap(plot => plot.data || []);
const wanted = curves.filter(curve => curve.metricKey === arguments[0]);
return Object.fromEntries(wanted.map(curve => [curve.name, curve.y.length]));
"""
EXPANDER = "//*[@row-id='{}']//*[@role='gridcell'][.//a[contains(@href, '/runs/')]]//button"
RUN_LINK = "a[href*='/runs/']"


@contextlib.contextmanager
def chromium(width: int = 1600, height: int = 1300) -> Iterator["Pages"]:
    """A browser with Debian's driver; pixels."""
    options = Options()
    for word in (*OPTIONS, f"--window-size={width},{height}", f"--host-resolver-rules={ALONE}"):
        options.add_argument(word)
    program, tool = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or tool is None:
        raise FileNotFoundError("Chromium or its driver is missing: apt-get install chromium chromium-driver")
    options.binary_location = program
    driver = webdriver.Chrome(options=options, service=Service(tool))
    try:
        yield Pages(driver)
    finally:
        driver.quit()


class Pages:
    """What the tests and the picture need of MLflow's pages."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self._driver = driver

    def open(self, address: str) -> None:
        """Load a page anew: the addresses differ behind the # alone, where a browser stays on its page."""
        self._driver.get("about:blank")
        self._driver.get(address)

    def wait(self, condition: Callable[[], Found], what: str) -> Found:
        """The condition's value as soon as it is true.

        Raises:
            TimeoutException: it never was; names what was waited for and shows the page's text.
        """

        def attempt(_: Any) -> Any:
            with contextlib.suppress(StaleElementReferenceException):
                return condition()
            return None

        waiting = WebDriverWait(self._driver, PATIENCE, poll_frequency=0.2)
        try:
            return waiting.until(attempt)
        except WebDriverException as error:
            error.msg = f"waited in vain for {what}; the page:\n{self.text()}"
            raise

    def text(self) -> str:
        """All that the page says."""
        return self._driver.find_element(By.TAG_NAME, "body").text

    def wait_for_text(self, *words: str) -> None:
        """Return when the page says all of this."""
        self.wait(lambda: all(word in self.text() for word in words), " and ".join(words))

    def runs(self) -> dict[str, str]:
        """Run ids and names in the list of runs."""
        links = self._driver.find_elements(By.CSS_SELECTOR, f"[role='row'] {RUN_LINK}")
        return {str(link.get_attribute("href")).rpartition("/")[2]: link.text for link in links}

    def unfold(self, parent: str, children: int) -> None:
        """Show a parent's children in the list of runs; the page may remember that from before, or forget a click."""
        clicked = 0.0

        def shown() -> bool:
            nonlocal clicked
            if len(self.runs()) == children + 1:
                return True
            buttons = self._driver.find_elements(By.XPATH, EXPANDER.format(parent))
            if buttons and time.monotonic() > clicked + 5:
                buttons[0].click()
                clicked = time.monotonic()
            return False

        self.wait(shown, f"the {children} children of {parent}")

    def curves(self, metric: str) -> dict[str, int]:
        """Number of points of each curve in a metric's chart, by the name of its run."""
        found: dict[str, int] = self._driver.execute_script(CURVES, metric)
        return found

    def picture(self, path: Path) -> None:
        """What the window shows, as PNG, without the panel that MLflow opens beside it."""
        for button in self._driver.find_elements(By.CSS_SELECTOR, ASSISTANT):
            button.click()
        self.wait(lambda: not self._driver.find_elements(By.CSS_SELECTOR, ASSISTANT), "the assistant to go")
        time.sleep(1)  # the charts take its place
        assert self._driver.save_screenshot(str(path))
