"""Safe Markdown from unchecked text: the names, licences and descriptions of recipes."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

from calibset.core.locations import HubDataset, Url, parse_location
from calibset.recipe.licences.spdx import read_licence

HUB = "https://huggingface.co"
"""The public hub, which cards link to even if the data were read elsewhere."""

_LONGEST = 500
_MARKS = re.compile(r"([\\`*_\[\]|~$])")
# What begins a heading, a list or a rule where it stands at the beginning of a line.
_OPENING = re.compile(r"^(\d{1,9})(?=[.)](?:\s|$))|^(?=[#+=-])")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "@": "&#64;"}
# What some renderers make a link of without being asked to.
_ADDRESS = re.compile(r"(?i)\b(https?|ftp):(?=//)|\b(www)\.")
# Reserved characters of URLs, bar those that end a link or a cell.
_OF_URLS = ":/?#@!$&'*+,;=%~-._"
_SPDX = "https://spdx.org/licenses/{}.html"
_REVISION = re.compile(r"[\w.-]+", re.ASCII)


class Markdown(str):
    """Text that goes into a card unescaped."""

    __slots__ = ()


def flat(text: object, longest: int = _LONGEST) -> str:
    r"""Return a text on one line, without control or invisible characters and with single spaces.

    Examples:
        >>> flat("a\n---\nb\u202e")
        'a --- b'
    """
    visible = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in str(text)[: 4 * longest])
    joined = " ".join(visible.split())
    return joined if len(joined) <= longest else joined[: longest - 1] + "…"


def escaped(text: object) -> Markdown:
    r"""Return a text on one line, escaped so that Markdown renders it as it is, even in a table cell.

    Examples:
        >>> escaped("a | <b>*x*</b>")
        'a \\| &lt;b&gt;\\*x\\*&lt;/b&gt;'
    """
    plain = "".join(_HTML.get(character, character) for character in flat(text))
    marked = _OPENING.sub(r"\1\\", _MARKS.sub(r"\\\1", plain))
    return Markdown(
        _ADDRESS.sub(lambda match: f"{match[1]}&#58;" if match[1] else f"{match[2]}&#46;", marked)
    )


def link(text: object, url: str) -> Markdown:
    """Return a link, or only the text if the URL is not https."""
    if not url.startswith("https://"):
        return escaped(text)
    return Markdown(f"[{escaped(text)}]({quote(url, safe=_OF_URLS, errors='replace')})")


def location_link(location: str, revision: str | None = None) -> Markdown:
    """Return the location of a source, as a link if it is on the hub or the web.

    Examples:
        >>> location_link("hf://datasets/NeelNanda/pile-10k")
        '[NeelNanda/pile-10k](https://huggingface.co/datasets/NeelNanda/pile-10k)'
    """
    try:
        parsed = parse_location(location)
    except ValueError:
        return escaped(location)
    if isinstance(parsed, HubDataset):
        tree = f"/tree/{revision}" if revision and _REVISION.fullmatch(revision) else ""
        return link(parsed.repo_id, f"{HUB}/datasets/{parsed.repo_id}{tree}")
    return link(location, parsed.url) if isinstance(parsed, Url) else escaped(location)


def licence_link(text: str) -> Markdown:
    """Return a licence as the recipe names it, with links to the texts of its parts that SPDX has."""
    identifiers = sorted(set().union(*read_licence(text).alternatives))
    known = [identifier for identifier in identifiers if not identifier.startswith("LicenseRef-")]
    if not known:
        return escaped(text)
    if len(identifiers) == 1:
        return link(text, _SPDX.format(known[0]))
    texts = ", ".join(link(identifier, _SPDX.format(identifier)) for identifier in known)
    return Markdown(f"{escaped(text)} ({texts})")


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, as in ``1,001 rows``."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def fenced(code: str, language: str) -> Markdown:
    """Return a block of code in a fence that none of its lines closes."""
    longest = max((len(run) for run in re.findall("`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return Markdown(f"{fence}{language}\n{code}\n{fence}")
