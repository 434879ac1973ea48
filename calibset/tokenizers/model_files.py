"""Other files of a tokenizer's folder: the chat template, and the names of BOS, EOS and the like."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from calibset.core.errors import TokenizerError

_NAMED = ("bos_token", "eos_token", "unk_token", "pad_token")
_LARGEST = 2**22


class TemplateFile(NamedTuple):
    """A chat template and the file that it was read from.

    Attributes:
        text: The template, or several by name.
        location: The file, and the key in it if the file holds more.
    """

    text: str | dict[str, str]
    location: str


def read_chat_template(folder: Path) -> TemplateFile | None:
    """Return the chat template of a model's folder, or None if there is none."""
    file = folder / "chat_template.jinja"
    if file.is_file():
        return TemplateFile(_read_text(file), str(file))
    for name in ("chat_template.json", "tokenizer_config.json"):
        template = _read_table(folder / name).get("chat_template")
        location = f"{folder / name}: chat_template"
        if isinstance(template, str):
            return TemplateFile(template, location)
        if isinstance(template, list):
            tables = [item for item in template if isinstance(item, dict)]
            by_name = {str(table.get("name")): str(table.get("template")) for table in tables}
            return TemplateFile(by_name, location)
    return None


def read_named_tokens(folder: Path) -> Mapping[str, str]:
    """Return the spellings of BOS, EOS and the like, as far as a model's folder names them."""
    tokens: dict[str, str] = {}
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        table = _read_table(folder / name)
        for key in _NAMED:
            token = table.get(key)
            spelling = token.get("content") if isinstance(token, dict) else token
            if isinstance(spelling, str) and spelling:
                tokens[key] = spelling
    return dict(sorted(tokens.items()))


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
