"""Dialogues as APIs and training tools write them, whichever of their spellings a row mixes.

A row holds ``messages`` or ``conversations``, and may hold ``tools`` and ``system``. A turn says who speaks
(``role`` or ``from``) and what (``content``, ``value`` or ``parts``): text, or typed parts (`content`).

* In OpenAI's form an assistant turn calls tools with ``tool_calls`` (formerly ``function_call``), and a turn
  with the role ``tool`` answers the call that its ``tool_call_id`` names.
* In ShareGPT's form with LLaMA-Factory's additions, and in that of ms-swift, calls are turns of their own
  (``function_call``, ``tool_call``): JSON of a call or of a list of calls. A turn from ``observation`` or
  ``tool_response`` is the result of a call, or a list with the results of several calls.
* What a model thought before its answer is under a key such as ``reasoning_content``, or between
  ``<think>`` tags at the head of its words.
* Calls and results may be in the words, as a model writes them (`call_forms`, `result_forms`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from calibset.core.documents import Conversation, Tool
from calibset.sources.chat_formats.base import ChatFormatError, RepairLog
from calibset.sources.chat_formats.call_forms import has_call, read_calls_in_words
from calibset.sources.chat_formats.calls import read_calls
from calibset.sources.chat_formats.content import (
    Piece,
    Words,
    build_turns,
    join_words,
    no_text_error,
    read_pieces,
    read_result_text,
    read_thoughts,
)
from calibset.sources.chat_formats.conversation_builder import build_conversation
from calibset.sources.chat_formats.keys import Fields, fold, is_empty, name_key
from calibset.sources.chat_formats.literals import is_json, parse_value, parse_with_repairs
from calibset.sources.chat_formats.prompt_tools import read_row_tools
from calibset.sources.chat_formats.result_forms import read_results_in_words
from calibset.sources.chat_formats.roles import is_calling, read_role
from calibset.sources.chat_formats.thoughts import merge_thoughts, split_thoughts
from calibset.sources.chat_formats.tools import read_tools
from calibset.sources.chat_formats.turns import (
    MEDIA_KEYS,
    Call,
    Result,
    Turn,
    read_turn_fields,
    require_turns,
    result_from_value,
)

_SPEAKERS = ("role", "from", "speaker", "type")
# Columns that only a recipe's `system` and `tools` make read, by what they hold.
_OTHER_COLUMNS = {
    "system": ("systemprompt", "systemmessage", "systeminstruction", "systeminstructions"),
    "tools": ("availabletools", "tooldefinitions", "toolschemas", "toollist", "functiondefinitions"),
}
_MEDIA = ("image", "images", "audio", "audios", "video", "videos")
_PLACEHOLDERS = ("<image>", "<audio>", "<video>")


def parse(
    row: Mapping[str, object], *, conversation_id: str, repairs: RepairLog | None = None
) -> Conversation:
    """Return the conversation that a row holds, or raise `ChatFormatError`.

    A system turn takes precedence over the column ``system``. Tools may be in the system prompt between
    ``<tools>`` tags; a prompt that lists them is left out, since they are returned separately. A call is
    joined to the assistant's turn right before it. Results without an id answer the calls in their order.

    Examples:
        >>> row = {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        ...                     {"role": "assistant", "content": "Hello", "weight": 0}]}
        >>> [message.content for message in parse(row, conversation_id="1").messages]
        ['Hi', 'Hello']
        >>> row = {"tools": '[{"name": "now"}]', "conversations": [
        ...     {"from": "human", "value": "What time is it?"},
        ...     {"from": "function_call", "value": '{"name": "now", "arguments": {}}'}]}
        >>> parse(row, conversation_id="1").messages[1].tool_calls[0].name
        'now'
    """
    repairs = repairs or RepairLog()
    _note_other_columns(row, repairs)
    turns = [turn for message in _read_column(row, repairs) for turn in _read_turn(message, repairs)]
    turns = _add_system_turn(turns, row.get("system"), repairs)
    prompt = turns[0].content if turns and turns[0].role == "system" else ""
    tools = read_row_tools(row.get("tools"), prompt, repairs) or read_tools(row.get("functions"), repairs)
    if tools and "<tools>" in prompt:
        repairs.note("system prompt with tools left out", prompt)
        turns = turns[1:]
    turns = _join_calls(_read_words(turns, tools, repairs), repairs)
    _check_media(row, turns)
    turns = list(_split_results(turns, repairs))
    return build_conversation(conversation_id, turns, tools, {}, repairs, any_form=True)


def _read_column(row: Mapping[str, object], repairs: RepairLog) -> list[object]:
    """Return the turns of a row, as a list or as the JSON text of one."""
    column = next((row[name] for name in ("messages", "conversations") if row.get(name) is not None), None)
    try:
        return require_turns(parse_with_repairs(column, repairs) if isinstance(column, str) else column)
    except ValueError:
        raise ChatFormatError("no conversation", column) from None


def _note_other_columns(row: Mapping[str, object], repairs: RepairLog) -> None:
    for name, others in _OTHER_COLUMNS.items():
        for key, value in row.items():
            if fold(key) in others and not is_empty(value) and is_empty(row.get(name)):
                repairs.note(f"column not read: {name_key(key)}", value)


def _read_turn(message: object, repairs: RepairLog) -> Iterator[Turn]:
    if isinstance(message, str):
        message = _parse_turn(message, repairs)
    if not isinstance(message, dict):
        raise ChatFormatError("malformed turn", message)
    speaker = next(filter(None, map(message.get, _SPEAKERS)), None)
    role = read_role(speaker)
    if is_calling(speaker) and "name" in message:  # OpenAI's responses: the turn is the call
        call = {key: value for key, value in message.items() if key not in _SPEAKERS}
        yield Turn(role="assistant", calls=read_calls(call, repairs))
        return
    fields = read_turn_fields(message, repairs)
    if "media" in fields.values:
        names = (
            str(key) for key in message if fold(key) in MEDIA_KEYS.split() and not is_empty(message[key])
        )
        raise no_text_error(next(names), fields.values["media"])
    if role != "assistant" and "calls" in fields.values:
        raise ChatFormatError(f"tool call in a {role} turn", fields.values["calls"])
    if role != "assistant" and "reasoning" in fields.values:
        repairs.note("unknown key in a turn: reasoning", fields.values["reasoning"])
    if is_calling(speaker):
        yield _read_calling_turn(fields, repairs)
    elif role == "tool":
        yield from _read_results(fields, repairs)
    elif role == "assistant":
        yield from _read_assistant_turns(fields, repairs)
    else:
        yield from build_turns(role, _merge_contents(fields.values.get("text", []), repairs), repairs)


def _parse_turn(text: str, repairs: RepairLog) -> object:
    try:
        return parse_with_repairs(text, repairs)
    except ValueError:
        raise ChatFormatError("malformed turn", text) from None


def _read_calling_turn(fields: Fields, repairs: RepairLog) -> Turn:
    if "text" in fields.values and "calls" in fields.values:
        raise ChatFormatError("two keys that differ: calls", fields.values["calls"])
    value = fields.get("text") or fields.get("calls")
    reasoning = _merge_reasoning(fields)
    if isinstance(value, str):
        tagged, value = split_thoughts(value)
        reasoning = merge_thoughts(reasoning, tagged)
        if value.lstrip()[:2] not in ('{"', "{'", "[{") and has_call(value):  # in the words of a model, then
            return Turn(role="assistant", content=value, reasoning=reasoning)
    return Turn(role="assistant", reasoning=reasoning, calls=read_calls(value, repairs))


def _read_results(fields: Fields, repairs: RepairLog) -> Iterator[Turn]:
    value = fields.get("text")
    pieces: Sequence[Piece] = ()
    if isinstance(value, list) and any(isinstance(part, dict) and _holds_result(part) for part in value):
        pieces = read_pieces(value, repairs)
    if isinstance(value, str) and (results := read_results_in_words(value, repairs)):
        pieces = results
    if not pieces:
        pieces = (Result(name=None, content=read_result_text(value)),)
    name, call_id = fields.get_text("name"), fields.get_text("call id")
    if len(pieces) == 1 and isinstance(pieces[0], Result):
        first = pieces[0]
        pieces = (replace(first, name=first.name or name, call_id=first.call_id or call_id),)
    yield from build_turns("tool", pieces, repairs)


def _holds_result(part: Mapping[str, object]) -> bool:
    return (
        part.get("type") in ("tool_result", "tool-result")
        or "functionResponse" in part
        or "toolResult" in part
    )


def _read_assistant_turns(fields: Fields, repairs: RepairLog) -> Iterator[Turn]:
    pieces = _merge_contents(fields.values.get("text", []), repairs)
    pieces = _merge_calls(pieces, _read_keyed_calls(fields, repairs))
    turns = list(build_turns("assistant", pieces, repairs))
    first = turns[0]
    if first.role != "assistant":
        raise ChatFormatError("tool response without a call", first.results[0].content)
    tagged, content = split_thoughts(first.content)
    reasoning = merge_thoughts(_merge_reasoning(fields), merge_thoughts(first.reasoning, tagged))
    yield replace(first, content=content, reasoning=reasoning)
    yield from turns[1:]


def _read_keyed_calls(fields: Fields, repairs: RepairLog) -> list[tuple[Piece, ...]]:
    """Return the calls under each key of a turn; Vercel's may have their results with them."""
    keyed = [read_calls(value, repairs) for value in fields.values.get("calls", [])]
    parts = fields.get("invocations")
    listed = parts if isinstance(parts, list) else []
    invoked = [{"type": "tool-invocation", "toolInvocation": part} for part in listed]
    return [*keyed, tuple(read_pieces(invoked, repairs))]


