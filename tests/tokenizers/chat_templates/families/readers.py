"""A reader for each family: it turns a rendered conversation back into turns, by the family's marks alone."""

from __future__ import annotations

import re
from dataclasses import replace

from tests.tokenizers.chat_templates.families.reading import (
    Pieces,
    ReadCall,
    Reading,
    ReadTool,
    ReadTurn,
    UnreadableError,
    call_of,
    cut,
    one_way,
    parse,
    parse_tools,
    split_at,
    tools_of,
)


def read_qwen3(pieces: Pieces) -> Reading:
    turns: list[ReadTurn] = []
    tools: tuple[ReadTool, ...] = ()
    while not pieces.is_done():
        pieces.take("<|im_start|>")
        start = pieces.position
        head = pieces.text()
        role, body = split_at(head, "\n") if "\n" in head else (head, "")
        if role == "system" and not turns and "# Tools\n\nYou may" in body:
            body += pieces.until("<|im_end|>")
            told, declared = split_at(body, "# Tools\n\nYou may call one or more functions:\n<tools>\n")
            lines, _ = split_at(
                declared, "\n</tools>\n\nReturn each call as JSON within <tool_call></tool_call> tags."
            )
            tools = tools_of([parse(line) for line in lines.split("\n")])
            if told:
                turns.append(ReadTurn(role="system", content=cut(told, "", "\n\n")))
        elif role == "user" and pieces.is_next("<tool_response>"):
            turns += _read_responses(pieces)
        elif role == "assistant":
            turns.append(_read_qwen3_answer(pieces, body, start))
            continue
        else:
            turns.append(ReadTurn(role=role, content=body))
        pieces.take("<|im_end|>")
        pieces.exactly("\n")
    return Reading(turns=tuple(turns), tools=tools)


def _read_qwen3_answer(pieces: Pieces, body: str, start: int) -> ReadTurn:
    thoughts = ""
    if pieces.take_if("<think>"):
        thoughts = cut(pieces.text(), "\n", "\n")
        pieces.take("</think>")
        body = pieces.text()
        body = cut(body, "\n\n")
    calls = []
    while pieces.take_if("<tool_call>"):
        calls.append(call_of(parse(pieces.text())))
        pieces.take("</tool_call>")
        if pieces.is_next("<|im_end|>"):
            break
        pieces.exactly("\n")
    pieces.take("<|im_end|>")
    end = pieces.position
    pieces.exactly("\n")
    if calls and body:
        body = cut(body, "", "\n")
    return ReadTurn(
        role="assistant", content=body, thoughts=thoughts, calls=tuple(calls), start=start, end=end
    )


def _read_responses(pieces: Pieces) -> list[ReadTurn]:
    """Read results between tags, with a line's end between two of them."""
    turns = []
    while pieces.take_if("<tool_response>"):
        turns.append(ReadTurn(role="tool", content=cut(pieces.text(), "\n", "\n")))
        pieces.take("</tool_response>")
        if pieces.is_text_next():
            pieces.exactly("\n")
    return turns


def read_llama31(pieces: Pieces) -> Reading:
    pieces.take("<|begin_of_text|>")
    turns: list[ReadTurn] = []
    tools: tuple[ReadTool, ...] = ()
    while not pieces.is_done():
        pieces.take("<|start_header_id|>")
        role = pieces.text()
        pieces.take("<|end_header_id|>")
        start = pieces.position
        body = cut(pieces.text(), "\n\n")
        pieces.take("<|eot_id|>")
        end = pieces.position
        if role == "system":
            body = body.removeprefix("Environment: ipython\n")
            told = cut(body, "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n")
            if told:
                turns.append(ReadTurn(role=role, content=told))
        elif role == "user" and body.startswith("Given the following functions, respond with JSON.\n\n"):
            declared, body = parse_tools(cut(body, "Given the following functions, respond with JSON.\n\n"))
            tools = tools_of(declared)
            turns.append(ReadTurn(role=role, content=body))
        elif role == "ipython":
            turns.append(ReadTurn(role="tool", content=str(parse(body))))
        elif role == "assistant" and body.startswith('{"name": '):
            call = call_of(parse(body), arguments="parameters")
            turns.append(ReadTurn(role=role, calls=(call,), start=start, end=end))
        else:
            turns.append(ReadTurn(role=role, content=body, start=start, end=end))
    return Reading(turns=tuple(turns), tools=tools)


