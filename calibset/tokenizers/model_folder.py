"""The small files of a model's folder that say how its tokenizer reads, as transformers reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from calibset.core.errors import TokenizerError
from calibset.tokenizers.folder_tokens import FolderTokens, collect_tokens

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

_LARGEST = 2**22


class TemplateFile(NamedTuple):
    """A chat template and the file that it was read from.

    Attributes:
        text: The template, or several by name.
        location: The file, and the key in it if the file holds more; several are joined by commas.
    """

    text: str | dict[str, str]
    location: str


@dataclass(frozen=True, kw_only=True)
class ModelFolder:
    """What a model's folder says about its tokenizer, besides the ``tokenizer.json``.

    Attributes:
        path: The folder.
        class_name: The class of transformers that ``tokenizer_config.json``, or else ``config.json``, names;
            empty if neither does.
        model_type: The kind of model that ``config.json`` names; empty if it doesn't.
        runs_code: Whether the tokenizer is code in the folder, which AutoTokenizer runs where it is trusted.
        tokens: The tokens that its files name.
        template: The chat template, or None.
        settings: The other keys of ``tokenizer_config.json``.
    """

    path: Path
    class_name: str
    model_type: str
    runs_code: bool
    tokens: FolderTokens
    template: TemplateFile | None
    settings: Mapping[str, Any] = field(repr=False)

    @property
    def named_tokens(self) -> Mapping[str, str]:
        """The spellings of BOS, EOS and the like, by key, as chat templates are given them."""
        names = {key: token.content for key, token in self.tokens.special if key.endswith("_token")}
        return dict(sorted(names.items()))


def read_model_folder(path: Path) -> ModelFolder:
    """Return what a model's folder says about its tokenizer.

    Raises:
        TokenizerError: A file can't be read, or is not of the form that transformers takes.
    """
    config = _read_table(path / "tokenizer_config.json")
    model = _read_table(path / "config.json")
    auto_map = config.get("auto_map")
    special_map, added = (
        _read_table(path / f"{name}.json") for name in ("special_tokens_map", "added_tokens")
    )
    try:
        tokens = collect_tokens(config, special_map, added)
    except ValueError as error:
        raise TokenizerError(f"{path}: {error}") from error
    return ModelFolder(
        path=path,
        class_name=_string(config, "tokenizer_class") or _string(model, "tokenizer_class"),
        model_type=_string(model, "model_type"),
        runs_code=bool(auto_map.get("AutoTokenizer") if isinstance(auto_map, dict) else auto_map),
        tokens=tokens,
        template=_read_chat_template(path, config),
        settings=config,
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