def _merge_calls(pieces: list[Piece], keyed: Sequence[tuple[Piece, ...]]) -> list[Piece]:
    """Return the pieces of a turn with the calls under keys, which may be the same ones again."""
    written = [group for group in (*keyed, pieces) if any(isinstance(piece, Call) for piece in group)]
    calls = [[(each.name, each.arguments) for each in group if isinstance(each, Call)] for group in written]
    if any(other != calls[0] for other in calls[1:]):
        raise ChatFormatError("two keys that differ: calls", calls)
    if not written or written[-1] is pieces:
        return pieces
    # Words that come with a result are what the assistant says after it.
    has_results = any(isinstance(piece, Result) for piece in written[0])
    return [*written[0], *pieces] if has_results else [*pieces, *written[0]]


def _merge_reasoning(fields: Fields) -> str:
    merged = ""
    for value in fields.values.get("reasoning", []):
        merged = merge_thoughts(merged, read_thoughts(value))
    return merged


def _merge_contents(texts: Sequence[object], repairs: RepairLog) -> list[Piece]:
    """Return the pieces of a turn whose content is under one key, or the same under several (Vercel)."""
    contents = [read_pieces(text, repairs) for text in texts]
    if len(contents) == 1:
        return contents[0]
    richest = max(contents, key=len, default=[])
    words = "".join(join_words(richest).split())
    for pieces in contents:
        is_more = any(not isinstance(piece, Words) and piece not in richest for piece in pieces)
        if is_more or "".join(join_words(pieces).split()) not in ("", words):
            raise ChatFormatError("two keys that differ: text", texts)
    return richest


