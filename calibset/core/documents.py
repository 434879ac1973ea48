"""The values that flow from a corpus to a sample.

A source yields records: a `Document` (plain text), a `Conversation` (a dialogue, with or
without tools), a `Rejection` (a record that could not be read) or a `Filtered` (one left
out on purpose). Packing turns the first two into `Sample`s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A piece of plain text from a corpus.

    Attributes:
        id: Unique inside its source and the same in every run.
        text: The text as the corpus has it.
        metadata: What the corpus says of it (url, title, score …).
    """

    id: str
    text: str
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A call that the assistant makes.

    Attributes:
        id: Unique inside its conversation; a result names it.
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
        name: As the corpus spells it, an identifier or not.
        description: May be empty.
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
        tool_calls: Calls of an assistant turn, in order.
        tool_call_id: The call that a tool turn answers.
    """

    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A dialogue with the tools that were on offer in it.

    Attributes:
        id: Unique inside its source and the same in every run.
        messages: At least one, the system message first if there is one.
        tools: The declared tools, each name once.
        metadata: What the corpus says of it (category, licence …).
    """

    id: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A record that could not be read or holds nothing.

    Attributes:
        place: File and position, such as ``data.json#17``.
        reason: A short phrase, the same for the same fault, so that it can be counted.
        excerpt: The beginning of what stood there.
    """

    position: str
    reason: str
    excerpt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filtered:
    """A record that was read and left out on purpose (a redirect, a repeated id …).

    Attributes:
        place: File and position, or the record's id.
        reason: A short phrase, the same for the same case, so that it can be counted.
        detail: What else there is to say of this one: the document that it repeats, say.
    """

    position: str
    reason: str
    detail: str = ""


Record = Document | Conversation | Rejection | Filtered


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Where a document stands in a sample.

    Attributes:
        document: The document's or conversation's id.
        start: First character in the sample's text.
        end: One past the last character.
        whole: Whether all of it is there.
        filler: Whether it only fills the row to its length and takes the quantizer's cut.
    """

    document: str
    start: int
    end: int
    whole: bool
    filler: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One row of a calibration set.

    Attributes:
        text: What the row holds; no leading BOS, no trailing white space.
        token_ids: What the target model reads, without BOS; at least ``seqlen`` of them.
        source: The name of the source it comes from.
        documents: Which part of the text came from where, in order.
        turns: Assistant turns that begin in the row.
        complete_turns: Those of them that end inside what the consumer reads.
        filler_tokens: Tokens of the filler that the consumer reads.
    """

    text: str
    token_ids: tuple[int, ...] = field(repr=False)  # thousands of numbers would flood a notebook
    source: str
    documents: tuple[Span, ...]
    turns: int = 0
    complete_turns: int = 0
    filler_tokens: int = 0

    @property
    def tokens(self) -> int:
        """How many tokens it has, without BOS."""
        return len(self.token_ids)
