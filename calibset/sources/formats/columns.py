"""The columns of a row of any format, turned into a document or a conversation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from calibset.core.documents import Conversation, Document, Filtered, Record, Rejection
from calibset.core.text import excerpt, replace_surrogates
from calibset.sources.chat_formats import dialogue
from calibset.sources.chat_formats.base import read_conversation
from calibset.sources.formats.column_names import TurnColumns, list_columns
from calibset.sources.formats.question_columns import describe_question_columns

EMPTY_TEXT = "empty text"
"""Why a record without any text is filtered."""

_NO_COLUMN = "no column"
_LONGEST_METADATA = 500
# Made once: a union that stands where it is asked for is made anew for each value of millions.
_SCALAR = (str, int, float)
_ABSENT = object()


def make_record(row: Any, columns: tuple[str, ...] | TurnColumns, record_id: str, position: str) -> Record:
    r"""Return what the columns of a row hold: a document, or a conversation if they are a table of turns.

    Blank columns are left out, and a key that is absent is a blank one, as in what most programs write. A row
    whose columns are all blank is filtered; one that has none of them, or that is not a mapping, is rejected.
    Short scalar values of the other columns become metadata.

    Examples:
        >>> row = {"title": "Hail", "text": "Ice from clouds.", "year": 2024}
        >>> document = make_record(row, ("title", "text"), "a.csv#0", "a.csv:2")
        >>> document.text, dict(document.metadata)
        ('Hail\n\nIce from clouds.', {'year': '2024'})
        >>> make_record({"title": "Hail"}, ("text",), "a.csv#0", "a.csv:2").reason
        "no column 'text'"
        >>> turns = TurnColumns(user="qa.q", assistant="qa.a")
        >>> row = {"qa": {"q": "What is hail?", "a": "Ice from clouds."}}
        >>> [message.content for message in make_record(row, turns, "a.csv#0", "a.csv:2").messages]
        ['What is hail?', 'Ice from clouds.']
    """
    # Asking for the type first spares most rows of millions a look at all that a mapping may be.
    if type(row) is not dict and not isinstance(row, Mapping):
        return Rejection(position=position, reason="row is no object", excerpt=describe_value(row))
    names = list_columns(columns)
    values = {name: row[name] if name in row else find_value(row, name) for name in names}
    absent = tuple([name for name, value in values.items() if value is _ABSENT])
    if fault := _find_fault(row, values, absent, is_text=isinstance(columns, tuple)):
        return Rejection(position=position, reason=fault[0], excerpt=describe_value(fault[1]))
    text = _join(values, names)
    if not text:
        return Filtered(position=position, reason=EMPTY_TEXT)
    metadata = collect_metadata(row, names)
    if isinstance(columns, tuple):
        return Document(id=record_id, text=text, metadata=metadata, absent_columns=absent)
    record = _make_conversation(values, columns, record_id, position)
    if not isinstance(record, Conversation):
        return record
    return replace(record, metadata=metadata, absent_columns=absent)


def _find_fault(
    row: Mapping[Any, Any], values: Mapping[str, Any], absent: Sequence[str], *, is_text: bool
) -> tuple[str, Any] | None:
    """Return why a row can't be read, and the value that is at fault; None if it can."""
    if len(absent) == len(values):
        found = describe_question_columns(map(str, row)) if is_text else ""
        return f"{_NO_COLUMN} {' or '.join(map(repr, values))}" + (f" but {found}" if found else ""), row
    for name, value in values.items():
        if not (value is _ABSENT or value is None or isinstance(value, str)):
            return f"column {name!r} is no text", value
    return None


def is_column_fault(rejection: Rejection) -> bool:
    """Return whether a row was rejected for the columns that it lacks; the excerpt names those it has."""
    return rejection.reason.startswith(_NO_COLUMN)


def find_value(row: Any, path: str) -> Any:
    """Return the value at a dotted path; a key that is spelled like the path, or a part of it, comes first.

    A number leads to an item of a list, counted from 0.
    """
    if isinstance(row, list):
        number, _, rest = path.partition(".")
        if not number.isdecimal() or int(number) >= len(row):
            return _ABSENT
        return find_value(row[int(number)], rest) if rest else row[int(number)]
    if not isinstance(row, Mapping):
        return _ABSENT
    if path in row:
        return row[path]
    end = path.rfind(".")
    while end > 0:
        if path[:end] in row:
            inner = row[path[:end]]
            return None if inner is None else find_value(inner, path[end + 1 :])
        end = path.rfind(".", 0, end)
    return _ABSENT


def _join(values: Mapping[str, Any], names: Iterable[str]) -> str:
    texts = [values[name] for name in names]
    return "\n\n".join(
        [replace_surrogates(text) for text in texts if isinstance(text, str) and text and not text.isspace()]
    )


def _make_conversation(
    values: Mapping[str, Any], columns: TurnColumns, record_id: str, position: str
) -> Record:
    words = {
        "system": _join(values, columns.system).strip(),
        "user": _join(values, columns.user).strip(),
        "assistant": _join(values, columns.assistant).strip(),
    }
    for role in ("user", "assistant"):
        if not words[role]:
            said = " ".join(words.values())
            return Rejection(position=position, reason=f"empty {role} turn", excerpt=excerpt(said.strip()))
    words["user"] = "\n\n".join(filter(None, (_join(values, columns.context).strip(), words["user"])))
    turns = [{"role": role, "content": content} for role, content in words.items()]
    return make_dialogue(turns, record_id, position)


def make_dialogue(turns: Sequence[object], record_id: str, position: str) -> Record:
    """Return the conversation of turns in OpenAI's form; blank system turns are left out.

    Thoughts and calls that the assistant's words spell are read as in any dialogue.
    """
    row = {"messages": list(turns)}
    return read_conversation(row, dialogue.parse, position=position, conversation_id=record_id, repair=True)


def collect_metadata(row: Mapping[Any, Any], columns: tuple[str, ...]) -> dict[str, str]:
    """Return the short scalar values of all columns but the named ones, as text."""
    metadata = {}
    for name, value in row.items():
        if not isinstance(name, str) or name in columns or not isinstance(value, _SCALAR):
            continue
        if isinstance(value, int) and value.bit_length() > _LONGEST_METADATA:
            continue  # str() of a huge integer is slow, and refused from 4,300 digits on
        text = str(value)
        if 0 < len(text) <= _LONGEST_METADATA:
            metadata[replace_surrogates(name)] = replace_surrogates(text)
    return metadata


def describe_value(value: Any) -> str:
    """Describe a value in a `Rejection`: by a text's beginning, a row's columns, or else the type."""
    if isinstance(value, Mapping):
        return excerpt(", ".join(str(key)[:200] for key in list(value)[:20]))
    return excerpt(value) if isinstance(value, str) else type(value).__name__


def drop_nulls(value: Any) -> Any:
    """Return a value of a parquet file without null keys, which are there because other rows have them."""
    if isinstance(value, dict):
        return {key: drop_nulls(item) for key, item in value.items() if item is not None}
    return [drop_nulls(item) for item in value] if isinstance(value, list) else value
