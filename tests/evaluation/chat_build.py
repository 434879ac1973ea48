"""A calibration file of conversations, some of which call a tool, for a ChatML model of single bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from calibset.pipeline.build import build
from calibset.recipe.loader import load_recipe
from tests.chatml import write_chatml

RECIPE = """\
name = "chat"
nsamples = 6
seqlen = 384
tokenizer = "model"
hygiene.duplicates = "keep"
[groups]
talk = 0.5
tools = 0.5
[sources.talk]
group = "talk"
type = "chat"
where = "talk.jsonl"
[sources.weather]
group = "tools"
type = "chat"
where = "weather.jsonl"
"""

TOOL = {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}


def talk(number: int) -> dict[str, Any]:
    answer = f"Answer {number}: " + "because " * 10
    return {"messages": [
        {"role": "user", "content": f"Question {number}?"}, {"role": "assistant", "content": answer},
    ]}  # fmt: skip


def ask_weather(number: int) -> dict[str, Any]:
    call = {"function": {"name": "weather", "arguments": json.dumps({"city": f"City {number}"})}}
    return {
        "messages": [
            {"role": "user", "content": f"Rain in city {number}?"},
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "content": "none"},
            {"role": "assistant", "content": "No."},
        ],
        "tools": [TOOL],
    }


def build_chat_file(folder: Path) -> Path:
    """Build the file in a folder, with its tokenizer in ``model``; return its path."""
    (folder / "model").mkdir()
    write_chatml(folder / "model")
    for name, make in (("talk", talk), ("weather", ask_weather)):
        rows = "".join(json.dumps(make(number)) + "\n" for number in range(30))
        (folder / f"{name}.jsonl").write_text(rows)
    (folder / "recipe.toml").write_text(RECIPE)
    path = folder / "chat.calibration.jsonl"
    build(load_recipe(folder / "recipe.toml")).write(path)
    return path
