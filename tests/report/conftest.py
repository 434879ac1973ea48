"""A file and its page, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from calibset.report import report_html
from tests.report.material import build_material
from tests.report.reading_pages import Page


@pytest.fixture(scope="session")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A calibration file with its manifest, its holdout and its tokenizer."""
    folder = tmp_path_factory.mktemp("material")
    return build_material(folder).write(folder / "material.jsonl")


@pytest.fixture(scope="session")
def html(file: Path) -> str:
    """Its page."""
    return report_html(file)


@pytest.fixture(scope="session")
def page(html: str) -> Page:
    """The page, read back."""
    return Page(html)
