"""Markdown of texts that nobody has looked at: names, licences and descriptions of recipes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from urllib.parse import quote

from calibset.core.locations import HubDataset, Url, parse_location

HUB = "https://huggingface.co"
"""The public hub, which cards link to wherever their data were read."""

_LONGEST = 500
_MARKS = re.compile(r"([\\`*_\[\]|~$])")
# What begins a heading, a list or a rule where it stands at the beginning of a line.
_OPENING = re.compile(r"^(\d{1,9})(?=[.)](?:\s|$))|^(?=[#+=-])")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "@": "&#64;"}
# What some renderers make a link of without being asked to.
_ADDRESS = re.compile(r"(?i)\b(https?|ftp):(?=//)|\b(www)\.")
# Reserved characters of URLs, bar those that end a link or a cell.
_OF_URLS = ":/?#@!$&'*+,;=%~-._"
_REVISION = re.compile(r"[\w.-]+", re.ASCII)


def flat(text: object, longest: int = _LONGEST) -> str:
    r"""Return a text on one line: no control or invisible characters, runs of blanks as one.

    Examples:
        >>> flat("a\n---\nb\u202e")
        'a --- b'
    """
    visible = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in str(text)[: 4 * longest])
    joined = " ".join(visible.split())
    return joined if len(joined) <= longest else joined[: longest - 1] + "…"


def escaped(text: object) -> str:
    r"""Return a text on one line that Markdown renders as it is, in a table's cell too.

    Examples:
        >>> escaped("a | <b>*x*</b>")
        'a \\| &lt;b&gt;\\*x\\*&lt;/b&gt;'
    """
    plain = "".join(_HTML.get(character, character) for character in flat(text))
    marked = _OPENING.sub(r"\1\\", _MARKS.sub(r"\\\1", plain))
    return _ADDRESS.sub(lambda found: f"{found[1]}&#58;" if found[1] else f"{found[2]}&#46;", marked)


def link(text: object, url: str) -> str:
    """Return a link; of an address that is none of https, the text alone."""
    if not url.startswith("https://"):
        return escaped(text)
    return f"[{escaped(text)}]({quote(url, safe=_OF_URLS, errors='replace')})"


def place_link(place: str, revision: str | None = None) -> str:
    """Return where a source was read, linked where it is on the hub or the web.

    Examples:
        >>> place_link("hf://datasets/NeelNanda/pile-10k")
        '[NeelNanda/pile-10k](https://huggingface.co/datasets/NeelNanda/pile-10k)'
    """
    try:
        location = parse_location(place)
    except ValueError:
        return escaped(place)
    if isinstance(location, HubDataset):
        at = f"/tree/{revision}" if revision and _REVISION.fullmatch(revision) else ""
        return link(location.repo_id, f"{HUB}/datasets/{location.repo_id}{at}")
    return link(place, location.url) if isinstance(location, Url) else escaped(place)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; the cells are Markdown, and a header that begins with ``>`` stands over numbers."""
    rule = ["---:" if name.startswith(">") else "---" for name in header]
    lines = [[name.removeprefix(">") for name in header], rule, *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def fenced(code: str, language: str) -> str:
    """Return a block of code, in a fence that no line of it closes."""
    longest = max((len(run) for run in re.findall("`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{code}\n{fence}"
