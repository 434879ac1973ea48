from __future__ import annotations

import json
import os
import socket
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from calibset.core.errors import TokenizerError
from calibset.tokenizers import engine_process
from calibset.tokenizers.auto_tokenizer import load_auto_tokenizer
from tests.letters import write_letters

transformers = pytest.importorskip("transformers")

MALICE = 'raise SystemExit("this code must not run")\n'


def folder_of(path: Path, **config: Any) -> Path:
    write_letters(path)
    (path / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", **config})
    )
    return path


def test_a_tokenizer_is_loaded_and_reads(tmp_path: Path) -> None:
    loaded = load_auto_tokenizer(folder_of(tmp_path))
    assert loaded.name == f"{type(loaded.loaded).__name__} of transformers {transformers.__version__}"
    assert loaded.read("ab</s>")[0] == 256
    assert loaded.read("ab</s>")[-1] == 257


def test_a_pattern_that_may_take_for_ever_is_read_in_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_process, "_LIMITS", replace(engine_process._LIMITS, seconds=0.3))
    plain, costly = tmp_path / "plain", tmp_path / "costly"
    plain.mkdir()
    costly.mkdir()
    theirs = load_auto_tokenizer(folder_of(plain))
    split_at(r"(?:a|a){0,20}Z|\w|\s", folder_of(costly) / "tokenizer.json")
    loaded = load_auto_tokenizer(costly)
    for text in ("once upon </s> a", "", "žlté </s>"):
        assert loaded.read(text) == theirs.read(text)
    with pytest.raises(TokenizerError) as caught:
        loaded.read("a" * 200 + "bZ")
    assert str(caught.value) == (
        f"{loaded.name}: reading text with the patterns of its tokenizer.json takes over 0.3 s more than "
        "0.05 s for each; use the one that the model was published with"
    )


def split_at(pattern: str, path: Path) -> None:
    table = json.loads(path.read_text("utf-8"))
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    table["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [split, table["pre_tokenizer"]]}
    path.write_text(json.dumps(table), "utf-8")


def test_its_engine_neither_cuts_nor_pads(tmp_path: Path) -> None:
    import tokenizers

    path = write_letters(tmp_path)
    engine = tokenizers.Tokenizer.from_file(str(path))
    engine.enable_truncation(3)
    engine.enable_padding(length=9)
    engine.save(str(path))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "split_special_tokens": True}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    copied = load_auto_tokenizer(tmp_path).engine
    assert copied is not None
    assert len(copied.encode("abcd", add_special_tokens=False).ids) == 4
    assert copied.encode_special_tokens


def test_nothing_is_printed_asked_of_the_network_or_left_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError(f"the network was asked: {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    environment, verbosity = dict(os.environ), transformers.utils.logging.get_verbosity()
    folder = folder_of(tmp_path, model_max_length=2)
    (folder / "config.json").write_text('{"model_type": "llama", "_name_or_path": "them/model"}')
    loaded = load_auto_tokenizer(folder)
    assert len(loaded.read("a text that is longer than model_max_length")) > 2
    assert (dict(os.environ), transformers.utils.logging.get_verbosity()) == (environment, verbosity)
    assert capfd.readouterr() == ("", "")
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json", "tokenizer.json", "tokenizer_config.json",
    ]  # fmt: skip


def test_code_of_the_folder_does_not_run(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, auto_map={"AutoTokenizer": ["own.Own", "own.Own"]}, tokenizer_class="Own")
    (folder / "own.py").write_text(MALICE)
    (folder / "config.json").write_text('{"auto_map": {"AutoConfig": "own.Config"}, "model_type": "own"}')
    with pytest.raises(TokenizerError, match=r"AutoTokenizer of transformers .* can't load it: "):
        load_auto_tokenizer(folder)


def test_no_file_outside_the_folder_is_opened(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = write_letters(tmp_path / "other", eos=True)
    named = {
        "tokenizer_file": str(other),
        "vocab_file": "../other/tokenizer.json",
        "init_inputs": [str(other)],
    }
    (tmp_path / "model").mkdir()
    loaded = load_auto_tokenizer(folder_of(tmp_path / "model", **named))
    assert loaded.read("a") == [256, *loaded.loaded("a", add_special_tokens=False)["input_ids"]]


@pytest.mark.parametrize("key", ["vocab", "vocab_file", "sp_model_kwargs"])
def test_no_vocabulary_of_somewhere_else_is_read(tmp_path: Path, key: str) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("Canarywordofnothingelse\n[UNK]\n")
    value = {"model_file": str(secret)} if key == "sp_model_kwargs" else str(secret)
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text('{"model_type": "bert"}')
    (model / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer", key: value}))
    told, tokens = read_whole(model)
    assert "anary" not in told
    assert not [token for token in tokens if "anary" in token]


def read_whole(model: Path) -> tuple[str, list[str]]:
    """Return the error with which a folder is refused, or the tokens that it gives."""
    try:
        return "", list(load_auto_tokenizer(model).loaded.get_vocab())
    except TokenizerError as error:
        return str(error), []


@pytest.mark.parametrize("name", ["AutoConfig", "pipeline", "PreTrainedModel", "GenerationConfig"])
def test_a_class_that_is_no_tokenizer_is_an_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(TokenizerError):
        load_auto_tokenizer(folder_of(tmp_path, tokenizer_class=name))


def test_the_reason_is_of_one_line_and_names_the_folder(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(TokenizerError) as caught:
        load_auto_tokenizer(tmp_path)
    message = str(caught.value)
    assert message.startswith(f"AutoTokenizer of transformers {transformers.__version__} can't load it: ")
    assert "\n" not in message
    assert "/calibset-" not in message


def test_without_transformers_there_is_an_import_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError):
        load_auto_tokenizer(tmp_path)
