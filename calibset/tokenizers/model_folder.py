"""The small files of a model's folder that say how its tokenizer reads, as transformers reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from calibset.core.errors import TokenizerError

FILES = (
    "tokenizer.json", "tekken.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "config.json", "chat_template.jinja", "chat_template.json", "additional_chat_templates/*.jinja",
)  # fmt: skip
"""The files that are read, as patterns."""

VOCABULARY_FILES = (
    "tokenizer.model*", "tiktoken.model", "spiece.model", "sentencepiece.bpe.model", "vocab.json",
    "merges.txt", "vocab.txt", "*.tiktoken",
)  # fmt: skip
"""The files, as patterns, that transformers makes a tokenizer of where there is no ``tokenizer.json``."""

NAMED_TOKENS = (
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
)  # fmt: skip
"""The keys by which every tokenizer of transformers names tokens, in the order in which it adds them."""

_LARGEST = 2**22
FURTHER_TOKENS = "extra_special_tokens"
"""The key of special tokens that have no name of their own."""

_OLD_EXTRA = "additional_special_tokens"


class TemplateFile(NamedTuple):
    """A chat template and the file that it was read from.

    Attributes:
        text: The template, or several by name.
        location: The file, and the key in it if the file holds more; several are joined by commas.
    """

    text: str | dict[str, str]
    location: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderToken:
    """A token that a file beside the ``tokenizer.json`` names.

    Attributes:
        content: Its spelling.
        special: Whether it is a control token.
        normalized: Whether it is looked for in the normalized text.
        lstrip: Whether it takes the white space before it.
        rstrip: Whether it takes the white space after it.
        single_word: Whether it is looked for only as a whole word.
    """

    content: str
    special: bool = True
    normalized: bool = False
    lstrip: bool = False
    rstrip: bool = False
    single_word: bool = False


@dataclass(frozen=True, kw_only=True)
class ModelFolder:
    """What a model's folder says about its tokenizer, besides the ``tokenizer.json``.

    Attributes:
        path: The folder.
        class_name: The class of transformers that ``tokenizer_config.json``, or else ``config.json``, names;
            empty if neither does.
        model_type: The kind of model that ``config.json`` names; empty if it doesn't.
        runs_code: Whether the tokenizer is code in the folder, which AutoTokenizer runs where it is trusted.
        listed_tokens: The tokens of ``added_tokens_decoder`` or ``added_tokens.json``, by id.
        lists_all: Whether it is ``added_tokens_decoder`` that lists them, which is meant to be complete.
        special_tokens: The tokens that files name as BOS, PAD and the like, or as further special ones, in
            the order in which transformers adds them, by what they are named.
        template: The chat template, or None.
        settings: The other keys of ``tokenizer_config.json``.
    """

    path: Path
    class_name: str
    model_type: str
    runs_code: bool
    listed_tokens: Mapping[int, FolderToken]
    lists_all: bool
    special_tokens: tuple[tuple[str, FolderToken], ...]
    template: TemplateFile | None
    settings: Mapping[str, Any] = field(repr=False)

    @property
    def named_tokens(self) -> Mapping[str, str]:
        """The spellings of BOS, EOS and the like, by key, as chat templates are given them."""
        names = {key: token.content for key, token in self.special_tokens if key.endswith("_token")}
        return dict(sorted(names.items()))


def read_model_folder(path: Path) -> ModelFolder:
    """Return what a model's folder says about its tokenizer.

    Raises:
        TokenizerError: A file can't be read, or is not of the form that transformers takes.
    """
    config = _read_table(path / "tokenizer_config.json")
    model = _read_table(path / "config.json")
    auto_map = config.get("auto_map")
    listed, merged = _read_tokens(path, config)
    return ModelFolder(
        path=path,
        class_name=_string(config, "tokenizer_class") or _string(model, "tokenizer_class"),
        model_type=_string(model, "model_type"),
        runs_code=bool(auto_map.get("AutoTokenizer") if isinstance(auto_map, dict) else auto_map),
        listed_tokens=listed,
        lists_all="added_tokens_decoder" in config,
        special_tokens=tuple(_find_special_tokens(merged, listed)),
        template=_read_chat_template(path, config),
        settings=config,
    )


def _read_tokens(path: Path, config: Mapping[str, Any]) -> tuple[dict[int, FolderToken], dict[str, Any]]:
    """Return the tokens that are listed by id, and the configuration with the keys that name tokens.

    ``added_tokens_decoder`` makes transformers pass over the two files that were used before there was one.
    """
    file = path / "tokenizer_config.json"
    if "added_tokens_decoder" in config:
        decoder = config["added_tokens_decoder"]
        if not isinstance(decoder, dict) or not all(
            number.isdecimal() and isinstance(token, dict) and isinstance(token.get("content"), str)
            for number, token in decoder.items()
        ):
            raise TokenizerError(f"{file}: added_tokens_decoder: must be an object of tokens by id")
        return {int(number): _folder_token(token) for number, token in decoder.items()}, dict(config)
    merged = {**config, **_read_table(path / "special_tokens_map.json")}
    special = {token.content for _, token in _find_special_tokens(merged, {})}
    added = _read_table(path / "added_tokens.json")
    if not all(isinstance(number, int) for number in added.values()):
        raise TokenizerError(f"{path / 'added_tokens.json'}: must be an object of ids by token")
    return {
        number: FolderToken(content=content, special=content in special, normalized=content not in special)
        for content, number in added.items()
    }, merged


def _find_special_tokens(
    config: Mapping[str, Any], listed: Mapping[int, FolderToken]
) -> Iterator[tuple[str, FolderToken]]:
    """Yield the special tokens that keys of a configuration name, in the order of transformers 5."""
    known = {token.content: token for token in listed.values()}
    extra = config.get(FURTHER_TOKENS) or config.get(_OLD_EXTRA) or ()
    others = [key for key in config if key.endswith("_token") and key not in NAMED_TOKENS]
    named = [(key, config.get(key)) for key in (*NAMED_TOKENS, *others)]
    if isinstance(extra, dict):
        named += extra.items()
    else:
        named += ((FURTHER_TOKENS, token) for token in (extra if isinstance(extra, list) else ()))
    for key, value in named:
        content = value.get("content") if isinstance(value, dict) else value
        if isinstance(content, str) and content:
            table = value if isinstance(value, dict) else {"content": content}
            yield key, known.get(content) or _folder_token({**table, "special": True})


def _folder_token(table: Mapping[str, Any]) -> FolderToken:
    flags = {
        key: table[key] for key in ("lstrip", "rstrip", "single_word") if isinstance(table.get(key), bool)
    }
    special = table.get("special") is True
    normalized = table.get("normalized")
    return FolderToken(
        content=str(table["content"]),
        special=special,
        normalized=normalized if isinstance(normalized, bool) else not special,
        **flags,
    )


def _read_chat_template(path: Path, config: Mapping[str, Any]) -> TemplateFile | None:
    """Return the template of a folder, or several by name; template files win over the configuration."""
    default = path / "chat_template.jinja"
    extra = sorted((path / "additional_chat_templates").glob("*.jinja"))
    files = {"default": default} if default.is_file() else {}
    files.update((file.name.removesuffix(".jinja"), file) for file in extra)
    configured = _configured_template(path, config)
    if not files:
        return configured
    texts = {name: _read_text(file) for name, file in files.items()}
    location = ", ".join(str(file) for file in files.values())
    if "default" not in texts and configured is not None:
        # transformers would have no template at all for conversations without tools.
        text = configured.text if isinstance(configured.text, str) else configured.text.get("default")
        if text is not None:
            texts, location = {"default": text, **texts}, f"{configured.location}, {location}"
    return TemplateFile(texts["default"] if list(texts) == ["default"] else texts, location)


def _configured_template(path: Path, config: Mapping[str, Any]) -> TemplateFile | None:
    for name, table in (
        ("chat_template.json", _read_table(path / "chat_template.json")),
        ("tokenizer_config.json", config),
    ):
        template = table.get("chat_template")
        location = f"{path / name}: chat_template"
        if isinstance(template, str):
            return TemplateFile(template, location)
        if isinstance(template, dict):
            return TemplateFile({str(key): str(text) for key, text in template.items()}, location)
        if isinstance(template, list):
            tables = [item for item in template if isinstance(item, dict)]
            by_name = {str(item.get("name")): str(item.get("template")) for item in tables}
            return TemplateFile(by_name, location)
    return None


def _string(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key)
    return value if isinstance(value, str) else ""


def _read_table(file: Path) -> Mapping[str, Any]:
    if not file.is_file():
        return {}
    try:
        table = json.loads(_read_text(file))
    except (ValueError, RecursionError) as error:
        raise TokenizerError(f"{file}: is not valid JSON") from error
    return table if isinstance(table, dict) else {}


def _read_text(file: Path) -> str:
    try:
        if file.stat().st_size > _LARGEST:
            raise TokenizerError(f"{file}: is over 4 MiB, too large for a template or configuration")
        return file.read_text("utf-8")
    except OSError as error:
        raise TokenizerError(f"{file}: can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise TokenizerError(f"{file}: is not UTF-8 text") from error
