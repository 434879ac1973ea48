from __future__ import annotations

import json
from pathlib import Path

import pytest

from calibset.core.errors import TokenizerError
from calibset.tokenizers import model_folder
from calibset.tokenizers.folder_tokens import FolderToken
from calibset.tokenizers.model_folder import TemplateFile, read_model_folder
from tests.letters import write_letters


def read_chat_template(folder: Path) -> TemplateFile | None:
    return read_model_folder(folder).template


def read_named_tokens(folder: Path) -> dict[str, str]:
    return dict(read_model_folder(folder).named_tokens)


def put(folder: Path, **files: object) -> None:
    for name, content in files.items():
        path = folder / f"{name}.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))


def test_a_folder_without_any_has_none(tmp_path: Path) -> None:
    assert read_chat_template(tmp_path) is None
    assert read_named_tokens(tmp_path) == {}


def test_the_newest_place_of_a_template_wins(tmp_path: Path) -> None:
    put(tmp_path, tokenizer_config={"chat_template": "config"})
    assert read_chat_template(tmp_path) == ("config", f"{tmp_path / 'tokenizer_config.json'}: chat_template")
    put(tmp_path, chat_template={"chat_template": "json"})
    assert read_chat_template(tmp_path) == ("json", f"{tmp_path / 'chat_template.json'}: chat_template")
    (tmp_path / "chat_template.jinja").write_text("jinja")
    assert read_chat_template(tmp_path) == ("jinja", str(tmp_path / "chat_template.jinja"))


def test_several_templates_are_told_by_name(tmp_path: Path) -> None:
    several = [{"name": "default", "template": "d"}, {"name": "tool_use", "template": "t"}, 5]
    put(tmp_path, tokenizer_config={"chat_template": several})
    template = read_chat_template(tmp_path)
    assert template is not None
    assert template.text == {"default": "d", "tool_use": "t"}


def test_named_tokens_are_spelled_in_either_form(tmp_path: Path) -> None:
    put(
        tmp_path,
        special_tokens_map={"bos_token": "<b>", "eos_token": "<old>", "mask_token": "<m>"},
        tokenizer_config={
            "eos_token": {"content": "<e>", "lstrip": False},
            "pad_token": None,
            "unk_token": 3,
            "image_token": "<i>",
        },
    )
    assert read_named_tokens(tmp_path) == {
        "bos_token": "<b>", "eos_token": "<old>", "image_token": "<i>", "mask_token": "<m>",
    }  # fmt: skip


def test_a_list_of_added_tokens_makes_the_older_files_void(tmp_path: Path) -> None:
    put(
        tmp_path,
        special_tokens_map={"bos_token": "<b>", "eos_token": "<old>"},
        added_tokens={"<old>": 7},
        tokenizer_config={"eos_token": "<e>", "added_tokens_decoder": {"9": {"content": "<e>"}}},
    )
    folder = read_model_folder(tmp_path)
    assert folder.named_tokens == {"eos_token": "<e>"}
    assert dict(folder.tokens.listed) == {9: FolderToken(content="<e>", special=False)}


@pytest.mark.parametrize("content", ["[]", "5", '{"chat_template": 5}', "null"])
def test_a_configuration_of_another_form_says_nothing(tmp_path: Path, content: str) -> None:
    put(tmp_path, tokenizer_config=content)
    assert read_chat_template(tmp_path) is None
    assert read_named_tokens(tmp_path) == {}


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"{", "is not valid JSON"), (b"\xff", "is not UTF-8 text"), (b"[" * 100_000, "is not valid JSON")],
)
def test_what_can_not_be_read_is_a_clear_error(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "tokenizer_config.json").write_bytes(content)
    for read in (read_chat_template, read_named_tokens):
        with pytest.raises(TokenizerError) as caught:
            read(tmp_path)
        assert str(caught.value) == f"{tmp_path / 'tokenizer_config.json'}: {says}"


def test_a_file_too_large_to_be_one_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_folder, "_LARGEST", 10)
    (tmp_path / "chat_template.jinja").write_text("x" * 11)
    with pytest.raises(TokenizerError, match=r"chat_template\.jinja: is over 4 MiB"):
        read_chat_template(tmp_path)


def write_templates(folder: Path, **templates: str) -> None:
    (folder / "additional_chat_templates").mkdir(exist_ok=True)
    for name, text in templates.items():
        (folder / "additional_chat_templates" / f"{name}.jinja").write_text(text)


