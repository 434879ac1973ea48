"""The format of ToolACE: calls as ``[Name With Spaces(text="x", n=1), other.name()]``.

A row holds ``system`` (instructions around the tools as a JSON list) and ``conversations`` of
``{"from", "value"}``; a tool turn is ``[{"name": …, "results": …}]``. Most tool names are not
identifiers, so a call is matched against the declared names before its arguments are read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from itertools import islice

from calibset.core.documents import Conversation, Tool
from calibset.sources.chat_formats.base import ChatFormatError, RepairLog
from calibset.sources.chat_formats.conversation_builder import build_conversation
from calibset.sources.chat_formats.literals import is_json, parse_value
from calibset.sources.chat_formats.pythonic_calls import split_calls
from calibset.sources.chat_formats.tools import read_tools
from calibset.sources.chat_formats.turns import Result, Turn, read_turn_text, require_turns, result_from_value

_MOST_LISTS_TRIED = 50


def parse(
    row: Mapping[str, object], *, conversation_id: str, repairs: RepairLog | None = None
) -> Conversation:
    """Return the conversation that a row holds, or raise `ChatFormatError`.

    The system prompt is left out if it lists the tools, since they are returned separately.

    Examples:
        >>> row = {"system": 'Functions: [{"name": "Get Rate"}]', "conversations": [
        ...     {"from": "user", "value": "EUR?"},
        ...     {"from": "assistant", "value": '[Get Rate(from="EUR")]'}]}
        >>> parse(row, conversation_id="1").messages[1].tool_calls[0].arguments
        '{"from": "EUR"}'
    """
    repairs = repairs or RepairLog()
    system = row.get("system") or ""
    if not isinstance(system, str):
        raise ChatFormatError("malformed turn", system)
    column = require_turns(row.get("conversations"))
    tools = _find_tools(system, repairs)
    names = sorted((tool.name for tool in tools), key=len, reverse=True)
    turns = [_parse_turn(turn, names, repairs) for turn in column]
    if system.strip() and not tools:
        turns.insert(0, Turn(role="system", content=system))
    return build_conversation(conversation_id, turns, tools, {}, repairs)


def _find_tools(system: str, repairs: RepairLog) -> tuple[Tool, ...]:
    """Return the tools of the first list of objects in a system prompt."""
    decoder = json.JSONDecoder()
    for bracket in islice(re.finditer(r"\[", system), _MOST_LISTS_TRIED):
        try:
            value, _ = decoder.raw_decode(system, bracket.start())
        except (ValueError, RecursionError):
            continue
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            return read_tools(value, repairs)
    if re.search(r"\[\s*\{", system):
        raise ChatFormatError("unparsable tools", system)
    return ()


def _parse_turn(turn: object, names: Sequence[str], repairs: RepairLog) -> Turn:
    role, reasoning, text = read_turn_text(turn, repairs, speaker="from", text="value")
    if role == "assistant":
        content, calls = split_calls(text, names, repairs)
        return Turn(role=role, content=content, reasoning=reasoning, calls=calls)
    if role == "tool":
        return Turn(role=role, results=_parse_results(text, repairs))
    return Turn(role=role, content=text)


def _parse_results(text: str, repairs: RepairLog) -> tuple[Result, ...]:
    try:
        value = parse_value(text)
    except ValueError:
        return (Result(name=None, content=text.strip()),)
    if isinstance(value, dict | list) and not is_json(text):
        repairs.note("not quite JSON", text)
    results = []
    for item in value if isinstance(value, list) else [value]:
        if not isinstance(item, dict) or not isinstance(item.get("name"), str) or "results" not in item:
            return (result_from_value(None, value),)
        results.append(result_from_value(item["name"], item["results"]))
    return tuple(results)
