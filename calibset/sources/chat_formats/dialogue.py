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
    read_pieces,
    read_result_text,
    read_thoughts,
)
from calibset.sources.chat_formats.conversation_builder import build_conversation
from calibset.sources.chat_formats.keys import Fields
from calibset.sources.chat_formats.literals import is_json, parse_value, parse_with_repairs
from calibset.sources.chat_formats.prompt_tools import read_row_tools
from calibset.sources.chat_formats.result_forms import read_results_in_words
from calibset.sources.chat_formats.roles import is_calling, read_role
from calibset.sources.chat_formats.thoughts import merge_thoughts, split_thoughts
from calibset.sources.chat_formats.tools import read_tools
from calibset.sources.chat_formats.turns import (
    Call,
    Result,
    Turn,
    read_turn_fields,
    require_turns,
    result_from_value,
)

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
    turns = [turn for message in _read_column(row, repairs) for turn in _read_turn(message, repairs)]
    turns = _add_system_turn(turns, row.get("system"), repairs)
    prompt = turns[0].content if turns and turns[0].role == "system" else ""
    tools = read_row_tools(row.get("tools"), prompt, repairs) or read_tools(row.get("functions"), repairs)
    if tools and "<tools>" in prompt:
        repairs.note("system prompt with tools left out", prompt)
        turns = turns[1:]
    turns = _join_calls(_read_words(turns, tools, repairs))
    _check_media(row, turns)
    return build_conversation(conversation_id, list(_split_results(turns, repairs)), tools, {}, repairs)


def _read_column(row: Mapping[str, object], repairs: RepairLog) -> list[object]:
    """Return the turns of a row, as a list or as the JSON text of one."""
    column = next((row[name] for name in ("messages", "conversations") if row.get(name) is not None), None)
    try:
        return require_turns(parse_with_repairs(column, repairs) if isinstance(column, str) else column)
    except ValueError:
        raise ChatFormatError("no conversation", column) from None


def _read_turn(message: object, repairs: RepairLog) -> Iterator[Turn]:
    if not isinstance(message, dict):
        raise ChatFormatError("malformed turn", message)
    fields = read_turn_fields(message, repairs)
    speaker = next((message[key] for key in ("role", "from") if message.get(key) is not None), None)
    role = read_role(speaker)
    texts = fields.values.get("text", [])
    if is_calling(speaker):
        yield _read_calling_turn(fields, texts, repairs)
    elif role == "tool":
        yield from _read_results(fields, repairs)
    elif role == "assistant":
        yield from _read_assistant_turns(fields, texts, repairs)
    else:
        if "calls" in fields.values:
            raise ChatFormatError(f"tool call in a {role} turn", message)
        if "reasoning" in fields.values:
            repairs.note("unknown key in a turn: reasoning", fields.values["reasoning"])
        yield from build_turns(role, _merge_contents(texts, repairs), repairs)


def _read_calling_turn(fields: Fields, texts: Sequence[object], repairs: RepairLog) -> Turn:
    value = fields.get("text") if texts else fields.get("calls")
    reasoning = read_thoughts(fields.get("reasoning"))
    if isinstance(value, str):
        tagged, value = split_thoughts(value)
        reasoning = merge_thoughts(reasoning, tagged)
        if has_call(value):  # in the words of a model, then
            return Turn(role="assistant", content=value, reasoning=reasoning)
    return Turn(role="assistant", reasoning=reasoning, calls=read_calls(value, repairs))


def _read_results(fields: Fields, repairs: RepairLog) -> Iterator[Turn]:
    value = fields.get("text")
    pieces: Sequence[Piece] = ()
    if isinstance(value, list) and any(isinstance(part, dict) and _holds_result(part) for part in value):
        pieces = read_pieces(value, repairs)
    if isinstance(value, str) and (results := read_results_in_words(value)):
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


def _read_assistant_turns(fields: Fields, texts: Sequence[object], repairs: RepairLog) -> Iterator[Turn]:
    turns = list(build_turns("assistant", _merge_contents(texts, repairs), repairs))
    written = _merge_reasoning(fields)
    last = turns[-1]
    calls = [read_calls(value, repairs) for value in fields.values.get("calls", [])]
    kinds = {tuple((call.name, call.arguments) for call in group) for group in (*calls, last.calls) if group}
    if len(kinds) > 1:
        raise ChatFormatError("two keys that differ: calls", fields.values["calls"])
    if calls and last.role == "assistant":
        turns[-1] = replace(last, calls=next(filter(None, calls), last.calls))
    first = turns[0]
    if first.role == "assistant":
        tagged, content = split_thoughts(first.content)
        tagged = merge_thoughts(first.reasoning, tagged)
        turns[0] = replace(first, content=content, reasoning=merge_thoughts(written, tagged))
    yield from turns


def _merge_reasoning(fields: Fields) -> str:
    merged = ""
    for value in fields.values.get("reasoning", []):
        merged = merge_thoughts(merged, read_thoughts(value))
    return merged


def _merge_contents(texts: Sequence[object], repairs: RepairLog) -> list[Piece]:
    """Return the pieces of a turn whose content is under one key, or the same under several (Vercel)."""
    contents = [read_pieces(text, repairs) for text in texts]
    words = {join_words(pieces).strip() for pieces in contents} - {""}
    if len(words) > 1:
        raise ChatFormatError("two keys that differ: text", texts)
    return max(contents, key=lambda pieces: sum(not isinstance(piece, Words) for piece in pieces), default=[])


def _read_words(turns: Sequence[Turn], tools: tuple[Tool, ...], repairs: RepairLog) -> Iterator[Turn]:
    """Yield the turns, with the calls and results that are written in words taken out of them."""
    calling = False
    for turn in turns:
        read = turn
        if turn.role == "assistant" and not turn.calls:
            if words := read_calls_in_words(turn.content, tools, repairs):
                read = replace(turn, content=words[0], calls=words[1])
        elif turn.role == "user" and calling and (results := read_results_in_words(turn.content)):
            read = Turn(role="tool", results=results)
        calling = bool(read.calls or read.results)
        yield read


def _join_calls(turns: Iterable[Turn]) -> list[Turn]:
    """Return the turns, calls without words joined with the assistant's turn right before them."""
    joined: list[Turn] = []
    for turn in turns:
        before = joined[-1] if joined else None
        if before and before.role == "assistant" and turn.calls and not turn.content.strip():
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
        raise ChatFormatError("part that is no text", column)
    for turn in turns:
        # Anywhere else it may be spoken of: HTML has elements of these names.
        text = turn.content.strip() if turn.role == "user" else ""
        if text.startswith(_PLACEHOLDERS) or text.endswith(_PLACEHOLDERS):
            raise ChatFormatError("part that is no text", text)


def _add_system_turn(turns: list[Turn], column: object, repairs: RepairLog) -> list[Turn]:
    if column is None or column == "":
        return turns
    if not isinstance(column, str):
        raise ChatFormatError("malformed turn", column)
    head = [turn.content for turn in turns if turn.role == "system" and turn.content.strip()]
    if not head:
        return [Turn(role="system", content=column), *turns]
    if column.strip() and column.strip() != head[0].strip():
        repairs.note("system column left out", column)
    return turns
