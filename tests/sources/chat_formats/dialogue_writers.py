"""Conversations written as the rows of many APIs and training tools, for tests that read them back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from calibset.core.documents import Conversation, Message, Tool, ToolCall
from calibset.core.text import dump_json

Row = dict[str, Any]
Part = dict[str, Any]


def write_anthropic(conversation: Conversation) -> Row:
    messages: list[Row] = []
    for message in conversation.messages:
        if message.role == "tool":
            text = [{"type": "text", "text": message.content}]
            part = {"type": "tool_result", "tool_use_id": message.tool_call_id, "content": text}
            if messages[-1]["role"] == "user":
                messages[-1]["content"].append(part)
            else:
                messages.append({"role": "user", "content": [part]})
            continue
        parts: list[Part] = []
        if message.reasoning:
            parts.append({"type": "thinking", "thinking": message.reasoning, "signature": "c2ln"})
        if message.content:
            parts.append({"type": "text", "text": message.content})
        for call in message.tool_calls:
            use = {"type": "tool_use", "id": call.id, "name": call.name, "input": json.loads(call.arguments)}
            parts.append(use)
        messages.append({"role": message.role, "content": parts})
    return {"messages": messages, "tools": write_tools(conversation.tools, "input_schema")}


def write_langchain(conversation: Conversation) -> Row:
    def write(message: Message) -> Row:
        row: Row = {"role": {"user": "human", "assistant": "ai"}.get(message.role, message.role)}
        row |= {"content": message.content, "type": message.role, "id": None}
        if message.tool_calls:
            row["tool_calls"] = [
                {"name": call.name, "args": json.loads(call.arguments), "id": call.id, "type": "tool_call"}
                for call in message.tool_calls
            ]
        if message.reasoning:
            row["reasoning_content"] = message.reasoning
        return row | ({"tool_call_id": message.tool_call_id} if message.tool_call_id else {})

    return {
        "messages": list(map(write, conversation.messages)),
        "tools": write_tools(conversation.tools, "args"),
    }


def write_gemini(conversation: Conversation) -> Row:
    names = {call.id: call.name for message in conversation.messages for call in message.tool_calls}
    messages: list[Row] = []
    for message in conversation.messages:
        if message.role == "tool":
            name = names[message.tool_call_id or ""]
            response = {"name": name, "id": message.tool_call_id, "response": message.content}
            messages.append({"role": "function", "parts": [{"functionResponse": response}]})
            continue
        parts: list[Part] = []
        if message.reasoning:
            parts.append({"text": message.reasoning, "thought": True})
        if message.content:
            parts.append({"text": message.content})
        for call in message.tool_calls:
            written = {"name": call.name, "args": json.loads(call.arguments), "id": call.id}
            parts.append({"functionCall": written})
        messages.append({"role": {"assistant": "model"}.get(message.role, message.role), "parts": parts})
    return {
        "messages": messages,
        "tools": [{"functionDeclarations": write_tools(conversation.tools, "parametersJsonSchema")}],
    }


def write_bedrock(conversation: Conversation) -> Row:
    messages: list[Row] = []
    for message in conversation.messages:
        if message.role == "tool":
            result = {"toolUseId": message.tool_call_id, "content": [{"text": message.content}]}
            messages.append({"role": "user", "content": [{"toolResult": {**result, "status": "success"}}]})
            continue
        parts: list[Part] = []
        if message.reasoning:
            parts.append({"reasoningContent": {"reasoningText": {"text": message.reasoning}}})
        if message.content:
            parts.append({"text": message.content})
        for call in message.tool_calls:
            written = {"toolUseId": call.id, "name": call.name, "input": json.loads(call.arguments)}
            parts.append({"toolUse": written})
        messages.append({"role": message.role, "content": parts})
    tools = [{"toolSpec": tool} for tool in write_tools(conversation.tools, "inputSchema")]
    for tool in tools:
        tool["toolSpec"]["inputSchema"] = {"json": tool["toolSpec"]["inputSchema"]}
    return {"messages": messages, "tools": tools}


def write_vercel(conversation: Conversation) -> Row:
    messages: list[Row] = []
    for message in conversation.messages:
        if message.role == "tool":
            output = {"type": "text", "value": message.content}
            part = {"type": "tool-result", "toolCallId": message.tool_call_id, "output": output}
            messages.append({"role": "tool", "content": [part]})
            continue
        parts: list[Part] = [{"type": "step-start"}]
        if message.reasoning:
            parts.append({"type": "reasoning", "text": message.reasoning, "state": "done"})
        if message.content:
            parts.append({"type": "text", "text": message.content})
        for call in message.tool_calls:
            written = {"toolCallId": call.id, "toolName": call.name, "input": json.loads(call.arguments)}
            parts.append({"type": "tool-call", **written})
        messages.append({"role": message.role, "parts": parts, "content": message.content})
    return {"messages": messages, "tools": write_tools(conversation.tools, "inputSchema")}


def write_swift(conversation: Conversation) -> Row:
    """Write calls and results as turns of their own, as ms-swift has them."""

    def write(message: Message) -> Iterator[Row]:
        thought = f"<think>\n{message.reasoning}\n</think>\n\n" if message.reasoning else ""
        if message.role == "tool":
            yield {"role": "tool_response", "content": message.content}
            return
        if message.content or not message.tool_calls:
            yield {"role": message.role, "content": thought + message.content, "loss": True}
            thought = ""
        for call in message.tool_calls:
            yield {"role": "tool_call", "content": thought + dump_json(bare_call(call))}
            thought = ""

    messages = [row for message in conversation.messages for row in write(message)]
    return {"messages": messages, "tools": dump_json(write_tools(conversation.tools, "parameters"))}


def write_cohere(conversation: Conversation) -> Row:
    def write(message: Message) -> Row:
        row: Row = {"Role": None, "role": message.role.upper(), "content": message.content or None}
        if message.tool_calls:
            row["tool_calls"] = [
                {"id": call.id, "name": call.name, "parameters": json.loads(call.arguments)}
                for call in message.tool_calls
            ]
        if message.reasoning:
            row["thinking"] = [{"type": "text", "text": message.reasoning}]
        return row | ({"tool_call_id": message.tool_call_id} if message.tool_call_id else {})

    return {
        "messages": list(map(write, conversation.messages)),
        "tools": write_tools(conversation.tools, "params"),
    }


DIALOGUE_WRITERS: Sequence[Callable[[Conversation], Row]] = (
    write_anthropic,
    write_langchain,
    write_gemini,
    write_bedrock,
    write_vercel,
    write_swift,
    write_cohere,
)
"""What writes the rows of each API that `dialogue.parse` reads as the conversation."""


def write_tools(tools: Sequence[Tool], key: str) -> list[Row]:
    return [
        {"name": tool.name, "description": tool.description, key: json.loads(tool.parameters)}
        for tool in tools
    ]


def bare_call(call: ToolCall) -> Row:
    return {"name": call.name, "arguments": json.loads(call.arguments)}
