"""A build is refused where the quantizer's own tokenizer reads its rows otherwise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from calibset.core.errors import QuantizerError
from calibset.dataset.verify import verify
from calibset.pipeline.build import build
from calibset.recipe.loader import load_recipe
from tests.letters import write_letters
from tests.small import write_small

BYTES = "the text is split differently"


def small(folder: Path, **config: Any) -> Path:
    """Write the small recipe, and a configuration beside its tokenizer.json."""
    path = write_small(folder)
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return path


def test_a_tokenizer_without_an_engine_is_called_with_each_row(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    recipe = small(tmp_path, tokenizer_class="ByT5Tokenizer")
    with pytest.raises(QuantizerError) as caught:
        build(recipe)
    message = str(caught.value)
    assert message.startswith(
        f"ByT5Tokenizer of transformers {transformers.__version__}, which AutoTokenizer loads for "
        "tokenizer.json, reads 20 of 20 rows otherwise than the tokenizer.json does, so nothing was written: "
        "row 1 (source "
    )
    assert message.endswith(
        "; build with `--set quantizer=gptqmodel`, which takes token ids, and give AutoRound those: "
        "`calibset export --format input_ids`"
    )


def test_ids_are_not_read_by_a_tokenizer(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    recipe = load_recipe(small(tmp_path, tokenizer_class="ByT5Tokenizer"), overrides=["quantizer=gptqmodel"])
    assert build(recipe).manifest.nsamples == 20


def test_verify_drops_the_rows_that_are_read_otherwise(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    out = build(small(tmp_path)).write(tmp_path / "out.jsonl")
    (tmp_path / "model").mkdir()
    write_letters(tmp_path / "model")
    (tmp_path / "model" / "tokenizer_config.json").write_text('{"tokenizer_class": "ByT5Tokenizer"}')
    report = verify(out, tokenizer=str(tmp_path / "model"))
    assert (report.kept, report.passed) == (0, False)
    assert {row.reason for row in report.rows} == {f"AutoTokenizer reads other ids: {BYTES}"}
