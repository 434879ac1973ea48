"""The values that flow from a corpus to a calibration file, and the words for them.

* A *corpus* is what is published; a *source* is a recipe's table that reads one.
* A *record* is what a corpus holds: a line, an object, a page.
* A *document* is what a source gives for a record: a `Document` of plain text, or a *conversation*,
  which is a `Conversation` with or without tools.
* A record is *rejected* if it could not be read (`Rejection`), and *filtered* if it was read and left out on
  purpose (`Filtered`), as one without text is. Both are counted by reason.
* A *sample* is a row of a calibration file with the token ids that it was measured by, and with the
  *spans* of the documents that it holds. A *filler* is a span that only fills its row to the length
  that the quantizer reads.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A plain text that a source gives.

    Attributes:
        id: Unique in its source and the same in every run.
        text: The text as it is in the corpus.
        metadata: What the corpus says about it (url, title, score …).
        opened: Whether BOS opened the text, and was taken off because the quantizer's tokenizer adds it.
        ending: The white space behind the control token that ends the text, as its chat template wrote it.
        absent_columns: The columns that the recipe names and its row doesn't have.
        token_ids: Ids of the target's tokenizer that stand in place of a text, which is then empty.
    """

    id: str
    text: str
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)
    opened: bool = False
    ending: str = ""
    absent_columns: tuple[str, ...] = ()
    token_ids: tuple[int, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A call of a tool by the assistant.

    Attributes:
        id: Unique in its conversation; the tool's turn names it in ``tool_call_id``.
        name: The tool's name as its declaration spells it.
        arguments: A JSON object, as text.
    """

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A function that the model may call.

    Attributes:
        name: The name as the corpus spells it, whether or not it is an identifier.
        description: What it does; may be empty.
        parameters: A JSON Schema of type object, as text.
    """

    name: str
    description: str
    parameters: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a conversation.

    Attributes:
        role: Who speaks.
        content: What is said; empty where the assistant only calls tools.
        reasoning: What the assistant thinks before it speaks; empty if the corpus has nothing of it.
        tool_calls: The calls of an assistant's turn, in order.
        tool_call_id: The id of the call that a tool's turn answers.
    """

    role: Role
    content: str
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A dialogue that a source gives, with the tools that were on offer in it.

    Attributes:
        id: Unique in its source and the same in every run.
        messages: The turns, at least one; a system message comes first.
        tools: The declared tools, each name once.
        metadata: What the corpus says about it (category, licence …).
        repairs: The reasons of the repairs that its row needed, each once.
        losses: Those of these repairs that left out turns or calls.
        absent_columns: The columns that the recipe names and its row doesn't have.
    """

    id: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)
    repairs: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()
    absent_columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A record that could not be read.

    Attributes:
        position: The file and the record's position in it, such as ``data.json#17``.
        reason: A short phrase, the same for the same fault, so that it can be counted.
        excerpt: The beginning of the record.
    """

    position: str
    reason: str
    excerpt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filtered:
    """A record that was read and left out on purpose (an empty text, a redirect, a repeated id …).

    Attributes:
        position: The file and the record's position in it, or the record's id.
        reason: A short phrase, the same for the same case, so that it can be counted.
        detail: What is specific to this record, such as the document that it repeats.
    """

    position: str
    reason: str
    detail: str = ""


Kind = Literal["texts", "conversations"]
"""What a source gives."""

Item = Document | Conversation
"""A record that was read, whichever of the two it is."""

Record = Item | Rejection | Filtered
"""What a source yields for a record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The part of a sample's text that comes from one document.

    Attributes:
        document: The id of the document or conversation.
        start: Index of the first character in the sample's text.
        end: Index after the last character.
        whole: Whether the span holds the whole document.
        filler: Whether it only fills the row up, so that the quantizer's cut falls into it.
    """

    document: str
    start: int
    end: int
    whole: bool
    filler: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A row of a calibration file, with its token ids and the spans of its documents.

    Attributes:
        text: The row's text; no leading BOS, no trailing white space.
        token_ids: The ids that the target model reads, without BOS; at least ``seqlen`` of them. They are
            kept as an array, which takes a tenth of what a tuple does.
        source: The name of the source that its documents come from.
        documents: The spans of the text, in order.
        turns: How many of the assistant's turns begin in the row.
        complete_turns: How many of these end within what the quantizer reads.
        filler_tokens: How many tokens of the filler the quantizer reads.
    """

    text: str
    # Thousands of numbers would flood a notebook.
    token_ids: Sequence[int] = field(repr=False, hash=False)
    source: str
    documents: tuple[Span, ...]
    turns: int = 0
    complete_turns: int = 0
    filler_tokens: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "token_ids", array("i", self.token_ids))

    def __repr__(self) -> str:
        words = f"{self.text[:40]!r}{'…' if len(self.text) > 40 else ''}"
        return f"<Sample of {self.source}: {self.tokens:,} tokens, {len(self.documents)} documents, {words}>"

    @property
    def tokens(self) -> int:
        """The number of tokens, without BOS."""
        return len(self.token_ids)
