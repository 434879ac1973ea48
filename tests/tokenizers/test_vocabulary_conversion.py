"""Folders without a tokenizer.json."""

from __future__ import annotations

import json
import string
import sys
from pathlib import Path
from typing import Any

import pytest

from calibset.core.errors import TokenizerError
from calibset.core.installation import install_command
from calibset.tokenizers import load_tokenizer
from tests.letters import write_letters
from tests.storage.loopback import Loopback

INSTALL = install_command("transformers", "sentencepiece", "protobuf")
WRITE = (
    f"write one and name its folder: {INSTALL}; python -c "
    '"from transformers import AutoTokenizer; AutoTokenizer.from_pretrained({})'
    ".save_pretrained('NEW_FOLDER')\""
)


def write_wordpieces(folder: Path, *, class_name: str = "BertTokenizer") -> Path:
    pieces = [*string.ascii_lowercase, *("##" + letter for letter in string.ascii_lowercase), *"0123456789."]
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *pieces]))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": class_name}))
    return folder


def write_merges(folder: Path) -> Path:
    table = json.loads(write_letters(folder).read_text())
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.json").write_text(json.dumps(table["model"]["vocab"] | {"<|endoftext|>": 256}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "GPT2Tokenizer"}')
    return folder


@pytest.mark.parametrize(("write", "file"), [(write_wordpieces, "vocab.txt"), (write_merges, "vocab.json")])
def test_transformers_makes_a_fast_one(tmp_path: Path, write: Any, file: str) -> None:
    transformers = pytest.importorskip("transformers")
    tokenizer: Any = load_tokenizer(str(write(tmp_path)))
    assert tokenizer.notes == (
        f"there is no tokenizer.json; {file} is read by {tokenizer.auto_tokenizer.name}",
    )
    text = "the premium is 120."
    ids = [*tokenizer.prefix, *tokenizer.encode(text, parse_special=True), *tokenizer.suffix]
    assert transformers.AutoTokenizer.from_pretrained(str(tmp_path))(text)["input_ids"] == ids
    assert load_tokenizer(str(tmp_path / file)).fingerprint == tokenizer.fingerprint


def test_without_transformers_the_way_to_write_one_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(TokenizerError) as caught:
        load_tokenizer(str(write_wordpieces(tmp_path)))
    assert str(caught.value) == (
        f"{tmp_path}: holds no tokenizer.json, only vocab.txt; {WRITE.format(repr(str(tmp_path)))}"
    )


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("hf://them/model", "'them/model'"), ("hf://them/model@main", "'them/model', revision='main'")],
)
def test_a_model_on_the_hub_is_named_as_transformers_names_it(
    hub: Loopback, monkeypatch: pytest.MonkeyPatch, name: str, arguments: str
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    hub.repositories["them/model"] = {"spiece.model": b"x", "model.safetensors": b"x"}
    with pytest.raises(TokenizerError) as caught:
        load_tokenizer(name)
    assert str(caught.value) == (
        f"{name}: holds no tokenizer.json, only spiece.model; {WRITE.format(arguments)}"
    )


def test_what_transformers_can_not_read_is_an_error(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    (tmp_path / "tokenizer.model").write_bytes(b"\x00")
    with pytest.raises(TokenizerError) as caught:
        load_tokenizer(str(tmp_path))
    message = str(caught.value)
    assert message.startswith(
        f"{tmp_path}: holds no tokenizer.json, only tokenizer.model, and AutoTokenizer of "
    )
    assert message.endswith(f"; {WRITE.format(repr(str(tmp_path)))}")


def test_a_tokenizer_of_nothing_is_an_error(tmp_path: Path) -> None:
    pytest.importorskip("transformers", minversion="5.0")
    with pytest.raises(TokenizerError, match=r"only vocab\.txt, of which Qwen2Tokenizer of transformers .*"):
        load_tokenizer(str(write_wordpieces(tmp_path, class_name="Qwen2Tokenizer")))


def test_a_vocabulary_beside_a_tokenizer_json_is_not_converted(tmp_path: Path) -> None:
    write_letters(tmp_path)
    (tmp_path / "tokenizer.model").touch()
    whole = load_tokenizer(str(tmp_path))
    assert load_tokenizer(str(tmp_path / "tokenizer.model")).fingerprint == whole.fingerprint
