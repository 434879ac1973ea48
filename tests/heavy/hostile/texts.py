"""Texts that patterns and tokenizers find hard, as documents and as turns, calls and results of dialogues."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.heavy.hostile.hostile_file import HostileFile

Text = Callable[[int], str]

_ALL_HYGIENE = {
    "tokenizer": "mistral-small-3.2",
    "hygiene": {"pii": "mask", "boilerplate": True},
    "decontamination": {"matches": "cut"},
    "exclude": [{"name": "quiz", "type": "jsonl", "where": "quiz.jsonl"}],
}
_TOOL = {
    "name": "f",
    "description": "Does it.",
    "parameters": {"type": "object", "properties": {"a": {"type": "string"}}},
}


def _repeat(unit: str) -> Text:
    return lambda size: unit * (size // len(unit.encode()))


def _nest(spelling: str, at: int) -> Text:
    """Return texts of a spelling inside itself: ``[IN[IN[INST]ST]ST]``."""
    return lambda size: spelling[:at] * (size // len(spelling)) + spelling[at:] * (size // len(spelling))


def _number(form: str) -> Text:
    """Return texts of a form with every number in turn."""
    return lambda size: "".join(form % number for number in range(size // len(form % 10**5)))


_PASSAGE = "Which of the rivers of Europe runs through the capital of Slovakia and where does it end?"


TEXTS: dict[str, Text] = {
    "one-word": _repeat("a"),
    "letters": _repeat("a "),
    "words": _number("w%d "),
    "digits": _repeat("1"),
    "line-ends": _number("\n%d"),
    "control-tokens": _repeat("[INST]"),
    "control-tokens-of-chatml": _repeat("<|im_start|>"),
    "short-control-tokens": _repeat("<s>"),
    "nested-control-tokens": _nest("[INST]", 3),
    "less-than": _repeat("<"),
    "tags": _repeat("<a "),
    "square-brackets": _repeat("["),
    "links": _repeat("[[a|"),
    "entities": _repeat("&a"),
    "phone-numbers": _number("0905 %06d, "),
    "country-codes": _repeat("00421 "),
    "birth-numbers": _number("75%08d "),
    "ibans": _number("SK31%020d "),
    "iban-heads": _repeat("SK31"),
    "cards": _number("4111 1111 1111 %04d "),
    "addresses": _number("a%d@b.sk "),
    "at-signs": _repeat("@a."),
    "marks": _repeat("\u0301\u0327"),
    "vowel-signs": _repeat("\u0915\u094d"),
    "formulas": _repeat("\ufdfa"),
    "chinese": _repeat("中"),
    "thai": _repeat("ก\u0e31"),
    "every-letter": lambda size: "".join(
        chr(0xA1 + number * 7919 % 0xD000) for number in range(size // 3)
    ),
    "misread-utf-8": _repeat("Ã© "),
    "misread-in-sound-letters": _repeat("áÃ© "),
    "misread-cyrillic": _repeat("яÃ©"),
    "misread-code-page": _repeat("èlánok "),
    "evaluated-passages": _number(f"{_PASSAGE} and %d so on " + "a b c " * 13),
    "controls": _repeat("\x85a"),
}  # fmt: skip


def _write_document(text: Text, path: Path, size: int) -> None:
    path.write_text(json.dumps({"text": text(size)}, ensure_ascii=False), "utf-8")
    (path.parents[1] / "quiz.jsonl").write_text(json.dumps({"text": _PASSAGE}), "utf-8")


def _make_document(name: str, text: Text) -> HostileFile:
    return HostileFile(
        name=f"document-of-{name}",
        file_name="a.jsonl",
        write=lambda path, size: _write_document(text, path, size),
        options={"type": "jsonl"},
        recipe=_ALL_HYGIENE,
    )


def _user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def _assistant(text: str, **keys: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **keys}


def _call(arguments: str, name: str = "c0") -> dict[str, Any]:
    return {"id": name, "type": "function", "function": {"name": "f", "arguments": arguments}}


def _answer(text: str, *calls: dict[str, Any]) -> dict[str, Any]:
    results = [{"role": "tool", "tool_call_id": call["id"], "content": text} for call in calls]
    return {"messages": [_user("?"), _assistant("", tool_calls=list(calls)), *results, _assistant("Done.")]}


def _many_turns(size: int) -> dict[str, Any]:
    return {"messages": [turn for _ in range(size // 80) for turn in (_user("Why?"), _assistant("So."))]}


def _many_tools(size: int) -> dict[str, Any]:
    tools = [_TOOL | {"name": f"f{number}"} for number in range(size // 130)]
    return {"messages": [_user("Why?"), _assistant("So.")], "tools": tools}


def _many_calls(size: int) -> dict[str, Any]:
    return _answer("So.", *(_call("{}", f"c{number}") for number in range(size // 160)))


_Row = Callable[[int], dict[str, Any]]
_TOOLS = {"tools": [_TOOL]}
ROWS: dict[str, _Row] = {
    "one-word-of-a-user": lambda size: {"messages": [_user("a" * size), _assistant("So.")]},
    "brackets-of-an-assistant": lambda size: {"messages": [_user("Why?"), _assistant("[" * size)], **_TOOLS},
    "bracketed-names": lambda size: {"messages": [_user("?"), _assistant("[f(" * (size // 3))], **_TOOLS},
    "empty-calls": lambda size: {
        "messages": [_user("Why?"), _assistant("<tool_call>" + "{}" * (size // 2))],
        **_TOOLS,
    },
    "calls-in-words": lambda size: {
        "messages": [_user("Why?"), _assistant('<tool_call>{"name": "f"}' * (size // 24))],
        **_TOOLS,
    },
    "headers-of-calls": lambda size: {"messages": [_user("?"), _assistant("<function=f>" * (size // 12))]},
    "quotes": lambda size: {"messages": [_user("?"), _assistant('"name": ' * (size // 8))], **_TOOLS},
    "keys-of-arguments": lambda size: {
        "messages": [_user("?"), _assistant('"arguments":x' * (size // 13))],
        **_TOOLS,
    },
    "ends-of-arguments": lambda size: {
        "messages": [_user("?"), _assistant('},"name":"f"}' * (size // 13))],
        **_TOOLS,
    },
    "backticks": lambda size: {"messages": [_user("?"), _assistant("`a" * (size // 2) + "<tool_call>")]},
    "thoughts": lambda size: {"messages": [_user("?"), _assistant("<think>" * (size // 7))]},
    "long-arguments": lambda size: _answer("So.", _call(json.dumps({"a": "a" * size}))) | _TOOLS,
    "deep-arguments": lambda size: (
        _answer("So.", _call('{"a":' * (size // 6) + "1" + "}" * (size // 6))) | _TOOLS
    ),
    "python-arguments": lambda size: _answer("So.", _call("{'a':[" + "1," * (size // 2) + "]}")) | _TOOLS,
    "long-result": lambda size: _answer("[" * size, _call("{}")) | _TOOLS,
    "many-parts": lambda size: {
        "messages": [_user([{"type": "text", "text": "a"}] * (size // 30)), _assistant("So.")]  # type: ignore[arg-type]
    },
    "many-turns": _many_turns,
    "many-tools": _many_tools,
    "many-calls": lambda size: _many_calls(size) | _TOOLS,
    "long-description": lambda size: {
        "messages": [_user("Why?"), _assistant("So.")],
        "tools": [_TOOL | {"description": "a" * size}],
    },
    "long-pattern": lambda size: {
        "messages": [_user("Why?"), _assistant("So.")],
        "tools": [_TOOL | {"parameters": {"type": "object", "properties": {"a": {"pattern": "a" * size}}}}],
    },
}


def _make_dialogue(name: str, row: _Row) -> HostileFile:
    return HostileFile(
        name=f"dialogue-of-{name}",
        file_name="a.jsonl",
        write=lambda path, size: path.write_text(json.dumps(row(size)), "utf-8"),
        options={"type": "chat"},
        recipe={"tokenizer": "mistral-small-3.2"},
    )


KINDS: tuple[HostileFile, ...] = (
    *(_make_document(name, text) for name, text in TEXTS.items()),
    *(_make_dialogue(name, row) for name, row in ROWS.items()),
)
