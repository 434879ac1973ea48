from __future__ import annotations

from pathlib import Path

from calibset.manifest import read_manifest
from calibset.report.notebook import notebook_html
from tests.report.reading_pages import Page


def test_a_notebook_shows_the_mixture_and_what_it_covers(file: Path) -> None:
    manifest = read_manifest(file)
    assert manifest is not None
    assert manifest.selection is not None
    shown = Page(notebook_html(manifest))
    text = shown.text
    assert (
        f"material: 24 samples of 256 tokens, 24 kept by {manifest.consumer}, {manifest.waste:.2%} waste"
        in text
    )
    for source in manifest.sources:
        assert f"{source.name}{source.group}{source.asked}{source.achieved}{source.tokens_read:,}" in text
    assert f"coverage: {manifest.selection.distinct_tokens} different tokens, chosen from 45 rows" in text
    assert "1 duplicates and 1 parts of evaluation sets were found" in text
    assert "holdout: 4 rows that share no document with these" in text
    assert [tag for tag, _ in shown.elements].count("tr") == 2 + len(manifest.groups) + len(manifest.sources)
