"""The tokenizer folder gives transformers the ids that calibset counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from calibset.tokenizers.tekken import TekkenTokenizer
from tests.heavy.autoround.conftest import RealAutoRound
from tests.heavy.autoround.material import PIECES, mixed_texts


def test_transformers_loads_the_folder_as_a_fast_tokenizer(
    autoround: RealAutoRound, tokenizer_folder: Path
) -> None:
    assert sorted(path.name for path in tokenizer_folder.iterdir()) == [
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    assert autoround.tokenizer.is_fast
    assert (autoround.tokenizer.bos_token_id, autoround.tokenizer.eos_token_id) == (1, 2)


@pytest.mark.parametrize(
    "texts",
    [
        pytest.param(PIECES, id="pieces"),
        pytest.param(tuple(mixed_texts(600)), id="mixed"),
        pytest.param(tuple("a" + blank * 100_000 + "b" for blank in " \t\n\u00a0"), id="blank runs"),
    ],
)
def test_ids_are_those_of_calibset_with_control_tokens_parsed(
    autoround: RealAutoRound, tekken: TekkenTokenizer, texts: tuple[str, ...]
) -> None:
    differing = [
        text[:200]
        for text, ids in zip(texts, autoround.tokenizer(list(texts))["input_ids"], strict=True)
        if ids != [*tekken.prefix, *tekken.encode(text, parse_special=True)]
    ]
    assert differing == []


def test_every_control_token_is_one_id(autoround: RealAutoRound, tekken: TekkenTokenizer) -> None:
    spelled = autoround.tokenizer([f"a {spelling}b" for spelling in tekken.special_tokens])["input_ids"]
    around = [tekken.encode(part, parse_special=False) for part in ("a ", "b")]
    assert len(spelled) == 1000
    assert spelled == [[1, *around[0], token, *around[1]] for token in tekken.special_tokens.values()]
