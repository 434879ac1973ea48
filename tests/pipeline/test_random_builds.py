"""Builds of random tokenizers, a few of those that the session `fuzz` tries, and of one that panics."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tokenizers
from tokenizers import AddedToken, normalizers

from calibset.core.errors import TokenizerError
from calibset.dataset.export import export
from calibset.dataset.verify import verify
from calibset.pipeline.build import build
from calibset.recipe.loader import load_recipe
from tests.heavy.fuzz.fuzz import run_case
from tests.small import write_small


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30))
def test_a_random_build_ends_with_rows_that_hold_or_an_error(tmp_path: Path, seed: int) -> None:
    pytest.importorskip("transformers")
    outcome = run_case(seed, tmp_path)
    assert outcome.kind in ("built", "refused"), outcome


@pytest.fixture
def panicking(tmp_path: Path) -> Path:
    """A recipe whose tokenizer's library panics at a letter that is in its source ``fish``."""
    recipe = write_small(tmp_path)
    path = str(tmp_path / "tokenizer.json")
    engine = tokenizers.Tokenizer.from_file(path)
    engine.normalizer = normalizers.Replace("\u0101", "")
    engine.add_tokens([AddedToken("\u0101", rstrip=True, normalized=True)])
    engine.save(path)
    rows = [{"text": f"€One more of the kind, number {number}; " * 4} for number in range(30)]
    (tmp_path / "fish" / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return recipe


def test_a_build_says_at_which_document_the_library_panics(panicking: Path) -> None:
    with pytest.raises(
        TokenizerError, match=r"^sources\.fish: a\.jsonl#\d+: .*can't read '€One .* panics \("
    ):
        build(load_recipe(panicking))


def test_verify_and_export_say_at_which_row_it_panics(panicking: Path, tmp_path: Path) -> None:
    file = tmp_path / "theirs.jsonl"
    file.write_text(json.dumps({"text": "one " * 30}) + "\n" + json.dumps({"text": "€ " * 30}) + "\n")
    for read in (verify, export):
        with pytest.raises(TokenizerError, match=r"theirs\.jsonl: row 2: .*can't read '€ .* panics \("):
            read(file, tokenizer=str(tmp_path / "tokenizer.json"), seqlen=16)  # type: ignore[operator]
