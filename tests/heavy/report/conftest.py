"""A browser without a window, and what it is shown."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from calibset.dataset.calibration_set import CalibrationSet
from calibset.dataset.manifest import Manifest
from calibset.dataset.report import write_report
from tests.dataset.report.hostile import hostile_page
from tests.dataset.report.material import build_material
from tests.letters import write_letters

_NAMES = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True, slots=True)
class Visit:
    """A page that is open, and what it did that it should not.

    Attributes:
        page: To look at and click on.
        seen: Messages on the console, errors, dialogs, and requests for anything but the page itself.
    """

    page: Page
    seen: list[str] = field(default_factory=list)


Open = Callable[..., AbstractContextManager[Visit]]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The machine's Chromium, or the one that CALIBSET_CHROMIUM names."""
    path = os.environ.get("CALIBSET_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        pytest.fail(
            f"there is no Chromium: none of {', '.join(_NAMES)} is on PATH, and CALIBSET_CHROMIUM is not set"
        )
    with sync_playwright() as driver:
        # In a container there may be no user to shut the browser's processes into a sandbox of.
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser) -> Open:
    """Open a file as a reader would."""

    @contextmanager
    def opened(
        path: Path, *, width: int = 1280, scheme: str = "light", script: bool = True
    ) -> Iterator[Visit]:
        context: BrowserContext = chromium.new_context(
            viewport={"width": width, "height": 844},
            color_scheme=cast("Any", scheme),
            java_script_enabled=script,
        )
        found = Visit(context.new_page())
        address = path.as_uri()
        found.page.on("console", lambda message: found.seen.append(f"console: {message.text}"))
        found.page.on("pageerror", lambda error: found.seen.append(f"error: {error}"))
        found.page.on(
            "dialog", lambda dialog: (found.seen.append(f"dialog: {dialog.message}"), dialog.dismiss())
        )
        found.page.on(
            "request", lambda request: request.url == address or found.seen.append(f"request: {request.url}")
        )
        found.page.goto(address)
        yield found
        context.close()

    return opened


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> CalibrationSet:
    """A calibration set."""
    return build_material(tmp_path_factory.mktemp("material"))


@pytest.fixture(scope="session")
def file(built: CalibrationSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its file."""
    folder = tmp_path_factory.mktemp("file")
    write_letters(folder)
    return built.write(folder / "material.jsonl")


@pytest.fixture(scope="session")
def report(file: Path) -> Path:
    """Its page."""
    return write_report(file)


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a file whose every text and name is an attack."""
    folder = tmp_path_factory.mktemp("hostile")
    _, html = hostile_page(folder)
    (folder / "hostile.html").write_text(html, "utf-8")
    return folder / "hostile.html"


@pytest.fixture(scope="session")
def thousands(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a file of 5,040 rows."""
    manifest = Manifest.read(file)
    assert manifest is not None
    times = 210
    content = file.read_bytes() * times
    sources = tuple(
        source.model_copy(update={"achieved": source.achieved * times}) for source in manifest.sources
    )
    long = manifest.model_copy(
        update={
            "samples": manifest.samples * times,
            "nsamples": manifest.nsamples * times,
            "kept": manifest.kept * times,
            "sources": sources,
            "sha256": sha256(content).hexdigest(),
        }
    )
    folder = tmp_path_factory.mktemp("thousands")
    (folder / "long.jsonl").write_bytes(content)
    (folder / "long.manifest.json").write_text(long.to_json(), "utf-8")
    (folder / "tokenizer.json").write_bytes((file.parent / "tokenizer.json").read_bytes())
    return write_report(folder / "long.jsonl")
