from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import tokenizers
from tokenizers import models, normalizers, pre_tokenizers, processors

from calibset.core.errors import TokenizerError
from calibset.tokenizers import engine_process
from calibset.tokenizers.engine_comparison import find_difference

LETTERS = {letter: number for number, letter in enumerate("abc01 <s>é▁Ġ")}


def engine_of(**parts: Any) -> tokenizers.Tokenizer:
    engine = tokenizers.Tokenizer(parts.pop("model", models.BPE(LETTERS, [("a", "b")][:0])))
    engine.add_special_tokens(parts.pop("special", ["<x>"]))
    for name, part in parts.items():
        setattr(engine, name, part)
    return engine


ByteLevel, Split, Sequence = pre_tokenizers.ByteLevel, pre_tokenizers.Split, pre_tokenizers.Sequence


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {}),
        ({"pre_tokenizer": ByteLevel(add_prefix_space=False)}, {
            "pre_tokenizer": Sequence([ByteLevel(add_prefix_space=False, trim_offsets=False)])
        }),
        ({"normalizer": None}, {"normalizer": normalizers.Sequence([])}),
        ({"model": models.BPE(LETTERS, [])}, {
            "model": models.BPE(LETTERS, [], fuse_unk=True, byte_fallback=True, continuing_subword_prefix="")
        }),
        ({"post_processor": None}, {"post_processor": processors.TemplateProcessing(single="$A:0")}),
        ({}, {"decoder": tokenizers.decoders.Fuse()}),
    ],
)  # fmt: skip
def test_parts_without_effect_make_no_difference(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert find_difference(engine_of(**first), engine_of(**second), "small") is None


@pytest.mark.parametrize(
    ("second", "text"),
    [
        ({"normalizer": normalizers.Prepend("a")}, "don't we'll I'M"),
        ({"special": ["<x>", "<y>"]}, "a<y> b"),
        (
            {"post_processor": processors.TemplateProcessing(single="<x> $A", special_tokens=[("<x>", 13)])},
            "don't we'll I'M",
        ),
        ({"pre_tokenizer": Split("§", "isolated")}, ""),
    ],
)
def test_a_text_that_shows_the_difference_is_named_if_one_is_known(second: dict[str, Any], text: str) -> None:
    assert find_difference(engine_of(), engine_of(**second), "small") == text


def test_engines_that_treat_special_tokens_otherwise_differ() -> None:
    literal = engine_of()
    literal.encode_special_tokens = True
    assert find_difference(engine_of(), literal, "small") == "a<x> b"


def test_engines_that_may_take_for_ever_are_read_in_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_process, "_LIMITS", replace(engine_process._LIMITS, seconds=0.3))
    costly = Split(tokenizers.Regex(r"(?:a|a){0,20}Z|\w|\s"), "isolated")
    assert find_difference(engine_of(), engine_of(pre_tokenizer=costly), "small") == ""
    other = engine_of(special=["<x>", "a" * 190 + "bZ"])
    with pytest.raises(TokenizerError, match=r"^small: .* takes over 0.3 s more than 0.05 s for each; "):
        find_difference(engine_of(pre_tokenizer=costly), other, "small")
