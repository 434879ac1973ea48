from __future__ import annotations

from pathlib import Path

import pytest
import tokenizers
from tokenizers import Regex, pre_tokenizers

from calibset.tokenizers import Tokenizer, load_tokenizer, tekken_check
from calibset.tokenizers.tekken_check import note_split_mismatch
from tests.letters import write_letters

# Patterns of other models, as converted files carry them.
LLAMA = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


@pytest.fixture(scope="module")
def engine(fast_folder: Path) -> tokenizers.Tokenizer:
    return tokenizers.Tokenizer.from_file(str(fast_folder / "tokenizer.json"))


def test_the_expected_ids_are_those_of_mistral_common(tekken: Tokenizer) -> None:
    read = {text: tuple(tekken.encode(text, parse_special=False)) for text in tekken_check._EXPECTED_IDS}
    assert read == tekken_check._EXPECTED_IDS


@pytest.mark.slow
def test_a_right_conversion_has_no_note(engine: tokenizers.Tokenizer, fast: Tokenizer) -> None:
    assert note_split_mismatch(engine) == ()
    assert fast.notes == ()


@pytest.mark.parametrize("pattern", [LLAMA, GPT2])
@pytest.mark.slow
def test_another_models_pattern_is_noted(fast_folder: Path, tmp_path: Path, pattern: str) -> None:
    engine = tokenizers.Tokenizer.from_file(str(fast_folder / "tokenizer.json"))
    engine.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    engine.save(str(tmp_path / "tokenizer.json"))
    (note,) = load_tokenizer(str(tmp_path)).notes
    assert note.startswith("this tokenizer.json has Tekken's vocabulary and splits text otherwise (")
    assert note.endswith(
        ", for one): the model was trained with other ids; `calibset tokenizer` writes a right one"
    )


def test_another_vocabulary_is_not_asked(tmp_path: Path) -> None:
    assert load_tokenizer(str(write_letters(tmp_path))).notes == ()


def test_tekken_itself_has_no_note(tekken: Tokenizer) -> None:
    assert tekken.notes == ()