def test_templates_stand_in_files_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "chat_template.jinja").write_text("d")
    write_templates(tmp_path, tool_use="t", rag="r")
    template = read_chat_template(tmp_path)
    extra = tmp_path / "additional_chat_templates"
    assert template == (
        {"default": "d", "rag": "r", "tool_use": "t"},
        f"{tmp_path / 'chat_template.jinja'}, {extra / 'rag.jinja'}, {extra / 'tool_use.jinja'}",
    )


def test_template_files_make_the_configured_ones_void(tmp_path: Path) -> None:
    several = [{"name": "default", "template": "old"}, {"name": "rag", "template": "old"}]
    put(tmp_path, tokenizer_config={"chat_template": several})
    write_templates(tmp_path, tool_use="t")
    template = read_chat_template(tmp_path)
    assert template is not None
    # There is no default among the files, without which no dialogue without tools could be rendered.
    assert template.text == {"default": "old", "tool_use": "t"}
    (tmp_path / "chat_template.jinja").write_text("d")
    template = read_chat_template(tmp_path)
    assert template is not None
    assert template.text == {"default": "d", "tool_use": "t"}


def test_templates_are_those_of_transformers(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    write_letters(tmp_path)
    several = [{"name": "default", "template": "old"}, {"name": "rag", "template": "old"}]
    put(tmp_path, tokenizer_config={"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": several})
    for name in ("", "default", "tool_use"):
        if name == "default":
            (tmp_path / "chat_template.jinja").write_text("new")
        elif name:
            write_templates(tmp_path, **{name: "new"})
        theirs = transformers.AutoTokenizer.from_pretrained(str(tmp_path)).chat_template
        template = read_chat_template(tmp_path)
        assert template is not None
        assert template.text == theirs


@pytest.mark.parametrize(
    ("name", "table", "fault"),
    [
        (
            "tokenizer_config",
            {"added_tokens_decoder": {"9" * 50: {"content": "x"}}},
            "added_tokens_decoder must hold tokens by their ids",
        ),
        (
            "tokenizer_config",
            {"added_tokens_decoder": []},
            "added_tokens_decoder must hold tokens by their ids",
        ),
        (
            "tokenizer_config",
            {"added_tokens_decoder": {"x": {"content": "a"}}},
            "added_tokens_decoder must hold",
        ),
        ("tokenizer_config", {"added_tokens_decoder": {"1": "a"}}, "added_tokens_decoder must hold"),
        (
            "tokenizer_config",
            {"added_tokens_decoder": {"1": {"content": 5}}},
            "added_tokens_decoder must hold",
        ),
        ("added_tokens", {"a": "b"}, "added_tokens.json must hold ids by their tokens"),
        (
            "tokenizer_config",
            {"extra_special_tokens": 5},
            "extra_special_tokens must be a list of tokens, or",
        ),
        ("tokenizer_config", {"pad_token": "\ud800"}, "the token '\\ud800' is no text that could be read"),
        (
            "tokenizer_config",
            {"extra_special_tokens": [f"<{number}>" for number in range(20_001)]},
            "20,001 special tokens are named, and more than 20,000 are not read",
        ),
    ],
)
def test_tokens_of_another_form_are_a_clear_error(
    tmp_path: Path, name: str, table: object, fault: str
) -> None:
    put(tmp_path, **{name: table})
    with pytest.raises(TokenizerError) as caught:
        read_model_folder(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}: {fault}")


def test_the_class_is_that_of_the_tokenizer_or_else_of_the_model(tmp_path: Path) -> None:
    put(tmp_path, config={"tokenizer_class": "OfModel", "model_type": "own", "auto_map": {"AutoModel": "x"}})
    folder = read_model_folder(tmp_path)
    assert (folder.class_name, folder.model_type, folder.runs_code) == ("OfModel", "own", False)
    put(tmp_path, tokenizer_config={"tokenizer_class": "Own", "auto_map": {"AutoTokenizer": ["a.B", None]}})
    folder = read_model_folder(tmp_path)
    assert (folder.class_name, folder.runs_code) == ("Own", True)
    put(tmp_path, tokenizer_config={"auto_map": ["a.B", None]})
    assert read_model_folder(tmp_path).runs_code
