"""Models' folders of little but what tells how they are served."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SMALL: Mapping[str, Any] = {
    "max_position_embeddings": 4096, "vocab_size": 1000, "num_hidden_layers": 10,
    "num_attention_heads": 8, "num_key_value_heads": 2, "hidden_size": 256,
}  # fmt: skip
"""Keys and values of a token are 2 · 10 layers · 2 heads · 32 numbers of 2 bytes: 2,560."""

GPTQ: Mapping[str, Any] = {"quant_method": "gptq", "bits": 4, "group_size": 128, "sym": True}


def write_folder(
    path: Path,
    config: Mapping[str, Any] | None = SMALL,
    *,
    weights: Mapping[str, int] | None = None,
    files: Mapping[str, str] | None = None,
) -> str:
    """Write a folder and return its path.

    Args:
        path: The folder.
        config: Its ``config.json``; None for no such file.
        weights: Files of weights with their sizes; they take no room on the disk.
        files: Other files with their texts.
    """
    path.mkdir(parents=True)
    if config is not None:
        (path / "config.json").write_text(json.dumps(config))
    for name, size in (weights or {}).items():
        with (path / name).open("wb") as stream:
            stream.truncate(size)
    for name, text in (files or {}).items():
        (path / name).write_text(text, "utf-8")
    return str(path)
