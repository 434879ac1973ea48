r"""The dialect of Hermes function calling: JSON between XML-like tags.

A row holds ``conversations`` of ``{"from", "value"}`` and ``tools``, a JSON text. The system
prompt repeats the tools between ``<tools>`` tags; an assistant turn calls with
``<tool_call>\n{"name": …, "arguments": …}\n</tool_call>`` and a tool turn answers with
``<tool_response>\n{"name": …, "content": …}\n</tool_response>``. Older rows write Python
literals in place of JSON.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from calibset.core.documents import Conversation, Role, Tool
from calibset.sources.chat_formats.base import DialectError, Repairs
from calibset.sources.chat_formats.literals import is_json, parse_value, read_value, skip_blank
from calibset.sources.chat_formats.tagged_calls import tagged_calls, tagged_values
from calibset.sources.chat_formats.tool_schema import tools_from_json
from calibset.sources.chat_formats.turns import Result, Turn, conversation_of, result_of

_ROLES: dict[str, Role] = {
    "system": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "tool": "tool",
}
_METADATA = ("category", "subcategory", "task")


def parse(row: Mapping[str, object], *, conversation_id: str, repairs: Repairs | None = None) -> Conversation:
    """Return the conversation that a row holds.

    The system prompt is left out where it carries the tools, since they are returned apart.

    Args:
        row: As the corpus has it.
        conversation_id: The conversation's id.
        repairs: Where to note what had to be mended.

    Raises:
        DialectError: The row is no whole conversation.

    Examples:
        >>> row = {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}
        >>> parse(row, conversation_id="1").messages[1].content
        'Hello'
    """
    spoken = _spoken(row.get("conversations"))
    prompt = spoken[0][1] if spoken and spoken[0][0] == "system" else ""
    repairs = repairs or Repairs()
    tools = _tools(row.get("tools"), prompt, repairs)
    if prompt and (not prompt.strip() or (tools and "<tools>" in prompt)):
        spoken = spoken[1:]
    declared = frozenset(tool.name for tool in tools)
    turns = [_turn(role, text, declared, repairs) for role, text in spoken]
    metadata = {key: value for key in _METADATA if isinstance(value := row.get(key), str)}
    return conversation_of(conversation_id, turns, tools, metadata, repairs)


def _spoken(turns: object) -> list[tuple[Role, str]]:
    if not isinstance(turns, list) or not turns:
        raise DialectError("no conversation", turns)
    spoken = []
    for turn in turns:
        if not isinstance(turn, dict) or not isinstance(text := turn.get("value"), str):
            raise DialectError("malformed turn", turn)
        role = _ROLES.get(str(turn.get("from")))
        if role is None:
            raise DialectError("unknown role", turn.get("from"))
        spoken.append((role, text))
    return spoken


def _tools(column: object, prompt: str, repairs: Repairs) -> tuple[Tool, ...]:
    try:
        tools = tools_from_json(column, repairs)
    except DialectError:
        if "<tools>" not in prompt:
            raise
        tools = ()
    return tools or _tools_in_prompt(prompt, repairs)


def _tools_in_prompt(prompt: str, repairs: Repairs) -> tuple[Tool, ...]:
    # Prompts name the tags before they use them: the first pair that holds something counts.
    for part in prompt.split("<tools>")[1:]:
        listed, closing, _ = part.partition("</tools>")
        if closing and listed.strip():
            repairs.note("tools in the system prompt only", listed)
            return tools_from_json(_listed(listed), repairs)
    return ()


def _listed(text: str) -> object:
    """Read a list of objects, or whole objects with stray brackets and braces between them."""
    try:
        value = parse_value(text)
    except ValueError:
        pass
    else:
        return value
    objects = []
    at = skip_blank(text, 0)
    while at < len(text):
        if text[at] in "[],}":
            at = skip_blank(text, at + 1)
            continue
        try:
            value, at = read_value(text, at)
        except ValueError:
            raise DialectError("unparsable tools", text) from None
        objects.append(value)
        at = skip_blank(text, at)
    return objects


def _turn(role: Role, text: str, declared: Collection[str], repairs: Repairs) -> Turn:
    if role == "assistant":
        content, calls = tagged_calls(text, "tool_call", declared, repairs)
        return Turn(role=role, content=content, calls=calls)
    if role == "tool":
        return Turn(role=role, results=_results(text, repairs))
    return Turn(role=role, content=text)


def _results(text: str, repairs: Repairs) -> tuple[Result, ...]:
    if "<tool_response>" not in text:
        repairs.note("tool response without tags", text)
        return (_result(text.strip(), repairs),)
    try:
        before, values, after = tagged_values(text, "tool_response", repairs)
    except DialectError:
        return tuple(_result(part, repairs) for part in _bodies(text, repairs))
    if before or after:
        raise DialectError("unparsable tool response", text)
    if not all(isinstance(value, dict | list) for value in values):
        return tuple(_result(part, repairs) for part in _bodies(text, repairs))
    return tuple(_result(value, repairs) for value in values)


def _bodies(text: str, repairs: Repairs) -> list[str]:
    parts = [part.partition("</tool_response>") for part in text.split("<tool_response>")]
    if any(outside.strip() for outside in (parts[0][0], *(rest for _, _, rest in parts))):
        raise DialectError("unparsable tool response", text)
    if not all(closing for _, closing, _ in parts[1:]):
        repairs.note("closing tag missing", text)
    return [body.strip() for body, _, _ in parts[1:]]


def _result(value: object, repairs: Repairs) -> Result:
    if isinstance(value, str):
        try:
            parsed = parse_value(value)
        except ValueError:
            parsed = None
        # A bare number or string is text: written anew it might look otherwise.
        if isinstance(parsed, dict | list):
            if not is_json(value):
                repairs.note("not quite JSON", value)
            value = parsed
    if isinstance(value, dict) and isinstance(value.get("name"), str) and "content" in value:
        return result_of(value["name"], value["content"])
    return result_of(None, value)
