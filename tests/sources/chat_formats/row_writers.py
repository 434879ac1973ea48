"""Conversations written as the rows of each chat format, for tests that read them back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType

from calibset.core.documents import Conversation, Message, Tool
from calibset.core.text import dump_json
from calibset.sources.chat_formats import dialogue, hermes, toolace, when2call
from calibset.sources.chat_formats.literals import parse_value
from calibset.sources.chat_formats.turns import Call, Result, Turn

Row = dict[str, object]


def write_hermes(conversation: Conversation) -> Row:
    def write(turn: Turn) -> str:
        calls = [f"<tool_call>\n{dump_json(call_object(call))}\n</tool_call>" for call in turn.calls]
        results = [{"name": result.name, "content": result.content} for result in turn.results]
        answers = [f"<tool_response>\n{dump_json(result)}\n</tool_response>" for result in results]
        return "\n".join([*filter(None, [turn.content]), *calls, *answers])

    tools = tools_json(conversation.tools)
    speakers = {"system": "system", "user": "human", "assistant": "gpt", "tool": "tool"}
    turns = [{"from": speakers[turn.role], "value": write(turn)} for turn in split_turns(conversation)]
    if conversation.tools and turns[0]["from"] != "system":
        turns.insert(0, {"from": "system", "value": f"You may call functions.\n<tools>\n{tools}\n</tools>"})
    return {"conversations": turns, "tools": tools, **conversation.metadata}


def write_openai(conversation: Conversation) -> Row:
    def write(message: Message) -> Row:
        row: Row = {"role": message.role, "content": message.content}
        if message.tool_calls:
            row["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                }
                for call in message.tool_calls
            ]
        if message.tool_call_id is not None:
            row["tool_call_id"] = message.tool_call_id
        return row

    row: Row = {"messages": [write(message) for message in conversation.messages]}
    if conversation.tools:
        row["tools"] = [
            {"type": "function", "function": json.loads(tool_json(tool))} for tool in conversation.tools
        ]
    return row


def write_sharegpt(conversation: Conversation) -> Row:
    def write(turn: Turn) -> Iterator[tuple[str, str]]:
        if turn.role == "tool":
            yield from (("observation", result.content) for result in turn.results)
        elif turn.role == "user":
            yield "human", turn.content
        else:
            if turn.content or not turn.calls:
                yield "gpt", turn.content
            if turn.calls:
                calls = [call_object(call) for call in turn.calls]
                yield "function_call", dump_json(calls if len(calls) > 1 else calls[0])

    turns = list(split_turns(conversation))
    row: Row = {}
    if turns[0].role == "system":
        row["system"] = turns.pop(0).content
    if conversation.tools:
        row["tools"] = tools_json(conversation.tools)
    row["conversations"] = [
        {"from": speaker, "value": value} for turn in turns for speaker, value in write(turn)
    ]
    return row


def write_toolace(conversation: Conversation) -> Row:
    def write(turn: Turn) -> str:
        if turn.results:
            return dump_json([{"name": result.name, "results": result.content} for result in turn.results])
        if not turn.calls:
            return turn.content
        return f"{turn.content}[{', '.join(map(write_call, turn.calls))}]"

    def write_call(call: Call) -> str:
        arguments = json.loads(call.arguments).items()
        return f"{call.name}({', '.join(f'{name}={dump_json(value)}' for name, value in arguments)})"

    turns = list(split_turns(conversation))
    system = turns.pop(0).content if turns[0].role == "system" else ""
    if conversation.tools:
        assert not system, "a ToolACE row holds either tools or a system message"
        system = f"Here is a list of functions that you can invoke:\n{tools_json(conversation.tools)}.\n"
    return {
        "system": system,
        "conversations": [{"from": turn.role, "value": write(turn)} for turn in turns],
    }


def write_when2call(conversation: Conversation) -> Row:
    def write(turn: Turn) -> str:
        calls = [call_object(call) for call in turn.calls]
        return f"{turn.content}<TOOLCALL>{dump_json(calls)}</TOOLCALL>" if calls else turn.content

    messages = []
    for turn in split_turns(conversation):
        contents = [result.content for result in turn.results] or [write(turn)]
        messages += [{"role": turn.role, "content": content} for content in contents]
    tools = [tool_json(tool) for tool in conversation.tools]
    return {"tools": tools, "messages": messages, **conversation.metadata}


WRITERS: dict[ModuleType, Callable[[Conversation], Row]] = {
    hermes: write_hermes,
    dialogue: write_openai,
    toolace: write_toolace,
    when2call: write_when2call,
}
"""For each chat format what writes the row that its `parse` reads as the conversation."""


def split_turns(conversation: Conversation) -> Iterator[Turn]:
    """Yield the turns of a conversation, results that follow each other as one turn."""
    names: dict[str | None, str] = {}
    results: list[Result] = []
    for message in conversation.messages:
        if message.role == "tool":
            results.append(Result(name=names.get(message.tool_call_id), content=message.content))
            continue
        if results:
            yield Turn(role="tool", results=tuple(results))
            results = []
        names.update((call.id, call.name) for call in message.tool_calls)
        calls = tuple(Call(name=call.name, arguments=call.arguments) for call in message.tool_calls)
        yield Turn(role=message.role, content=message.content, calls=calls)


def call_object(call: Call) -> Row:
    return {"name": call.name, "arguments": json.loads(call.arguments)}


def tool_json(tool: Tool) -> str:
    return dump_json(
        {"name": tool.name, "description": tool.description, "parameters": parse_value(tool.parameters)}
    )


def tools_json(tools: Sequence[Tool]) -> str:
    return f"[{', '.join(map(tool_json, tools))}]"
