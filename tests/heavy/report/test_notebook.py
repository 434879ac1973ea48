"""What a notebook shows of a set, in a page such as Jupyter's."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from calibset.dataset.calibration_set import CalibrationSet
from tests.dataset.report.hostile import hostile_notebook
from tests.heavy.report.conftest import Open

# Some of what JupyterLab says of all output.
_STYLE = """
body { margin: 16px; font: 14px sans-serif; }
.output table { border: none; font-size: 12px; table-layout: fixed; margin: 0 auto 1em; }
.output td, .output th { text-align: right; vertical-align: middle; padding: .5em; max-width: none; }
.output tbody tr:nth-child(odd) { background: rgb(250, 250, 0); }
.output code { background-color: rgb(250, 250, 0); }
"""

_ALONE = """(root) => [...root.querySelectorAll("h1, p, table, td, details, code, svg")].map((one) => {
  const style = getComputedStyle(one);
  return [...style].map((name) => style.getPropertyValue(name)).join();
})"""


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Notebook</title>
<style>{style}</style></head>
<body{theme}><main>
<div class="before"><h1>A heading</h1><h2>One below</h2><p>text</p></div>
<div class="output">{output}</div>
<div class="output after"><p>text <code>code</code></p><table><tbody><tr><td>1</td></tr></tbody></table>
<details><summary>more</summary></details><svg role="img" aria-label="x"><text>x</text></svg></div>
</main></body></html>"""


def page(folder: Path, output: str, theme: str | None) -> Path:
    """Write a page with a cell before the output, and one of other output behind."""
    attribute = f' data-jp-theme-light="{str(theme == "light").lower()}"' if theme else ""
    path = folder / "notebook.html"
    path.write_text(_PAGE.format(style=_STYLE, theme=attribute, output=output), "utf-8")
    return path


@pytest.fixture(scope="session")
def output(built: CalibrationSet) -> str:
    """What a notebook shows of the set."""
    return built._repr_html_()


@pytest.mark.parametrize("width", [390, 1100])
@pytest.mark.parametrize(
    ("schemes", "paper"),
    [
        (("light", "dark"), "rgb(255, 255, 255)"),
        (("dark", "light"), "rgb(20, 23, 27)"),
        ((None, "light"), "rgb(255, 255, 255)"),
        ((None, "dark"), "rgb(20, 23, 27)"),
    ],
)
def test_it_follows_the_theme_and_fits(
    output: str, visit: Open, tmp_path: Path, schemes: tuple[str | None, str], paper: str, width: int
) -> None:
    theme, scheme = schemes
    with visit(page(tmp_path, output, theme), width=width, scheme=scheme) as found:
        found.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        style = "getComputedStyle(document.querySelector('.calibset'))"
        assert found.page.evaluate(f"{style}.backgroundColor") == paper
        assert found.page.evaluate("document.documentElement.scrollWidth") == width
        stripes = found.page.evaluate(
            """[...document.querySelectorAll(".calibset tr, .calibset code")]
               .filter((one) => getComputedStyle(one).backgroundColor === "rgb(250, 250, 0)").length"""
        )
        assert stripes == 0
        assert found.seen == []


def test_nothing_leaks_into_the_notebook(output: str, visit: Open, tmp_path: Path) -> None:
    seen = []
    for shown in (output, ""):
        with visit(page(tmp_path, shown, "light"), width=1100) as found:
            parts = [found.page.locator(part) for part in (".before", ".after")]
            seen.append([part.evaluate(_ALONE) for part in parts])
    assert seen[0] == seen[1]
    assert sum(map(len, seen[0])) == 8


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(output: str, visit: Open, tmp_path: Path, theme: str) -> None:
    with visit(page(tmp_path, output, theme), width=1100) as found:
        found.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        result = Axe().run(found.page, context=".calibset").response
        faults = [
            f"{one['id']}: {node['html'][:200]} {node.get('failureSummary', '')}"
            for one in result["violations"]
            for node in one["nodes"]
        ]
        assert faults == []
        assert {"color-contrast", "svg-img-alt"} <= {one["id"] for one in result["passes"]}


@pytest.mark.parametrize("width", [390, 1100])
def test_a_hostile_corpus_only_shows_itself(visit: Open, tmp_path: Path, width: int) -> None:
    with visit(page(tmp_path, hostile_notebook(tmp_path), "light"), width=width) as found:
        found.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        found.page.locator(".calibset .text").first.hover()
        assert found.page.evaluate("window.__pwned") is None
        assert found.page.evaluate("document.scripts.length") == 0
        assert found.page.evaluate("document.querySelectorAll('img, iframe, link, a').length") == 0
        assert found.page.evaluate("document.documentElement.scrollWidth") == width
        assert found.seen == []
