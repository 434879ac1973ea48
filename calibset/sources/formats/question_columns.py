"""The usual names of the columns of instructions and answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# In the order in which they are tried: of several that a row has, the first is meant.
_QUESTIONS = ("instruction", "prompt", "question", "query", "human", "user", "problem", "input")
_ANSWERS = ("output", "completion", "response", "answer", "assistant", "gpt", "solution", "chosen")
_SYSTEMS = ("system", "system_prompt")
_OTHERS = ("context", "history")

SPELLINGS = tuple(
    spelled
    for name in (*_QUESTIONS, *_ANSWERS, *_SYSTEMS, *_OTHERS)
    for spelled in (name, name.capitalize(), name.upper())
)
"""The columns to ask for where a table gives only those that are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionColumns:
    """The columns of a table of instructions and answers, as the table spells them.

    Attributes:
        user: What the user says.
        assistant: What the assistant answers.
        input: What the instruction is about, which stands behind it (Alpaca).
        context: What stands before the user's words (Dolly).
        system: The system prompt.
        history: The earlier exchanges, as pairs (LLaMA-Factory).
    """

    user: str
    assistant: str
    input: str | None = None
    context: str | None = None
    system: str | None = None
    history: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that there are."""
        columns = (self.user, self.assistant, self.input, self.context, self.system, self.history)
        return tuple(name for name in columns if name is not None)


def find_question_columns(names: Iterable[str]) -> QuestionColumns | None:
    """Return which of a table's columns hold instructions and answers, in whatever case; None if none do.

    Examples:
        >>> find_question_columns(["ID", "Instruction", "Output"]).user
        'Instruction'
        >>> find_question_columns(["title", "text"])
    """
    known = {name.strip().lower(): name for name in reversed(list(names))}

    def first(spellings: Sequence[str]) -> str | None:
        return next((known[name] for name in spellings if name in known), None)

    user, assistant = first(_QUESTIONS), first(_ANSWERS)
    if user is None or assistant is None:
        return None
    added = known.get("input")
    return QuestionColumns(
        user=user,
        assistant=assistant,
        input=None if added == user else added,
        context=known.get("context"),
        system=first(_SYSTEMS),
        history=known.get("history"),
    )


def describe_question_columns(names: Iterable[str]) -> str:
    """Return what a message says of columns of instructions and answers; empty if there are none."""
    found = find_question_columns(names)
    return f'{found.user!r} and {found.assistant!r}, which type = "alpaca" reads' if found else ""
