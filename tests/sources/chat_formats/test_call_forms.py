"""Calls in an assistant's words: read in every form that models write, or refused under the form's name."""

from __future__ import annotations

import contextlib
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.documents import Conversation, Tool
from calibset.sources.chat_formats.base import ChatFormatError, RepairLog
from calibset.sources.chat_formats.call_forms import check_no_calls, read_calls_in_words
from calibset.sources.chat_formats.dialogue import parse
from tests.sources.chat_formats.strict import read_strictly

SCHEMA = {"type": "object", "properties": {"to": {"type": "string"}, "days": {"type": ["integer", "null"]}}}
TOOLS = (Tool(name="get_rate", description="A rate.", parameters=json.dumps(SCHEMA)),)
CALL = '{"name": "get_rate", "arguments": {"to": "EUR", "days": 2}}'
OTHER = CALL.replace("arguments", "parameters")
ARGUMENTS = '{"to": "EUR", "days": 2}'
XML = "<function=get_rate>\n<parameter=to>\nEUR\n</parameter>\n<parameter=days>\n2\n</parameter>\n</function>"

FORMS = [
    f"<tool_call>\n{CALL}\n</tool_call>",
    f"<tool_call>[{CALL}]</tool_call>",
    f"<tool_calls>{CALL}</tool_calls>",
    f"<TOOLCALL>[{CALL}]</TOOLCALL>",
    f"<tools>{CALL}</tools>",
    f"<function_call>{CALL}</function_call>",
    '<functioncall> {"name": "get_rate", "arguments": "{\\"to\\": \\"EUR\\", \\"days\\": 2}"} <|endoftext|>',
    f"<longcat_tool_call>{CALL}</longcat_tool_call>",
    f"[TOOL_CALLS] [{CALL}]",
    f"[TOOL_CALLS] [{CALL}]</s>",
    f"[TOOL_CALLS]get_rate[ARGS]{ARGUMENTS}",
    f"[TOOL_CALLS]get_rate[CALL_ID]a1b2c3d4e[ARGS]{ARGUMENTS}",
    f"[TOOL_CALLS]get_rate{ARGUMENTS}",
    f"<function=get_rate>{ARGUMENTS}</function>",
    f"<function=get_rate>{ARGUMENTS}</function><|eom_id|>",
    f"<function=get_rate{ARGUMENTS}</function>",
    f"<tool_call>\n{XML}\n</tool_call>",
    f"<seed:tool_call>\n{XML}\n</seed:tool_call>",
    XML,
    f"<|python_tag|>{OTHER}",
    f"<|python_tag|>{OTHER}<|eom_id|>",
    f"<|tool_call|>[{CALL}]",
    f"<|tool_call|>[{CALL}]<|/tool_call|>",
    f"<|action_start|><|plugin|>\n{OTHER}<|action_end|>",
    '<|START_ACTION|>[{"tool_call_id": "0", "tool_name": "get_rate", "parameters": '
    f"{ARGUMENTS}}}]<|END_ACTION|>",
    '<|tool_call_start|>[get_rate(to="EUR", days=2)]<|tool_call_end|>',
    "<|tool_calls_section_begin|><|tool_call_begin|>functions.get_rate:0<|tool_call_argument_begin|>"
    f"{ARGUMENTS}<|tool_call_end|><|tool_calls_section_end|>",
    "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_rate\n```json\n"
    f"{ARGUMENTS}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    f"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_rate<｜tool▁sep｜>{ARGUMENTS}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    "<tool_call>get_rate\n<arg_key>to</arg_key>\n<arg_value>EUR</arg_value>\n"
    "<arg_key>days</arg_key>\n<arg_value>2</arg_value>\n</tool_call>",
    '<function_calls>\n<invoke name="get_rate">\n<parameter name="to">EUR</parameter>\n'
    '<parameter name="days">2</parameter>\n</invoke>\n</function_calls>',
    f">>>get_rate\n{ARGUMENTS}",
    OTHER,
    f"```json\n{OTHER}\n```",
    f'{{"arguments": {ARGUMENTS}, "name": "get_rate"}}',
    f'{{"tool_name": "get_rate", "parameters": {ARGUMENTS}}}',
    f"[{CALL}]",
    '[get_rate(to="EUR", days=2)]',
]


