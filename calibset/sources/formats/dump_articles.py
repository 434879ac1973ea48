"""Pages of a MediaWiki dump as articles in plain text."""

from __future__ import annotations

from calibset.core.documents import Filtered, Rejection
from calibset.core.text import excerpt
from calibset.sources.formats.mediawiki_dump import DumpPage, Site
from calibset.sources.formats.wikiextractor import Page
from calibset.sources.formats.wikitext import CANONICAL, TooDeeplyNestedError, strip_markup

_HIDDEN_NAMESPACES = ("-2", "6", "14")  # media, files, categories


def read_article(page: DumpPage, file_name: str) -> Page | Rejection | Filtered:
    """Return an article's page in plain text; pages that are not articles are filtered."""
    if not page.id:
        return Rejection(position=file_name, reason="page without an id", excerpt=excerpt(page.title))
    position = f"{file_name}#{page.id}"
    if reason := _find_reason_to_filter(page):
        return Filtered(position=position, reason=reason)
    if page.too_long:
        return Rejection(position=position, reason="page too long", excerpt=excerpt(page.wikitext))
    try:
        hidden = _find_hidden_prefixes(page.site)
        text = strip_markup(page.wikitext, hidden=hidden, language=page.site.language)
    except TooDeeplyNestedError:
        reason = "wikitext too deeply nested"
        return Rejection(position=position, reason=reason, excerpt=excerpt(page.wikitext))
    url = f"{page.site.url}?curid={page.id}" if page.site.url else ""
    return Page(id=page.id, url=url, title=page.title, text=text)


def _find_reason_to_filter(page: DumpPage) -> str | None:
    if page.namespace != "0":
        return "namespace other than 0"
    if page.redirect:
        return "redirect"
    return None if page.model in ("", "wikitext") else "no wikitext"


def _find_hidden_prefixes(site: Site) -> frozenset[str]:
    return CANONICAL.union(name.lower() for number, name in site.namespaces if number in _HIDDEN_NAMESPACES)
