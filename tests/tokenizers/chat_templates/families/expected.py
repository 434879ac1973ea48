"""What a reader should find of a conversation: all of it but what its family's format has no place for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from calibset.core.documents import Conversation, Message, Tool
from tests.tokenizers.chat_templates.families.family import Family
from tests.tokenizers.chat_templates.families.reading import ReadCall, Reading, ReadTool, ReadTurn, one_way


def expect(family: Family, conversation: Conversation, names: Mapping[str, str]) -> Reading:
    """Return the reading of a conversation in which some tools have other names for the model."""
    turns: list[ReadTurn] = []
    thinking = kept_thoughts(family, conversation)
    opening, called = "", 0
    for index, message in enumerate(conversation.messages):
        content = message.content.replace("▁", " ") if family.pieces else message.content
        if message.role in family.trims:
            content = content.strip()
        if message.role == "system" and family.folds_system:
            opening = content + "\n\n"
            continue
        thoughts = message.reasoning if index in thinking else ""
        if "thoughts" in family.trims:
            thoughts = thoughts.strip()
        if message.tool_calls:
            called += 1
            if family.words_beside_calls == "as thoughts":
                thoughts = content or thoughts
            if family.words_beside_calls != "kept" and not (
                family.words_beside_calls == "once" and called == 1
            ):
                content = ""
        if opening:
            content, opening = (opening + content).strip(), ""
        calls = tuple(
            ReadCall(name=names.get(call.name, call.name), arguments=_spell_arguments(family, call.arguments))
            for call in message.tool_calls
        )
        turns.append(ReadTurn(role=message.role, content=content, thoughts=thoughts, calls=calls))
    tools = conversation.tools if family.declares else ()
    return Reading(turns=tuple(turns), tools=tuple(_expect_tool(tool, names) for tool in tools))


def comparable(family: Family, reading: Reading) -> Reading:
    """Return a reading without ids, and without white space that the template adds or takes."""
    turns = []
    for turn in reading.turns:
        content = turn.content.strip() if turn.role in family.trims else turn.content
        thoughts = turn.thoughts.strip() if "thoughts" in family.trims else turn.thoughts
        calls = tuple(replace(call, id="") for call in turn.calls)
        turns.append(replace(turn, content=content, thoughts=thoughts, calls=calls, answers=""))
    return replace(reading, turns=tuple(turns))


def kept_thoughts(family: Family, conversation: Conversation) -> list[int]:
    """Return the indexes of the turns whose thoughts the family's template writes."""
    messages = conversation.messages
    thinking = [index for index, message in enumerate(messages) if message.reasoning]
    question = max(index for index, message in enumerate(messages) if message.role == "user")
    answers = [i for i, m in enumerate(messages) if m.role == "assistant" and not m.tool_calls]
    match family.thoughts:
        case "after the question":
            return [index for index in thinking if index > question]
        case "in open calls":
            return [index for index in thinking if index > max(answers, default=-1)]
        case "in calls and at the end":
            silent = [i for i in thinking if messages[i].tool_calls and not messages[i].content]
            return [i for i in thinking if i in silent or (messages[i:] == (messages[i],) and i in answers)]
        case "nowhere":
            return []


def is_beyond(family: Family, conversation: Conversation) -> bool:
    """Return whether the family's format has no place for a conversation."""
    messages = conversation.messages
    called = [call.name for message in messages for call in message.tool_calls]
    most = max(len(message.tool_calls) for message in messages)
    greets = next(message.role for message in messages if message.role != "system") == "assistant"
    questions = [message.content for message in messages if message.role == "user"]
    return any(
        (
            family.calls == "none" and conversation.tools,
            family.calls == "one" and most > 1,
            family.greeting == "never" and greets,
            family.greeting == "without tools" and greets and conversation.tools,
            family.alternates and not _do_alternate(messages),
            family.finds_question_by_words and conversation.tools and questions.count(questions[-1]) > 1,
            not family.declares and any(tool.name not in called for tool in conversation.tools),
        )
    )


def _do_alternate(messages: tuple[Message, ...]) -> bool:
    speaking = [m.role for m in messages if m.role in ("user", "assistant") and not m.tool_calls]
    return all(role == ("user", "assistant")[index % 2] for index, role in enumerate(speaking))


def _spell_arguments(family: Family, arguments: str) -> str:
    table = json.loads(arguments)
    if family.spells_texts:
        table = {key: value if isinstance(value, str) else one_way(value) for key, value in table.items()}
    return one_way(table)


def _expect_tool(tool: Tool, names: Mapping[str, str]) -> ReadTool:
    parameters = one_way(json.loads(tool.parameters))
    return ReadTool(name=names.get(tool.name, tool.name), description=tool.description, parameters=parameters)