def read_gemma3(pieces: Pieces) -> Reading:
    pieces.take("<bos>")
    turns = []
    while not pieces.is_next("<eos>"):
        pieces.take("<start_of_turn>")
        start = pieces.position
        role, body = split_at(pieces.text(), "\n")
        pieces.take("<end_of_turn>")
        role = "assistant" if role == "model" else role
        turns.append(ReadTurn(role=role, content=body, start=start, end=pieces.position))
        pieces.exactly("\n")
    pieces.take("<eos>")
    return Reading(turns=tuple(turns))


def read_hermes(pieces: Pieces) -> Reading:
    pieces.take("<|begin_of_text|>")
    turns: list[ReadTurn] = []
    tools: tuple[ReadTool, ...] = ()
    opening = "You are a function calling AI model. Here are the available tools: <tools>\n"
    while not pieces.is_done():
        pieces.take("<|im_start|>")
        start = pieces.position
        role, body = split_at(pieces.text(), "\n")
        calls: list[ReadCall] = []
        if role == "system" and not turns and body.startswith(opening):
            body += pieces.until("<|im_end|>")
            lines, _ = split_at(
                cut(body, opening), "\n</tools> For each call return JSON between tags:\n<tool_call>"
            )
            tools = tools_of([parse(line) for line in lines.split("\n")])
        elif role == "tool":
            turns += _read_responses(pieces)
        else:
            while pieces.take_if("<tool_call>"):
                calls.append(call_of(parse(pieces.text())))
                pieces.take("</tool_call>")
                if not pieces.is_next("<|im_end|>"):
                    pieces.exactly("\n")
            turns.append(ReadTurn(role=role, content=body, calls=tuple(calls), start=start))
        pieces.take("<|im_end|>")
        if role == "assistant":
            turns[-1] = replace(turns[-1], end=pieces.position)
        pieces.exactly("\n")
    return Reading(turns=tuple(turns), tools=tools)


def read_deepseek_r1(pieces: Pieces) -> Reading:
    pieces.take("<｜begin▁of▁sentence｜>")
    turns: list[ReadTurn] = []
    if told := pieces.text():
        turns.append(ReadTurn(role="system", content=told))
    while not pieces.is_done():
        start = pieces.position
        if pieces.take_if("<｜User｜>"):
            content = pieces.text()
            if pieces.is_next(
                "<｜tool▁call▁begin｜>"
            ):  # the second turn that calls is opened by a line's end
                content = cut(content, "", "\n")
            turns.append(ReadTurn(role="user", content=content))
        elif pieces.is_next("<｜tool▁outputs▁begin｜>", "<｜tool▁output▁begin｜>"):
            pieces.take_if("<｜tool▁outputs▁begin｜>")
            while pieces.take_if("<｜tool▁output▁begin｜>"):
                turns.append(ReadTurn(role="tool", content=pieces.text()))
                pieces.take("<｜tool▁output▁end｜>")
        else:
            turns.append(_read_r1_answer(pieces, start))
    return Reading(turns=tuple(turns))


def _read_r1_answer(pieces: Pieces, start: int) -> ReadTurn:
    if pieces.take_if("<｜Assistant｜>", "<｜tool▁outputs▁end｜>"):
        start = pieces.position
        content = pieces.text()
        pieces.take_if("<｜tool▁calls▁begin｜>")
    else:
        content = cut(pieces.text(), "\n") if pieces.is_text_next() else ""
    calls = []
    while pieces.take_if("<｜tool▁call▁begin｜>"):
        pieces.exactly("function")
        pieces.take("<｜tool▁sep｜>")
        name, arguments = split_at(pieces.text(), "\n```json\n")
        calls.append(ReadCall(name=name, arguments=one_way(parse(cut(arguments, "", "\n```")))))
        pieces.take("<｜tool▁call▁end｜>")
        if pieces.is_text_next():
            pieces.exactly("\n")
    if calls:
        pieces.take("<｜tool▁calls▁end｜>")
    pieces.take("<｜end▁of▁sentence｜>")
    return ReadTurn(role="assistant", content=content, calls=tuple(calls), start=start, end=pieces.position)