def _read_words(turns: Sequence[Turn], tools: tuple[Tool, ...], repairs: RepairLog) -> Iterator[Turn]:
    """Yield the turns, with the calls and results that are written in words taken out of them."""
    calling = False
    for turn in turns:
        read = turn
        if turn.role == "assistant" and not turn.calls:
            if words := read_calls_in_words(turn.content, tools, repairs):
                read = replace(turn, content=words[0], calls=words[1])
        elif turn.role == "user" and calling and (results := read_results_in_words(turn.content, repairs)):
            read = Turn(role="tool", results=results)
        calling = bool(read.calls or read.results)
        yield read


def _join_calls(turns: Iterable[Turn], repairs: RepairLog) -> list[Turn]:
    """Return the turns, calls without words joined with the assistant's turn right before them."""
    joined: list[Turn] = []
    for turn in turns:
        before = joined[-1] if joined else None
        if before and before.role == "assistant" and turn.calls and not turn.content.strip():
            if turn.reasoning and (before.content.strip() or before.calls):
                repairs.note("reasoning moved to the front", turn.reasoning)
            reasoning = "\n\n".join(filter(None, (before.reasoning, turn.reasoning)))
            joined[-1] = replace(before, calls=before.calls + turn.calls, reasoning=reasoning)
        else:
            joined.append(turn)
    return joined


def _split_results(turns: Sequence[Turn], repairs: RepairLog) -> Iterator[Turn]:
    """Yield the turns, with a list of the results of several calls split up."""
    empty = Turn(role="user")
    for turn, before, after in zip(turns, [empty, *turns], [*turns[1:], empty], strict=False):
        is_only = len(turn.results) == 1 and not after.results and not turn.results[0].call_id
        if is_only and len(before.calls) > 1:
            yield replace(turn, results=_split_result(turn.results[0], before.calls, repairs))
        else:
            yield turn


def _split_result(result: Result, calls: Sequence[Call], repairs: RepairLog) -> tuple[Result, ...]:
    """Split a result that is a list of one item per call; any other result stays as it is."""
    try:
        values = parse_value(result.content)
    except ValueError:
        return (result,)
    if not isinstance(values, list) or len(values) != len(calls):
        return (result,)
    if not is_json(result.content):
        repairs.note("not quite JSON", result.content)
    names = [value.get("name") if isinstance(value, dict) else None for value in values]
    if sorted(map(str, names)) != sorted(call.name for call in calls):
        names = [None for _ in calls]  # in their order, then
    return tuple(map(result_from_value, names, values))


def _check_media(row: Mapping[str, object], turns: Sequence[Turn]) -> None:
    if column := next(filter(row.get, _MEDIA), None):
        raise no_text_error(column, column)
    for turn in turns:
        # Anywhere else it may be spoken of: HTML has elements of these names.
        text = turn.content.strip() if turn.role == "user" else ""
        if text.startswith(_PLACEHOLDERS) or text.endswith(_PLACEHOLDERS):
            kind = next(kind for kind in _PLACEHOLDERS if text.startswith(kind) or text.endswith(kind))
            raise no_text_error(kind, text)


def _add_system_turn(turns: list[Turn], column: object, repairs: RepairLog) -> list[Turn]:
    pieces = read_pieces(column, repairs)
    text = join_words(pieces)
    if len(pieces) != sum(isinstance(piece, Words) for piece in pieces):
        raise ChatFormatError("malformed turn", column)
    head = [turn.content for turn in turns if turn.role == "system" and turn.content.strip()]
    if not head:
        return [Turn(role="system", content=text), *turns]
    if text.strip() and text.strip() != head[0].strip():
        repairs.note("system column left out", column)
    return turns
