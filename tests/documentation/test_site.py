"""The site shows every page, each has something to run, and the landing page leads to what readers seek."""

from __future__ import annotations

import re

import pytest

from tests.documentation.pages import PAGES, ROOT, Page

LANDING = Page("docs/index.md")
NAVIGATION = re.findall(
    r"^ +- (?:[\w ]+: )?(\S+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE
)


def test_the_site_shows_each_page_once() -> None:
    pages = {page.path.removeprefix("docs/") for page in PAGES if page.path.startswith("docs/")}
    notebooks = {
        path.relative_to(ROOT / "docs").with_suffix(".md").as_posix()
        for path in (ROOT / "docs").rglob("*.ipynb")
    }
    assert sorted(NAVIGATION) == sorted(pages | notebooks)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_a_page_has_something_to_run(page: Page) -> None:
    assert any(block.kind == "run" or block.needs for block in page.blocks)


@pytest.mark.parametrize(
    "sought",
    [
        "tutorial.md", "how-to/another-model.md", "how-to/trust-a-file.md", "how-to/costs.md",
        "how-to/rebuild.md", "how-to/evaluate.md",
    ],
)  # fmt: skip
def test_what_people_come_for_is_one_click_away(sought: str) -> None:
    assert sought in LANDING.links


def test_every_other_page_is_named_in_the_readme() -> None:
    links = {link.partition("#")[0].replace(".ipynb", ".md") for link in Page("README.md").links}
    assert {f"docs/{path}" for path in NAVIGATION} - links <= {"docs/index.md"}
