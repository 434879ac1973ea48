r"""The format of Hermes function calling: JSON between XML-like tags.

A row holds ``conversations`` of ``{"from", "value"}`` and ``tools``, a JSON text. The system
prompt repeats the tools between ``<tools>`` tags; an assistant turn calls a tool with
``<tool_call>\n{"name": …, "arguments": …}\n</tool_call>`` and a tool turn answers with
``<tool_response>\n{"name": …, "content": …}\n</tool_response>``. Older rows write Python
literals instead of JSON.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from calibset.core.documents import Conversation, Role
from calibset.sources.chat_formats.base import ChatFormatError, RepairLog
from calibset.sources.chat_formats.conversation_builder import build_conversation
from calibset.sources.chat_formats.literals import is_json, parse_value
from calibset.sources.chat_formats.prompt_tools import read_row_tools
from calibset.sources.chat_formats.tagged_calls import read_tagged_calls, read_tagged_values
from calibset.sources.chat_formats.turns import Result, Turn, read_turn_text, require_turns, result_from_value

_METADATA = ("category", "subcategory", "task")


def parse(
    row: Mapping[str, object], *, conversation_id: str, repairs: RepairLog | None = None
) -> Conversation:
    """Return the conversation that a row holds, or raise `ChatFormatError`.

    The system prompt is left out if it lists the tools, since they are returned separately.

    Examples:
        >>> row = {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}
        >>> parse(row, conversation_id="1").messages[1].content
        'Hello'
    """
    repairs = repairs or RepairLog()
    column = require_turns(row.get("conversations"))
    texts = [read_turn_text(turn, repairs, speaker="from", text="value") for turn in column]
    prompt = texts[0][2] if texts[0][0] == "system" else ""
    tools = read_row_tools(row.get("tools"), prompt, repairs)
    if tools and "<tools>" in prompt:
        texts = texts[1:]
    declared = frozenset(tool.name for tool in tools)
    turns = [_parse_turn(role, reasoning, text, declared, repairs) for role, reasoning, text in texts]
    metadata = {key: value for key in _METADATA if isinstance(value := row.get(key), str)}
    return build_conversation(conversation_id, turns, tools, metadata, repairs)


def _parse_turn(role: Role, reasoning: str, text: str, declared: Collection[str], repairs: RepairLog) -> Turn:
    if role == "assistant":
        content, calls = read_tagged_calls(text, "tool_call", declared, repairs)
        return Turn(role=role, content=content, reasoning=reasoning, calls=calls)
    if role == "tool":
        return Turn(role=role, results=_parse_results(text, repairs))
    return Turn(role=role, content=text)


def _parse_results(text: str, repairs: RepairLog) -> tuple[Result, ...]:
    if "<tool_response>" not in text:
        repairs.note("tool response without tags", text)
        return (_parse_result(text.strip(), repairs),)
    try:
        before, values, after = read_tagged_values(text, "tool_response", repairs)
    except ChatFormatError:
        return tuple(_parse_result(body, repairs) for body in _split_bodies(text, repairs))
    if before or after:
        raise ChatFormatError("unparsable tool response", text)
    if not all(isinstance(value, dict | list) for value in values):
        return tuple(_parse_result(body, repairs) for body in _split_bodies(text, repairs))
    return tuple(_parse_result(value, repairs) for value in values)


def _split_bodies(text: str, repairs: RepairLog) -> list[str]:
    """Return the texts between tags, whatever they hold."""
    parts = [part.partition("</tool_response>") for part in text.split("<tool_response>")]
    if any(outside.strip() for outside in (parts[0][0], *(rest for _, _, rest in parts))):
        raise ChatFormatError("unparsable tool response", text)
    if not all(closing for _, closing, _ in parts[1:]):
        repairs.note("closing tag missing", text)
    return [body.strip() for body, _, _ in parts[1:]]


def _parse_result(value: object, repairs: RepairLog) -> Result:
    if isinstance(value, str):
        value = _parse_container(value, repairs)
    if isinstance(value, dict) and isinstance(value.get("name"), str) and "content" in value:
        return result_from_value(value["name"], value["content"])
    return result_from_value(None, value)


def _parse_container(text: str, repairs: RepairLog) -> object:
    """Return the object or list that a text holds, or the text."""
    try:
        value = parse_value(text)
    except ValueError:
        return text
    # A bare number or string is text: written anew it might look otherwise.
    if not isinstance(value, dict | list):
        return text
    if not is_json(text):
        repairs.note("not quite JSON", text)
    return value
