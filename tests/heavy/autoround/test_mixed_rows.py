"""Hundreds of rows of every kind: AutoRound takes exactly those that the simulation predicts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from calibset.quantizers.autoround.loader import AutoRound
from calibset.tokenizers.tekken import TekkenTokenizer
from tests.heavy.autoround.conftest import RealAutoRound
from tests.heavy.autoround.material import mixed_rows
from tests.heavy.autoround.prediction import predict_ids

ROWS = 520


@dataclass(frozen=True)
class Mixed:
    """A file of rows of every kind, and how many of them the simulation keeps."""

    file: Path
    texts: list[str]
    seqlen: int
    kept: int


@pytest.fixture(scope="module", params=[64, 2048])
def mixed(
    request: pytest.FixtureRequest, tekken: TekkenTokenizer, tmp_path_factory: pytest.TempPathFactory
) -> Mixed:
    seqlen: int = request.param
    rows = mixed_rows(ROWS, tekken, seqlen)
    file = tmp_path_factory.mktemp(f"mixed{seqlen}") / "rows.jsonl"
    file.write_bytes("".join(row.line for row in rows).encode("utf-8"))
    report = AutoRound().simulate_file(file, tekken, nsamples=ROWS, seqlen=seqlen)
    return Mixed(file, [row.text for row in rows], seqlen, report.kept)


def test_each_rule_matters_to_the_rows(mixed: Mixed, tekken: TekkenTokenizer) -> None:
    report = AutoRound().simulate_file(mixed.file, tekken, nsamples=ROWS, seqlen=mixed.seqlen)
    short = {row.tokens for row in report.lost if "short" in str(row.reason)}
    repetitive = [row for row in report.lost if "its last token" in str(row.reason)]
    kept = {row.tokens for row in report.rows if row.kept}
    assert {0, mixed.seqlen - 2} <= short
    assert {mixed.seqlen - 1, mixed.seqlen, mixed.seqlen + 1} <= kept
    assert max(kept) > 3 * mixed.seqlen // 2
    assert len(repetitive) >= 20
    assert sum(text != text.rstrip() for text in mixed.texts) > 40
    assert 150 < mixed.kept < ROWS - 150


@pytest.mark.parametrize("amount", ["one", "half", "all but one", "all", "more"])
def test_takes_exactly_the_rows_predicted(
    autoround: RealAutoRound, tekken: TekkenTokenizer, mixed: Mixed, amount: str
) -> None:
    kept = mixed.kept
    nsamples = {"one": 1, "half": kept // 2, "all but one": kept - 1, "all": kept, "more": ROWS}[amount]
    expected = predict_ids(mixed.file, mixed.texts, tekken, seqlen=mixed.seqlen, nsamples=nsamples)
    # No two rows are read alike, so the ids say which rows were taken.
    assert len(set(expected)) == len(expected) == min(nsamples, kept)
    assert Counter(autoround.ids(mixed.file, seqlen=mixed.seqlen, nsamples=nsamples)) == Counter(expected)


def test_tunes_with_them(autoround: RealAutoRound, tekken: TekkenTokenizer, mixed: Mixed) -> None:
    expected = predict_ids(mixed.file, mixed.texts, tekken, seqlen=mixed.seqlen, nsamples=mixed.kept)
    batches = autoround.batches(mixed.file, seqlen=mixed.seqlen, nsamples=mixed.kept, batch_size=4)
    assert Counter(tuple(ids) for batch in batches for ids in batch.tolist()) == Counter(expected)
