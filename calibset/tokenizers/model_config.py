"""What a model's ``config.json`` says of its tokens."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_LARGEST = 16 * 2**20
# The keys under which multimodal models keep the configuration of their language model.
_LANGUAGE_MODELS = ("text_config", "llm_config", "language_config", "thinker_config", "decoder")
# A thinker has a text_config of its own; nothing nests deeper.
_DEEPEST = 3


def read_embedding_count(folder: Path) -> int | None:
    """Return how many token ids the model in a folder has embeddings for; None if it doesn't say."""
    config = read_json_object(folder / "config.json")
    count = find_number(config, "vocab_size") if config is not None else None
    return count if count is not None and count > 0 else None


def find_number(config: Mapping[str, Any], key: str, depth: int = 0) -> int | None:
    """Return the whole number under a key of a model's configuration; None if there is none.

    In a multimodal model the language model's number counts, because that is what reads the tokens.
    """
    for name in _LANGUAGE_MODELS if depth < _DEEPEST else ():
        inner = config.get(name)
        if isinstance(inner, dict) and (number := find_number(inner, key, depth + 1)) is not None:
            return number
    return whole_number(config, key)


def whole_number(config: Mapping[str, Any], key: str) -> int | None:
    """Return the whole number under a key; None if there is none."""
    number = config.get(key)
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def read_json_object(path: Path) -> Mapping[str, Any] | None:
    """Return the object in a file; None where it can't be read, which the model's loader will say itself."""
    try:
        with path.open("rb") as stream:
            content = json.loads(stream.read(_LARGEST))
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None
