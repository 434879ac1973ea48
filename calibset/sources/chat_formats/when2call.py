"""The format of When2Call: role and content, calls as a JSON list between tags.

There are three kinds of rows: ``messages`` that end with the answer, ``messages`` with a
``chosen_response``, and a ``question`` with one of several ``answers`` marked as correct. An
assistant calls tools with ``<TOOLCALL>[{"name": …, "arguments": …}]</TOOLCALL>``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from calibset.core.documents import Conversation
from calibset.core.text import dump_json
from calibset.sources.chat_formats.base import ChatFormatError, RepairLog
from calibset.sources.chat_formats.conversation_builder import build_conversation
from calibset.sources.chat_formats.literals import is_json, parse_value
from calibset.sources.chat_formats.tagged_calls import read_tagged_calls
from calibset.sources.chat_formats.tools import read_tools
from calibset.sources.chat_formats.turns import Result, Turn, read_turn_text, require_turns

_ANSWERS = ("direct", "tool_call", "request_for_info", "cannot_answer")
_METADATA = ("correct_answer", "source", "source_id")


def parse(
    row: Mapping[str, object], *, conversation_id: str, repairs: RepairLog | None = None
) -> Conversation:
    """Return the conversation that a row of any of the three kinds holds, or raise `ChatFormatError`.

    Examples:
        >>> row = {"tools": [], "messages": [{"role": "user", "content": "Hi"}],
        ...        "chosen_response": {"role": "assistant", "content": "Hello"}}
        >>> parse(row, conversation_id="1").messages[1].content
        'Hello'
    """
    repairs = repairs or RepairLog()
    tools = read_tools(row.get("tools"), repairs)
    declared = frozenset(tool.name for tool in tools)
    turns = [_parse_turn(message, declared, repairs) for message in _collect_messages(row, repairs)]
    metadata = {key: value for key in _METADATA if isinstance(value := row.get(key), str)}
    return build_conversation(conversation_id, turns, tools, metadata, repairs)


def _collect_messages(row: Mapping[str, object], repairs: RepairLog) -> list[object]:
    if "answers" in row:
        question = {"role": "user", "content": row.get("question")}
        return [question, {"role": "assistant", "content": _read_correct_answer(row, repairs)}]
    messages = require_turns(row.get("messages"))
    if "chosen_response" not in row:
        return messages
    chosen = row["chosen_response"]
    return [*messages, {"role": "assistant", "content": chosen} if isinstance(chosen, str) else chosen]


def _read_correct_answer(row: Mapping[str, object], repairs: RepairLog) -> object:
    kind, answers = row.get("correct_answer"), row["answers"]
    if kind not in _ANSWERS or not isinstance(answers, dict) or kind not in answers:
        raise ChatFormatError("unknown answer", kind)
    answer = answers[kind]
    if kind == "tool_call" and not (isinstance(answer, str) and "<TOOLCALL>" in answer):
        try:
            calls = dump_json(parse_value(answer) if isinstance(answer, str) else answer)
        except ValueError:
            raise ChatFormatError("unparsable tool call", answer) from None
        if isinstance(answer, str) and not is_json(answer):
            repairs.note("not quite JSON", answer)
        return f"<TOOLCALL>{calls}</TOOLCALL>"
    return answer


def _parse_turn(message: object, declared: Collection[str], repairs: RepairLog) -> Turn:
    role, reasoning, text = read_turn_text(message, repairs, speaker="role", text="content")
    if role == "assistant":
        content, calls = read_tagged_calls(text, "TOOLCALL", declared, repairs)
        return Turn(role=role, content=content, reasoning=reasoning, calls=calls)
    if role == "tool":
        return Turn(role=role, results=(Result(name=None, content=text),))
    return Turn(role=role, content=text)
