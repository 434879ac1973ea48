"""Every link leads somewhere.

Files and headings are looked up; addresses are only read, as there is no network.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.documentation.pages import ROOT, TOLD, Page

SITE = ROOT / "docs"


def explain_dead(page: Page, target: str) -> str | None:
    """Return why a link leads nowhere, or None."""
    parts = urlsplit(target)
    if parts.scheme:
        whole = parts.scheme == "https" and "." in parts.netloc and parts.netloc == parts.netloc.strip(".")
        return None if whole else "no https address"
    path = (ROOT / page.path).parent / parts.path if parts.path else ROOT / page.path
    is_on_site = (ROOT / page.path).is_relative_to(SITE)
    if is_on_site and path.with_suffix(".ipynb").exists():
        return None
    if not path.exists():
        return "no such file"
    if is_on_site and not path.resolve().is_relative_to(SITE):
        return "not on the site"
    if parts.fragment and path.suffix == ".md":
        anchors = Page(path.resolve().relative_to(ROOT).as_posix()).anchors
        return None if parts.fragment in anchors else "no such heading"
    return None


@pytest.mark.parametrize("page", TOLD, ids=lambda page: page.path)
def test_every_link_leads_somewhere(page: Page) -> None:
    dead = {target: why for target in page.links if (why := explain_dead(page, target))}
    assert dead == {}


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("docs/nothing.md", "no such file"),
        ("docs/reference/recipe.md#nothing", "no such heading"),
        ("#nothing", "no such heading"),
        ("http://example.org", "no https address"),
        ("https://nowhere", "no https address"),
        ("docs/reference/recipe.md#keys", None),
        ("#documentation", None),
        ("https://example.org/a", None),
    ],
)
def test_a_dead_link_is_found(target: str, why: str | None) -> None:
    assert explain_dead(Page("README.md"), target) == why


def test_a_page_of_the_site_does_not_lead_out_of_it() -> None:
    assert explain_dead(Page("docs/index.md"), "../README.md") == "not on the site"


def test_the_code_names_pages_that_are_there() -> None:
    folders = ("calibset", "recipes", "tests")
    paths = [
        path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in {".py", ".toml"}
    ]
    named = {
        (path.relative_to(ROOT).as_posix(), page)
        for path in (*paths, ROOT / "noxfile.py")
        for page in re.findall(r"\bdocs/[a-z/-]+\.md\b", path.read_text("utf-8"))
    }
    assert {(path, page) for path, page in named if not (ROOT / page).is_file()} == {
        (Path(__file__).relative_to(ROOT).as_posix(), "docs/nothing.md")
    }
