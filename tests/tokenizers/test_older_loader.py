"""The prefixes and suffixes are what transformers 4.40.2 and 4.57.1 gave for the same folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from calibset.tokenizers import load_tokenizer
from calibset.tokenizers.older_loader import OlderLoader, find_older_loader
from tests.letters import write_letters

BOS, EOS = 256, 257


def older(folder: Path, config: dict[str, Any], *, bos: bool, model: Any = None) -> OlderLoader | None:
    write_letters(folder, bos=bos)
    config = {"bos_token": "<s>", "eos_token": {"content": "</s>"}, **config}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    if model is not None:
        (folder / "config.json").write_text(json.dumps(model))
    return find_older_loader(folder, load_tokenizer(str(folder)))


@pytest.mark.parametrize(
    ("config", "bos", "affixes"),
    [
        ({"tokenizer_class": "LlamaTokenizer"}, False, ((BOS,), ())),
        ({"tokenizer_class": "LlamaTokenizerFast"}, True, None),
        ({"tokenizer_class": "LlamaTokenizer", "add_bos_token": True}, True, None),
        ({"tokenizer_class": "LlamaTokenizer", "add_bos_token": False}, True, ((), ())),
        ({"tokenizer_class": "LlamaTokenizer", "add_bos_token": None}, True, ((), ())),
        ({"tokenizer_class": "LlamaTokenizer", "add_bos_token": False}, False, None),
        ({"tokenizer_class": "LlamaTokenizer", "add_eos_token": True}, True, ((BOS,), (EOS,))),
        ({"tokenizer_class": "GemmaTokenizerFast"}, False, ((BOS,), ())),
        ({"tokenizer_class": "CohereTokenizer"}, False, ((BOS,), ())),
        ({"tokenizer_class": "CodeLlamaTokenizer"}, False, ((BOS,), ())),
        ({"tokenizer_class": "GPTNeoXTokenizer"}, False, None),
        ({"tokenizer_class": "GPTNeoXTokenizer"}, True, ((), ())),
        ({"tokenizer_class": "Qwen2Tokenizer", "add_bos_token": True}, False, None),
        ({"tokenizer_class": "PreTrainedTokenizerFast", "add_bos_token": False}, True, None),
        ({}, False, None),
    ],
)
def test_an_older_transformers_makes_the_post_processor_anew(
    tmp_path: Path, config: dict[str, Any], bos: bool, affixes: tuple[Any, Any] | None
) -> None:
    loader = older(tmp_path, config, bos=bos)
    assert (loader and (loader.prefix, loader.suffix)) == affixes


def test_a_folder_without_a_class_is_loaded_as_its_kind_of_model_is(tmp_path: Path) -> None:
    loader = older(tmp_path, {}, bos=False, model={"model_type": "mistral"})
    assert loader == OlderLoader(
        class_name="LlamaTokenizerFast", prefix=(BOS,), suffix=(), bos="<s>", eos="</s>"
    )
    assert older(tmp_path, {}, bos=False, model={"model_type": "qwen3"}) is None
