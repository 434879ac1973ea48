from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from calibset.core.documents import Sample, Span
from calibset.core.installation import install_command
from calibset.dataset.calibration_set import CalibrationSet
from calibset.dataset.report.notebook import notebook_html
from calibset.tokenizers import load_tokenizer
from tests.dataset.report.expected import expected_figures
from tests.dataset.report.reading_pages import Page

SHOWN = 5


@pytest.fixture(scope="module")
def markup(built: CalibrationSet) -> str:
    """What a notebook shows of the set."""
    return built._repr_html_()


@pytest.fixture(scope="module")
def shown(markup: str) -> Page:
    """The same, read back."""
    return Page(markup)


def test_every_figure_is_what_the_manifest_and_the_rows_say(file: Path, shown: Page) -> None:
    tokenizer = load_tokenizer(str(file.parent / "tokenizer.json"))
    expected = expected_figures(file, tokenizer, listed=20, rows_shown=SHOWN)
    assert shown.values() == pytest.approx(expected)


def test_the_figures_are_those_of_the_page(page: Page, shown: Page) -> None:
    of_rows = {f"computed.rows.{i}.number" for i in range(SHOWN)} | {
        f"samples.{i}.tokens" for i in range(SHOWN)
    }
    assert {key: found for key, found in shown.figures.items() if key not in of_rows} == page.figures


def test_the_plots_are_those_of_the_page(shown: Page, page: Page) -> None:
    def labels(one: Page) -> list[str | None]:
        return [attributes["aria-label"] for tag, attributes in one.elements if tag == "svg"]

    assert len(labels(shown)) == 8
    assert labels(shown) == labels(page)


def test_no_number_is_not_a_figure(markup: str) -> None:
    without_texts = re.sub(r'<div class="(?:text|border)".*?</div>', "", markup, flags=re.DOTALL)
    said = Page(without_texts).said.replace("SHA-256", "")
    assert re.findall(r".{0,30}\d.{0,30}", said) == []


def test_the_first_rows_are_there_with_borders_and_marks(built: CalibrationSet, markup: str) -> None:
    rows = markup.split("<details><summary>Row ")[1:]
    assert len(rows) == SHOWN
    for sample, row in zip(built, rows, strict=False):
        bodies = re.findall(r'<div class="text" dir="auto">(.*?)</div>', row, re.DOTALL)
        read = Page("".join(re.sub(r'<span class="cut">.*?</span>', "", body) for body in bodies))
        assert read.text == sample.text
        borders = [Page(border).text for border in re.findall(r'<div class="border">.*?</div>', row)]
        assert borders == [f"{s.document} {'whole' if s.whole else 'part'}" for s in sample.documents]
        assert row.count('<span class="cut">') == (len(sample.token_ids) > 255)
        marked = re.findall(r'<span class="control(?: beyond)?">(.*?)</span>', row)
        assert marked == ["&lt;/s&gt;"] * sample.text.count("</s>")
    assert "</s>" in "".join(sample.text for sample in built[:SHOWN])


def test_a_long_row_is_cut(built: CalibrationSet) -> None:
    text = "x" * 20_000 + "y" * 1_234
    long = Sample(
        text=text,
        token_ids=(1,) * len(text),
        source="rest",
        documents=(Span(document="a", start=0, end=len(text), whole=True),),
    )
    shown = Page(notebook_html(built.manifest, [long], built.tokenizer))
    assert shown.values()["computed.rows.0.more"] == 1_234
    assert "1,234 more characters are not shown." in shown.text
    assert "xy" not in shown.text


def test_it_acts_on_nothing_around_it(markup: str, shown: Page) -> None:
    style = re.search(r"<style>(.*?)</style>", markup, re.DOTALL)
    assert style is not None
    rules = re.sub(r"/\*.*?\*/", "", style.group(1), flags=re.DOTALL)
    rules = re.sub(r"@media [^{]*\{(.*?\})\s*\}", r"\1", rules, flags=re.DOTALL)
    selectors = [one.strip() for block in re.findall(r"([^{}]+)\{", rules) for one in block.split(",")]
    assert len(selectors) > 50
    theme = r"(\[data-(jp-theme-light|vscode-theme-kind)=[\w-]+\] )?"
    assert [one for one in selectors if not re.fullmatch(theme + r"\.calibset(\.calibset)?( .*)?", one)] == []
    assert shown.ids == []
    assert shown.elements[0] == ("div", {"class": "calibset"})
    assert not {tag for tag, _ in shown.elements} & {"script", "a", "h1", "h2", "link", "iframe"}
    assert not re.search(r"\d(rem|vw)\b|url\(|@import", rules)


def test_a_set_is_shown_as_it_was(built: CalibrationSet, markup: str) -> None:
    assert built._repr_html_() == markup


def test_without_matplotlib_there_are_the_tables(
    built: CalibrationSet, shown: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    plain = Page(built._repr_html_())
    assert plain.figures == shown.figures
    tags = [tag for tag, _ in plain.elements]
    assert (tags.count("svg"), tags.count("figure")) == (0, 0)
    assert tags.count("table") == [tag for tag, _ in shown.elements].count("table")
    assert f"The plots need matplotlib, which is not installed: {install_command('report')}" in plain.text


def test_without_its_tokenizer_a_set_is_two_tables(built: CalibrationSet) -> None:
    manifest, chosen = built.manifest, built.manifest.selection
    tokens = sum(source.tokens for source in manifest.sources)
    waste = 1 - sum(source.tokens_read for source in manifest.sources) / tokens
    assert chosen is not None
    plain = Page(replace(built, tokenizer=None)._repr_html_())
    assert (
        f"material: 24 rows of 256 tokens, 24 kept by {manifest.quantizer}, {waste:.2%} cut (waste)"
        in plain.text
    )
    for source in manifest.sources:
        assert (
            f"{source.name}{source.group}{source.asked}{source.achieved}{source.tokens_read:,}" in plain.text
        )
    assert f"coverage: {chosen.distinct_tokens} different tokens, chosen from 45 rows" in plain.text
    assert "found: 1 duplicate and 1 document with a part of an evaluation set" in plain.text
    assert "holdout: 4 rows that share no document with these" in plain.text
    rows = 2 + len(manifest.groups) + len(manifest.sources)
    assert [tag for tag, _ in plain.elements].count("tr") == rows


def test_notes_are_there(built: CalibrationSet) -> None:
    assert "<bdi>give &lt;it&gt;</bdi>" in replace(built, notes=("give <it>",))._repr_html_()


def test_a_holdout_is_shown_as_one(built: CalibrationSet) -> None:
    assert built.holdout is not None
    shown = Page(built.holdout._repr_html_())
    assert "Holdout of a calibration set" in shown.said
    assert shown.values()["nsamples"] == 4


def test_hundreds_of_rows_take_little_space(built: CalibrationSet) -> None:
    many = built.samples * 22
    found = notebook_html(built.manifest, many, built.tokenizer)
    assert len(many) == 528
    assert len(found.encode()) < 250_000
