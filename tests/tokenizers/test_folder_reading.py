"""Text is measured by what AutoTokenizer loads from a folder, if that reads otherwise."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from calibset.core.errors import TokenizerError
from calibset.core.installation import install_command
from calibset.tokenizers import load_tokenizer
from calibset.tokenizers.huggingface import HuggingFaceTokenizer, from_file
from tests.letters import write_letters

TEXT = "Poistná zmluva č. 12345, don't"


def write_model(folder: Path, *, file: str = "tokenizer.json", **config: Any) -> Path:
    """Write a tokenizer that merges digits, which GPT-2's pattern keeps together and Qwen 2's doesn't."""
    import tokenizers
    from tokenizers import decoders, models, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("1", "2"), ("3", "4"), ("12", "34")]
    tokens = [*letters, *(left + right for left, right in merges), "<|endoftext|>"]
    engine = tokenizers.Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    engine.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    engine.decoder = decoders.ByteLevel()
    engine.add_special_tokens(["<|endoftext|>"])
    engine.save(str(folder / file))
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


def load(folder: Path) -> HuggingFaceTokenizer:
    return from_file(folder / "tokenizer.json", "own")


@pytest.fixture
def transformers() -> Any:
    return pytest.importorskip("transformers", minversion="5.0")


@pytest.fixture
def no_transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)


def test_a_class_that_splits_otherwise_measures_the_rows(tmp_path: Path, transformers: Any) -> None:
    folder = write_model(tmp_path, tokenizer_class="Qwen2Tokenizer")
    tokenizer = load(folder)
    assert tokenizer.notes == (
        f"Qwen2Tokenizer of transformers {transformers.__version__} reads text otherwise than the "
        "tokenizer.json does ('1234567 20 481,50 €', for one); rows are measured by it, because "
        "transformers loads it",
    )
    theirs = transformers.AutoTokenizer.from_pretrained(str(folder))
    assert tokenizer.encode(TEXT, parse_special=True) == theirs(TEXT)["input_ids"]
    assert len(tokenizer.encode(TEXT + "<|endoftext|>", parse_special=False)) > len(TEXT)
    plain = load(write_model(tmp_path, tokenizer_class="PreTrainedTokenizerFast"))
    assert len(plain.encode(TEXT, parse_special=True)) < len(tokenizer.encode(TEXT, parse_special=True))
    assert plain.fingerprint != tokenizer.fingerprint


@pytest.mark.parametrize(
    ("config", "model"),
    [
        ({"tokenizer_class": "PreTrainedTokenizerFast"}, {}),
        ({"tokenizer_class": "TokenizersBackend"}, {"model_type": "llama"}),
        ({"tokenizer_class": "GPT2Tokenizer", "unk_token": "<|endoftext|>"}, {}),
        ({"tokenizer_class": "NoSuchTokenizer"}, {"model_type": "nosuch"}),
    ],
)
def test_an_ordinary_folder_is_the_same_with_and_without_transformers(
    tmp_path: Path,
    transformers: Any,
    monkeypatch: pytest.MonkeyPatch,
    config: dict[str, Any],
    model: dict[str, Any],
) -> None:
    (write_model(tmp_path, **config) / "config.json").write_text(json.dumps(model))
    asked = load(tmp_path)
    assert (asked.notes, asked.auto_tokenizer is None) == ((), False)
    monkeypatch.setitem(sys.modules, "transformers", None)
    alone = load(tmp_path)
    assert alone.auto_tokenizer is None
    assert alone.fingerprint == asked.fingerprint
    assert alone.encode(TEXT, parse_special=True) == asked.encode(TEXT, parse_special=True)


@pytest.mark.usefixtures("no_transformers")
@pytest.mark.parametrize(
    ("config", "model", "names"),
    [
        ({"tokenizer_class": "Qwen2Tokenizer"}, {}, "names Qwen2Tokenizer, which"),
        ({}, {"tokenizer_class": "BertTokenizer"}, "names BertTokenizer, which"),
        ({}, {"model_type": "gemma3"}, "is of a model of type gemma3, whose class"),
        ({"tokenizer_class": "TokenizersBackend"}, {"model_type": "qwen2"}, "names TokenizersBackend, which"),
        ({"tokenizer_class": "TokenizersBackend"}, {"model_type": "mistral"}, ""),
        ({"tokenizer_class": "PreTrainedTokenizerFast"}, {}, ""),
        ({}, {}, ""),
    ],
)
def test_without_transformers_a_class_that_may_differ_is_noted(
    tmp_path: Path, config: dict[str, Any], model: dict[str, Any], names: str
) -> None:
    (write_model(tmp_path, **config) / "config.json").write_text(json.dumps(model))
    note = (
        f"the tokenizer's folder {names} may read text otherwise than the tokenizer.json does; this was not "
        f"checked, because transformers is not installed ({install_command('transformers')})"
    )
    assert load(tmp_path).notes == ((note,) if names else ())


@pytest.mark.usefixtures("no_transformers")
def test_a_lone_file_and_one_of_another_name_ask_nothing(tmp_path: Path) -> None:
    write_model(tmp_path, file="mine.json", tokenizer_class="Qwen2Tokenizer")
    assert from_file(tmp_path / "mine.json", "own").notes == ()
    (tmp_path / "lone").mkdir()
    assert load_tokenizer(str(write_letters(tmp_path / "lone"))).notes == ()


@pytest.mark.usefixtures("no_transformers")
def test_beside_a_tekken_file_nothing_is_asked(tmp_path: Path) -> None:
    write_model(tmp_path, tokenizer_class="Qwen2Tokenizer")
    (tmp_path / "tekken.json").touch()
    assert load(tmp_path).notes == ()


def test_a_tokenizer_that_is_code_is_not_run(tmp_path: Path) -> None:
    folder = write_model(tmp_path, auto_map={"AutoTokenizer": ["own.Own", None]})
    (folder / "own.py").write_text("raise SystemExit")
    assert load(folder).notes == (
        "the tokenizer is code in the model's folder (auto_map), which calibset doesn't run: rows are "
        "measured by its tokenizer.json; where the quantizer runs that code, give it token ids (`calibset "
        "export --format input_ids`)",
    )


@pytest.mark.usefixtures("transformers")
def test_a_folder_that_transformers_refuses_is_noted(tmp_path: Path) -> None:
    tokenizer = load(write_model(tmp_path, tokenizer_class="AutoConfig"))
    (note,) = tokenizer.notes
    assert note.endswith("; so it is not known how a quantizer reads these rows")
    assert tokenizer.encode("12", parse_special=True) == [256]


def test_dropout_is_an_error(tmp_path: Path) -> None:
    path = write_model(tmp_path) / "tokenizer.json"
    table = json.loads(path.read_text())
    table["model"]["dropout"] = 0.1
    path.write_text(json.dumps(table))
    with pytest.raises(TokenizerError) as caught:
        load(tmp_path)
    assert str(caught.value) == (
        "own: its tokenizer.json merges at random (model.dropout is 0.1), so a text has other tokens each "
        "time it is read; set it to null there and in what the quantizer loads"
    )
    table["model"]["dropout"] = 0.0
    path.write_text(json.dumps(table))
    assert load(tmp_path).encode("12", parse_special=True) == [256]


def test_special_tokens_may_be_read_as_letters(tmp_path: Path) -> None:
    tokenizer = load(write_model(tmp_path, split_special_tokens=True))
    assert len(tokenizer.encode("<|endoftext|>", parse_special=True)) == len("<|endoftext|>")
    assert tokenizer.fingerprint != load(write_model(tmp_path)).fingerprint
