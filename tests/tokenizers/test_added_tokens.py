"""Tokens beside the tokenizer.json are added as transformers adds them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.tokenizers import load_tokenizer
from calibset.tokenizers.huggingface import HuggingFaceTokenizer, from_file
from tests.letters import write_letters

TOKEN = {"content": "<|x|>", "special": True}
TEXT = "a<|x|>b"
SPELLINGS = ("<s>", "</s>", "<|x|>", "<|y|>", "<|z|>", "a", "ab")
CLASS = {"tokenizer_class": "PreTrainedTokenizerFast"}


def put(folder: Path, **tables: Any) -> Path:
    """Write a tokenizer of letters, and tables beside it, by the names of their files."""
    path = write_letters(folder)
    for name, table in tables.items():
        (folder / f"{name}.json").write_text(json.dumps(table))
    return path


@pytest.mark.parametrize(
    "tables",
    [
        {"tokenizer_config": {"pad_token": "<|x|>"}},
        {"tokenizer_config": {"sep_token": "<|x|>"}},
        {"tokenizer_config": {"image_token": "<|x|>"}},
        {"tokenizer_config": {"mask_token": {"__type": "AddedToken", **TOKEN}}},
        {"tokenizer_config": {"added_tokens_decoder": {"258": TOKEN}}},
        {"tokenizer_config": {"added_tokens_decoder": {"900": TOKEN}}},
        {"tokenizer_config": {"additional_special_tokens": ["<|x|>"]}},
        {"tokenizer_config": {"extra_special_tokens": ["<|x|>"]}},
        {"tokenizer_config": {"extra_special_tokens": {"image_token": "<|x|>"}}},
        {"special_tokens_map": {"cls_token": "<|x|>"}},
        {"special_tokens_map": {"cls_token": TOKEN}},
        {"special_tokens_map": {"additional_special_tokens": ["<|x|>"]}},
        {"added_tokens": {"<|x|>": 258}, "special_tokens_map": {"pad_token": "<|x|>"}},
    ],
)
def test_a_special_token_may_stand_in_any_file(tmp_path: Path, tables: dict[str, Any]) -> None:
    tokenizer = load_tokenizer(str(put(tmp_path, **tables).parent))
    assert tokenizer.special_tokens == {"<s>": 256, "</s>": 257, "<|x|>": 258}
    assert tokenizer.encode(TEXT, parse_special=True)[1:2] == [258]
    assert len(tokenizer.encode(TEXT, parse_special=False)) == len(TEXT)


def test_an_added_token_need_not_be_special(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(str(put(tmp_path, added_tokens={"<|x|>": 258}).parent))
    assert tokenizer.special_tokens == {"<s>": 256, "</s>": 257}
    assert 258 in tokenizer.encode(TEXT, parse_special=True)


def test_a_named_token_becomes_special(tmp_path: Path) -> None:
    listed = {"258": {"content": "<|x|>", "special": False}}
    config = {"eos_token": "<|x|>", "added_tokens_decoder": listed}
    assert "<|x|>" in load_tokenizer(str(put(tmp_path, tokenizer_config=config).parent)).special_tokens


def test_files_that_name_nothing_new_leave_the_fingerprint(tmp_path: Path) -> None:
    path = write_letters(tmp_path)
    fingerprint = from_file(path, "own").fingerprint
    put(tmp_path, tokenizer_config={"bos_token": "<s>", "eos_token": "</s>"})
    assert from_file(path, "own").fingerprint == fingerprint
    put(tmp_path, tokenizer_config={"bos_token": "<s>", "pad_token": "<|x|>"})
    assert from_file(path, "own").fingerprint != fingerprint


@pytest.mark.parametrize(("config", "eos"), [({}, ""), ({"258": {"content": "<|x|>"}}, "<|x|>")])
def test_a_name_alone_makes_no_eos(tmp_path: Path, config: dict[str, Any], eos: str) -> None:
    table = {"eos_token": "<|x|>", "added_tokens_decoder": config}
    assert from_file(put(tmp_path, tokenizer_config=table), "own").eos == eos


_spelling = st.sampled_from(SPELLINGS)
_flags = st.fixed_dictionaries(
    {"content": _spelling},
    optional={name: st.booleans() for name in ("special", "normalized", "lstrip", "rstrip", "single_word")},
)
_typed = _flags.map(lambda token: {"__type": "AddedToken", **token})
_config = st.fixed_dictionaries(
    {},
    optional={
        "bos_token": _spelling | _typed | st.none(),
        "eos_token": _spelling,
        "pad_token": _spelling | _typed,
        "mask_token": _spelling,
        "image_token": _spelling,
        "additional_special_tokens": st.lists(_spelling | _typed, max_size=2),
        "extra_special_tokens": st.lists(_spelling, max_size=2)
        | st.dictionaries(st.sampled_from(["audio_token", "video_token"]), _spelling, max_size=2),
        "added_tokens_decoder": st.dictionaries(
            st.sampled_from(["0", "256", "257", "258", "300"]), _flags, max_size=3
        ),
    },
)
_map = st.fixed_dictionaries(
    {},
    optional={
        "bos_token": _spelling | _flags,
        "unk_token": _spelling,
        "pad_token": _flags.map(lambda token: {k: v for k, v in token.items() if k != "special"}),
        "additional_special_tokens": st.lists(_spelling, max_size=2),
    },
)
_ids = st.lists(st.sampled_from([256, 257, 258, 259, 300]), max_size=3, unique=True)
_added = _ids.flatmap(
    lambda ids: st.lists(_spelling, min_size=len(ids), max_size=len(ids), unique=True).map(
        lambda spellings: dict(zip(spellings, ids, strict=True))
    )
)


@given(config=_config, special=_map, added=_added)
def test_any_folder_has_the_tokens_that_transformers_gives_it(
    tmp_path_factory: pytest.TempPathFactory, config: Any, special: Any, added: Any
) -> None:
    transformers = pytest.importorskip("transformers", minversion="5.0")
    folder = tmp_path_factory.mktemp("model")
    # No class is named, so calibset doesn't ask transformers.
    ours = from_file(
        put(folder, tokenizer_config=config, special_tokens_map=special, added_tokens=added), "own"
    )
    assert ours.auto_tokenizer is None
    theirs = transformers.PreTrainedTokenizerFast.from_pretrained(str(folder))
    assert tokens_of(ours) == repr(theirs.backend_tokenizer.get_added_tokens_decoder())
    for text in (TEXT, " <|y|> ab<|z|>", "<s>ab</s>"):
        assert [*ours.prefix, *ours.encode(text, parse_special=True)] == theirs(text)["input_ids"]


def tokens_of(tokenizer: HuggingFaceTokenizer) -> str:
    return repr(tokenizer.parsing_engine.get_added_tokens_decoder())
