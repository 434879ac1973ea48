"""What the card, the attribution and the report tell of the full build is what its manifest says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import DatasetCard

from calibset import load_tokenizer
from tests.dataset.cards.comparing import ensure_lines, ensure_tables
from tests.dataset.cards.expected import expected_attribution, expected_card
from tests.dataset.report.expected import expected_figures
from tests.dataset.report.reading_pages import Page
from tests.heavy.hub import Hub


@pytest.fixture(scope="module")
def file(hub: Hub, corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("told") / "slovak.jsonl"
    wishes = ("--set", "selection.method=coverage", "--set", "holdout.nsamples=64")
    ran = hub.build(file, *wishes, data=corpora)
    assert ran.code == 0, ran.err
    return file


def records(file: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    manifest, holdout = (
        json.loads(file.with_name(f"slovak{kind}.manifest.json").read_text("utf-8"))
        for kind in ("", ".holdout")
    )
    return manifest, holdout


def test_the_card_and_the_attribution(hub: Hub, file: Path) -> None:
    assert hub.run("card", file, "--out", file.parent / "card").code == 0
    card, attribution = (
        (file.parent / "card" / name).read_text("utf-8") for name in ("README.md", "ATTRIBUTION.md")
    )
    manifest, holdout = records(file)
    text = DatasetCard(card).text
    ensure_lines(text, expected_card(manifest, holdout))
    ensure_tables(text, manifest)
    ensure_lines(attribution, expected_attribution(manifest, holdout))


@pytest.mark.parametrize("name", ["slovak.jsonl", "slovak.holdout.jsonl"])
def test_the_report(hub: Hub, file: Path, name: str) -> None:
    written = file.with_name(name).with_suffix(".html")
    assert hub.run("report", file.with_name(name), "--out", written).code == 0
    expected = expected_figures(file.with_name(name), load_tokenizer("mistral-small-3.2"))
    found = Page(written.read_text("utf-8")).values()
    assert found.keys() == expected.keys()
    assert {
        key: (value, expected[key]) for key, value in found.items() if value != pytest.approx(expected[key])
    } == {}
