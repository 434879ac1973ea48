from __future__ import annotations

import json
from pathlib import Path

import pytest

from calibset.core.errors import TokenizerError
from calibset.tokenizers import EMBEDDED, find_tokenizer_file, load_tokenizer, reads_control_tokens_as_text
from calibset.tokenizers.huggingface import HuggingFaceTokenizer
from calibset.tokenizers.tekken import TekkenTokenizer
from tests.letters import write_letters
from tests.storage.loopback import Loopback


def write_small(path: Path) -> Path:
    import tokenizers
    from tokenizers import models

    engine = tokenizers.Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    path.parent.mkdir(parents=True, exist_ok=True)
    engine.save(str(path))
    return path


def write_tekken(path: Path) -> Path:
    import base64

    vocab = [
        {"rank": i, "token_bytes": base64.b64encode(bytes([i])).decode(), "token_str": None}
        for i in range(256)
    ]
    config = {
        "pattern": ".",
        "num_vocab_tokens": 256,
        "default_vocab_size": 300,
        "default_num_special_tokens": 44,
        "version": "v3",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"config": config, "vocab": vocab}), "utf-8")
    return path


def test_the_embedded_names() -> None:
    assert EMBEDDED == ("mistral-small-3.2",)


def test_a_path_of_a_file_or_of_its_folder(tmp_path: Path) -> None:
    path = write_small(tmp_path / "model" / "tokenizer.json")
    by_file, by_folder = load_tokenizer(str(path)), load_tokenizer(str(path.parent))
    assert isinstance(by_file, HuggingFaceTokenizer)
    assert by_file.fingerprint == by_folder.fingerprint
    assert (by_file.name, by_folder.name) == (str(path), str(path.parent))


def test_a_folder_with_both_gives_the_one_that_the_quantizer_takes(tmp_path: Path) -> None:
    write_tekken(tmp_path / "tekken.json")
    assert isinstance(load_tokenizer(str(tmp_path)), TekkenTokenizer)
    write_small(tmp_path / "tokenizer.json")
    assert isinstance(load_tokenizer(str(tmp_path)), HuggingFaceTokenizer)
    assert isinstance(load_tokenizer(str(tmp_path / "tekken.json")), TekkenTokenizer)


def test_a_tokenizer_json_of_another_name_and_a_tekken_file_of_another_name(tmp_path: Path) -> None:
    assert isinstance(load_tokenizer(str(write_small(tmp_path / "mine.json"))), HuggingFaceTokenizer)
    assert isinstance(load_tokenizer(str(write_tekken(tmp_path / "tekken_240911.json"))), TekkenTokenizer)


def test_a_tokenizer_json_in_a_folder_called_tekken(tmp_path: Path) -> None:
    write_small(tmp_path / "tekken" / "tokenizer.json")
    assert isinstance(load_tokenizer(str(tmp_path / "tekken")), HuggingFaceTokenizer)


def test_a_relative_path_is_looked_up_beside_the_recipe_and_then_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipes, here = tmp_path / "recipes", tmp_path / "here"
    write_tekken(recipes / "tok" / "tekken.json")
    write_small(here / "tok" / "tokenizer.json")
    write_small(here / "only" / "tokenizer.json")
    monkeypatch.chdir(here)
    assert isinstance(load_tokenizer("tok", recipes), TekkenTokenizer)
    assert isinstance(load_tokenizer("tok"), HuggingFaceTokenizer)
    assert load_tokenizer("only", recipes).name == "only"


def test_a_home_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write_small(tmp_path / "tok" / "tokenizer.json")
    assert load_tokenizer("~/tok", tmp_path / "elsewhere").name == "~/tok"


@pytest.mark.parametrize(
    "name", ["mistral-small-3.1", "", "no/such/place", "~nosuchuser/tok", "a\0b", ".", "a" * 5_000]
)
def test_an_unknown_name_is_an_error_that_says_what_would_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TokenizerError) as caught:
        load_tokenizer(name, tmp_path)
    assert str(caught.value) == (
        f"tokenizer {name!r}: neither a known name (mistral-small-3.2) nor the path of a "
        "tokenizer.json or tekken.json, or of a folder with one, nor hf://OWNER/NAME of a model that has one"
    )


