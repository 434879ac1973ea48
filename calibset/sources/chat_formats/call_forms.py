"""Calls that a corpus wrote into the assistant's words, as a model writes them before its server reads them.

A form is recognised by how it begins, outside of code in backticks. If the rest of the words is calls of
declared tools in the same form, they are read; else the turn is refused under the form's name, since a model
must not be shown calls as prose.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from calibset.core.documents import Tool
from calibset.core.text import dump_json
from calibset.sources.chat_formats.base import ChatFormatError, RepairLog
from calibset.sources.chat_formats.calls import MOST_CALLS, check_keys, read_call
from calibset.sources.chat_formats.code_spans import find_outside_code
from calibset.sources.chat_formats.literals import is_json, parse_value, read_value, skip_blank
from calibset.sources.chat_formats.pythonic_calls import parse_call_list
from calibset.sources.chat_formats.tagged_calls import read_body_without_brace
from calibset.sources.chat_formats.turns import Call

_NAME = r"""(?P<name>[^\s<>\[\](){}|｜=:"'`,;]{1,100})"""
_UNDECLARED = "call to an undeclared tool"
_NEXT = re.compile(r"\s*[;,]?\s*(?=\{)")
_END_OF_TURN = re.compile(
    r"(?:\s|</s>|<\|(?:eot_id|eom_id|im_end|end|endoftext|END_OF_TURN_TOKEN)\|>|<｜end▁of▁sentence｜>)*\Z"
)


_Reader: TypeAlias = Callable[[str, re.Match[str], Mapping[str, Tool], RepairLog], tuple[Sequence[Call], int]]
"""Returns the calls behind a header and the index after them, or raises ValueError or ChatFormatError."""


@dataclass(frozen=True, slots=True)
class CallForm:
    """A way of writing calls as text.

    Attributes:
        name: The form as reasons name it.
        header: What stands before the arguments or the call; it may name the tool.
        read: What reads the call; None if the form is recognised and not read.
        footer: What stands after the call; if its group ``end`` is not there, a repair is noted.
        needs_tools: Whether the form is a call only in a row that declares tools, and else prose.
    """

    name: str
    header: re.Pattern[str]
    read: _Reader | None = None
    footer: re.Pattern[str] = re.compile("")
    needs_tools: bool = False


def _find_form(text: str, *, with_tools: bool) -> tuple[CallForm, int] | None:
    """Return the form of the first call in an assistant's words and where it begins, if there is any."""
    small = text.lower()
    if not any(mark in small for mark in _MARKS):
        return None
    forms = (form for form in _FORMS if with_tools or not form.needs_tools)
    matches = ((form, match.start()) for form in forms if (match := find_outside_code(form.header, text)))
    return min(matches, key=lambda match: match[1], default=None)


def read_calls_in_words(
    text: str, tools: Sequence[Tool], repairs: RepairLog
) -> tuple[str, tuple[Call, ...]] | None:
    """Return the prose before the calls in an assistant's words, and the calls; None if none can be read.

    Examples:
        >>> tools = (Tool(name="f", description="", parameters="{}"),)
        >>> read_calls_in_words('Wait. <function=f>{"x": 1}</function>', tools, RepairLog())
        ('Wait.', (Call(name='f', arguments='{"x": 1}', id=None),))
    """
    declared = {tool.name: tool for tool in tools}
    log = RepairLog()
    try:
        calls, start = _read_bare(text.strip(), declared), 0
        if not calls and (begun := _find_form(text, with_tools=bool(tools))):
            calls, start = _read_all(text, *begun, declared, log), begun[1]
    except (ValueError, ChatFormatError):
        return None
    if not calls or any(call.name not in declared for call in calls):
        return None
    repairs.entries.extend(log.entries)
    return text[:start].strip(), tuple(calls)


def has_call(text: str) -> bool:
    """Return whether words hold a call, whether or not it can be read."""
    return _find_form(text, with_tools=True) is not None


def check_no_calls(text: str, tools: Mapping[str, Tool]) -> None:
    """Raise `ChatFormatError` if an assistant's words hold a call, and say why it was not read."""
    if begun := _find_form(text, with_tools=bool(tools)):
        form, start = begun
        why = f" ({_explain(text, form, start, tools)})" if form.read else ""
        raise ChatFormatError(f"tool call in words: {form.name}{why}", text[start:])


def _explain(text: str, form: CallForm, start: int, tools: Mapping[str, Tool]) -> str:
    """Return why the calls from an index on are not read."""
    try:
        calls = _read_all(text, form, start, tools, RepairLog())
    except ChatFormatError as fault:
        return fault.reason
    except ValueError:
        calls = []
    return _UNDECLARED if any(call.name not in tools for call in calls) else "unparsable tool call"


def _read_all(
    text: str, form: CallForm, start: int, tools: Mapping[str, Tool], repairs: RepairLog
) -> list[Call]:
    """Return the calls that follow each other up to the end of the words."""
    if form.read is None:
        raise ValueError("a form that is not read")
    calls: list[Call] = []
    at = start
    while header := form.header.match(text, at):
        if len(calls) > MOST_CALLS:
            raise ChatFormatError("too many calls", text)
        new, at = form.read(text, header, tools, repairs)
        calls += new
        footer = form.footer.match(text, at)
        if footer is None:
            raise ValueError("a call without an end")
        if "end" in form.footer.groupindex and footer["end"] is None:
            repairs.note("closing tag missing", text[start:])
        at = skip_blank(text, footer.end())
    if _END_OF_TURN.match(text, at) is None:
        raise ChatFormatError("prose after a tool call", text[at:])
    return calls


def _read_json(
    text: str, header: re.Match[str], _tools: Mapping[str, Tool], repairs: RepairLog
) -> tuple[Sequence[Call], int]:
    calls: list[Call] = []
    at = header.end()
    while True:
        value, at = _read_noted(text, at, repairs)
        calls += (read_call(item, repairs) for item in (value if isinstance(value, list) else [value]))
        if len(calls) > MOST_CALLS:
            raise ChatFormatError("too many calls", text)
        another = _NEXT.match(text, at)
        if another is None:
            return calls, at
        at = another.end()


def _read_tagged(
    text: str, header: re.Match[str], tools: Mapping[str, Tool], repairs: RepairLog
) -> tuple[Sequence[Call], int]:
    try:
        return _read_json(text, header, tools, repairs)
    except ValueError:  # in the value, whose last brace may be missing
        closing = f"</{header['tag']}>"
        value, at = read_body_without_brace(text, header.end(), closing, repairs)
        items = value if isinstance(value, list) else [value]
        # The footer matches the closing tag, or notes that there is none.
        at -= len(closing) if text.endswith(closing, 0, at) else 0
        return [read_call(item, repairs) for item in items], at


def _read_arguments(
    text: str, header: re.Match[str], _tools: Mapping[str, Tool], repairs: RepairLog
) -> tuple[Sequence[Call], int]:
    arguments, at = _read_noted(text, header.end(), repairs)
    if not isinstance(arguments, dict):
        raise ValueError("arguments are no object")  # noqa: TRY004 - a fault of the text, not of a type
    return [Call(name=header["name"], arguments=dump_json(arguments))], at


def _read_noted(text: str, start: int, repairs: RepairLog) -> tuple[object, int]:
    value, end = read_value(text, start)
    check_keys(text[start:end])
    if not is_json(text[start:end]):
        repairs.note("not quite JSON", text[start:end])
    return value, end


def _read_pythonic(
    text: str, header: re.Match[str], tools: Mapping[str, Tool], repairs: RepairLog
) -> tuple[Sequence[Call], int]:
    names = sorted(tools, key=len, reverse=True)
    return parse_call_list(text, header.end(), names, repairs)


def _read_parameters(parameter: re.Pattern[str]) -> _Reader:
    """Return the reader of arguments that stand between tags of their own, with the schema's types."""

    def read(
        text: str, header: re.Match[str], tools: Mapping[str, Tool], _repairs: RepairLog
    ) -> tuple[Sequence[Call], int]:
        name, at = header["name"], header.end()
        if name not in tools:
            raise ChatFormatError(_UNDECLARED, name)
        properties = _read_properties(tools[name].parameters)
        arguments: dict[str, object] = {}
        while match := parameter.match(text, at):
            key, at = match["key"].strip(), match.end()
            if key in arguments:
                raise ValueError("an argument twice")
            arguments[key] = _convert(match["value"], properties.get(key))
        return [Call(name=name, arguments=dump_json(arguments))], at

    return read


# A turn may call a tool of many parameters many times.
@lru_cache(maxsize=16)
def _read_properties(parameters: str) -> Mapping[str, object]:
    properties: dict[str, object] = json.loads(parameters).get("properties", {})
    return properties


_JSON_TYPES: dict[str, type | tuple[type, ...]] = {
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


def _convert(text: str, schema: object) -> object:
    """Return an argument that is written as text as a value of its type."""
    named = schema.get("type") if isinstance(schema, dict) else None
    kinds = [_JSON_TYPES.get(str(kind)) for kind in (named if isinstance(named, list) else [named])]
    if None in kinds:  # a string, or unknown
        return text
    value = parse_value(text.strip())
    if not any(isinstance(value, kind) for kind in kinds if kind):
        raise ValueError("an argument of another type")
    return value


def _read_bare(text: str, tools: Mapping[str, Tool]) -> Sequence[Call]:
    """Return the calls of words that are nothing but calls of declared tools (Llama 3 and 4, Gemma)."""
    if fenced := _FENCED.fullmatch(text):
        text = fenced["body"]
    start = _BARE.match(text)
    if start is None:
        return ()
    repairs = RepairLog()
    try:
        calls, end = (_read_json if start["json"] else _read_pythonic)(text, start, tools, repairs)
    except (ValueError, ChatFormatError):
        return ()
    is_certain = end == len(text) and not repairs.entries and all(call.name in tools for call in calls)
    return calls if is_certain else ()


_FENCED = re.compile(r"```(?:json)?\s*(?P<body>[\[{][^`]*[\]}])\s*```")
_BARE = re.compile(r"""(?=(?P<json>[\[{]\s*\{?\s*["']\w{1,30}["']\s*:)|\[[^\[\]{}"'=]{1,200}\()""")


def _form(
    name: str, reader: _Reader | None, header: str, footer: str = "", *, needs_tools: bool = False
) -> CallForm:
    return CallForm(name, re.compile(header), reader, re.compile(rf"(?s)\s*{footer}"), needs_tools)


_TAG = r"(?i:(?:longcat_|seed:)?tool_?calls?|function_?calls?|tools)"
_GROUP = r"(?:antml:|minimax:)?(?:function_calls|tool_call)"
_BAR, _GAP = "[|｜]", "[_▁]"
_VALUE = r"(?P<value>.*?)"
_PARAMETER = re.compile(rf"(?s)\s*<parameter=(?P<key>[^>\n]{{1,200}})>\n?{_VALUE}\n?</parameter>")
_NAMED_PARAMETER = re.compile(
    rf"""(?s)\s*<(?:antml:)?parameter name=["'](?P<key>[^"'>]{{1,200}})["'][^>]{{0,50}}>"""
    rf"{_VALUE}</(?:antml:)?parameter>"
)
_PAIR = re.compile(rf"(?s)\s*<arg_key>(?P<key>[^<]{{1,200}})</arg_key>\s*<arg_value>{_VALUE}</arg_value>")

_READ_FORMS = (
    _form(
        "<parameter=…>",
        _read_parameters(_PARAMETER),
        rf"(?:<(?:seed:)?tool_call>\s*)?<function={_NAME}>(?=\s*(?:<parameter=|</function>))",
        r"</function>\s*(?:</(?:seed:)?tool_call>)?",
    ),
    _form(
        "<function=…>",
        _read_arguments,
        rf"(?:<tool_call>\s*)?<function={_NAME}>?\s*(?=\{{)",
        r"(?:(?P<end></function>)|\Z)\s*(?:</tool_call>)?",
    ),
    _form(
        "<invoke name=…>",
        _read_parameters(_NAMED_PARAMETER),
        rf"""(?:<{_GROUP}>\s*)?<(?:antml:)?invoke name=["']{_NAME}["']>""",
        rf"</(?:antml:)?invoke>\s*(?:</{_GROUP}>)?",
    ),
    _form(
        "<arg_key>",
        _read_parameters(_PAIR),
        rf"<tool_call>\s*{_NAME}(?=\s*(?:<arg_key>|</tool_call>))",
        "</tool_call>",
    ),
    # Glaive's, which has no closing tag.
    _form("<tool_call>", _read_tagged, r"(?i:<(?P<tag>functioncall)>)\s*(?=[\[{])", r"(?i:</functioncall>)?"),
    _form("<tool_call>", _read_tagged, rf"<(?P<tag>{_TAG})>\s*(?=[\[{{])", rf"(?P<end></{_TAG}>)?"),
    _form("[TOOL_CALLS]", _read_json, r"\[TOOL_CALLS\]\s*(?=[\[{])"),
    _form(
        "[TOOL_CALLS]",
        _read_arguments,
        rf"\[TOOL_CALLS\]\s*{_NAME}\s*(?:\[CALL_ID\][\w-]{{1,100}}\s*)?(?:\[ARGS\])?\s*(?=\{{)",
    ),
    _form("<|python_tag|>", _read_json, r"<\|python_tag\|>\s*(?=[\[{])"),
    _form("<|tool_call|>", _read_json, r"<\|tool_calls?\|>\s*(?=[\[{])", r"(?:<\|/tool_calls?\|>)?"),
    _form(
        "<|action_start|>",
        _read_json,
        r"<\|action_start\|>\s*(?:<\|plugin\|>)?\s*(?=[\[{])",
        r"(?P<end><\|action_end\|>)?",
    ),
    _form("<|START_ACTION|>", _read_json, r"<\|START_ACTION\|>\s*(?=[\[{])", r"(?P<end><\|END_ACTION\|>)?"),
    _form(
        "<|tool_call_start|>",
        _read_pythonic,
        r"<\|tool_call_start\|>\s*(?=\[)",
        r"(?P<end><\|tool_call_end\|>)?",
    ),
    _form(
        "<|tool_call_begin|>",
        _read_arguments,
        rf"(?:<\|tool_calls_section_begin\|>\s*)?<\|tool_call_begin\|>\s*(?:functions\.)?{_NAME}(?::\d{{1,9}})?\s*"
        r"<\|tool_call_argument_begin\|>\s*(?=\{)",
        r"<\|tool_call_end\|>\s*(?:<\|tool_calls_section_end\|>)?",
    ),
    _form(
        "<｜tool▁calls▁begin｜>",
        _read_arguments,
        rf"(?:<{_BAR}tool{_GAP}calls{_GAP}begin{_BAR}>\s*)?<{_BAR}tool{_GAP}call{_GAP}begin{_BAR}>\s*"
        rf"(?:function\s*<{_BAR}tool{_GAP}sep{_BAR}>)?\s*{_NAME}\s*(?:<{_BAR}tool{_GAP}sep{_BAR}>)?"
        r"\s*(?:```json)?\s*(?=\{)",
        rf"(?:```)?\s*<{_BAR}tool{_GAP}call{_GAP}end{_BAR}>\s*(?:<{_BAR}tool{_GAP}calls{_GAP}end{_BAR}>)?",
    ),
    _form(">>>…", _read_arguments, rf"\A\s*>>>{_NAME}\n\s*(?=\{{)", needs_tools=True),
)
_OTHER_FORMS = (
    _form("<function=…>", None, r"<function=[\w.-]{1,100}[>({]"),
    _form("<tool_call>", None, r"(?i)<tool_?calls?>\s*[\w.-]{1,100}\s*```"),
    _form("[TOOL_CALLS]", None, r"(?m)^[ \t]*\[TOOL_CALLS\]"),
    _form("<|python_tag|>", None, r"(?m)^[ \t]*<\|python_tag\|>"),
    _form("<｜tool▁calls▁begin｜>", None, rf"<{_BAR}tool{_GAP}calls?{_GAP}begin{_BAR}>"),
    _form("<|tool_call|>", None, r"<\|tool_calls?(?:_(?:start|begin|section_begin))?\|>"),
    _form("<｜DSML｜…>", None, rf"<{_BAR}DSML{_BAR}"),
    _form("<|channel|>", None, r"<\|channel\|>\s*(?:analysis|commentary|final)"),
    _form("<|recipient|>", None, r"<\|recipient\|>"),
    _form("<function_calls>", None, r"<function_calls>"),
    _form("<|python_start|>", None, r"<\|python_start\|>"),
    _form("<|tools_prefix|>", None, r"<\|tools_prefix\|>"),
    _form("functools[…]", None, r"\A\s*functools\s*\[\s*\{"),
    _form("<start_function_call>", None, r"<start_function_call>\s*call:"),
    _form("✿FUNCTION✿", None, "✿FUNCTION✿"),
    _form(">>>…", None, r"\A\s*>>>all\n", needs_tools=True),
    _form("```tool_code", None, r"(?m)^```tool_(?:code|call)\b", needs_tools=True),
    _form("Action: …", None, r"(?m)^Action:[^\n]{1,200}\n+Action Input:", needs_tools=True),
    _form("Action: …", None, r"(?m)^Action:\s*```(?:json)?\s*[\[{]", needs_tools=True),
)
_FORMS = (*_READ_FORMS, *_OTHER_FORMS)
"""All forms; of two that begin at the same character the earlier counts."""

_MARKS = (
    *("<tool", "tool_call>", "<function", "invoke name", "<|", "<｜", "[tool_calls]", "start_function_call"),
    *("✿function✿", ">>>", "```tool_", "action:", "functools"),
)
"""Each form has one of these in it: most words have none, and are seen to be prose at once."""
