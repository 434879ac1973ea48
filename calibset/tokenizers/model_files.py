"""What stands beside a ``tokenizer.json``: the chat template, and which tokens begin and end a text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from calibset.core.errors import TokenizerError

_NAMED = ("bos_token", "eos_token", "unk_token", "pad_token")
_LARGEST = 2**22


class WrittenTemplate(NamedTuple):
    """A chat template and where it stands.

    Attributes:
        text: The template, or several by name.
        place: The file, and the key in it if it holds more.
    """

    text: str | dict[str, str]
    location: str


def chat_template(folder: Path) -> WrittenTemplate | None:
    """Return the chat template of a model's folder, or None if there is none.

    Raises:
        TokenizerError: A file that should hold it can't be read.
    """
    file = folder / "chat_template.jinja"
    if file.is_file():
        return WrittenTemplate(_read(file), str(file))
    for name in ("chat_template.json", "tokenizer_config.json"):
        found = _table(folder / name).get("chat_template")
        place = f"{folder / name}: chat_template"
        if isinstance(found, str):
            return WrittenTemplate(found, place)
        if isinstance(found, list):
            several = [one for one in found if isinstance(one, dict)]
            by_name = {str(one.get("name")): str(one.get("template")) for one in several}
            return WrittenTemplate(by_name, place)
    return None


def named_tokens(folder: Path) -> Mapping[str, str]:
    """Return the spellings of BOS, EOS and their like, as far as a model's folder names them.

    Raises:
        TokenizerError: A file that should hold them can't be read.
    """
    found: dict[str, str] = {}
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        table = _table(folder / name)
        for key in _NAMED:
            token = table.get(key)
            spelled = token.get("content") if isinstance(token, dict) else token
            if isinstance(spelled, str) and spelled:
                found[key] = spelled
    return dict(sorted(found.items()))


def _table(file: Path) -> Mapping[str, Any]:
    if not file.is_file():
        return {}
    try:
        found = json.loads(_read(file))
    except (ValueError, RecursionError) as error:
        raise TokenizerError(f"{file}: is no valid JSON") from error
    return found if isinstance(found, dict) else {}


def _read(file: Path) -> str:
    try:
        if file.stat().st_size > _LARGEST:
            raise TokenizerError(f"{file}: is over 4 MiB, which no template or configuration is")
        return file.read_text("utf-8")
    except OSError as error:
        raise TokenizerError(f"{file}: can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise TokenizerError(f"{file}: is no UTF-8 text") from error
