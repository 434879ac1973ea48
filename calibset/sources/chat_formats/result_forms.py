"""Results that a corpus wrote into a turn's words between tags: ``<tool_response>…</tool_response>``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from calibset.sources.chat_formats.base import ChatFormatError, RepairLog
from calibset.sources.chat_formats.content import read_result_text
from calibset.sources.chat_formats.literals import parse_value
from calibset.sources.chat_formats.turns import Result


@dataclass(frozen=True, slots=True)
class _ResultForm:
    name: str
    opening: re.Pattern[str]
    block: re.Pattern[str]


def _between(name: str, opening: str, closing: str) -> _ResultForm:
    block = rf"(?s)\s*{opening}(?P<body>.*?)(?:(?P<end>{closing})|\Z)\s*"
    return _ResultForm(name, re.compile(rf"\s*{opening}"), re.compile(block))


_BAR, _GAP = "[|｜]", "[_▁]"
_FORMS = (
    _between("<tool_response>", "<tool_response>", "</tool_response>"),
    _between("<tool_result>", "<tool_results?>", "</tool_results?>"),
    _between("<function_response>", "<function_(?:response|result)s?>", "</function_(?:response|result)s?>"),
    _between("[TOOL_RESULTS]", r"\[TOOL_RESULTS\]", r"\[/TOOL_RESULTS\]"),
    _between("<|observation|>", r"<\|observation\|>", r"(?=<\|observation\|>)|\Z"),
    _between("<|tool_response|>", r"<\|tool_response\|>", r"<\|/tool_response\|>"),
    _between(
        "<｜tool▁outputs▁begin｜>",
        rf"(?:<{_BAR}tool{_GAP}outputs{_GAP}begin{_BAR}>\s*)?<{_BAR}tool{_GAP}output{_GAP}begin{_BAR}>",
        rf"<{_BAR}tool{_GAP}output{_GAP}end{_BAR}>\s*(?:<{_BAR}tool{_GAP}outputs{_GAP}end{_BAR}>)?",
    ),
)
_MISTRALS_ID = re.compile(r"(?s)\s*(?P<id>[\w-]{1,100})\s*\[TOOL_CONTENT\](?P<text>.*)")


def read_results_in_words(text: str, repairs: RepairLog) -> tuple[Result, ...] | None:
    """Return the results that a text consists of; None if it doesn't begin with one or holds something else.

    Examples:
        >>> read_results_in_words("<tool_response>1.5</tool_response>", RepairLog())
        (Result(name=None, content='1.5', call_id=None),)
    """
    form = _find_form(text)
    if form is None:
        return None
    results: list[Result] = []
    at = 0
    is_closed = True
    while at < len(text):
        block = form.block.match(text, at)
        if block is None:
            return None
        results += _read_body(block["body"].strip())
        is_closed = is_closed and block["end"] is not None
        at = block.end()
    if not is_closed:
        repairs.note("closing tag missing", text)
    return tuple(results)


def check_no_results(text: str) -> None:
    """Raise `ChatFormatError` if the words of a user begin with a tool's result."""
    if form := _find_form(text):
        raise ChatFormatError(f"tool response in words: {form.name}", text)


def _find_form(text: str) -> _ResultForm | None:
    return next((form for form in _FORMS if form.opening.match(text)), None)


def _read_body(body: str) -> list[Result]:
    if match := _MISTRALS_ID.match(body):
        return [Result(name=None, content=match["text"].strip(), call_id=match["id"])]
    try:
        value = parse_value(body)
    except ValueError:
        return [Result(name=None, content=body)]
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(item, dict) and "content" in item and item.keys() <= _KEYS for item in values):
        return [Result(name=None, content=body)]
    return [
        Result(
            name=_text(item.get("name")),
            content=read_result_text(item["content"]),
            call_id=_text(item.get("call_id")),
        )
        for item in values
        if isinstance(item, dict)
    ]


_KEYS = {"name", "content", "call_id"}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
