"""Calls as objects, under the keys of any API: ``{"name": …, "arguments": {…}}`` and its kin.

Known are the forms of OpenAI, Anthropic (``tool_use``), LangChain (``args``), Gemini (``functionCall``),
Cohere and Llama 3.1 (``parameters``), Bedrock (``toolUse``) and Vercel (``toolName``). A call with any other
key is refused, since what is under it may be what the model has to write.
"""

from __future__ import annotations

from collections.abc import Collection

from calibset.core.text import dump_json
from calibset.sources.chat_formats.base import ChatFormatError, RepairLog
from calibset.sources.chat_formats.keys import Fields, KeyTable, is_empty, name_key, unwrap
from calibset.sources.chat_formats.literals import has_repeated_key, parse_with_repairs
from calibset.sources.chat_formats.turns import Call

_KEYS = KeyTable(
    {
        "arguments": (
            "arguments argument parameters parameter params args kwargs input inputs "
            "toolinput toolarguments functionarguments actioninput"
        ),
        "name": "name toolname functionname function tool recipientname action",
        "id": "callid toolcallid tooluseid",
        "own id": "id",
    },
    "type index state status step cachecontrol signature thoughtsignature caller dynamic "
    "providerexecuted provideroptions providermetadata callprovidermetadata extracontent "
    "partialjson",
)
MOST_CALLS = 1_000
"""The most calls in a turn; a model that calls tools side by side makes some dozens."""

_WRAPPERS = frozenset(("function", "functioncall", "tool", "toolcall", "tooluse", "toolinvocation"))


def read_calls(value: object, repairs: RepairLog) -> tuple[Call, ...]:
    """Return the calls of a turn: one or a list, as JSON text or values, in any API's form.

    Examples:
        >>> read_calls('{"name": "f", "parameters": {"x": 1}}', RepairLog())
        (Call(name='f', arguments='{"x": 1}', id=None),)
        >>> call = {"id": "a1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        >>> read_calls([call], RepairLog())
        (Call(name='f', arguments='{}', id='a1'),)
    """
    listed = _parse(value, repairs)
    items = listed if isinstance(listed, list) else [listed]
    if len(items) > MOST_CALLS:
        raise ChatFormatError("too many calls", items[0])
    return tuple(read_call(_parse(item, repairs), repairs) for item in items)


def read_call(
    value: object, repairs: RepairLog, declared: Collection[str] = (), *, text_is_odd: bool = False
) -> Call:
    """Return the call that an object holds, or raise `ChatFormatError`.

    Arguments may be an object, an object as text, or missing. A name inside the arguments is accepted if
    it is declared.

    Args:
        value: The object.
        repairs: The log to add repairs to.
        declared: The names of the declared tools.
        text_is_odd: Whether arguments as JSON text, which OpenAI writes, are a fault in this format.

    Examples:
        >>> read_call({"name": "f", "args": '{"x": 1}'}, RepairLog())
        Call(name='f', arguments='{"x": 1}', id=None)
    """
    if not isinstance(value, dict):
        raise ChatFormatError("unparsable tool call", value)
    fields = _KEYS.read(unwrap(value, _WRAPPERS))
    try:
        arguments = _read_arguments(fields, repairs, text_is_odd=text_is_odd)
        name = fields.get("name")
        inner = arguments.get("name")
        if name is None and isinstance(inner, str) and inner in declared:
            name = inner
            arguments = {key: item for key, item in arguments.items() if key != "name"}
            repairs.note("name inside the arguments", value)
        if not isinstance(name, str):
            raise ChatFormatError("unparsable tool call", value)
        if fields.unknown:
            raise ChatFormatError(f"unknown key in a tool call: {name_key(fields.unknown[0])}", value)
        return Call(
            name=name, arguments=dump_json(arguments), id=fields.get_text("id") or fields.get_text("own id")
        )
    except ValueError:
        raise ChatFormatError("unparsable tool call", value) from None


def check_keys(text: str) -> None:
    """Raise `ChatFormatError` if an object in a call's JSON text has two values under one key."""
    if has_repeated_key(text):
        raise ChatFormatError("a key twice in a tool call", text)


def _read_arguments(fields: Fields, repairs: RepairLog, *, text_is_odd: bool) -> dict[str, object]:
    value = fields.get("arguments")
    if isinstance(value, str) and value.strip():
        if text_is_odd:
            repairs.note("arguments as text", value)
        check_keys(value)
        value = parse_with_repairs(value, repairs)
    if isinstance(value, dict):
        return value
    if not is_empty(value):
        raise ValueError("arguments are no object")
    repairs.note("no arguments", value)
    return {}


def _parse(value: object, repairs: RepairLog) -> object:
    if not isinstance(value, str):
        return value
    check_keys(value)
    try:
        return parse_with_repairs(value, repairs)
    except ValueError:
        raise ChatFormatError("unparsable tool call", value) from None
