"""The pages of the documentation, and what stands in them: blocks of code with their marks, links, headings.

A mark is a comment on the line before a block. It says what becomes of the block:

- `<!-- run -->`: its commands, or its Python, are run, in the page's order, in a folder of the page's own;
  `<!-- run: exits with 1 -->` if the last command must fail
- `<!-- prints -->`: what the run before prints; `…` stands for anything, on a line of its own for any lines
- `<!-- file: NAME -->`: a file, which is written into that folder
- `<!-- written: NAME -->`: what a run has written to a file
- `<!-- needs a GPU: WHY -->`, `<!-- needs the network: WHY -->` …: it is not run, for this reason
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]

NEEDS = ("a GPU", "the network", "a cluster")
"""What a block may need that no test has."""

_BLOCK = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<code>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
_MARK = re.compile(r"<!-- (?P<mark>[^\n]*?) -->\n\Z")
_GENERATED = re.compile(r"<!-- generated: .*?<!-- end -->", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_LINK = re.compile(r"\]\((?P<target>[^()\s]+(?:\([^()\s]*\)[^()\s]*)*)\)")
_HEADING = re.compile(r"^#{1,6} +(?P<title>.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code.

    Attributes:
        line: Its first line, from 1.
        language: The language that it names.
        mark: The text of the comment before it; empty if there is none.
        code: What stands in it.
    """

    line: int
    language: str
    mark: str
    code: str

    @property
    def kind(self) -> str:
        """The mark up to its colon."""
        return self.mark.partition(":")[0]

    @property
    def detail(self) -> str:
        """The mark behind its colon."""
        return self.mark.partition(":")[2].strip()

    @property
    def needs(self) -> str:
        """What it needs that no test has; empty if it needs nothing."""
        return self.kind.removeprefix("needs ") if self.kind.startswith("needs ") else ""


@dataclass(frozen=True)
class Page:
    """A page.

    Attributes:
        path: Its file, relative to the project.
    """

    path: str

    @cached_property
    def text(self) -> str:
        """What stands in it."""
        return (ROOT / self.path).read_text("utf-8")

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """Its blocks of code, without those that are made from the code."""
        text = _GENERATED.sub(lambda found: "\n" * found[0].count("\n"), self.text)
        return tuple(_read_block(text, found) for found in _BLOCK.finditer(text))

    @cached_property
    def prose(self) -> str:
        """What is neither code nor comment."""
        return _COMMENT.sub("", _BLOCK.sub("", self.text))

    @cached_property
    def links(self) -> tuple[str, ...]:
        """Where its links lead."""
        return tuple(found["target"] for found in _LINK.finditer(re.sub(r"`[^`\n]*`", "``", self.prose)))

    @cached_property
    def anchors(self) -> frozenset[str]:
        """The anchors of its headings, as the site and GitHub make them."""
        return frozenset(_slug(found["title"]) for found in _HEADING.finditer(self.prose))


def _read_block(text: str, found: re.Match[str]) -> Block:
    mark = _MARK.search(text[: found.start()])
    indent = found["indent"]
    code = re.sub(rf"^{indent}", "", found["code"], flags=re.MULTILINE) if indent else found["code"]
    line = text.count("\n", 0, found.start()) + 1
    return Block(line, found["language"], mark["mark"] if mark else "", code)


def _slug(title: str) -> str:
    words = re.sub(r"\[(.*?)\]\(.*?\)", r"\1", title).replace("`", "")
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", words).strip().lower())


PAGES = tuple(
    Page(path.relative_to(ROOT).as_posix())
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
)
"""The pages that readers are led through."""

TOLD = (*PAGES, Page("CHANGELOG.md"))
"""The pages and what else has links."""
