"""Tool declarations under the keys of any API: OpenAI's, Anthropic's, Gemini's, Cohere's, MCP's."""

from __future__ import annotations

from collections.abc import Iterator

from calibset.core.documents import Tool
from calibset.core.text import dump_json
from calibset.sources.chat_formats.base import ChatFormatError, RepairLog
from calibset.sources.chat_formats.keys import KeyTable, fold, name_key, unwrap
from calibset.sources.chat_formats.literals import is_json, parse_value
from calibset.sources.chat_formats.tool_schema import normalise_parameters

_KEYS = KeyTable(
    {
        "name": "name toolname functionname",
        "description": "description desc",
        "parameters": (
            "parameters params parameterdefinitions parametersjsonschema inputschema "
            "inputs argsschema args arguments jsonschema"
        ),
        "properties": "properties",
        "required": "required",
    },
    "type id strict title cachecontrol defer deferloading inputexamples",
)
_WRAPPERS = frozenset(("function", "tool", "toolspec"))
_LISTS = frozenset(("functiondeclarations", "functions", "tools"))
MOST_TOOLS = 1_000
"""The most tools of a conversation; corpora of agents offer some dozens, no model is offered so many."""

_NO_PARAMETERS = {"type": "object", "properties": {}}


def read_tools(value: object, repairs: RepairLog | None = None) -> tuple[Tool, ...]:
    """Return the tools that a row declares; the first of several with the same name counts.

    The value is a tool, a list of tools, or either as JSON text, even inside the list. A tool is
    ``{"type": "function", "function": {…}}`` or ``{"name", "description", "parameters"}``, with the
    parameters also under ``input_schema``, ``inputSchema``, ``params`` and the like. What is under a key
    that is not known (what a tool returns, for instance) is left out, and noted.

    Examples:
        >>> [tool.name for tool in read_tools('[{"name": "Get Rate"}, {"name": "Get Rate"}]')]
        ['Get Rate']
        >>> read_tools("null")
        ()
    """
    repairs = repairs or RepairLog()
    value = _parse_json(value, repairs)
    if value is None:
        return ()
    tools: dict[str, Tool] = {}
    for item in _unwrap_lists(value, repairs):
        if len(tools) == MOST_TOOLS:
            raise ChatFormatError("too many tools", item)
        tool = _parse_tool(item, repairs)
        first = tools.setdefault(tool.name, tool)
        if first is not tool:
            same = first.parameters == tool.parameters
            repairs.note("tool declared twice" if same else "two tools under one name", item)
    return tuple(tools.values())


def _unwrap_lists(value: object, repairs: RepairLog) -> Iterator[object]:
    """Yield the declarations of a list; Gemini has lists inside it."""
    for item in value if isinstance(value, list) else [value]:
        parsed = _parse_json(item, repairs)
        keys = [key for key in parsed if fold(key) in _LISTS] if isinstance(parsed, dict) else []
        if isinstance(parsed, dict) and keys and isinstance(parsed[keys[0]], list) and len(parsed) == 1:
            yield from parsed[keys[0]]
        else:
            yield parsed


def _parse_json(value: object, repairs: RepairLog) -> object:
    if not isinstance(value, str):
        return value
    if not value.strip():
        return None
    try:
        parsed = parse_value(value)
    except ValueError:
        raise ChatFormatError("unparsable tools", value) from None
    if not is_json(value):
        repairs.note("tools not quite JSON", value)
    return parsed


def _parse_tool(value: object, repairs: RepairLog) -> Tool:
    if not isinstance(value, dict):
        raise ChatFormatError("unparsable tools", value)
    fields = _KEYS.read(unwrap(value, _WRAPPERS))
    name = fields.get_text("name")
    if name is None or not name.strip():
        raise ChatFormatError("tool without a name", value)
    for key in fields.unknown:
        repairs.note(f"unknown key in a tool: {name_key(key)}", value)
    schema = _unwrap_schema(_parse_json(fields.get("parameters"), repairs), fields.get("properties"))
    try:
        parameters = normalise_parameters(schema, fields.get("required"))
    except ValueError:
        raise ChatFormatError("unparsable tools", value) from None
    if schema is None and fields.has("parameters"):
        repairs.note("tool without parameters", value)
    # OpenAI's form has a tool without the key for one that takes none.
    elif not _is_text_of(schema if schema is not None else _NO_PARAMETERS, parameters):
        repairs.note("parameters are not JSON Schema", value)
    description = fields.get("description") if fields.has("description") else ""
    if not isinstance(description, str):
        repairs.note("tool description is no text", value)
        description = ""
    return Tool(name=name, description=description, parameters=parameters)


def _unwrap_schema(schema: object, properties: object) -> object:
    """Return the schema: Bedrock and Vercel wrap it, others write only its properties."""
    if schema is None and isinstance(properties, dict):
        return {"type": "object", "properties": properties}
    if isinstance(schema, dict) and schema.keys() <= {"json", "jsonSchema"} and len(schema) == 1:
        return next(iter(schema.values()))
    return schema


def _is_text_of(schema: object, text: str) -> bool:
    try:
        return dump_json(schema) == text
    except ValueError:
        return False