def read(text: str) -> Conversation:
    tools = [{"name": tool.name, "parameters": json.loads(tool.parameters)} for tool in TOOLS]
    turns = [{"role": "user", "content": "Rates?"}, {"role": "assistant", "content": text}]
    return read_strictly(parse, {"tools": tools, "messages": turns})


def reason(text: str) -> str:
    with pytest.raises(ChatFormatError) as caught:
        read(text)
    return caught.value.reason


@pytest.mark.parametrize("text", FORMS)
def test_a_call_is_read_in_every_form(text: str) -> None:
    message = read(text).messages[1]
    assert [(call.name, call.arguments) for call in message.tool_calls] == [("get_rate", ARGUMENTS)]
    assert message.content == ""


@pytest.mark.parametrize("text", [form for form in FORMS if form[0] in "<[" and form[1] not in "{g"])
def test_prose_before_a_call_and_thoughts_are_kept(text: str) -> None:
    message = read(f"<think>\nHm.\n</think>\n\nA moment.\n\n{text}").messages[1]
    assert (message.reasoning, message.content, len(message.tool_calls)) == ("Hm.", "A moment.", 1)


@pytest.mark.parametrize("text", [form for form in FORMS if form[0] == "<" and "endof" not in form])
def test_calls_that_follow_each_other_are_one_turn(text: str) -> None:
    if "eom_id" not in text:
        assert len(read(f"{text}\n{text}").messages[1].tool_calls) == 2


def test_llamas_calls_stand_side_by_side() -> None:
    assert len(read(f"<|python_tag|>{OTHER}; {OTHER}").messages[1].tool_calls) == 2
    assert len(read(f"{OTHER}; {OTHER}").messages[1].tool_calls) == 2


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (f"{FORMS[0]} That was it.", "<tool_call> (prose after a tool call)"),
        (FORMS[0].replace("get_rate", "get_time"), "<tool_call> (call to an undeclared tool)"),
        ('<tool_call>{"name": "get_rate", "arguments": {"to": "EU', "<tool_call> (unparsable tool call)"),
        (
            '<tool_call>{"name": "get_rate", "to": "EUR"}</tool_call>',
            "<tool_call> (unknown key in a tool call: to)",
        ),
        (
            FORMS[0].replace('"days": 2', '"to": "USD"'),
            "<tool_call> (a key twice in a tool call)",
        ),
        ("<tool_call>get_rate\n```json\n{}\n```</tool_call>", "<tool_call>"),
        ("<tool_call>get_time\n</tool_call>", "<arg_key> (call to an undeclared tool)"),
        ("[TOOL_CALLS] get_rate", "[TOOL_CALLS]"),
        ('[TOOL_CALLS] [{"name": "get_time", "arguments": {}}]', "[TOOL_CALLS] (call to an undeclared tool)"),
        ("<function=get_rate>to=EUR</function>", "<function=…>"),
        (XML.replace("2", "two"), "<parameter=…> (unparsable tool call)"),
        (XML.replace("get_rate", "get_time"), "<parameter=…> (call to an undeclared tool)"),
        ("<|python_tag|>import os", "<|python_tag|>"),
        ('<|python_tag|>get_rate.call(to="EUR")', "<|python_tag|>"),
        ("<|tool_call|>get_rate", "<|tool_call|>"),
        ("<｜tool▁calls▁begin｜>get_rate", "<｜tool▁calls▁begin｜>"),
        ("<｜DSML｜function_calls>", "<｜DSML｜…>"),
        ("<|channel|>commentary to=functions.get_rate<|message|>{}", "<|channel|>"),
        ("<|recipient|>get_rate\n<|content|>{}", "<|recipient|>"),
        ("<start_function_call>call:get_rate{to:EUR}", "<start_function_call>"),
        ("<function_calls>get_rate()</function_calls>", "<function_calls>"),
        ("<|python_start|>[get_rate()]<|python_end|>", "<|python_start|>"),
        ('<|tools_prefix|>[{"get_rate": {}}]<|tools_suffix|>', "<|tools_prefix|>"),
        (f"functools[{CALL}]", "functools[…]"),
        (f"Action: ```json\n[{CALL}]\n```", "Action: …"),
        ("✿FUNCTION✿: get_rate\n✿ARGS✿: {}", "✿FUNCTION✿"),
        (">>>all\nHello", ">>>…"),
        ("So:\n```tool_code\nget_rate()\n```", "```tool_code"),
        ("I look it up.\nAction: get_rate\nAction Input: {}", "Action: …"),
    ],
)
def test_a_call_that_can_t_be_read_is_refused_by_the_name_of_its_form(text: str, form: str) -> None:
    assert reason(text) == f"tool call in words: {form}"