def read_deepseek_v31(pieces: Pieces) -> Reading:
    pieces.take("<｜begin▁of▁sentence｜>")
    turns: list[ReadTurn] = []
    tools: tuple[ReadTool, ...] = ()
    told = pieces.text()
    if "\n\n## Tools\nYou have access" in told:
        told, declared = split_at(told, "\n\n## Tools\nYou have access to the following tools:\n\n### ")
        tools = tuple(_read_v31_tool(tool) for tool in cut(declared, "", "\n").split("\n\n### "))
    if told and pieces.is_next("<｜end▁of▁sentence｜>"):  # a greeting, which nothing opens
        pieces.take("<｜end▁of▁sentence｜>")
        turns.append(ReadTurn(role="assistant", content=told, start=1, end=pieces.position))
    elif told:
        turns.append(ReadTurn(role="system", content=told))
    while not pieces.is_done():
        if pieces.take_if("<｜User｜>"):
            turns.append(ReadTurn(role="user", content=pieces.text()))
        elif pieces.take_if("<｜tool▁output▁begin｜>"):
            turns.append(ReadTurn(role="tool", content=pieces.text()))
            pieces.take("<｜tool▁output▁end｜>")
        else:
            if pieces.take_if("<｜Assistant｜>"):
                pieces.take("</think>")
            start = pieces.position
            content = pieces.text()
            calls = []
            if pieces.take_if("<｜tool▁calls▁begin｜>"):
                while pieces.take_if("<｜tool▁call▁begin｜>"):
                    name = pieces.text()
                    pieces.take("<｜tool▁sep｜>")
                    calls.append(ReadCall(name=name, arguments=one_way(parse(pieces.text()))))
                    pieces.take("<｜tool▁call▁end｜>")
                pieces.take("<｜tool▁calls▁end｜>")
            pieces.take("<｜end▁of▁sentence｜>")
            answer = ReadTurn(role="assistant", content=content, calls=tuple(calls))
            turns.append(replace(answer, start=start, end=pieces.position))
    return Reading(turns=tuple(turns), tools=tools)


def _read_v31_tool(text: str) -> ReadTool:
    name, rest = split_at(text, "\nDescription: ")
    description, parameters = split_at(rest, "\n\nParameters: ")
    return ReadTool(name=name, description=description, parameters=one_way(parse(parameters)))


_GLM_SPEAKERS = ("<|system|>", "<|user|>", "<|assistant|>", "<|observation|>")


def read_glm45(pieces: Pieces) -> Reading:
    pieces.take("[gMASK]")
    pieces.take("<sop>")
    turns: list[ReadTurn] = []
    tools: tuple[ReadTool, ...] = ()
    while not pieces.is_next("<|endoftext|>"):
        speaker = pieces.take(*_GLM_SPEAKERS)
        start = pieces.position
        if speaker == "<|observation|>":
            pieces.exactly("\n")
            turns += _read_responses(pieces)
        elif speaker == "<|assistant|>":
            turns.append(_read_glm45_answer(pieces, start))
        else:
            body = cut(pieces.text(), "\n")
            if speaker == "<|system|>" and not tools and body.startswith("# Tools\n\nYou are provided"):
                pieces.until(*_GLM_SPEAKERS)
                lines, _ = split_at(
                    cut(body, "# Tools\n\nYou are provided with these functions:\n<tools>\n"), "\n</tools>"
                )
                tools = tools_of([parse(line) for line in lines.split("\n")])
            else:
                turns.append(ReadTurn(role=speaker.strip("<|>"), content=body))
    pieces.take("<|endoftext|>")
    return Reading(turns=tuple(turns), tools=tools)


def _read_glm45_answer(pieces: Pieces, start: int) -> ReadTurn:
    pieces.exactly("\n")
    pieces.take("<think>")
    thoughts = pieces.text()
    pieces.take("</think>")
    content = pieces.text()
    calls = []
    while pieces.take_if("<tool_call>"):
        name = cut(pieces.text(), "", "\n")
        arguments = {}
        while pieces.take_if("<arg_key>"):
            key = pieces.text()
            pieces.take("</arg_key>")
            pieces.exactly("\n")
            pieces.take("<arg_value>")
            arguments[key] = pieces.text()
            pieces.take("</arg_value>")
            pieces.exactly("\n")
        pieces.take("</tool_call>")
        calls.append(ReadCall(name=name, arguments=one_way(arguments)))
        if pieces.is_text_next():
            pieces.exactly("\n")
    if calls:
        content = cut(content, "", "\n")
    if content:
        content = cut(content, "\n")
    answer = ReadTurn(role="assistant", content=content, thoughts=thoughts, calls=tuple(calls))
    return replace(answer, start=start, end=pieces.position + 1)  # by what opens the next turn


