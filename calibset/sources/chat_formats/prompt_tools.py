"""Tools that a system prompt lists between ``<tools>`` tags."""

from __future__ import annotations

from calibset.core.documents import Tool
from calibset.sources.chat_formats.base import ChatFormatError, RepairLog
from calibset.sources.chat_formats.literals import parse_value, read_value, skip_blank
from calibset.sources.chat_formats.tools import read_tools


def read_row_tools(column: object, prompt: str, repairs: RepairLog) -> tuple[Tool, ...]:
    """Return the tools that a row declares in a column, or else in its system prompt."""
    try:
        tools = read_tools(column, repairs)
    except ChatFormatError:
        if "<tools>" not in prompt:
            raise
        tools = ()
    return tools or _read_tools_in_prompt(prompt, repairs)


def _read_tools_in_prompt(prompt: str, repairs: RepairLog) -> tuple[Tool, ...]:
    # Prompts name the tags before they use them: the first pair that holds something counts.
    for part in prompt.split("<tools>")[1:]:
        listed, closing, _ = part.partition("</tools>")
        if closing and listed.strip():
            repairs.note("tools in the system prompt only", listed)
            return read_tools(_parse_tool_list(listed), repairs)
    return ()


def _parse_tool_list(text: str) -> object:
    """Return the value of a list of objects, or whole objects with stray brackets and braces between them."""
    try:
        return parse_value(text)
    except ValueError:
        pass
    objects = []
    at = skip_blank(text, 0)
    while at < len(text):
        if text[at] in "[],}":
            at = skip_blank(text, at + 1)
            continue
        try:
            value, at = read_value(text, at)
        except ValueError:
            raise ChatFormatError("unparsable tools", text) from None
        objects.append(value)
        at = skip_blank(text, at)
    return objects
