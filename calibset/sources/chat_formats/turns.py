"""The turns of a row, with calls and results, before they become messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from calibset.core.documents import Role
from calibset.core.text import dump_json
from calibset.sources.chat_formats.base import ChatFormatError, RepairLog
from calibset.sources.chat_formats.keys import Fields, KeyTable, name_key
from calibset.sources.chat_formats.roles import is_calling, read_role
from calibset.sources.chat_formats.thoughts import split_thoughts

MOST_TURNS = 20_000
"""The most turns of a row; agents take some hundreds, and a row of 262,144 tokens has room for no more."""

MEDIA_KEYS = "image images audio audios video videos files attachments experimentalattachments"
"""The keys of a turn under which something is that is no text, folded, with blanks between them."""

_KEYS = KeyTable(
    {
        "speaker": "role from speaker",
        "text": "content value parts refusal output",
        "calls": "toolcalls toolcall functioncall functioncalls",
        "invocations": "toolinvocations",
        "media": MEDIA_KEYS,
        "reasoning": (
            "reasoningcontent reasoning reasoningtext reasoningdetails thinking "
            "thinkingcontent thinkingblocks thought thoughts"
        ),
        "call id": "toolcallid callid tooluseid",
        "name": "name toolname",
    },
    "id messageid parentid uuid index turn turnidentifier turnid type status state weight "
    "weights loss lossmask train trainable training mask masked timestamp createdat updatedat "
    "created time date lang language model finishreason stopreason usage usagemetadata "
    "responsemetadata logprobs cachecontrol annotations prefix prefill country hashedip header "
    "iserror endturn recipient channel",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call before it has an id.

    Attributes:
        name: The tool's name as the turn spells it.
        arguments: A JSON object, as text.
        id: The call's id in the corpus; None if it has none.
    """

    name: str
    arguments: str
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of a call.

    Attributes:
        name: The name of the tool; None if the corpus doesn't say.
        content: The result, as JSON or text.
        call_id: The id of the call that it answers; None if the corpus doesn't say.
    """

    name: str | None
    content: str
    call_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One turn of a row.

    Attributes:
        role: Who speaks.
        content: The text of the turn.
        reasoning: The thoughts of an assistant turn.
        calls: The calls of an assistant turn.
        results: The results of a tool turn.
    """

    role: Role
    content: str = ""
    reasoning: str = ""
    calls: tuple[Call, ...] = ()
    results: tuple[Result, ...] = ()


def require_turns(column: object) -> list[object]:
    """Return the turns that a column holds, or raise `ChatFormatError` if it holds none."""
    if not isinstance(column, list) or not column:
        raise ChatFormatError("no conversation", column)
    if len(column) > MOST_TURNS:
        raise ChatFormatError("too many turns", column[0])
    return column


def read_turn_fields(turn: Mapping[object, object], repairs: RepairLog) -> Fields:
    """Return the values of a turn by their meaning; text under any other key is noted as left out."""
    fields = _KEYS.read(turn.items())
    for key in fields.unknown:
        if isinstance(turn[key], str | list | tuple | dict):
            repairs.note(f"unknown key in a turn: {name_key(key)}", turn[key])
    return fields


def read_turn_text(turn: object, repairs: RepairLog, *, speaker: str, text: str) -> tuple[Role, str, str]:
    """Return the role, the reasoning and the text of a turn whose text holds all there is to it."""
    if not isinstance(turn, dict) or not isinstance(content := turn.get(text), str):
        raise ChatFormatError("malformed turn", turn)
    role = read_role(turn.get(speaker))
    others = {key: value for key, value in turn.items() if key not in (speaker, text)}
    fields = read_turn_fields(others, repairs)
    if is_calling(turn[speaker]) or "calls" in fields.values:
        raise ChatFormatError("unparsable tool call", turn)
    for meaning in ("text", "reasoning"):
        if meaning in fields.values:
            repairs.note(f"unknown key in a turn: {meaning}", fields.values[meaning])
    reasoning, content = split_thoughts(content) if role == "assistant" else ("", content)
    return role, reasoning, content


def result_from_value(name: str | None, value: object) -> Result:
    """Return a value as the result of a call: text as it is, anything else as JSON."""
    try:
        return Result(name=name, content=value if isinstance(value, str) else dump_json(value))
    except ValueError:
        raise ChatFormatError("unparsable tool response", value) from None