@pytest.mark.parametrize(
    "text",
    [
        f"Hermes writes `{FORMS[0]}`.".replace("\n", " "),
        f"Hermes writes:\n```\n{FORMS[0]}\n```\nand waits.",
        "Hermes opens a call with <tool_call> and JSON.",
        "Llama writes `<function=get_rate>{}</function>`.",
        "Mistral writes [TOOL_CALLS] before its calls.",
        "use std::function<int(int)>; and <function> elements",
        '{"name": "get_rate"}',
        '{"name": "Jana", "arguments": {"for": "x", "against": "y"}}',
        '[{"name": "Jana", "age": 7}]',
        "[1] says so (see [2]).",
        ">>> get_rate()\n1.5",
        "The <tools> element lists them.",
    ],
)
def test_prose_about_calls_stays_prose(text: str) -> None:
    message = read(text).messages[1]
    assert (message.content, message.tool_calls) == (text, ())


def test_forms_that_are_prose_elsewhere_are_calls_only_where_tools_are_declared() -> None:
    check_no_calls("Action: run\nAction Input: 7", {})
    with pytest.raises(ChatFormatError, match=r"^tool call in words: Action: …$"):
        check_no_calls("Action: run\nAction Input: 7", {tool.name: tool for tool in TOOLS})
    with pytest.raises(
        ChatFormatError, match=r"^tool call in words: <tool_call> \(call to an undeclared tool\)$"
    ):
        check_no_calls(FORMS[0], {})


def test_a_user_may_show_a_call() -> None:
    turns = [{"role": "user", "content": FORMS[0]}, {"role": "assistant", "content": "A call."}]
    assert parse({"messages": turns}, conversation_id="1").messages[0].content == FORMS[0]


def test_repairs_of_calls_that_are_not_read_in_the_end_are_not_noted() -> None:
    repairs = RepairLog()
    text = '<tool_call>{"name": "get_rate"}</tool_call> And so on.'
    assert read_calls_in_words(text, TOOLS, repairs) is None
    assert repairs.entries == []


@pytest.mark.parametrize(
    ("text", "repaired"),
    [
        (FORMS[0].removesuffix("</tool_call>"), ["closing tag missing"]),
        (f"{FORMS[0].removesuffix('</tool_call>')}{FORMS[0]}", ["closing tag missing"]),
        (FORMS[0].replace("}}", "}"), ["last brace missing"]),
        (
            FORMS[0].replace("}}", "}").removesuffix("</tool_call>"),
            ["last brace missing", "closing tag missing"],
        ),
        (f"<function=get_rate>{ARGUMENTS}", ["closing tag missing"]),
        ("<|tool_call_start|>[get_rate(to='EUR', days=2)]", ["closing tag missing"]),
        (f"<functioncall> {CALL}", []),
    ],
)
def test_a_brace_or_a_tag_that_is_missing_is_added_and_noted(text: str, repaired: list[str]) -> None:
    repairs = RepairLog()
    found = read_calls_in_words(text, TOOLS, repairs)
    assert found
    assert {call.arguments for call in found[1]} == {ARGUMENTS}
    assert list(dict.fromkeys(repair.reason for repair in repairs.entries)) == repaired


