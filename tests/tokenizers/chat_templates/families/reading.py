"""What a reader makes of a rendered row, without anything of calibset: pieces, turns, calls, tools."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import tokenizers


class UnreadableError(Exception):
    """A row is not what its family's format allows: a control token stands where the template puts none."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A control token, or the text between two of them.

    Attributes:
        text: As it is spelled.
        is_token: Whether it is a control token.
        start: The index of its first token in the row.
        end: The index after its last token.
    """

    text: str
    is_token: bool
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadCall:
    """A call: its arguments as JSON with every value in it spelled one way, its id where there is one."""

    name: str
    arguments: str
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTurn:
    """A turn; the assistant's also says after which token it is whole."""

    role: str
    content: str = ""
    thoughts: str = ""
    calls: tuple[ReadCall, ...] = ()
    answers: str = ""
    start: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTool:
    """A declared tool, its schema as JSON spelled one way."""

    name: str
    description: str
    parameters: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A conversation that was read back."""

    turns: tuple[ReadTurn, ...]
    tools: tuple[ReadTool, ...] = ()


class Pieces:
    """The pieces of a row, taken one after the other."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._pieces = pieces
        self._at = 0

    @classmethod
    def split(cls, ids: Sequence[int], engine: tokenizers.Tokenizer, control: Mapping[int, str]) -> Pieces:
        """Split ids at control tokens."""
        pieces = []
        keyed = ((control.get(rank, ""), index, rank) for index, rank in enumerate(ids))
        for _, run in groupby(keyed, key=lambda item: (bool(item[0]), item[1] if item[0] else -1)):
            items = list(run)
            text = items[0][0] or engine.decode([rank for *_, rank in items], skip_special_tokens=False)
            pieces.append(Piece(text, bool(items[0][0]), items[0][1], items[-1][1] + 1))
        return cls(pieces)

    @property
    def position(self) -> int:
        """The index of the token that comes next."""
        return self._pieces[self._at - 1].end if self._at else 0

    def is_next(self, *tokens: str) -> bool:
        """Return whether one of these control tokens comes next."""
        return self._at < len(self._pieces) and self._is(self._pieces[self._at], tokens)

    def is_text_next(self) -> bool:
        return self._at < len(self._pieces) and not self._pieces[self._at].is_token

    def is_done(self) -> bool:
        return self._at == len(self._pieces)

    def take(self, *tokens: str) -> str:
        """Take one of these control tokens."""
        if not self.is_next(*tokens):
            there = self._pieces[self._at].text if self._at < len(self._pieces) else "the end"
            raise UnreadableError(f"{there!r} where {' or '.join(tokens)} belongs: {self._around()}")
        self._at += 1
        return self._pieces[self._at - 1].text

    def take_if(self, *tokens: str) -> str:
        """Take one of these control tokens if it comes next."""
        return self.take(*tokens) if self.is_next(*tokens) else ""

    def text(self) -> str:
        """Take the text before the next control token; it may be empty."""
        if not self.is_text_next():
            return ""
        self._at += 1
        return self._pieces[self._at - 1].text

    def exactly(self, text: str) -> None:
        """Take a text that the template writes itself."""
        if (there := self.text()) != text:
            raise UnreadableError(f"{there!r} where {text!r} belongs: {self._around()}")

    def until(self, *tokens: str) -> str:
        """Take everything before one of these control tokens, other control tokens spelled out."""
        parts = []
        while not self.is_next(*tokens):
            if self.is_done():
                raise UnreadableError(f"no {' or '.join(tokens)} any more")
            parts.append(self._pieces[self._at].text)
            self._at += 1
        return "".join(parts)

    def _is(self, piece: Piece, tokens: Sequence[str]) -> bool:
        return piece.is_token and piece.text in tokens

    def _around(self) -> str:
        return "".join(piece.text for piece in self._pieces[max(0, self._at - 4) : self._at + 4])


def one_way(value: object) -> str:
    """Return JSON spelled one way: 1, 1.0 and true stay apart, keys keep their order."""
    return json.dumps(value, ensure_ascii=False)


def cut(text: str, start: str, end: str = "") -> str:
    """Return a text without what the template itself writes around it."""
    if len(text) < len(start) + len(end) or not (text.startswith(start) and text.endswith(end)):
        raise UnreadableError(f"{text!r} where {start!r} … {end!r} belongs")
    return text[len(start) : len(text) - len(end)]


def split_at(text: str, mark: str) -> tuple[str, str]:
    """Return what stands before and after the first of the template's own marks."""
    before, there, after = text.partition(mark)
    if not there:
        raise UnreadableError(f"{text!r} without {mark!r}")
    return before, after


def parse(text: str) -> object:
    """Return the value of a JSON text."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise UnreadableError(f"{text!r} is no JSON: {error}") from error


def parse_tools(text: str) -> tuple[list[object], str]:
    """Return the tools in JSON that a text begins with, a blank line after each, and what follows them."""
    tools: list[object] = []
    while text.startswith('{\n    "type": "function",\n'):
        tool, end = json.JSONDecoder().raw_decode(text)
        tools.append(tool)
        text = cut(text[end:], "\n\n")
    return tools, text


def call_of(value: object, *, name: str = "name", arguments: str = "arguments") -> ReadCall:
    """Return the call that a JSON object says."""
    if not isinstance(value, dict) or not isinstance(value.get(name), str):
        raise UnreadableError(f"{value!r} is no call")
    return ReadCall(name=value[name], arguments=one_way(value[arguments]), id=value.get("id", ""))


def tools_of(values: Sequence[object]) -> tuple[ReadTool, ...]:
    """Return the tools that JSON objects in OpenAI's form declare."""
    tools = []
    for value in values:
        if not isinstance(value, dict) or set(value) != {"type", "function"}:
            raise UnreadableError(f"{value!r} is no tool")
        function = value["function"]
        tools.append(
            ReadTool(
                name=function["name"],
                description=function["description"],
                parameters=one_way(function["parameters"]),
            )
        )
    return tuple(tools)
