"""The content of a turn: text, or the typed parts in which APIs write text, thoughts, calls and results.

Known are the parts of OpenAI (``text``, ``input_text``, ``output_text``, ``refusal``), Anthropic
(``tool_use``, ``tool_result``, ``thinking``), Mistral (``thinking``), Gemini (``parts``, ``functionCall``,
``functionResponse``), Bedrock (``toolUse``, ``toolResult``) and Vercel (``tool-call``, ``tool-result``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

from calibset.core.documents import Role
from calibset.sources.chat_formats.base import ChatFormatError, RepairLog
from calibset.sources.chat_formats.calls import read_call
from calibset.sources.chat_formats.keys import KeyTable, fold, is_empty, name_key
from calibset.sources.chat_formats.thoughts import split_thoughts
from calibset.sources.chat_formats.turns import Call, Result, Turn, result_from_value


@dataclass(frozen=True, slots=True)
class Words:
    """What is said."""

    text: str


@dataclass(frozen=True, slots=True)
class Thought:
    """What is thought."""

    text: str


Piece: TypeAlias = Words | Thought | Call | Result

_KINDS = {
    kind: name
    for name, kinds in {
        "words": "text inputtext outputtext refusal",
        "thought": "thinking reasoning reasoningtext reasoningcontent thought summarytext",
        "call": "tooluse toolcall functioncall toolinvocation dynamictool servertooluse",
        "result": "toolresult toolresponse functionresponse functioncalloutput",
        "media": "image imageurl inputimage audio inputaudio audiourl video videourl file inputfile document",
        "sealed": "redactedthinking reasoningencrypted redactedcontent",
        "nothing": "stepstart cachepoint",
    }.items()
    for kind in kinds.split()
}
_TEXT_KEYS = KeyTable(
    {
        "text": (
            "text inputtext outputtext refusal thinking reasoning reasoningtext "
            "reasoningcontent thought content summary summarytext"
        ),
    },
    "data encryptedcontent type id index format state status closed cachecontrol signature thoughtsignature "
    "annotations citations logprobs providermetadata provideroptions",
)
_RESULT_KEYS = KeyTable(
    {
        "content": "content output result response errortext",
        "call id": "tooluseid toolcallid callid",
        "own id": "id",
        "name": "name toolname",
    },
    "type status state step iserror cachecontrol providermetadata provideroptions "
    "resultprovidermetadata providerexecuted preliminary",
)
_OUTPUT_KEYS = frozenset(("output", "result", "errortext", "resultprovidermetadata", "preliminary"))
_INPUT_KEYS = frozenset(("args", "input", "callprovidermetadata"))


def read_pieces(content: object, repairs: RepairLog) -> list[Piece]:
    """Return the pieces of a turn's content, in their order, or raise `ChatFormatError`.

    Examples:
        >>> read_pieces([{"type": "text", "text": "Hi"}, {"text": "Hm.", "thought": True}], RepairLog())
        [Words(text='Hi'), Thought(text='Hm.')]
    """
    if content is None:
        return []
    if isinstance(content, str):
        return [Words(content)]
    if isinstance(content, dict) and "parts" in content:
        content = content["parts"]
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        raise ChatFormatError("malformed turn", content)
    return [piece for part in content for piece in _read_part(part, repairs)]


def no_text_error(name: str, value: object) -> ChatFormatError:
    """Return the error on something that is no text, with its kind if the name says it.

    Examples:
        >>> no_text_error("image_url", "").reason, no_text_error("tree", "").reason
        ('part that is no text: image', 'part that is no text: tree')
    """
    kind = next(
        (kind for kind in ("image", "audio", "video", "file", "document") if kind in fold(name)), None
    )
    return ChatFormatError(f"part that is no text: {kind or name_key(name)}", value)


def build_turns(role: Role, pieces: Sequence[Piece], repairs: RepairLog) -> Iterator[Turn]:
    """Yield the turns that pieces make: those of a speaker, and one for the results among them."""
    if not pieces:
        yield Turn(role=role)
    for is_result, group in groupby(pieces, lambda piece: isinstance(piece, Result)):
        if is_result:
            yield Turn(role="tool", results=tuple(piece for piece in group if isinstance(piece, Result)))
        else:
            yield _build_turn(role, list(group), repairs)


def read_result_text(value: object) -> str:
    """Return a tool's result as text: its words if it is made of typed parts, else text or JSON."""
    if isinstance(value, dict) and value.keys() == {"type", "value"}:  # Vercel's
        value = value["value"]
    parts = [value] if isinstance(value, dict) and _KINDS.get(fold(value.get("type"))) == "words" else value
    if isinstance(parts, list) and parts and all(map(_is_part, parts)):
        return join_words(read_pieces(parts, RepairLog()))
    return result_from_value(None, "" if value is None else value).content


def join_words(pieces: Iterable[Piece]) -> str:
    """Return what is said in pieces."""
    return "\n".join(piece.text for piece in pieces if isinstance(piece, Words))