def test_a_model_of_the_hub_without_its_prefix_is_told_of() -> None:
    with pytest.raises(TokenizerError, match=r"of a model that has one; is hf://Qwen/Qwen3-8B meant\?$"):
        load_tokenizer("Qwen/Qwen3-8B")


def test_a_folder_that_may_not_be_entered_is_not_taken_for_one_without_a_tokenizer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_small(tmp_path / "closed" / "tokenizer.json")
    is_file = Path.is_file

    def refuse(path: Path) -> bool:
        if path.parent.name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", refuse)
    with pytest.raises(TokenizerError) as caught:
        load_tokenizer("closed", tmp_path)
    path = tmp_path / "closed" / "tokenizer.json"
    assert str(caught.value) == f"tokenizer 'closed': {path} can't be looked for: Permission denied"


def test_a_tekken_file_makes_transformers_spell_control_tokens(tmp_path: Path) -> None:
    assert reads_control_tokens_as_text(None)
    assert reads_control_tokens_as_text(tmp_path / "tekken.json")
    assert not reads_control_tokens_as_text(tmp_path / "tokenizer.json")
    (tmp_path / "tekken.json").touch()
    assert reads_control_tokens_as_text(tmp_path / "tokenizer.json")


def test_the_tokenizer_of_a_model_on_the_hub_is_fetched(hub: Loopback, tmp_path: Path) -> None:
    write_letters(tmp_path)
    content = (tmp_path / "tokenizer.json").read_bytes()
    hub.repositories["them/model"] = {"tokenizer.json": content, "weights.bin": b"x"}
    tokenizer = load_tokenizer("hf://them/model")
    assert tokenizer.name == "hf://them/model"
    assert len(tokenizer.encode("abc", parse_special=False)) == 3
    before = list(hub.asked)
    again = load_tokenizer("hf://them/model", offline=True)
    assert again.fingerprint == tokenizer.fingerprint
    assert hub.asked == before


def test_a_model_that_is_not_there_is_a_clear_error(hub: Loopback) -> None:
    with pytest.raises(TokenizerError) as caught:
        load_tokenizer("hf://them/model")
    assert str(caught.value) == (
        "tokenizer hf://them/model: no such model repository; check its name, or log in with "
        "`hf auth login` if it is private"
    )
    hub.repositories["them/model"] = {"weights.bin": b"x"}
    with pytest.raises(TokenizerError, match=r"^tokenizer 'hf://them/model': neither a known name"):
        load_tokenizer("hf://them/model")


def test_all_that_a_folder_says_of_its_tokenizer_is_fetched(hub: Loopback, tmp_path: Path) -> None:
    content = write_letters(tmp_path).read_bytes()
    small = {
        "tokenizer_config.json": b'{"pad_token": "<|x|>"}', "special_tokens_map.json": b"{}",
        "added_tokens.json": b'{"<|y|>": 259}', "config.json": b"{}", "chat_template.jinja": b"d",
        "additional_chat_templates/tool_use.jinja": b"t", "vocab.json": b"{}", "merges.txt": b"",
        "vocab.txt": b"", "spiece.model": b"", "tokenizer.model": b"", "sentencepiece.bpe.model": b"",
    }  # fmt: skip
    weights = {"model.safetensors": b"x", "pytorch_model.bin": b"x", "own.py": b"raise SystemExit"}
    hub.repositories["them/model"] = {"tokenizer.json": content, **small, **weights}
    tokenizer = load_tokenizer("hf://them/model")
    assert isinstance(tokenizer, HuggingFaceTokenizer)
    assert tokenizer.chat_template == {"default": "d", "tool_use": "t"}
    assert {key: rank for key, rank in tokenizer.special_tokens.items() if key == "<|x|>"} == {"<|x|>": 259}
    path = find_tokenizer_file("hf://them/model")
    assert path is not None
    fetched = {str(file.relative_to(path.parent)) for file in path.parent.rglob("*") if file.is_file()}
    assert fetched == {"tokenizer.json", *small}
