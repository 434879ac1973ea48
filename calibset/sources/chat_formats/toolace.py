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

from calibset.core.documents import Conversation, Role, Tool
from calibset.core.text import dump_json
from calibset.sources.chat_formats.base import ChatFormatError, RepairLog
from calibset.sources.chat_formats.conversation_builder import build_conversation
from calibset.sources.chat_formats.literals import (
    has_escaped_blanks,
    is_json,
    parse_value,
    read_value,
    skip_blank,
)
from calibset.sources.chat_formats.tool_schema import read_tools
from calibset.sources.chat_formats.turns import (
    Call,
    Result,
    Turn,
    read_turn_text,
    require_turns,
    result_from_value,
)

_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "tool": "tool", "system": "system"}
_ARGUMENT_NAME = re.compile(r"""([^=,()"']+)=""")
_LOOKS_LIKE_A_CALL = re.compile(r"""\[[^\[\](){}"'=]{1,200}\((?:\s*\)|[^=,()"']{1,200}=)""")
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
    role, text = read_turn_text(turn, _ROLES, speaker="from", text="value")
    if role == "assistant":
        content, calls = _split_calls(text, names, repairs)
        return Turn(role=role, content=content, calls=calls)
    if role == "tool":
        return Turn(role=role, results=_parse_results(text, repairs))
    return Turn(role=role, content=text)


def _split_calls(text: str, names: Sequence[str], repairs: RepairLog) -> tuple[str, tuple[Call, ...]]:
    """Return the prose and the calls of an assistant turn.

    Square brackets are common in prose too: they hold calls where a declared name opens them
    and they begin or end the turn.
    """
    whole = text.strip()
    if whole == "[]":
        return "", ()
    start = _find_first_call(whole, names)
    if start < 0 or (start > 0 and not whole.endswith("]")):
        if whole.endswith(")]") and _LOOKS_LIKE_A_CALL.match(whole):
            raise ChatFormatError("call to an undeclared tool", whole)
        return text, ()
    try:
        calls, end = _parse_call_list(whole, start, names, repairs)
    except ValueError:
        raise ChatFormatError("unparsable tool call", whole[start:]) from None
    if end != len(whole):
        raise ChatFormatError("prose after a tool call", whole[end:])
    return whole[:start].strip(), calls


def _find_first_call(text: str, names: Sequence[str]) -> int:
    """Return where the first list of calls opens, or -1."""
    for bracket in re.finditer(r"\[", text):
        if _match_name(text, skip_blank(text, bracket.end()), names) is not None:
            return bracket.start()
    return -1


def _match_name(text: str, start: int, names: Sequence[str]) -> tuple[str, int] | None:
    """Return the longest declared name that opens a call here, and where its arguments begin."""
    for name in names:
        if text.startswith(name, start):
            end = skip_blank(text, start + len(name))
            if text.startswith("(", end):
                return name, end + 1
    return None


def _parse_call_list(
    text: str, start: int, names: Sequence[str], repairs: RepairLog
) -> tuple[tuple[Call, ...], int]:
    """Return the calls of a list, and the index after it."""
    calls: list[Call] = []
    at = start
    while not calls or text.startswith(",", at):
        at = skip_blank(text, at + 1, repairs)
        match = _match_name(text, at, names)
        if match is None:
            if _LOOKS_LIKE_A_CALL.match("[" + text[at : at + 500]):
                raise ChatFormatError("call to an undeclared tool", text[at:])
            raise ValueError("no call")
        name, arguments_start = match
        arguments, end = _parse_arguments(text, arguments_start)
        if has_escaped_blanks(text[at + len(name) : end]):
            repairs.note("escaped line breaks", text[at:end])
        calls.append(Call(name=name, arguments=dump_json(arguments)))
        at = skip_blank(text, end, repairs)
    if not text.startswith("]", at):
        raise ValueError("list without an end")
    return tuple(calls), at + 1


def _parse_arguments(text: str, start: int) -> tuple[dict[str, object], int]:
    """Return the arguments of a call, and the index after its closing bracket."""
    arguments: dict[str, object] = {}
    at = skip_blank(text, start)
    while not text.startswith(")", at):
        match = _ARGUMENT_NAME.match(text, at)
        name = match[1].strip() if match else ""
        if match is None or not name or name in arguments:
            raise ValueError("no argument")
        arguments[name], at = read_value(text, match.end())
        at = skip_blank(text, at)
        if text.startswith(",", at):
            at = skip_blank(text, at + 1)
        elif not text.startswith(")", at):
            raise ValueError("argument without an end")
    return arguments, at + 1


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
