"""What a reader sees of Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token


def _tokens(markdown: str) -> Iterator[Token]:
    for token in MarkdownIt("commonmark", {"html": True}).enable("table").parse(markdown):
        yield token
        yield from token.children or ()


def kinds(markdown: str) -> set[str]:
    """Return what the text is made of: ``html_inline``, ``heading_open``, and so on."""
    return {token.type for token in _tokens(markdown)}


def links(markdown: str) -> list[str]:
    return [str(token.attrs["href"]) for token in _tokens(markdown) if token.type == "link_open"]


def headings(markdown: str) -> list[str]:
    tokens = list(_tokens(markdown))
    return [shown(tokens[i + 1].content) for i, token in enumerate(tokens) if token.type == "heading_open"]


def table_rows(markdown: str) -> list[list[str]]:
    """Return the cells of each row of all tables, headers among them, as a reader sees them."""
    rows: list[list[str]] = []
    cell = False
    for token in _tokens(markdown):
        if token.type == "tr_open":
            rows.append([])
        if cell and token.type == "inline":
            rows[-1].append(shown(token.content))
        cell = token.type in ("td_open", "th_open")
    return rows


def shown(inline: str) -> str:
    """Return an inline text without its marks."""
    parsed = MarkdownIt("commonmark").parseInline(inline)
    return "".join(token.content for token in parsed[0].children or ())
