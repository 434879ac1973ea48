from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from calibset.tokenizers.model_config import read_embedding_count


@pytest.mark.parametrize(
    ("config", "count"),
    [
        ({"vocab_size": 258}, 258),
        ({"vocab_size": 5, "text_config": {"vocab_size": 258}}, 258),
        ({"vocab_size": 258, "text_config": {"hidden_size": 8}}, 258),
        ({"llm_config": {"vocab_size": 258}, "vision_config": {"vocab_size": 9}}, 258),
        ({"thinker_config": {"text_config": {"vocab_size": 258}}}, 258),
        ({"text_config": [258]}, None),
        ({"vocab_size": True}, None),
        ({"vocab_size": 0}, None),
        ({"vocab_size": "258"}, None),
        ({}, None),
        ([258], None),
    ],
)
def test_the_language_model_says_how_many_ids_have_an_embedding(
    tmp_path: Path, config: Any, count: int | None
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert read_embedding_count(tmp_path) == count


def test_what_can_not_be_read_says_nothing(tmp_path: Path) -> None:
    assert read_embedding_count(tmp_path) is None
    for content in ("{", "[" * 100_000, '{"text_config":' * 900 + "{}" + "}" * 900):
        (tmp_path / "config.json").write_text(content)
        assert read_embedding_count(tmp_path) is None