def test_what_is_not_quite_json_is_noted() -> None:
    for text in (
        "<tool_call>{'name': 'get_rate', 'arguments': {}}</tool_call>",
        "[TOOL_CALLS]get_rate[ARGS]{'to': 'EUR'}",
    ):
        repairs = RepairLog()
        assert read_calls_in_words(text, TOOLS, repairs)
        assert [repair.reason for repair in repairs.entries] == ["not quite JSON"]


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        ("string", "2", "2"),
        ("string", " a\nb ", " a\nb "),
        (None, "2", "2"),
        ("integer", "2", 2),
        ("number", "2.5", 2.5),
        ("boolean", "true", True),
        ("array", '["a"]', ["a"]),
        ("object", "{'a': 1}", {"a": 1}),
    ],
)
def test_arguments_between_tags_have_the_types_of_the_schema(
    type_: str | None, text: str, value: object
) -> None:
    schema = {"properties": {"x": {"type": type_} if type_ else {}}}
    tools = (Tool(name="f", description="", parameters=json.dumps(schema)),)
    for words in (
        f"<function=f>\n<parameter=x>\n{text}\n</parameter>\n</function>",
        f"<tool_call>f\n<arg_key>x</arg_key>\n<arg_value>{text}</arg_value>\n</tool_call>",
    ):
        read = read_calls_in_words(words, tools, RepairLog())
        assert read is not None
        assert json.loads(read[1][0].arguments) == {"x": value}


PIECES = [
    *(
        "<tool_call>",
        "</tool_call>",
        "<function=f>",
        "</function>",
        "[TOOL_CALLS]",
        "[ARGS]",
        "<|python_tag|>",
    ),
    *(
        "{",
        "}",
        "[",
        "]",
        '"name"',
        ":",
        '"f"',
        "`",
        "```",
        "\n",
        " ",
        "<parameter=x>",
        "</parameter>",
        "f",
        "(",
    ),
    *("<tools>", "<think>", "</think>", "<arg_key>", "<｜tool▁call▁begin｜>", "<tool_response>", "Action:"),
]


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_any_words_give_a_conversation_or_a_known_fault(text: str) -> None:
    turns = [{"role": "user", "content": text}, {"role": "assistant", "content": text}]
    try:
        conversation = parse({"tools": [{"name": "f"}], "messages": turns}, conversation_id="1")
    except ChatFormatError as error:
        fault = error
    else:
        assert conversation.messages[0].content
        return
    assert 0 < len(fault.reason) <= 60


@pytest.mark.parametrize("piece", [*PIECES, "<tool_call> ", "<function=f>\n<parameter=x>", "<function=f><"])
def test_hostile_words_are_answered_at_once(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    turns = [{"role": "user", "content": "x"}, {"role": "assistant", "content": text}]
    start = time.perf_counter()
    with contextlib.suppress(ChatFormatError):
        parse({"tools": [{"name": "f"}], "messages": turns}, conversation_id="1")
    assert time.perf_counter() - start < 3


@pytest.mark.parametrize("text", ['<tool_call>{"name": "f"}', '<tool_call>{"name": "f"}</tool_call>'])
def test_more_calls_than_any_model_makes_are_refused(text: str) -> None:
    tools = (Tool(name="f", description="", parameters="{}"),)
    call = text.removeprefix("<tool_call>") if "</" not in text else text
    _, calls = read_calls_in_words("<tool_call>" * ("</" not in text) + call * 1_000, tools, RepairLog()) or (
        "",
        (),
    )
    assert len(calls) == 1_000
    words = "<tool_call>" * ("</" not in text) + call * 1_002
    assert read_calls_in_words(words, tools, RepairLog()) is None
    with pytest.raises(ChatFormatError, match="too many calls"):
        check_no_calls(words, {"f": tools[0]})
