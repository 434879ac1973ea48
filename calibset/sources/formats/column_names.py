"""The recipe key ``columns`` of tabular sources: which columns make a text, or the turns of a dialogue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter

from calibset.core.documents import Kind
from calibset.core.fields import Names

_SomeNames = Annotated[Names, Field(min_length=1)]


class TurnColumns(BaseModel):
    """The columns that hold what is said in a dialogue of one question and its answer.

    Several columns of a turn are joined by a blank line.

    Attributes:
        user: What the user says.
        assistant: What the assistant answers.
        system: The system prompt, if there is one.
        context: What stands before the user's words, with a blank line between.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    user: _SomeNames = Field(description="What the user says.")
    assistant: _SomeNames = Field(description="What the assistant answers.")
    system: Names = Field((), description="The system prompt.")
    context: Names = Field((), description="What stands before the user's words.")

    @property
    def names(self) -> tuple[str, ...]:
        """All columns, in the order in which they are read."""
        return (*self.system, *self.context, *self.user, *self.assistant)


_names = TypeAdapter(_SomeNames)


def _read_columns(value: Any) -> tuple[str, ...] | TurnColumns:
    is_table = isinstance(value, Mapping | TurnColumns)
    columns = TurnColumns.model_validate(value) if is_table else _names.validate_python(value)
    names = list_columns(columns)
    if len(set(names)) < len(names):
        raise ValueError("different columns")
    return columns


Columns = Annotated[
    tuple[str, ...] | TurnColumns,
    BeforeValidator(_read_columns, json_schema_input_type=str | tuple[str, ...] | TurnColumns),
]
"""Columns whose texts are joined, or a table of the columns of each turn."""

COLUMNS_HELP = (
    "The columns that hold the text, in order, joined by a blank line; or a table of the columns of a "
    'dialogue, `{ user = "Question", assistant = "Answer" }`, to which `system` and `context` may be added '
    "(the context stands before the user's words). A dotted path such as `translation.sk` or "
    "`answers.text.0` leads to a value inside an object or a list."
)
"""What the reference says of the key ``columns``."""


def tell_kind(columns: tuple[str, ...] | TurnColumns) -> Kind:
    """Return what rows give by these columns."""
    return "conversations" if isinstance(columns, TurnColumns) else "texts"


def list_columns(columns: tuple[str, ...] | TurnColumns) -> tuple[str, ...]:
    """Return the names of the columns, whichever of the two they are."""
    return columns.names if isinstance(columns, TurnColumns) else columns


def list_outer_columns(columns: tuple[str, ...] | TurnColumns) -> tuple[str, ...]:
    """Return every column of a table in which one of the columns may be: a dotted path may be a name itself.

    Examples:
        >>> list_outer_columns(("text", "translation.sk"))
        ('text', 'translation', 'translation.sk')
    """
    outer = []
    for name in list_columns(columns):
        parts = name.split(".")
        outer += [".".join(parts[: count + 1]) for count in range(len(parts))]
    return tuple(dict.fromkeys(outer))
