"""Marks on letters: no more of them in a row than any script needs."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["stream_safe"]

# UAX #15, "Stream-Safe Text Format": 30 is beyond what any language writes. To put a run of n marks
# in order takes Unicode normalisation n² steps.
_MOST = 30
_RUN = re.compile(rf"[^\w\s\x00-\x7f]{{{_MOST + 1},}}")


def stream_safe(text: str) -> str:
    r"""Return the text with at most 30 marks on a letter; the others are left out.

    Examples:
        >>> len(stream_safe("a" + "\u0301" * 1000)), stream_safe("á")
        (31, 'á')
    """
    return _RUN.sub(lambda match: _shortened(match.group()), text)


def _shortened(run: str) -> str:
    kept, marks = [], 0
    for character in run:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= _MOST:
            kept.append(character)
    return "".join(kept)
