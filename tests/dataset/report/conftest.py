"""A file and its page, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from calibset.dataset.calibration_set import CalibrationSet
from calibset.dataset.report import report_html
from tests.dataset.report.material import build_material
from tests.dataset.report.reading_pages import Page


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the material is."""
    return tmp_path_factory.mktemp("material")


@pytest.fixture(scope="session")
def built(folder: Path) -> CalibrationSet:
    """The set in memory."""
    return build_material(folder)


@pytest.fixture(scope="session")
def file(folder: Path, built: CalibrationSet) -> Path:
    """A calibration file with its manifest, its holdout and its tokenizer."""
    return built.write(folder / "material.jsonl")


@pytest.fixture(scope="session")
def html(file: Path) -> str:
    """Its page."""
    return report_html(file)


@pytest.fixture(scope="session")
def page(html: str) -> Page:
    """The page, read back."""
    return Page(html)