def read_thoughts(value: object, depth: int = 8) -> str:
    """Return thoughts written as text, as a part, or as a list of either, nested no deeper than this."""
    if isinstance(value, str):
        tagged, rest = split_thoughts(value)
        return tagged if not rest else value.strip()
    if isinstance(value, dict):
        fields = _TEXT_KEYS.read(value.items())
        if fields.unknown:
            raise ChatFormatError(f"unknown key in reasoning: {name_key(fields.unknown[0])}", value)
        value = fields.values.get("text", [])
    if not isinstance(value, list | tuple):
        return ""
    if depth == 0:
        raise ChatFormatError("malformed turn", value)
    return "\n\n".join(filter(None, (read_thoughts(item, depth - 1) for item in value)))


def _build_turn(role: Role, pieces: Sequence[Piece], repairs: RepairLog) -> Turn:
    calls = tuple(piece for piece in pieces if isinstance(piece, Call))
    if calls and role != "assistant":
        raise ChatFormatError(f"tool call in a {role} turn", calls[0].name)
    order = [type(piece) for piece in pieces if not (isinstance(piece, Words) and not piece.text.strip())]
    if Call in order and Words in order[order.index(Call) :]:
        raise ChatFormatError("prose after a tool call", join_words(pieces))
    thoughts = [piece.text for piece in pieces if isinstance(piece, Thought) and piece.text]
    if thoughts and role != "assistant":
        raise ChatFormatError(f"reasoning in a {role} turn", thoughts[0])
    if Thought in order and not all(kind is Thought for kind in order[: order.count(Thought)]):
        repairs.note("reasoning moved to the front", thoughts)
    return Turn(role=role, content=join_words(pieces), reasoning="\n\n".join(thoughts), calls=calls)


def _read_part(part: object, repairs: RepairLog) -> Iterator[Piece]:
    if isinstance(part, str):
        yield Words(part)
        return
    if not isinstance(part, dict):
        raise ChatFormatError("malformed turn", part)
    kind, inner = _unwrap_typed(part) if isinstance(part.get("type"), str) else _unwrap_untyped(part)
    if kind == "words":
        yield Words(_read_words(inner, repairs))
    elif kind == "thought":
        yield Thought(read_thoughts(inner))
    elif kind == "sealed":
        repairs.note("encrypted reasoning left out", part)
    elif kind == "call":
        yield from _read_call_part(inner, repairs)
    elif kind == "result":
        yield _read_result_part(inner)
    elif kind != "nothing":
        raise no_text_error(str(part.get("type") or ", ".join(map(str, part))), part)


def _unwrap_typed(part: dict[str, object]) -> tuple[str | None, dict[str, object]]:
    """Return what a part is by its type, and the object that says it."""
    name = str(part["type"])
    kind = _KINDS.get(fold(name))
    if kind is None and name.startswith("tool-") and "toolCallId" in part:  # Vercel's, named for the tool
        return "call", {"toolName": name.removeprefix("tool-"), **part}
    inner = part.get("toolInvocation")
    return kind, inner if kind == "call" and isinstance(inner, dict) else part


def _unwrap_untyped(part: dict[str, object]) -> tuple[str | None, dict[str, object]]:
    """Return what a part is by its keys, and the object that says it."""
    if part.get("thought") is True:  # Gemini's
        return "thought", {"text": part.get("text")}
    for key, value in part.items():
        kind = _KINDS.get(fold(key))
        if kind and isinstance(value, dict):
            return kind, value
        if kind == "words" or (kind and not is_empty(value)):
            return kind, part
    return None, part


def _read_words(part: Mapping[str, object], repairs: RepairLog) -> str:
    fields = _TEXT_KEYS.read(part.items())
    for key in fields.unknown:
        if isinstance(part.get(str(key)), str | list | dict):
            repairs.note(f"unknown key in a part: {name_key(key)}", part)
    text = fields.get("text")
    if not isinstance(text, str):
        raise ChatFormatError("malformed turn", part)
    return text


def _read_call_part(part: Mapping[str, object], repairs: RepairLog) -> Iterator[Piece]:
    """Yield the call of a part, and its result where the part has both (Vercel)."""
    outputs = {key: value for key, value in part.items() if fold(key) in _OUTPUT_KEYS}
    call = read_call({key: value for key, value in part.items() if key not in outputs}, repairs)
    yield call
    if any(not is_empty(value) for value in outputs.values()):
        result = _read_result_part(outputs)
        yield Result(name=call.name, content=result.content, call_id=call.id)


def _read_result_part(part: Mapping[str, object]) -> Result:
    items = [(key, value) for key, value in part.items() if fold(key) not in _INPUT_KEYS]
    fields = _RESULT_KEYS.read(items)
    if fields.unknown:
        raise ChatFormatError(f"unknown key in a result: {name_key(fields.unknown[0])}", part)
    content = fields.get("content")
    return Result(
        name=fields.get_text("name"),
        content=read_result_text(_unwrap_json(content)),
        call_id=fields.get_text("call id") or fields.get_text("own id"),
    )


def _unwrap_json(content: object) -> object:
    """Return the value of a result that is one part of JSON (Bedrock)."""
    if isinstance(content, list) and len(content) == 1 and isinstance(content[0], dict):
        return content[0]["json"] if content[0].keys() == {"json"} else content
    return content


def _is_part(part: object) -> bool:
    """Return whether a value in a result is a typed part, and not an object that the tool gave."""
    if not isinstance(part, dict):
        return False
    return _KINDS.get(fold(part.get("type"))) in ("words", "media") or part.keys() == {"text"}
