"""HTML entities that a corpus left in its text."""

from __future__ import annotations

import html
import re

# Without the semicolon `?a=1&copy=2` would turn into `?a=1©=2`.
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")


def unescaped(text: str) -> str:
    r"""Return the text with its HTML entities resolved once, only those that end in a semicolon.

    Examples:
        >>> unescaped("R &amp; B&nbsp;&lt;live&gt; ?a=1&copy=2 &amp;lt;")
        'R & B\xa0<live> ?a=1&copy=2 &lt;'
    """
    return _ENTITY.sub(lambda entity: html.unescape(entity.group()), text)
