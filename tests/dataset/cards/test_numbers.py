"""A real build's card, section and attribution, held number by number against its manifests."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

import pytest
from huggingface_hub import DatasetCard

from calibset.cli import main
from tests.dataset.cards.comparing import ensure_lines, ensure_tables
from tests.dataset.cards.expected import expected_attribution, expected_card, expected_section
from tests.dataset.cards.rendered import table_rows
from tests.dataset.report.material import build_material


class Written(NamedTuple):
    """The pages of a build, and its records as JSON."""

    card: str
    section: str
    attribution: str
    manifest: dict[str, Any]
    holdout: dict[str, Any]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("numbers")
    file = build_material(folder).write(folder / "material.jsonl")
    assert main(["card", str(file), "--out", str(folder / "card"), "--quiet"]) == 0
    with pytest.MonkeyPatch.context() as patch:
        printed: list[str] = []
        patch.setattr("sys.stdout.write", printed.append)
        assert main(["card", str(file), "--model"]) == 0
    card, attribution = (
        (folder / "card" / name).read_text("utf-8") for name in ("README.md", "ATTRIBUTION.md")
    )
    records = [
        json.loads((folder / f"material{kind}.manifest.json").read_text()) for kind in ("", ".holdout")
    ]
    return Written(DatasetCard(card).text, "".join(printed), attribution, *records)


def test_the_build_has_something_of_all_that_is_told(written: Written) -> None:
    manifest, holdout = written.manifest, written.holdout
    sources = manifest["sources"]
    assert len(holdout["samples"]) == 4
    assert manifest["selection"]["method"] == "coverage"
    assert sum(one["matched"] for one in manifest["evaluations"]) > 0
    for key in ("filtered", "rejections", "personal_data", "contaminated", "duplicates"):
        assert any(source[key] for source in sources), key


def test_the_numbers_of_the_card(written: Written) -> None:
    ensure_lines(written.card, expected_card(written.manifest, written.holdout))


def test_the_numbers_of_the_section(written: Written) -> None:
    ensure_lines(written.section, expected_section(written.manifest, written.holdout))


def test_the_numbers_of_the_attribution(written: Written) -> None:
    assert not table_rows(written.attribution)
    ensure_lines(written.attribution, expected_attribution(written.manifest, written.holdout))


@pytest.mark.parametrize("page", ["card", "section"])
def test_the_numbers_of_the_tables(page: str, written: Written) -> None:
    ensure_tables(getattr(written, page), written.manifest)


@pytest.mark.parametrize("page", ["card", "section"])
def test_the_hashes(page: str, written: Written) -> None:
    manifest = written.manifest
    expected = [manifest["tokenizer"]["sha256"], manifest["sha256"], written.holdout["sha256"]]
    found = re.findall(r"\b[0-9a-f]{64}\b", getattr(written, page))
    assert found == [*expected, manifest["tokenizer"]["sha256"]]
    assert manifest["other"]["sha256"] == written.holdout["sha256"]
