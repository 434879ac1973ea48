"""Says on the site what a block of code needs, which the pages say in a comment before it."""

from __future__ import annotations

import re
from typing import Any

_NEEDS = re.compile(r"^<!-- needs (?P<what>[^:\n]+): (?P<why>[^\n]+) -->$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return a page whose comments on needs are sentences."""
    return _NEEDS.sub(r"*Needs \g<what>: \g<why>.*\n", markdown)