def read_kimi_k2(pieces: Pieces) -> Reading:
    turns: list[ReadTurn] = []
    tools: tuple[ReadTool, ...] = ()
    while not pieces.is_done():
        pieces.take("<|im_system|>", "<|im_user|>", "<|im_assistant|>")
        role = pieces.text()
        pieces.take("<|im_middle|>")
        start = pieces.position
        if role == "assistant":
            turns.append(_read_kimi_k2_answer(pieces, start))
            continue
        body = pieces.text()
        pieces.take("<|im_end|>")
        if role == "tool_declare":
            tools = tools_of(parse(body))  # type: ignore[arg-type]
        elif role == "tool":
            call, content = split_at(cut(body, "## Return of "), "\n")
            turns.append(ReadTurn(role=role, content=content, answers=call))
        elif role != "system" or body != "You are Kimi, an AI assistant.":
            turns.append(ReadTurn(role=role, content=body))
    return Reading(turns=tuple(turns), tools=tools)


def _read_kimi_k2_answer(pieces: Pieces, start: int) -> ReadTurn:
    pieces.take("<think>")
    thoughts = pieces.text()
    pieces.take("</think>")
    content = pieces.text()
    calls = []
    if pieces.take_if("<|tool_calls_section_begin|>"):
        while pieces.take_if("<|tool_call_begin|>"):
            call = pieces.text()
            known = re.fullmatch(r"functions\.(?P<name>.+):[0-9]+", call)
            if known is None:
                raise UnreadableError(f"{call!r} names no tool")
            pieces.take("<|tool_call_argument_begin|>")
            arguments = one_way(parse(pieces.text()))
            calls.append(ReadCall(name=known["name"], arguments=arguments, id=call))
            pieces.take("<|tool_call_end|>")
        pieces.take("<|tool_calls_section_end|>")
    pieces.take("<|im_end|>")
    answer = ReadTurn(role="assistant", content=content, thoughts=thoughts, calls=tuple(calls))
    return replace(answer, start=start, end=pieces.position)


_STUB = re.compile(r"\n// (?P<about>\".*\")\ntype (?P<name>\S+) = \(_: (?P<schema>.*)\) => any;\n")


def read_harmony(pieces: Pieces) -> Reading:
    pieces.take("<|start|>")
    pieces.exactly("system")
    pieces.take("<|message|>")
    pieces.text()
    pieces.take("<|end|>")
    turns: list[ReadTurn] = []
    tools: tuple[ReadTool, ...] = ()
    thoughts, begun = "", 0
    while not pieces.is_done():
        if turns and turns[-1].calls and pieces.take_if("<|return|>"):  # EOS, which calibset puts at the end
            break
        pieces.take("<|start|>")
        begun = begun if thoughts else pieces.position
        header = pieces.text()
        channel = pieces.text() if pieces.take_if("<|channel|>") else ""
        pieces.take("<|message|>")
        body = pieces.text()
        ends = {"final": ("<|end|>", "<|return|>"), "commentary json": ("<|call|>",)}
        pieces.take(*ends.get(channel, ("<|end|>",)))
        if header == "developer":
            told, tools = _read_developer(body)
            turns += [ReadTurn(role="system", content=told)] if told else []
        elif channel == "analysis":
            thoughts = body
        elif channel == "commentary json":
            call = ReadCall(name=cut(header, "assistant to=functions."), arguments=one_way(parse(body)))
            answer = ReadTurn(role="assistant", thoughts=thoughts, calls=(call,))
            turns.append(replace(answer, start=begun, end=pieces.position))
            thoughts = ""
        elif channel == "commentary":
            turns.append(ReadTurn(role="tool", content=str(parse(body)), answers=header))
        elif header == "assistant":
            answer = ReadTurn(role="assistant", content=body, thoughts=thoughts)
            turns.append(replace(answer, start=begun, end=pieces.position))
            thoughts = ""
        else:
            turns.append(ReadTurn(role=header, content=body))
    return Reading(turns=tuple(turns), tools=tools)


def _read_developer(body: str) -> tuple[str, tuple[ReadTool, ...]]:
    told, mark, declared = body.partition("# Tools\n\n## functions\n\nnamespace functions {\n")
    stubs = cut(declared, "", "\n} // namespace functions") if mark else ""
    tools = tuple(
        ReadTool(
            name=stub["name"],
            description=str(parse(stub["about"])),
            parameters=one_way(parse(stub["schema"])),
        )
        for stub in _STUB.finditer(stubs)
    )
    return (cut(told, "# Instructions\n\n", "\n\n") if told else ""), tools


def read_mistral7(pieces: Pieces) -> Reading:
    pieces.take("<s>")
    turns: list[ReadTurn] = []
    tools: tuple[ReadTool, ...] = ()
    if pieces.take_if("[SYSTEM_PROMPT]"):
        turns.append(ReadTurn(role="system", content=pieces.text()))
        pieces.take("[/SYSTEM_PROMPT]")
    while not pieces.is_done():
        start = pieces.position
        if pieces.take_if("[AVAILABLE_TOOLS]"):
            tools = tools_of(parse(pieces.text()))  # type: ignore[arg-type]
            pieces.take("[/AVAILABLE_TOOLS]")
        elif pieces.take_if("[INST]"):
            turns.append(ReadTurn(role="user", content=pieces.text()))
            pieces.take("[/INST]")
        elif pieces.take_if("[TOOL_RESULTS]"):
            call = pieces.text()
            pieces.take("[TOOL_CONTENT]")
            turns.append(ReadTurn(role="tool", content=pieces.text(), answers=call))
            pieces.take("[/TOOL_RESULTS]")
        elif pieces.take_if("[TOOL_CALLS]"):
            calls = tuple(map(call_of, parse(pieces.text())))  # type: ignore[arg-type]
            pieces.take("</s>")
            turns.append(ReadTurn(role="assistant", calls=calls, start=start, end=pieces.position))
        else:
            content = pieces.text()
            pieces.take("</s>")
            turns.append(ReadTurn(role="assistant", content=content, start=start, end=pieces.position))
    return Reading(turns=tuple(turns), tools=tools)


_PYTHON = re.compile(
    r"\n\n```python\ndef (?P<name>\S+)\(\*\*arguments: (?P<schema>.*)\):\n"
    r"    (?P<about>\".*\")\n    pass\n```"
)


def read_command_r(pieces: Pieces) -> Reading:
    pieces.take("<BOS_TOKEN>")
    turns: list[ReadTurn] = []
    tools: tuple[ReadTool, ...] = ()
    while not pieces.is_done():
        pieces.take("<|START_OF_TURN_TOKEN|>")
        speaker = pieces.take("<|SYSTEM_TOKEN|>", "<|USER_TOKEN|>", "<|CHATBOT_TOKEN|>")
        start = pieces.position
        body = pieces.text()
        pieces.take("<|END_OF_TURN_TOKEN|>")
        end = pieces.position
        if speaker == "<|SYSTEM_TOKEN|>" and body.startswith("<results>\n"):
            lines = cut(body, "<results>\n", "\n</results>").split("\n")
            turns += [ReadTurn(role="tool", content=str(parse(line))) for line in lines]
        elif speaker == "<|SYSTEM_TOKEN|>" and body.startswith("# Preamble\n"):
            told, declared = split_at(cut(body, "# Preamble\n"), "\n\n## Available Tools")
            tools = tuple(
                ReadTool(
                    name=stub["name"],
                    description=str(parse(stub["about"])),
                    parameters=one_way(parse(stub["schema"])),
                )
                for stub in _PYTHON.finditer(declared)
            )
            if told != "You help people answer their questions.":
                turns.append(ReadTurn(role="system", content=told))
        elif speaker == "<|CHATBOT_TOKEN|>":
            words, mark, listed = body.partition("\nAction: ```json\n")
            values = parse(cut(listed, "", "```")) if mark else []
            calls = tuple(
                call_of(value, name="tool_name", arguments="parameters")
                for value in values  # type: ignore[attr-defined]
            )
            turns.append(ReadTurn(role="assistant", content=words, calls=calls, start=start, end=end))
        else:
            role = "user" if speaker == "<|USER_TOKEN|>" else "system"
            turns.append(ReadTurn(role=role, content=body))
    return Reading(turns=tuple(turns), tools=tools)
